//! JSON bodies, rule by rule.

use super::*;

/// Checks bodies of `Kinds` under `body: "*"`; an expected `=` is the body itself.
#[track_caller]
fn check_all(settings: &Settings, cases: &[(&str, Result<&str, &str>)]) {
    let echo = Echo::new(&kinds(), settings.clone()).body("*");
    for (body, expected) in cases {
        let expected = if *expected == Ok("=") { Ok(*body) } else { *expected };
        check(&echo, None, body, &expected);
    }
}

#[test]
fn whole_texts() {
    check_all(
        &Settings::default(),
        &[
            ("", Ok("{}")),
            (" \r\n\t", Ok("{}")),
            ("{}", Ok("{}")),
            ("null", Err("request body: expected an object, found null (line 1, column 1)")),
            ("[]", Err("request body: expected an object, found a list")),
            ("\"x\"", Err("request body: expected an object, found string \"x\"")),
            (
                "{} {}",
                Err("expected the end of the JSON text, found unexpected character \"{\" (line 1, column 4)"),
            ),
            (r#"{"flag":true} trash"#, Err("(line 1, column 15)")),
            ("{", Err("expected a field name in double quotes, found the end of the JSON text")),
            (r#"{"flag":true,}"#, Err("expected a field name")),
            ("{'flag':true}", Err("expected a field name")),
            ("{/* no */}", Err("expected a field name")),
            ("\u{feff}{}", Err("unexpected character \"\\ufeff\"")),
            (r#"{"flag":tru}"#, Err("flag: expected a value, found unexpected character \"t\"")),
            (
                "{\n  \"child\": {\n\t\"stringValue\": \"ä\", \"x\": nope}}",
                Err("child.x: expected a value, found unexpected character \"n\" (line 3, column 27)"),
            ),
            (
                "{\"child\":{\n  \"uint32Value\": \"three\"}}",
                Err(
                    "child.uint32Value: expected an unsigned 32-bit integer, found string \"three\" (line 2, column 18)",
                ),
            ),
            (
                r#"{"children":[{},{"flag":1}]}"#,
                Err("children[1].flag: expected true or false, found number 1"),
            ),
            (
                r#"{"kinds":{"a.b":{"flag":null},"c":{"flag":[]}}}"#,
                Err(r#"kinds["c"].flag: expected true or false, found a list"#),
            ),
        ],
    );
    let echo = Echo::new(&kinds(), Settings::default()).body("*");
    let status = echo.plan().write_request(&[], None, b"{\"stringValue\":\"\xff\"}", &mut Vec::new());
    let message = status.expect_err("not UTF-8").message;
    assert_eq!(message, "request body: the text is not valid UTF-8 (line 1, column 17)");
}

#[test]
fn names() {
    check_all(
        &Settings::default(),
        &[
            (r#"{"int32Value":1}"#, Ok("=")),
            (r#"{"int32_value":1}"#, Ok(r#"{"int32Value":1}"#)),
            (r#"{"otherName":"a"}"#, Ok("=")),
            (r#"{"renamed":"a"}"#, Ok(r#"{"otherName":"a"}"#)),
            (r#"{"\u0066lag":true}"#, Ok(r#"{"flag":true}"#)),
            (r#"{"Flag":true}"#, Ok("{}")),
            (r#"{"flag":true,"flag":true}"#, Err("flag: duplicate field")),
            (r#"{"int32Value":1,"int32_value":1}"#, Err("int32_value: duplicate field")),
            (r#"{"flag":null,"flag":true}"#, Err("flag: duplicate field")),
            (r#"{"child":{},"child":{}}"#, Err("child: duplicate field")),
            (r#"{"nope":[1,{"a":"b"}],"nope":2,"flag":true}"#, Ok(r#"{"flag":true}"#)),
            (r#"{"nope":[1,}]}"#, Err("nope: expected a value")),
            (r#"{"nope":01}"#, Err("expected `,` or `}`")),
            (r#"{"[transcode.legacy.extra]":1}"#, Ok("{}")),
        ],
    );
    let strict = Settings { refuse_unknown_fields: true, ..Settings::default() };
    check_all(
        &strict,
        &[
            (r#"{"flag":true}"#, Ok("=")),
            (
                "{\"child\":{\n\"nope\":1}}",
                Err("child.nope: the message has no such field (line 2, column 1)"),
            ),
            (
                r#"{"any":{"@type":"x/transcode.test.Shapes","nope":1}}"#,
                Err("any.nope: the message has no such field"),
            ),
            (
                r#"{"any":{"@type":"x/google.protobuf.Empty","nope":1}}"#,
                Err("any.nope: the message has no such field"),
            ),
        ],
    );
}

#[test]
fn nulls() {
    check_all(
        &Settings::default(),
        &[
            (
                r#"{"flag":null,"int64Value":null,"stringValue":null,"color":null,"child":null,"flags":null,"labels":null,"time":null,"int32Box":null,"markText":null,"any":null,"struct":null}"#,
                Ok("{}"),
            ),
            (r#"{"markText":null,"markNumber":"1"}"#, Ok(r#"{"markNumber":"1"}"#)),
            (r#"{"int32List":[1,null]}"#, Err("int32List[1]: expected a signed 32-bit integer, found null")),
            (r#"{"children":[null]}"#, Err("children[0]: expected an object, found null")),
            (r#"{"timeList":[null]}"#, Err("timeList[0]: ")),
            (r#"{"int32BoxList":[null]}"#, Err("int32BoxList[0]: ")),
            (r#"{"labels":{"a":null}}"#, Err(r#"labels["a"]: expected a string, found null"#)),
            (r#"{"value":null}"#, Ok("=")),
            (r#"{"markValue":null}"#, Ok("=")),
            (r#"{"markNull":null}"#, Ok("=")),
            (
                r#"{"valueList":[null,1],"nullList":[null,"NULL_VALUE"],"values":{"a":null}}"#,
                Ok(r#"{"values":{"a":null},"valueList":[null,1],"nullList":[null,null]}"#),
            ),
            (r#"{"valueList":null,"values":null,"nullList":null}"#, Ok("{}")),
        ],
    );
}

#[test]
fn integers() {
    check_all(
        &Settings::default(),
        &[
            (r#"{"int32Value":"12"}"#, Ok(r#"{"int32Value":12}"#)),
            (r#"{"int32Value":1e3}"#, Ok(r#"{"int32Value":1000}"#)),
            (r#"{"int32Value":"1E+3"}"#, Ok(r#"{"int32Value":1000}"#)),
            (r#"{"int32Value":1.0}"#, Ok(r#"{"int32Value":1}"#)),
            (r#"{"int32Value":"-1.0"}"#, Ok(r#"{"int32Value":-1}"#)),
            (r#"{"int32Value":0e99999999999}"#, Ok("{}")),
            (r#"{"int32Value":-2147483648,"uint32Value":4294967295}"#, Ok("=")),
            (r#"{"int64Value":-9223372036854775808}"#, Ok(r#"{"int64Value":"-9223372036854775808"}"#)),
            (r#"{"uint64Value":18446744073709551615}"#, Ok(r#"{"uint64Value":"18446744073709551615"}"#)),
            (r#"{"uint64Value":1.8446744073709551615e19}"#, Ok(r#"{"uint64Value":"18446744073709551615"}"#)),
            (r#"{"fixed64Value":"9007199254740993"}"#, Ok("=")),
            (
                r#"{"int32Value":2147483648}"#,
                Err("int32Value: expected a signed 32-bit integer, found number 2147483648"),
            ),
            (r#"{"int32Value":-2147483649}"#, Err("int32Value: ")),
            (r#"{"uint32Value":4294967296}"#, Err("uint32Value: ")),
            (r#"{"uint32Value":-1}"#, Err("expected an unsigned 32-bit integer, found number -1")),
            (r#"{"uint64Value":18446744073709551616}"#, Err("uint64Value: ")),
            (r#"{"int64Value":9223372036854775808}"#, Err("int64Value: ")),
            (r#"{"int64Value":1e400000000}"#, Err("int64Value: ")),
            (r#"{"int32Value":1.5}"#, Err("int32Value: ")),
            (r#"{"int32Value":1e-1}"#, Err("int32Value: ")),
            (r#"{"int32Value":" 1"}"#, Err(r#"found string " 1""#)),
            (r#"{"int32Value":"1 "}"#, Err("int32Value: ")),
            (r#"{"int32Value":""}"#, Err("int32Value: ")),
            (r#"{"int32Value":"+1"}"#, Err("int32Value: ")),
            (r#"{"int32Value":"01"}"#, Err("int32Value: ")),
            (r#"{"int32Value":"0x1"}"#, Err("int32Value: ")),
            (r#"{"int32Value":"NaN"}"#, Err("int32Value: ")),
            (r#"{"int32Value":true}"#, Err("found true")),
            (r#"{"int32Value":{}}"#, Err("found an object")),
            (r#"{"int32Value":+1}"#, Err("unexpected character")),
        ],
    );
}

#[test]
fn floats_bools_strings_bytes() {
    check_all(
        &Settings::default(),
        &[
            (r#"{"floatValue":0.1,"doubleValue":0.1}"#, Ok("=")),
            (r#"{"floatValue":"1.5","doubleValue":"-2e3"}"#, Ok(r#"{"floatValue":1.5,"doubleValue":-2000}"#)),
            (r#"{"floatValue":"NaN","doubleValue":"-Infinity"}"#, Ok("=")),
            (r#"{"floatValue":-0.0,"doubleValue":-0}"#, Ok(r#"{"floatValue":-0,"doubleValue":-0}"#)),
            (
                r#"{"doubleBox":-0.0,"doubleList":[-0.0],"bySint64":{"1":-0.0}}"#,
                Ok(r#"{"doubleList":[-0],"bySint64":{"1":-0},"doubleBox":-0}"#),
            ),
            (r#"{"doubleValue":100,"floatValue":100.0}"#, Ok(r#"{"floatValue":100,"doubleValue":100}"#)),
            (r#"{"floatValue":3.4028234663852886e38}"#, Ok(r#"{"floatValue":3.4028235e+38}"#)),
            (
                r#"{"floatValue":1e39}"#,
                Err("floatValue: expected a 32-bit floating point number, found number 1e39"),
            ),
            (r#"{"doubleValue":1e309}"#, Err("doubleValue: ")),
            (r#"{"doubleValue":"nan"}"#, Err("doubleValue: ")),
            (r#"{"doubleValue":"inf"}"#, Err("doubleValue: ")),
            (r#"{"doubleValue":NaN}"#, Err("doubleValue: ")),
            (r#"{"doubleValue":"1.5 "}"#, Err("doubleValue: ")),
            (r#"{"doubleValue":".5"}"#, Err("doubleValue: ")),
            (r#"{"doubleValue":true}"#, Err("doubleValue: ")),
            (r#"{"flag":"true"}"#, Err(r#"flag: expected true or false, found string "true""#)),
            (r#"{"flag":1}"#, Err("flag: ")),
            (r#"{"stringValue":"\u0000é\ud83d\ude00"}"#, Ok("{\"stringValue\":\"\\u0000é😀\"}")),
            (r#"{"stringValue":1}"#, Err("stringValue: expected a string, found number 1")),
            (r#"{"stringValue":"\ud800"}"#, Err("stringValue: invalid escape")),
            (r#"{"bytesValue":"AQI"}"#, Ok(r#"{"bytesValue":"AQI="}"#)),
            (r#"{"bytesValue":"-_8="}"#, Ok(r#"{"bytesValue":"+/8="}"#)),
            (r#"{"bytesValue":"AQ I="}"#, Err("bytesValue: expected base64 text, found string \"AQ I=\"")),
            (r#"{"bytesValue":"A"}"#, Err("bytesValue: ")),
        ],
    );
}

#[test]
fn enums() {
    let unknown = "expected one of COLOR_UNSPECIFIED, RED, CRIMSON, GREEN, NEGATIVE, found \"NOPE\"";
    check_all(
        &Settings::default(),
        &[
            (r#"{"color":"GREEN"}"#, Ok("=")),
            (r#"{"color":2}"#, Ok(r#"{"color":"GREEN"}"#)),
            (r#"{"color":2.0}"#, Ok(r#"{"color":"GREEN"}"#)),
            (r#"{"color":"CRIMSON"}"#, Ok(r#"{"color":"RED"}"#)),
            (r#"{"color":-1}"#, Ok(r#"{"color":"NEGATIVE"}"#)),
            (r#"{"color":77}"#, Ok("=")),
            (r#"{"color":"NOPE"}"#, Err(unknown)),
            (r#"{"colorList":["RED","NOPE"]}"#, Err("colorList[1]: expected one of")),
            (r#"{"color":"green"}"#, Err("color: ")),
            (r#"{"color":"2"}"#, Err("color: ")),
            (r#"{"color":2147483648}"#, Err("color: ")),
            (r#"{"color":1.5}"#, Err("color: ")),
            (r#"{"color":true}"#, Err("color: expected the name or number of an enum value, found true")),
        ],
    );
    check_all(
        &Settings { refuse_unknown_enums: false, ..Settings::default() },
        &[
            (r#"{"color":"NOPE"}"#, Ok("{}")),
            (r#"{"maybeColor":"NOPE"}"#, Ok("{}")),
            (r#"{"colorList":["RED","NOPE","GREEN"]}"#, Ok(r#"{"colorList":["RED","GREEN"]}"#)),
            (r#"{"colors":{"a":"NOPE","b":"RED"}}"#, Ok(r#"{"colors":{"b":"RED"}}"#)),
            (r#"{"markColor":"NOPE"}"#, Ok("{}")),
            (r#"{"markColor":"NOPE","markText":"a"}"#, Ok(r#"{"markText":"a"}"#)),
            (r#"{"markText":"a","markColor":"NOPE"}"#, Ok(r#"{"markText":"a"}"#)),
            (r#"{"markText":"a","markColor":"RED"}"#, Err("another field of oneof")),
            (r#"{"markColor":"NOPE","markColor":"RED"}"#, Err("duplicate field")),
            (r#"{"color":true}"#, Err("color: ")),
            (r#"{"color":2147483648}"#, Err("color: ")),
        ],
    );
    check_all(
        &Settings { case_insensitive_enums: true, ..Settings::default() },
        &[(r#"{"color":"green"}"#, Ok(r#"{"color":"GREEN"}"#)), (r#"{"color":"gren"}"#, Err("color: "))],
    );
}

#[test]
fn maps_and_oneofs() {
    check_all(
        &Settings::default(),
        &[
            (
                r#"{"byBool":{"true":"t","false":"f"},"byInt32":{"10":1,"9":2,"-1":3},"bySint64":{"5":1.5},"byUint32":{"4294967295":true},"byUint64":{"18446744073709551615":"AQ=="}}"#,
                Ok(
                    r#"{"byBool":{"false":"f","true":"t"},"byInt32":{"-1":3,"9":2,"10":1},"bySint64":{"5":1.5},"byUint32":{"4294967295":true},"byUint64":{"18446744073709551615":"AQ=="}}"#,
                ),
            ),
            (
                r#"{"labels":{"é":"1","z":"2","":"3","a":"4"}}"#,
                Ok(r#"{"labels":{"":"3","a":"4","z":"2","é":"1"}}"#),
            ),
            (
                r#"{"labels":{"a":"1","\u0061":"2"}}"#,
                Err(r#"labels["a"]: the map has this key twice (line 1, column 20)"#),
            ),
            (r#"{"byInt32":{"1":1,"1":2}}"#, Err(r#"byInt32["1"]: the map has this key twice"#)),
            (
                r#"{"byInt32":{"1.0":1}}"#,
                Err(r#"byInt32: expected a signed 32-bit integer as map key, found "1.0""#),
            ),
            (r#"{"byInt32":{"01":1}}"#, Err("byInt32: ")),
            (r#"{"byInt32":{"2147483648":1}}"#, Err("byInt32: ")),
            (r#"{"byInt32":{"":1}}"#, Err("byInt32: ")),
            (r#"{"byBool":{"TRUE":"x"}}"#, Err("byBool: expected true or false as map key")),
            (r#"{"byInt32":{1:1}}"#, Err("byInt32: expected a field name in double quotes")),
            (r#"{"labels":[]}"#, Err("labels: expected an object, found a list")),
            (r#"{"flags":{}}"#, Err("flags: expected a list, found an object")),
            (r#"{"flags":true}"#, Err("flags: expected a list, found true")),
            (r#"{"markText":""}"#, Ok("=")),
            (r#"{"markNumber":"0"}"#, Ok("=")),
            (r#"{"markChild":{}}"#, Ok("=")),
            (
                r#"{"markText":"a","markNumber":1}"#,
                Err(r#"markNumber: another field of oneof "mark" is set already"#),
            ),
            (r#"{"markText":"a","markNumber":null}"#, Ok(r#"{"markText":"a"}"#)),
            (
                r#"{"maybeInt32":0,"maybeString":"","maybeColor":0}"#,
                Ok(r#"{"maybeInt32":0,"maybeString":"","maybeColor":"COLOR_UNSPECIFIED"}"#),
            ),
        ],
    );
}

#[test]
fn well_known_types() {
    check_all(
        &Settings::default(),
        &[
            (r#"{"time":"2024-02-29T12:00:00+01:00"}"#, Ok(r#"{"time":"2024-02-29T11:00:00Z"}"#)),
            (r#"{"time":"2024-02-30T12:00:00Z"}"#, Err("time: expected an RFC 3339 timestamp")),
            (
                r#"{"time":{"seconds":1}}"#,
                Err("time: expected an RFC 3339 timestamp such as 2026-01-31T12:00:00Z, found an object"),
            ),
            (r#"{"time":1}"#, Err("time: ")),
            (r#"{"duration":"-1.5s"}"#, Ok(r#"{"duration":"-1.500s"}"#)),
            (r#"{"duration":"1h"}"#, Err("duration: ")),
            (r#"{"duration":"315576000001s"}"#, Err("duration: ")),
            (r#"{"mask":"fooBar,a.bC"}"#, Ok("=")),
            (r#"{"mask":""}"#, Ok("=")),
            (r#"{"mask":"foo_bar,a.b_c"}"#, Ok(r#"{"mask":"fooBar,a.bC"}"#)),
            (r#"{"mask":"*"}"#, Ok("=")),
            (r#"{"mask":"foo__bar"}"#, Err("mask: expected lowerCamel field paths")),
            (r#"{"mask":"a.*"}"#, Err("mask: ")),
            (r#"{"mask":"a,,b"}"#, Err("mask: ")),
            (r#"{"struct":{"a":1,"b":[true,null,"x",{"c":{}}]}}"#, Ok("=")),
            (r#"{"struct":{"a":1,"a":2}}"#, Err(r#"struct["a"]: the map has this key twice"#)),
            (r#"{"struct":[]}"#, Err("struct: expected an object, found a list")),
            (r#"{"value":1e999}"#, Err("value: ")),
            (r#"{"value":"NaN"}"#, Ok("=")),
            (r#"{"list":[1,[2,[]]]}"#, Ok("=")),
            (r#"{"list":{}}"#, Err("list: expected a list")),
            (r#"{"empty":{}}"#, Ok("=")),
            (r#"{"empty":{"x":1}}"#, Ok(r#"{"empty":{}}"#)),
            (r#"{"null":null}"#, Ok("{}")),
            (
                r#"{"doubleBox":"NaN","floatBox":1.5,"int64Box":"-1","uint64Box":"1","int32Box":0,"uint32Box":7,"boolBox":false,"stringBox":"","bytesBox":"AQ=="}"#,
                Ok("="),
            ),
            (r#"{"stringBox":{"value":"a"}}"#, Err("stringBox: expected a string, found an object")),
            (r#"{"uint32Box":-1}"#, Err("uint32Box: expected an unsigned 32-bit integer, found number -1")),
        ],
    );
}

#[test]
fn any_values() {
    check_all(
        &Settings::default(),
        &[
            (r#"{"any":{}}"#, Ok("=")),
            (
                r#"{"any":{"@type":"type.googleapis.com/transcode.test.Shapes","number":1,"text":"a"}}"#,
                Ok("="),
            ),
            (
                r#"{"any":{"number":1,"text":"a","@type":"x/transcode.test.Shapes"}}"#,
                Ok(r#"{"any":{"@type":"x/transcode.test.Shapes","number":1,"text":"a"}}"#),
            ),
            (r#"{"any":{"@type":"x/google.protobuf.Timestamp","value":"2024-01-01T00:00:00Z"}}"#, Ok("=")),
            (
                r#"{"any":{"value":"1.500s","@type":"x/google.protobuf.Duration"}}"#,
                Ok(r#"{"any":{"@type":"x/google.protobuf.Duration","value":"1.500s"}}"#),
            ),
            (r#"{"any":{"@type":"x/google.protobuf.Int64Value","value":"5"}}"#, Ok("=")),
            (r#"{"any":{"@type":"x/google.protobuf.Value","value":null}}"#, Ok("=")),
            (r#"{"any":{"@type":"x/google.protobuf.Empty","value":{}}}"#, Ok("=")),
            (
                r#"{"any":{"@type":"x/google.protobuf.Empty"}}"#,
                Ok(r#"{"any":{"@type":"x/google.protobuf.Empty","value":{}}}"#),
            ),
            (
                r#"{"any":{"@type":"x/google.protobuf.Any","value":{"left":"a","child":{},"@type":"y/transcode.test.Shapes"}}}"#,
                Ok(
                    r#"{"any":{"@type":"x/google.protobuf.Any","value":{"@type":"y/transcode.test.Shapes","child":{},"left":"a"}}}"#,
                ),
            ),
            (
                r#"{"anyList":[{"any":{"@type":"a/transcode.test.Shapes"},"@type":"b/transcode.test.Kinds"},{"@type":"c/transcode.test.Shapes","number":2}]}"#,
                Ok(
                    r#"{"anyList":[{"@type":"b/transcode.test.Kinds","any":{"@type":"a/transcode.test.Shapes"}},{"@type":"c/transcode.test.Shapes","number":2}]}"#,
                ),
            ),
            (
                r#"{"any":{"number":1}}"#,
                Err("any: expected an \"@type\" in this object, found none (line 1, column 8)"),
            ),
            (r#"{"any":{"@type":"x/no.Such","a":1}}"#, Err("any: unknown message type \"x/no.Such\"")),
            (r#"{"any":{"@type":""}}"#, Err("any: unknown message type")),
            (r#"{"any":{"@type":1}}"#, Err("any: expected an \"@type\"")),
            (
                r#"{"any":{"@type":"x/transcode.test.Shapes","@type":"x/transcode.test.Shapes"}}"#,
                Err("any: duplicate \"@type\""),
            ),
            (r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#, Err("any: expected a \"value\"")),
            (
                r#"{"any":{"@type":"x/google.protobuf.Duration","value":"1s","value":"1s"}}"#,
                Err("any: duplicate \"value\""),
            ),
            (
                r#"{"any":{"@type":"x/google.protobuf.Duration","value":1}}"#,
                Err("any.value: expected a duration"),
            ),
            (
                r#"{"any":{"@type":"x/transcode.test.Shapes","number":"a"}}"#,
                Err("any.number: expected a signed 32-bit integer"),
            ),
            (r#"{"any":[]}"#, Err("any: expected an object with an \"@type\", found a list")),
        ],
    );
}

#[test]
fn proto2() {
    let echo = Echo::new(&legacy(), Settings::default()).body("*");
    let cases = [
        (
            r#"{"number":0,"name":"","mood":"CALM","weight":0}"#,
            Ok(r#"{"number":0,"name":"","mood":"CALM","weight":0}"#),
        ),
        (
            r#"{"inner":{"text":"a","back":{"number":7}}}"#,
            Ok(r#"{"inner":{"text":"a","back":{"number":7}}}"#),
        ),
        (r#"{"row":[{"cell":1.5},{}]}"#, Ok(r#"{"row":[{"cell":1.5},{}]}"#)),
        (
            r#"{"[transcode.legacy.extras]":["a"],"[transcode.legacy.extra]":0,"number":1,"[transcode.legacy.Scope.scoped]":"CALM"}"#,
            Ok(
                r#"{"number":1,"[transcode.legacy.extra]":0,"[transcode.legacy.extras]":["a"],"[transcode.legacy.Scope.scoped]":"CALM"}"#,
            ),
        ),
        (r#"{"[transcode.legacy.extra]":1,"[transcode.legacy.extra]":1}"#, Err("duplicate field")),
        (
            r#"{"[transcode.legacy.extra]":"x"}"#,
            Err("[transcode.legacy.extra]: expected a signed 32-bit integer"),
        ),
        (r#"{"[no.such]":1,"extra":2}"#, Ok("{}")),
        (r#"{"mood":5,"moods":[3]}"#, Ok(r#"{"mood":"WILD","moods":["CALM"]}"#)),
        (r#"{"mood":4}"#, Err("mood: expected one of CALM, WILD, found 4")),
        (r#"{"byMood":{"a":"NOPE"}}"#, Err(r#"byMood["a"]: expected one of CALM, WILD, found "NOPE""#)),
    ];
    for (body, expected) in cases {
        check(&echo, None, body, &expected);
    }
}

#[test]
fn body_fields() {
    let cases = [
        ("child", r#"{"flag":true}"#, Ok(r#"{"child":{"flag":true}}"#)),
        ("child", "", Ok(r#"{"child":{}}"#)),
        ("child", " ", Ok(r#"{"child":{}}"#)),
        ("child", "null", Err("request body: expected an object, found null")),
        ("child", r#"{"flag":"x"}"#, Err("flag: expected true or false")),
        ("child.child", r#"{"flag":true}"#, Ok(r#"{"child":{"child":{"flag":true}}}"#)),
        ("child.string_value", "\"a\"", Ok(r#"{"child":{"stringValue":"a"}}"#)),
        ("string_value", "\"hello\"", Ok(r#"{"stringValue":"hello"}"#)),
        ("string_value", "", Ok("{}")),
        ("string_value", "null", Err("request body: expected a string, found null")),
        ("string_value", "hello", Err("request body: expected a value")),
        ("int64_value", "\"12\"", Ok(r#"{"int64Value":"12"}"#)),
        ("int64_value", "12", Ok(r#"{"int64Value":"12"}"#)),
        ("color", "\"RED\"", Ok(r#"{"color":"RED"}"#)),
        ("color", "2", Ok(r#"{"color":"GREEN"}"#)),
        ("flags", "[true,false]", Ok(r#"{"flags":[true,false]}"#)),
        ("flags", "", Ok("{}")),
        ("flags", "null", Err("expected a list, found null")),
        ("flags", "[true,1]", Err("[1]: expected true or false")),
        ("labels", r#"{"a":"b"}"#, Ok(r#"{"labels":{"a":"b"}}"#)),
        ("labels", r#"{"a":1}"#, Err(r#"["a"]: expected a string, found number 1"#)),
        ("mark_text", "\"\"", Ok(r#"{"markText":""}"#)),
        ("mark_child", "{}", Ok(r#"{"markChild":{}}"#)),
        ("time", "\"2024-01-01T00:00:00Z\"", Ok(r#"{"time":"2024-01-01T00:00:00Z"}"#)),
        ("value", "null", Ok(r#"{"value":null}"#)),
        ("children", "[{},{}]", Ok(r#"{"children":[{},{}]}"#)),
        ("children", "[{}] x", Err("expected the end of the JSON text")),
    ];
    for (field, body, expected) in cases {
        check(&Echo::new(&kinds(), Settings::default()).body(field), None, body, &expected);
    }
    let none = Echo::new(&kinds(), Settings::default());
    check(&none, None, "not read at all", &Ok("{}"));
    assert!(!none.plan().reads_body());
    assert!(none.body("child").plan().reads_body());
}

#[test]
fn depth_is_limited() {
    let echo = Echo::new(&kinds(), Settings::default()).body("*");
    let nested = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    let deep = [
        nested("{\"child\":", "{}", "}", 10_000),
        nested("{\"child\":", "{}", "}", 100),
        format!("{{\"nope\":{}}}", nested("[", "", "]", 10_000)),
        format!("{{\"value\":{}}}", nested("[", "", "]", 10_000)),
        format!("{{\"struct\":{}}}", nested("{\"a\":", "1", "}", 10_000)),
        format!(
            "{{\"any\":{}}}",
            nested("{\"@type\":\"x/google.protobuf.Any\",\"value\":", "{}", "}", 10_000)
        ),
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
    ];
    for body in deep {
        let message = echo.call(None, &body).expect_err("too deep");
        assert!(
            message.contains("nested deeper than 100 ") || message.contains("expected an object"),
            "{message}"
        );
        assert!(message.len() < 20_000, "a message of {} bytes", message.len());
    }
    echo.wire(None, &nested("{\"child\":", "{}", "}", 99)).expect("99 in one more is 100");
}

/// The deepest that any setting allows must fit the stack of a runtime's thread, even unoptimised.
#[test]
fn the_deepest_setting_fits_a_thread() {
    let shapes = [
        ("{", "\"child\":{", "", "}", "}"),
        ("{\"child\":{", "\"kinds\":{\"a\":{", "", "}}", "}}"),
        ("{\"any\":{", "\"@type\":\"x/google.protobuf.Any\",\"value\":{", "", "}", "}}"),
        ("{\"any\":{", "\"@type\":\"x/transcode.test.Kinds\",\"any\":{", "", "}", "}}"),
        ("{\"value\":[", "[", "", "]", "]}"),
        ("{\"value\":{", "\"a\":{", "", "}", "}}"),
    ];
    let run = move || {
        let settings = Settings { max_depth: usize::MAX, ..Settings::default() };
        let echo = Echo::new(&kinds(), settings).body("*");
        for (start, open, middle, close, end) in shapes {
            let brackets = |text: &str| text.matches(['{', '[']).count();
            // A level of a `Value` is two messages.
            let messages = if start.contains("value") { 2 } else { brackets(open) };
            let levels = (crate::transcode::DEEPEST - 1 - brackets(start)) / messages;
            let body =
                |levels| format!("{start}{}{middle}{}{end}", open.repeat(levels), close.repeat(levels));
            let mut wire = Vec::new();
            echo.plan().write_request(&[], None, body(levels).as_bytes(), &mut wire).expect("deep enough");
            // An answer may be refused, but not with a crash.
            let _ = echo.plan().write_response(&wire, &mut Vec::new());
            echo.wire(None, &body(100_000)).expect_err("too deep");
        }
    };
    let thread = std::thread::Builder::new().stack_size(7 << 18).spawn(run).expect("a thread");
    thread.join().expect("no overflow");
}

/// Reading an `Any` looks ahead for its type; many of them in one another must not make that quadratic.
#[test]
fn nested_any_is_linear() {
    let echo = Echo::new(&kinds(), Settings::default()).body("*");
    let padding = "0,".repeat(300_000);
    let mut body = format!("{{\"nope\":[{padding}0],\"@type\":\"x/transcode.test.Kinds\"}}");
    for _ in 0..90 {
        body = format!("{{\"any\":{body},\"@type\":\"x/transcode.test.Kinds\"}}");
    }
    let started = std::time::Instant::now();
    echo.wire(None, &format!("{{\"any\":{body}}}")).expect("well-formed");
    // A look per level would take ninety times as long.
    assert!(started.elapsed() < std::time::Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn a_dropped_value_keeps_its_key() {
    let lax = Settings { refuse_unknown_enums: false, ..Settings::default() };
    let echo = Echo::new(&kinds(), lax).body("*");
    for body in [r#"{"colors":{"a":"RED","a":"NOPE"}}"#, r#"{"colors":{"a":"NOPE","a":"RED"}}"#] {
        check(&echo, None, body, &Err("the map has this key twice"));
    }
    check(&echo, None, r#"{"colors":{"a":"RED","b":"NOPE"}}"#, &Ok(r#"{"colors":{"a":"RED"}}"#));
}
