//! Rules on messages of small contracts: what is broken and where, and what cannot be compiled.

use std::time::{Duration, Instant};

use prost_reflect::MessageDescriptor;

use super::{Validator, Validators};
use crate::problem::Problems;
use crate::schema::{self, Schema, Settings};
use crate::status::Code;
use crate::transcode::MessagePlan;

fn load(text: &str) -> Schema {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let head = "syntax = \"proto3\"; package t; import \"buf/validate/validate.proto\";";
    std::fs::write(folder.path().join("t.proto"), format!("{head}\n{text}")).expect("a file can be written");
    let mut problems = Problems::new();
    let settings = Settings { protos: vec![folder.path().to_owned()], ..Settings::default() };
    let schema = schema::load(&settings, &mut problems);
    schema.unwrap_or_else(|| panic!("the contract is sound: {problems}"))
}

fn validator(text: &str) -> (Validator, MessageDescriptor) {
    let schema = load(text);
    let mut problems = Problems::new();
    let validators = Validators::compile(&schema, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    let desc = schema.pool().get_message_by_name("t.M").expect("there is an M");
    (validators.message(&desc).expect("M has rules"), desc)
}

/// The wire bytes of a message in JSON.
fn wire(desc: &MessageDescriptor, json: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    let plan = MessagePlan::compile(desc, &crate::transcode::Settings::default());
    plan.write_wire(json.as_bytes(), &mut wire).expect("it is such a message");
    wire
}

/// `field: rule` of each violation of a message in JSON.
fn broken(text: &str, json: &str) -> Vec<String> {
    let (validator, desc) = validator(text);
    let found = validator.violations(&wire(&desc, json)).expect("there is an answer");
    found.iter().map(|one| format!("{}: {}", one.field, one.rule)).collect()
}

fn problems(text: &str) -> String {
    let mut problems = Problems::new();
    let _ = Validators::compile(&load(text), &mut problems);
    problems.to_string()
}

#[test]
fn a_message_without_rules_below_it_has_no_validator() {
    let schema = load(
        "message M { N n = 1; } message N { M m = 1; string s = 2; } message R { S s = 1; repeated R r = 2; }
        message S { string id = 1 [(buf.validate.field).string.uuid = true]; }",
    );
    let mut problems = Problems::new();
    let validators = Validators::compile(&schema, &mut problems);
    let has =
        |name| validators.message(&schema.pool().get_message_by_name(name).expect("it is there")).is_some();
    assert_eq!(["t.M", "t.N", "t.R", "t.S"].map(has), [false, false, true, true]);
}

#[test]
fn all_violations_are_told_at_once_with_their_paths() {
    let text = "message M { Cluster cluster = 1 [(buf.validate.field).required = true]; map<string, Node> nodes = 2; }
        message Cluster { string name = 1 [(buf.validate.field).string.min_len = 2]; repeated Node list = 2; }
        message Node { int32 size = 1 [(buf.validate.field).int32 = {gte: 1, lte: 3}]; }";
    let json = r#"{"cluster": {"name": "a", "list": [{"size": 1}, {"size": 4}, {}]}, "nodes": {"x\"y": {"size": 9}}}"#;
    assert_eq!(
        broken(text, json),
        [
            "cluster.name: string.min_len",
            "cluster.list[1].size: int32.gte_lte",
            "cluster.list[2].size: int32.gte_lte",
            "nodes[\"x\\\"y\"].size: int32.gte_lte",
        ]
    );
    assert_eq!(broken(text, "{}"), ["cluster: required"]);
}

#[test]
fn presence_decides_what_is_looked_at() {
    let text = "message M { int32 plain = 1 [(buf.validate.field).int32.gt = 5];
        optional int32 there = 2 [(buf.validate.field).int32.gt = 5];
        int32 lenient = 3 [(buf.validate.field) = {ignore: IGNORE_IF_ZERO_VALUE, int32: {gt: 5}}];
        int32 never = 4 [(buf.validate.field) = {ignore: IGNORE_ALWAYS, required: true}]; }";
    assert_eq!(broken(text, "{}"), ["plain: int32.gt"]);
    assert_eq!(broken(text, r#"{"plain": 6, "there": 0}"#), ["there: int32.gt"]);
    assert_eq!(broken(text, r#"{"plain": 6, "lenient": 1}"#), ["lenient: int32.gt"]);
}

#[test]
fn expressions_see_presence_defaults_and_what_lies_below() {
    let text = "import \"google/protobuf/timestamp.proto\";
        message M {
          option (buf.validate.message).cel = {id: \"order\", expression: \"!has(this.a) || this.b >= this.a\"};
          option (buf.validate.message).cel = {id: \"below\", message: \"no ids\", expression: \"this.n.id == '' && !has(this.n.n)\"};
          google.protobuf.Timestamp a = 1; google.protobuf.Timestamp b = 2; N n = 3;
          repeated N list = 4 [(buf.validate.field).cel_expression = \"this.all(n, n.id.matches('^[a-c]+$'))\"]; }
        message N { string id = 1; N n = 2; }";
    assert_eq!(broken(text, "{}"), [""; 0]);
    assert_eq!(broken(text, r#"{"a": "2020-01-01T00:00:00Z"}"#), [": order"]);
    assert_eq!(broken(text, r#"{"n": {"n": {}}}"#), [": below"]);
    assert_eq!(
        broken(text, r#"{"list": [{"id": "abc"}, {"id": "d"}]}"#),
        ["list: this.all(n, n.id.matches('^[a-c]+$'))"]
    );
}

#[test]
fn a_rule_that_gives_no_answer_is_no_fault_of_the_client() {
    let (validator, _) = validator(
        "message M { int32 n = 1 [(buf.validate.field).cel = {id: \"n.inverse\", expression: \"1 / this > 0\"}]; }",
    );
    assert!(validator.check(&[8, 1]).is_ok());
    let status = validator.check(&[]).expect_err("nothing divides by zero");
    assert_eq!(
        (status.code, &*status.message),
        (Code::Internal, "the validation rule `n.inverse` gave no answer")
    );
}

#[test]
fn what_does_not_compile_is_told_with_its_field() {
    let table = [
        (
            "int32 f = 1 [(buf.validate.field).string.min_len = 1];",
            "`string` rules cannot stand on a field of type `int32`",
        ),
        (
            "repeated string f = 1 [(buf.validate.field).string.min_len = 1];",
            "write them under `repeated.items.string`",
        ),
        ("M f = 1 [(buf.validate.field).string.min_len = 1];", "cannot stand on a field of type `t.M`"),
        (
            "string f = 1 [(buf.validate.field).string.pattern = \"a(\"];",
            "the pattern is no regular expression: unclosed group",
        ),
        (
            "string f = 1 [(buf.validate.field).cel = {id: \"x\", expression: \"this ==\"}];",
            "the CEL rule `x` does not compile",
        ),
        (
            "string f = 1 [(buf.validate.field).cel = {id: \"x\", expression: \"that == ''\"}];",
            "there is nothing named `that`",
        ),
        (
            "string f = 1 [(buf.validate.field).cel = {id: \"x\", expression: \"this.isBlue()\"}];",
            "there is no function named `isBlue`",
        ),
        (
            "string f = 1 [(buf.validate.field).cel = {id: \"x\", expression: \"this.matches('a(')\"}];",
            "the pattern is no regular expression",
        ),
        (
            "M f = 1 [(buf.validate.field).cel = {id: \"x\", expression: \"has(this.g)\"}];",
            "`t.M` has no field `g`",
        ),
        (
            "repeated M f = 1 [(buf.validate.field).repeated.unique = true];",
            "cannot stand on a list of messages",
        ),
        (
            "option (buf.validate.message).oneof = {fields: [\"f\", \"g\"]}; string f = 1;",
            "`g` is not one of its fields",
        ),
    ];
    for (body, what) in table {
        let told = problems(&format!("message M {{\n  {body}\n}}"));
        assert!(told.contains(what), "{body}: {told}");
        assert!(told.contains("t.proto:3:"), "{body}: {told}");
    }
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let (validator, _) =
        validator("message M { M m = 1; string s = 2 [(buf.validate.field).string.max_len = 3]; }");
    for wire in [&[0x0a][..], &[0x0a, 5, 0], &[0x12, 1, 0xff], &[0x0a, 2, 0x12, 9]] {
        let status = validator.check(wire).expect_err("it is no message");
        assert_eq!(status.code, Code::InvalidArgument, "{wire:?}");
    }
    let text = "message M { option (buf.validate.message).cel_expression = \"this.n.id == ''\"; N n = 1; }
        message N { string id = 1; }";
    let status = self::validator(text).0.check(&[0x0a, 1, 0x0a]).expect_err("it is no message");
    assert_eq!(status.code, Code::InvalidArgument, "{}", status.message);
    let mut deep = Vec::new();
    for _ in 0..5000 {
        let mut outer = vec![0x0a];
        prost::encoding::encode_varint(deep.len() as u64, &mut outer);
        outer.extend(deep);
        deep = outer;
    }
    assert_eq!(validator.check(&deep).expect_err("it nests too deep").code, Code::InvalidArgument);
}

/// Each of these would take minutes if it cost the square of its length.
#[test]
fn no_layout_costs_more_than_its_length() {
    let text = "message M { N n = 1; repeated int32 unique = 2 [(buf.validate.field).repeated.unique = true]; map<int32, string> map = 3 [(buf.validate.field).map.min_pairs = 1]; }
        message N { option (buf.validate.message).cel_expression = \"this.list.all(i, i <= this.limit)\"; N n = 1; int32 limit = 2; repeated int32 list = 3; string s = 4 [(buf.validate.field).string.max_len = 3]; }";
    let (validator, desc) = validator(text);
    let pieces: Vec<u8> = [0x0a, 4, 0x0a, 2, 0x10, 9_u8].repeat(200_000);
    let mut numbers = String::from("{\"map\": {\"1\": \"\"}, \"unique\": [0");
    for number in 1..200_000 {
        numbers.push(',');
        numbers.push_str(&number.to_string());
    }
    numbers.push_str("], \"n\": {\"limit\": 1, \"list\": [1");
    numbers.push_str(&",1".repeat(20_000));
    numbers.push_str("]}}");
    let many = wire(&desc, &numbers);
    let entries: Vec<u8> = [0x1a, 2, 8, 1_u8].repeat(200_000);
    for wire in [pieces, many, entries] {
        let started = Instant::now();
        drop(validator.violations(&wire).expect("there is an answer"));
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{} bytes took {:?}",
            wire.len(),
            started.elapsed()
        );
    }
}

#[test]
fn the_rules_of_the_model_api_compile() {
    let mut problems = Problems::new();
    let settings = Settings { embedded_api: true, ..Settings::default() };
    let schema = schema::load(&settings, &mut problems).expect("the model API is sound");
    let validators = Validators::compile(&schema, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    let desc =
        schema.pool().get_message_by_name("qdrant.cloud.cluster.v1.GetClusterRequest").expect("it is there");
    let validator = validators.message(&desc).expect("it has rules");
    let id = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";
    let one = validator.violations(&wire(&desc, &format!("{{\"account_id\": \"{id}\"}}")));
    assert_eq!(one.expect("there is an answer").len(), 1);
    let both = format!("{{\"account_id\": \"{id}\", \"cluster_id\": \"{id}\"}}");
    assert!(validator.check(&wire(&desc, &both)).is_ok());
}

/// A megabyte of key, and a thousand items that each break a rule below it.
#[test]
fn a_long_key_is_not_repeated_whole() {
    let text = "message M { map<string, N> m = 1; }
        message N { repeated string s = 1 [(buf.validate.field).repeated.items.string.min_len = 1]; }";
    let (validator, desc) = validator(text);
    let items = vec!["\"\""; 1000].join(",");
    let json = format!(r#"{{"m": {{"{}": {{"s": [{items}]}}}}}}"#, "k".repeat(1 << 20));
    let wire = wire(&desc, &json);
    let told = validator.violations(&wire).expect("there is an answer");
    assert_eq!(told[0].field, format!("m[\"{}\"…].s[0]", "k".repeat(128)));
    let status = validator.check(&wire).expect_err("it is broken");
    let details = status.details[0].value.len();
    assert!(details <= 64 << 10, "{details}");
    assert!(status.message.len() < 1024, "{}", status.message.len());
}

#[test]
fn what_an_expression_says_is_cut() {
    let text =
        "message M { string s = 1 [(buf.validate.field).cel = {id: \"echo\", expression: \"this + '!'\"}]; }";
    let (validator, desc) = validator(text);
    let said = |length: usize| {
        let wire = wire(&desc, &format!(r#"{{"s": "{}"}}"#, "s".repeat(length)));
        validator.violations(&wire).expect("there is an answer").remove(0).text
    };
    assert_eq!(said(3), "sss!");
    assert_eq!(said(100_000), format!("{}…", "s".repeat(1024)));
}

/// Each of these would be walked for minutes: items by items, texts by items, and one evaluation an item.
#[test]
fn expressions_have_a_number_of_steps() {
    let rules = [
        (
            20_000,
            "repeated int32 l = 1 [(buf.validate.field).cel_expression = \"this.all(i, !this.exists(j, i == j + 1000000))\"];",
        ),
        (
            60_000,
            "repeated int32 l = 1 [(buf.validate.field).cel_expression = \"this.all(i, !(i + 1000000 in this))\"];",
        ),
        (
            20_000,
            "option (buf.validate.message).cel_expression = \"this.l.all(i, !this.s.contains('y'))\"; repeated int32 l = 1;",
        ),
        (
            20_000,
            "option (buf.validate.message).cel_expression = \"this.l.all(i, this.s + 'a' != 'y')\"; repeated int32 l = 1;",
        ),
        (
            400_000,
            "repeated int32 l = 1 [(buf.validate.field).repeated.items.cel_expression = \"this < 1000000 && this + 1 > 0\"];",
        ),
        (
            400_000,
            "repeated int32 l = 1 [(buf.validate.field).cel_expression = \"this.map(i, i + 1).filter(i, i > 0).size() > 0\"];",
        ),
    ];
    for (items, rule) in rules {
        let (validator, desc) = validator(&format!("message M {{ {rule} string s = 2; }}"));
        let json = |items: usize, text: usize| {
            format!(r#"{{"l": [1{}], "s": "{}"}}"#, ",1".repeat(items - 1), "x".repeat(text))
        };
        let few = validator.violations(&wire(&desc, &json(20, 20)));
        assert_eq!(few.expect("there is an answer"), [], "{rule}");
        let started = Instant::now();
        let many = validator.check(&wire(&desc, &json(items, 1 << 20))).expect_err("it is too much");
        assert_eq!(many.code, Code::InvalidArgument, "{rule}");
        assert!(many.message.contains("more than 2000000 steps"), "{rule}: {}", many.message);
        assert!(started.elapsed() < Duration::from_secs(20), "{rule}: {:?}", started.elapsed());
    }
}

#[test]
fn a_list_that_is_too_long_is_told_so_and_not_walked() {
    let text = "message M { repeated int32 l = 1 [(buf.validate.field) = {repeated: {max_items: 3},
        cel: {id: \"walk\", expression: \"this.all(i, i == 2)\"}}]; }";
    assert_eq!(broken(text, r#"{"l": [1, 1, 1, 1]}"#), ["l: repeated.max_items", "l: walk"]);
    let long = format!(r#"{{"l": [1{}]}}"#, ",1".repeat(1_000_000));
    assert_eq!(broken(text, &long), ["l: repeated.max_items"]);
}

/// Nothing is looked at any more: what follows would be a fault.
#[test]
fn a_check_ends_when_no_more_can_be_told() {
    let text = "message M { repeated string s = 1 [(buf.validate.field).repeated.items.string.min_len = 1];
        int32 n = 2 [(buf.validate.field).cel = {id: \"n.inverse\", expression: \"1 / this > 0\"}]; }";
    let (validator, _) = validator(text);
    assert_eq!(validator.violations(&[0x0a, 0].repeat(1001)).expect("it is full").len(), 1000);
    assert_eq!(validator.check(&[0x0a, 0].repeat(999)).expect_err("it divides by zero").code, Code::Internal);
}
