//! Bodies that are not JSON, and the masks that bodies fill in.

use super::*;
use crate::transcode::{MaskFrom, PatchMask, RequestBody};

impl Echo {
    /// The request message of a body of any kind as JSON with nothing unset shown, or the status and message.
    fn sent(&self, query: Option<&str>, body: RequestBody<'_>) -> Result<String, (u16, String)> {
        let mut wire = b"before".to_vec();
        let written = self.plan().write_request_of(&self.captures, query, body, &mut wire);
        if let Err(status) = written {
            assert_eq!(wire, b"before", "what was there stays");
            return Err((status.http_status().as_u16(), status.message));
        }
        let message = DynamicMessage::decode(self.desc.clone(), &wire[6..]).expect("sound bytes");
        Ok(show(&message, &sparse()))
    }

    fn form(&self, query: Option<&str>, form: &str) -> Result<String, (u16, String)> {
        self.sent(query, RequestBody::Form(form.as_bytes()))
    }

    /// The wire bytes of a message in JSON, as a body.
    fn wired(&self, of: &MessageDescriptor, json: &str) -> Result<String, (u16, String)> {
        let mut wire = Vec::new();
        let plan = self.plans.message(of).expect("a type of the pool");
        plan.write_wire(json.as_bytes(), &mut wire).expect("a message");
        self.sent(None, RequestBody::Wire(&wire))
    }

    /// The mask of a PATCH with this body, and who made it.
    fn mask(&self, rules: PatchMask, query: Option<&str>, body: RequestBody<'_>) -> (Vec<String>, MaskFrom) {
        let mut plan = self.plan();
        plan.request.fill_mask(&self.plans, rules);
        let mut wire = Vec::new();
        let from = plan.write_request_of(&self.captures, query, body, &mut wire).expect("a request");
        let message = DynamicMessage::decode(self.desc.clone(), &*wire).expect("sound bytes");
        let mask = message.get_field_by_name("mask").expect("a mask");
        let paths = mask.as_message().and_then(|mask| Some(mask.get_field_by_name("paths")?.into_owned()));
        let paths = paths.and_then(|paths| Some(paths.as_list()?.to_vec())).unwrap_or_default();
        (paths.iter().map(|path| path.as_str().expect("text").to_owned()).collect(), from)
    }
}

fn ok(json: &str) -> Result<String, (u16, String)> {
    Ok(json.to_owned())
}

#[test]
fn a_form_is_the_body_by_the_rules_of_a_query() {
    let whole = Echo::new(&kinds(), Settings::default()).body("*").variable("string_value", "7");
    assert_eq!(
        whole.form(
            Some("int32Value=9"),
            "int32_value=5&labels[a]=x+y&stringList=b&stringList=c&string_value=evil&child.flag=t&nothing=1"
        ),
        ok(
            r#"{"int32Value":5,"stringValue":"7","child":{"flag":true},"stringList":["b","c"],"labels":{"a":"x y"}}"#
        ),
    );
    assert_eq!(whole.form(None, ""), ok(r#"{"stringValue":"7"}"#));

    let field = Echo::new(&kinds(), Settings::default()).body("child").variable("child.string_value", "7");
    assert_eq!(
        field.form(
            Some("flag=true&child.flag=true&child.int32Value=1"),
            "int32Value=5&child.flag=1&stringValue=evil"
        ),
        ok(r#"{"flag":true,"child":{"int32Value":5,"stringValue":"7","child":{"flag":true}}}"#),
    );
    let field = Echo::new(&kinds(), Settings::default()).body("child");
    assert_eq!(field.form(None, ""), ok(r#"{"child":{}}"#), "present and empty");
    let list = Echo::new(&kinds(), Settings::default()).body("string_list");
    assert_eq!(list.form(None, "a=b").expect_err("no message").0, 415);
}

#[test]
fn without_a_body_form_and_query_are_one() {
    let echo = Echo::new(&kinds(), Settings::default()).variable("string_value", "7");
    let both = echo.form(Some("stringList=q&flag=1"), "stringList=f&int32Value=5&stringValue=evil");
    assert_eq!(both, ok(r#"{"flag":true,"int32Value":5,"stringValue":"7","stringList":["f","q"]}"#));
    let twice = echo.form(Some("int32Value=6"), "int32Value=5").expect_err("two values");
    assert_eq!(twice, (400, r#"query parameter "int32Value": too many values: "5", "6""#.to_owned()));
}

#[test]
fn what_is_wrong_with_a_form_is_told() {
    let whole = Echo::new(&kinds(), Settings::default()).body("*");
    let strict =
        Echo::new(&kinds(), Settings { refuse_unknown_fields: true, ..Settings::default() }).body("*");
    for (echo, form, told) in [
        (&whole, "int32Value=x", r#"form field "int32Value": expected a signed 32-bit integer, found "x""#),
        (&whole, "a=%zz", r#"form: bad percent escape "%zz""#),
        (&whole, "a=%ff", "form: \"%ff\" is not valid UTF-8 once decoded"),
        (&whole, "a=1;b=2", "form: `;` does not separate parameters; write it as `%3B`"),
        (
            &whole,
            "markText=a&markNumber=1",
            r#"form field "markNumber": another field of oneof "mark" is set already"#,
        ),
        (&strict, "nothing=1", r#"form field "nothing": the request has no such field"#),
    ] {
        assert_eq!(echo.form(None, form), Err((400, told.to_owned())), "{form}");
    }
    assert_eq!(whole.sent(None, RequestBody::Form(b"a=\xff")).expect_err("not text").0, 400);
}

#[test]
fn wire_bytes_are_the_body_and_the_path_wins() {
    let whole = Echo::new(&kinds(), Settings::default()).body("*");
    let json = r#"{"flag":true,"child":{"int32Value":5},"stringList":["a"],"labels":{"a":"b"}}"#;
    assert_eq!(whole.wired(&kinds(), json), ok(json));
    assert_eq!(whole.sent(None, RequestBody::Wire(&[])), ok("{}"));

    let over = Echo::new(&kinds(), Settings::default()).body("*");
    let over = over
        .variable("string_value", "7")
        .variable("child.string_list", "x,y")
        .variable("child.child.flag", "true");
    let said = r#"{"stringValue":"evil","child":{"int32Value":5,"stringList":["evil"],"child":{"uint32Value":6}},"maybeInt32":0}"#;
    let expected = r#"{"stringValue":"7","child":{"int32Value":5,"child":{"flag":true,"uint32Value":6},"stringList":["x","y"]},"maybeInt32":0}"#;
    assert_eq!(over.wired(&kinds(), said), ok(expected));

    let field = Echo::new(&kinds(), Settings::default()).body("child").variable("child.string_value", "7");
    let expected = ok(r#"{"child":{"flag":true,"stringValue":"7"}}"#);
    assert_eq!(field.wired(&kinds(), r#"{"flag":true,"stringValue":"evil"}"#), expected);
    let beside = field.sent(Some("flag=1&child.flag=1"), RequestBody::Wire(&[]));
    assert_eq!(beside, ok(r#"{"flag":true,"child":{"stringValue":"7"}}"#));
}

#[test]
fn a_message_in_pieces_is_one_afterwards() {
    let echo = Echo::new(&shapes(), Settings::default()).body("*").variable("child.number", "7");
    // child {text: "a"}, an unknown field, child {number: 1, text: "b"}.
    let pieces = b"\x22\x03\x12\x01a\xfa\x01\x01z\x22\x05\x08\x01\x12\x01b";
    let mut wire = Vec::new();
    let (captures, body) = (&echo.captures, RequestBody::Wire(pieces));
    echo.plan().write_request_of(captures, None, body, &mut wire).expect("a message");
    assert_eq!(wire, b"\xfa\x01\x01z\x22\x08\x12\x01a\x12\x01b\x08\x07");
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let whole = Echo::new(&kinds(), Settings::default()).body("*").variable("mark_text", "t");
    let deep = (0..120).fold(Vec::new(), |inner, _| {
        let mut wire = Vec::new();
        prost::encoding::bytes::encode(17, &inner, &mut wire);
        wire
    });
    let cases: &[(&[u8], &str)] = &[
        (b"\x0a", "request body: the bytes are not a protobuf message of this type"),
        (b"{\"flag\":true}", "request body: the bytes are not a protobuf message of this type"),
        (b"\x8a\x01\x02\x72\x05", "request body: the bytes are not a protobuf message of this type"),
        (b"\x72\x01\xff", "stringValue"),
        (&deep, "request body: the bytes are not a protobuf message of this type"),
        (b"\xf8\x01\x05", "path variable \"mark_text\": another field of oneof \"mark\" is set already"),
    ];
    for (wire, told) in cases {
        let (status, message) = whole.sent(None, RequestBody::Wire(wire)).expect_err("no message");
        assert!(status == 400 && message.starts_with(told), "{wire:x?}: {message}");
    }
    let strict = Settings { refuse_path_conflicts: true, ..Settings::default() };
    let strict = Echo::new(&kinds(), strict).body("*").variable("string_value", "7");
    assert_eq!(strict.wired(&kinds(), r#"{"stringValue":"7"}"#), ok(r#"{"stringValue":"7"}"#));
    assert_eq!(strict.wired(&kinds(), r#"{"stringValue":"8"}"#).expect_err("a conflict").0, 400);
    let list = Echo::new(&kinds(), Settings::default()).body("string_list");
    assert_eq!(list.sent(None, RequestBody::Wire(b"")).expect_err("no message").0, 415);
}

#[test]
fn a_body_without_a_mask_makes_one() {
    let echo = Echo::new(&kinds(), Settings::default()).body("child").variable("child.int32_value", "1");
    let of = |json: &str| echo.mask(PatchMask::default(), None, RequestBody::Json(json.as_bytes()));
    for (json, paths) in [
        ("{}", &[][..]),
        ("", &[]),
        (" \n", &[]),
        (r#"{"stringValue":"a","otherName":null,"flag":false}"#, &["flag", "renamed", "string_value"]),
        (
            r#"{"child":{"child":{"flag":true,"color":"RED"}},"mark_child":{}}"#,
            &["child.child.color", "child.child.flag", "mark_child"],
        ),
        (
            r#"{"children":[{"flag":true}],"kinds":{"a":{"flag":true}},"int32List":[]}"#,
            &["children", "int32_list", "kinds"],
        ),
        (
            r#"{"struct":{"a":{"b":1}},"value":{"a":1},"any":{"@type":"transcode.test.Kinds","flag":true},"time":null}"#,
            &["any", "struct", "time", "value"],
        ),
        (
            r#"{"unknown":{"flag":1},"child":{"unknown":1},"int32Value":5,"int32Box":7,"empty":{}}"#,
            &["empty", "int32_box", "int32_value"],
        ),
    ] {
        assert_eq!(
            of(json),
            (paths.iter().map(|path| (*path).to_owned()).collect(), MaskFrom::Body),
            "{json}"
        );
    }
    let deep = PatchMask { into_structs: true, refuse_unknown: true };
    let json = RequestBody::Json(
        br#"{"struct":{"a":{"b":1,"c":[{"d":1}]},"e":{}},"value":{"f":2},"values":{"g":{"h":1}}}"#,
    );
    let named = ["struct.a.b", "struct.a.c", "struct.e", "value.f", "values"];
    assert_eq!(echo.mask(deep, None, json).0, named);
    let mut plan = echo.plan();
    plan.request.fill_mask(&echo.plans, deep);
    let body = RequestBody::Json(br#"{"child":{"nofield":1}}"#);
    let told = plan.write_request_of(&echo.captures, None, body, &mut Vec::new()).expect_err("unknown");
    assert_eq!(told.message, "child.nofield: the message has no such field (line 1, column 11)");
}

#[test]
fn forms_and_wire_bytes_make_masks_too() {
    let echo = Echo::new(&kinds(), Settings::default()).body("child");
    let of = |body| echo.mask(PatchMask::default(), Some("flag=1"), body).0;
    let form = RequestBody::Form(
        b"stringValue=a&child.flag=&child.flag2=1&labels[a]=b&labels[c]=d&time=2026-01-01T00:00:00Z",
    );
    // An empty text is no boolean.
    assert!(echo.plan().write_request_of(&[], None, form, &mut Vec::new()).is_err());
    let form = RequestBody::Form(
        b"stringValue=a&child.flag=f&child.flag2=1&labels[a]=b&labels[c]=d&time=2026-01-01T00:00:00Z",
    );
    assert_eq!(of(form), ["child.flag", "labels", "string_value", "time"]);
    assert_eq!(of(RequestBody::Form(b"")), [""; 0]);
    // flag, child {flag}, child {}, two of string_list, an unknown field.
    let wire = b"\x08\x01\x8a\x01\x02\x08\x01\x8a\x01\x00\xfa\x02\x01a\xfa\x02\x01b\xfa\x3f\x01z";
    assert_eq!(of(RequestBody::Wire(wire)), ["child", "child.flag", "flag", "string_list"]);
}

#[test]
fn who_says_a_mask_has_it() {
    let echo = Echo::new(&kinds(), Settings::default()).body("child");
    let json = RequestBody::Json(br#"{"flag":true}"#);
    let client = |paths: &[&str]| (paths.iter().map(|path| (*path).to_owned()).collect(), MaskFrom::Client);
    assert_eq!(
        echo.mask(PatchMask::default(), Some("mask=color,int32Value"), json),
        client(&["color", "int32_value"])
    );
    assert_eq!(echo.mask(PatchMask::default(), Some("mask="), json), client(&[]));
    // A whole body says its mask itself; a body that is the mask, no message or a list leaves none to be made.
    for body in ["*", "mask", "time", "string_list", "int32_value"] {
        let echo = Echo::new(&kinds(), Settings::default()).body(body);
        assert_eq!(echo.mask(PatchMask::default(), None, RequestBody::Json(b"")), client(&[]), "{body}");
    }
}

#[test]
fn a_mask_has_an_end() {
    let mut json = "{\"flag\":1}".to_owned();
    let key = "k".repeat(5000);
    json = format!(
        r#"{{"struct":{{"{key}":{{{}}}}}}}"#,
        (0..100).map(|n| format!("\"{n}\":{json}")).collect::<Vec<_>>().join(",")
    );
    let echo = Echo::new(&kinds(), Settings::default()).body("child");
    let mut plan = echo.plan();
    plan.request.fill_mask(&echo.plans, PatchMask { into_structs: true, refuse_unknown: false });
    let body = RequestBody::Json(json.as_bytes());
    let told = plan.write_request_of(&[], None, body, &mut Vec::new()).expect_err("too long");
    assert_eq!(told.message, "the body names too much for a field mask; send the mask itself");
}

#[test]
fn answers_on_the_wire_are_the_message_or_one_field_of_it() {
    let echo = Echo::new(&shapes(), Settings::default());
    let wire = bytes::Bytes::from_static(b"\x08\x05\x22\x02\x08\x01\x22\x03\x12\x01a");
    assert!(echo.plan().answers_message());
    assert_eq!(echo.plan().answer_wire(&wire).expect("a message"), wire);
    let of = |name: &str| {
        let response_body = shapes().get_field_by_name(name);
        Echo { response_body, ..Echo::new(&shapes(), Settings::default()) }.plan()
    };
    assert_eq!(of("child").answer_wire(&wire).expect("a message"), &b"\x08\x01\x12\x01a"[..]);
    assert_eq!(of("child").answer_wire(&wire.slice(..2)).expect("a message"), "");
    assert_eq!(of("child").answer_wire(&wire.slice(..3)).expect_err("no message").http_status(), 502);
    assert!(of("child").answers_message() && of("created_at").answers_message());
    for name in ["number", "names", "counts"] {
        assert!(!of(name).answers_message(), "{name}");
    }
}
