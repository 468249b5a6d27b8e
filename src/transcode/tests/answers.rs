//! JSON answers and statuses, rule by rule.

use prost::Message as _;
use prost::bytes::Bytes;
use prost_reflect::Value;
use prost_types::Any;

use super::*;
use crate::status::{Code, Origin};
use crate::transcode::UnsetFields;

/// The answer for a message that this JSON describes.
fn answer(desc: &MessageDescriptor, json: &str, settings: &Settings) -> String {
    let wire = Echo::new(desc, settings.clone()).body("*").wire(None, json).expect("sound JSON");
    let mut out = b"before ".to_vec();
    Echo::new(desc, settings.clone()).plan().write_response(&wire, &mut out).expect("a sound answer");
    String::from_utf8(out).expect("UTF-8").strip_prefix("before ").expect("appended").to_owned()
}

fn unset(unset_fields: UnsetFields) -> Settings {
    Settings { unset_fields, ..Settings::default() }
}

#[test]
fn unset_fields_are_written_as_set() {
    let cases = [
        (
            UnsetFields::Null,
            r#"{"number":0,"text":"","color":"COLOR_UNSPECIFIED","child":null,"names":[],"counts":{},"bigNumber":"0","createdAt":null}"#,
            r#"{"number":null,"name":null,"mood":null,"moods":[],"inner":null,"row":[],"byMood":{},"weight":null,"child":null}"#,
        ),
        (
            UnsetFields::Zero,
            r#"{"number":0,"text":"","color":"COLOR_UNSPECIFIED","names":[],"counts":{},"bigNumber":"0"}"#,
            r#"{"moods":[],"row":[],"byMood":{}}"#,
        ),
        (UnsetFields::Omit, "{}", "{}"),
    ];
    for (settings, proto3, proto2) in cases {
        assert_eq!(answer(&shapes(), "{}", &unset(settings)), proto3, "{settings:?}");
        assert_eq!(answer(&legacy(), "{}", &unset(settings)), proto2, "{settings:?}");
    }
    let nested =
        answer(&shapes(), r#"{"maybe":0,"right":"","child":{"left":"a"}}"#, &unset(UnsetFields::Null));
    assert_eq!(
        nested,
        r#"{"number":0,"text":"","color":"COLOR_UNSPECIFIED","child":{"number":0,"text":"","color":"COLOR_UNSPECIFIED","child":null,"names":[],"counts":{},"left":"a","bigNumber":"0","createdAt":null},"names":[],"counts":{},"maybe":0,"right":"","bigNumber":"0","createdAt":null}"#
    );
}

#[test]
fn options_change_the_form() {
    let json = r#"{"bigNumber":"5","color":"RED","counts":{"a":"1"},"createdAt":"2024-01-01T00:00:00Z"}"#;
    let cases = [
        (
            Settings { proto_names: true, ..sparse() },
            r#"{"color":"RED","counts":{"a":"1"},"big_number":"5","created_at":"2024-01-01T00:00:00Z"}"#,
        ),
        (
            Settings { enums_as_numbers: true, ..sparse() },
            r#"{"color":1,"counts":{"a":"1"},"bigNumber":"5","createdAt":"2024-01-01T00:00:00Z"}"#,
        ),
        (
            Settings { int64_as_numbers: true, ..sparse() },
            r#"{"color":"RED","counts":{"a":1},"bigNumber":5,"createdAt":"2024-01-01T00:00:00Z"}"#,
        ),
        (
            Settings { indent: true, ..sparse() },
            "{\n  \"color\": \"RED\",\n  \"counts\": {\n    \"a\": \"1\"\n  },\n  \"bigNumber\": \"5\",\n  \"createdAt\": \"2024-01-01T00:00:00Z\"\n}",
        ),
    ];
    for (settings, expected) in cases {
        assert_eq!(answer(&shapes(), json, &settings), expected);
    }
    let boxes = Settings { int64_as_numbers: true, enums_as_numbers: true, ..sparse() };
    let json = r#"{"markNull":null,"int64Box":"-3"}"#;
    assert_eq!(answer(&kinds(), json, &boxes), r#"{"markNull":null,"int64Box":-3}"#);
}

#[test]
fn numbers_are_shortest() {
    let cases = [
        ("100", "100"),
        ("0.1", "0.1"),
        ("1.5e-7", "1.5e-7"),
        ("16777216", "16777216"),
        ("-0", "-0"),
        ("123456", "123456"),
        ("0.30000001192092896", "0.3"),
    ];
    for (json, float) in cases {
        let shown = answer(&kinds(), &format!(r#"{{"floatBox":{json}}}"#), &sparse());
        assert_eq!(shown, format!(r#"{{"floatBox":{float}}}"#));
    }
    for double in ["0.30000001192092896", "5e-324", "1.7976931348623157e+308", "1e+30", "9007199254740993"] {
        let shown = answer(&kinds(), &format!(r#"{{"doubleBox":{double}}}"#), &sparse());
        let number = shown.trim_start_matches(r#"{"doubleBox":"#).trim_end_matches('}');
        assert_eq!(number.parse::<f64>(), double.parse::<f64>(), "{number}");
        assert!(number.len() <= double.len(), "{number} is longer than {double}");
        assert!(crate::transcode::number::is_number(number), "{number}");
    }
}

#[test]
fn a_response_body_is_one_field() {
    let cases = [
        ("child", "{}", "null"),
        ("child", r#"{"child":{"number":1}}"#, r#"{"number":1}"#),
        ("names", "{}", "[]"),
        ("names", r#"{"names":["a","<b>"]}"#, r#"["a","<b>"]"#),
        ("counts", "{}", "{}"),
        ("counts", r#"{"counts":{"b":2,"a":1}}"#, r#"{"a":"1","b":"2"}"#),
        ("number", "{}", "0"),
        ("big_number", "{}", "\"0\""),
        ("big_number", r#"{"bigNumber":7}"#, "\"7\""),
        ("text", r#"{"text":"a\"b"}"#, r#""a\"b""#),
        ("color", "{}", "\"COLOR_UNSPECIFIED\""),
        ("color", r#"{"color":9}"#, "9"),
        ("maybe", "{}", "null"),
        ("maybe", r#"{"maybe":0}"#, "0"),
        ("left", "{}", "null"),
        ("created_at", r#"{"createdAt":"2024-01-01T00:00:00Z"}"#, "\"2024-01-01T00:00:00Z\""),
    ];
    for (field, json, expected) in cases {
        let mut echo = Echo::new(&shapes(), sparse()).body("*");
        echo.response_body = shapes().get_field_by_name(field);
        let wire = echo.wire(None, json).expect("sound JSON");
        let mut out = Vec::new();
        echo.plan().write_response(&wire, &mut out).expect("a sound answer");
        assert_eq!(String::from_utf8_lossy(&out), expected, "{field} of {json}");
    }
}

pub(super) fn field_wire(number: u32, content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    prost::encoding::bytes::encode(number, &content.to_vec(), &mut wire);
    wire
}

#[test]
fn what_has_no_json_form_is_the_backends_fault() {
    let far = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }.encode_to_vec();
    let mixed = prost_types::Duration { seconds: 1, nanos: -1 }.encode_to_vec();
    let mask = prost_types::FieldMask { paths: vec!["fooBar".to_owned()] }.encode_to_vec();
    let nan = [&[0x11][..], &f64::NAN.to_le_bytes()].concat();
    let known = prost_types::Any { type_url: "x/transcode.test.Shapes".to_owned(), value: vec![0xff] };
    let cases = [
        (field_wire(80, &far), "time: timestamp out of range"),
        (field_wire(17, &field_wire(81, &mixed)), "child.duration: duration out of range"),
        (field_wire(50, &field_wire(82, &mask)), "children[0].mask: field mask path \"fooBar\""),
        (field_wire(84, &nan), "value: a JSON value cannot be NaN"),
        (field_wire(86, &known.encode_to_vec()), "any: its bytes are not a message of its type"),
        (field_wire(17, &field_wire(14, b"\xff")), "child.stringValue: not valid UTF-8"),
        (field_wire(18, b"\xff"), "otherName: not valid UTF-8"),
        (field_wire(65, &[field_wire(1, b"\xff"), field_wire(1, b"a")].concat()), "labels: not valid UTF-8"),
        ([field_wire(14, b"\xff"), field_wire(14, b"a")].concat(), "stringValue: not valid UTF-8"),
        (vec![0xff], "not a message of the declared type"),
        (vec![0x72, 0x05, b'a'], "not a message of the declared type"),
        ((0..150).fold(Vec::new(), |wire, _| field_wire(17, &wire)), "nested deeper than 100 messages"),
    ];
    for (wire, expected) in cases {
        let mut out = b"before".to_vec();
        let plan = Echo::new(&kinds(), sparse()).plan();
        let status = plan.write_response(&wire, &mut out).expect_err(expected);
        assert!(status.message.contains(expected), "{:?} does not say {expected:?}", status.message);
        assert_eq!((status.http_status().as_u16(), status.origin), (502, Origin::Upstream));
        assert_eq!(out, b"before", "nothing half-written");
    }
}

#[test]
fn numbers_that_a_closed_enum_does_not_name_are_passed_over() {
    let entry = |key: &[u8], mood: u8| field_wire(7, &[&field_wire(1, key), &[0x10, mood][..]].concat());
    let unknown = vec![0x18, 9];
    let negative = [&[0x18][..], &[0xff; 9], &[1]].concat();
    let cases = [
        (vec![0x18, 5], r#"{"mood":"WILD"}"#),
        (unknown.clone(), "{}"),
        (negative, "{}"),
        (vec![0x18, 5, 0x18, 9], r#"{"mood":"WILD"}"#),
        (field_wire(4, &[3, 9, 5]), r#"{"moods":["CALM","WILD"]}"#),
        (field_wire(4, &[9]), "{}"),
        (vec![0x20, 9, 0x20, 3], r#"{"moods":["CALM"]}"#),
        ([entry(b"a", 9), entry(b"b", 3)].concat(), r#"{"byMood":{"b":"CALM"}}"#),
        (field_wire(9, &unknown), r#"{"child":{}}"#),
        ([&[0x2b][..], &field_wire(2, &unknown), &[0x2c]].concat(), r#"{"inner":{"back":{}}}"#),
        (entry(b"a", 9), "{}"),
        (vec![0xf0, 0x06, 9], "{}"),
        (vec![0xf0, 0x06, 3], r#"{"[transcode.legacy.Scope.scoped]":"CALM"}"#),
    ];
    for (wire, expected) in cases {
        let mut out = Vec::new();
        Echo::new(&legacy(), sparse()).plan().write_response(&wire, &mut out).expect("a sound answer");
        assert_eq!(String::from_utf8_lossy(&out), expected, "{wire:x?}");
    }
}

#[test]
fn an_any_of_unknown_type_is_shown_as_base64() {
    let unknown = prost_types::Any { type_url: "x/no.Such".to_owned(), value: vec![1, 2] };
    let mut out = Vec::new();
    let wire = field_wire(86, &unknown.encode_to_vec());
    Echo::new(&kinds(), sparse()).plan().write_response(&wire, &mut out).expect("a sound answer");
    assert_eq!(String::from_utf8_lossy(&out), r#"{"any":{"@type":"x/no.Such","value":"AQI="}}"#);
}

#[test]
fn statuses_are_written_whole() {
    let shapes = Echo::new(&shapes(), sparse()).body("*").wire(None, r#"{"number":7}"#).expect("sound JSON");
    let far = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }.encode_to_vec();
    let any = |type_url: &str, value: &[u8]| Any { type_url: type_url.to_owned(), value: value.to_vec() };
    let mut status = Status::new(Code::NotFound, "no \"such\" <thing>", Origin::Upstream);
    let show = |status: &Status, settings: &Settings| {
        let mut out = Vec::new();
        Plans::compile(&POOL, settings).write_status(status, &mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    assert_eq!(show(&status, &sparse()), r#"{"code":5,"message":"no \"such\" <thing>","details":[]}"#);
    let inner = any("y/google.protobuf.Timestamp", &far).encode_to_vec();
    status.details = vec![
        any("type.googleapis.com/transcode.test.Shapes", &shapes),
        any("type.googleapis.com/no.Such", b"\x01"),
        any("x/google.protobuf.Timestamp", &far),
        any("x/transcode.test.Shapes", b"\xff"),
        any("", b""),
        any("x/google.protobuf.Any", &inner),
        any("x/google.protobuf.Int64Value", &[8, 3]),
    ];
    let far64 = crate::transcode::oracle::scalar::base64_text(&far);
    let expected = [
        r#"{"@type":"type.googleapis.com/transcode.test.Shapes","number":7}"#.to_owned(),
        r#"{"@type":"type.googleapis.com/no.Such","value":"AQ=="}"#.to_owned(),
        format!(r#"{{"@type":"x/google.protobuf.Timestamp","value":"{far64}"}}"#),
        r#"{"@type":"x/transcode.test.Shapes","value":"/w=="}"#.to_owned(),
        r#"{"@type":"","value":""}"#.to_owned(),
        format!(
            r#"{{"@type":"x/google.protobuf.Any","value":{{"@type":"y/google.protobuf.Timestamp","value":"{far64}"}}}}"#
        ),
        r#"{"@type":"x/google.protobuf.Int64Value","value":"3"}"#.to_owned(),
    ];
    let message = r#""message":"no \"such\" <thing>""#;
    assert_eq!(
        show(&status, &sparse()),
        format!(r#"{{"code":5,{message},"details":[{}]}}"#, expected.join(","))
    );
    status.details.truncate(2);
    status.details.remove(0);
    assert_eq!(
        show(&status, &Settings { indent: true, ..sparse() }),
        "{\n  \"code\": 5,\n  \"message\": \"no \\\"such\\\" <thing>\",\n  \"details\": [\n    {\n      \"@type\": \"type.googleapis.com/no.Such\",\n      \"value\": \"AQ==\"\n    }\n  ]\n}"
    );
}

/// A hostile backend may nest an `Any` in an `Any` without end; each is decoded by itself.
#[test]
fn an_endless_any_ends() {
    let mut value = Vec::new();
    for _ in 0..3_000 {
        value = Any { type_url: "x/google.protobuf.Any".to_owned(), value }.encode_to_vec();
    }
    let detail = Any { type_url: "x/google.protobuf.Any".to_owned(), value: value.clone() };
    let mut status = Status::new(Code::Internal, "deep", Origin::Upstream);
    status.details = vec![detail];
    let mut out = Vec::new();
    Plans::compile(&POOL, &sparse()).write_status(&status, &mut out);
    assert_eq!(String::from_utf8_lossy(&out).matches("@type").count(), 101);
    let plan = Echo::new(&kinds(), sparse()).plan();
    let status = plan.write_response(&field_wire(86, &value), &mut Vec::new()).expect_err("too deep");
    assert!(status.message.contains("nested deeper than 100 messages"), "{}", status.message);
}

#[test]
fn a_value_that_holds_nothing_is_null() {
    let mut message = DynamicMessage::new(kinds());
    let value = desc("google.protobuf.Value");
    message.set_field_by_name("value", Value::Message(DynamicMessage::new(value)));
    message.set_field_by_name("bytes_value", Value::Bytes(Bytes::from_static(b"\xfb\xff")));
    assert_eq!(show(&message, &sparse()), r#"{"bytesValue":"+/8=","value":null}"#);
}

/// `NullValue` has one value; whatever number is on the wire, JSON has one word for it.
#[test]
fn a_null_value_is_null_whatever_its_number() {
    for (number, expected) in [(1, r#"{"null":null}"#), (0, "{}")] {
        let mut out = Vec::new();
        let wire = [0xc0, 0x05, number];
        Echo::new(&kinds(), sparse()).plan().write_response(&wire, &mut out).expect("a sound answer");
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}

/// The last of several decides, so one before it may be what no JSON can show.
#[test]
fn what_is_overridden_need_not_have_a_json_form() {
    let kinds = kinds();
    let number = kinds.get_field_by_name("time").expect("the field is declared").number();
    let [far, near] = [i64::MAX, 0_i64].map(|seconds| {
        let mut wire = vec![0x08];
        prost::encoding::encode_varint(seconds.cast_unsigned(), &mut wire);
        field_wire(number, &wire)
    });
    let plan = Echo::new(&kinds, sparse()).plan();
    let mut json = Vec::new();
    plan.write_response(&[&*far, &near].concat(), &mut json).expect("a sound answer");
    assert_eq!(String::from_utf8_lossy(&json), r#"{"time":"1970-01-01T00:00:00Z"}"#);
    let status = plan.write_response(&[&*near, &far].concat(), &mut json).expect_err("out of range");
    assert!(status.message.contains("time: timestamp out of range"), "{}", status.message);
}
