//! Path variables and query parameters, rule by rule.

use super::*;

/// Checks queries of `Kinds` without body and variables.
#[track_caller]
fn check_all(settings: &Settings, cases: &[(&str, Result<&str, &str>)]) {
    let echo = Echo::new(&kinds(), settings.clone());
    for (query, expected) in cases {
        check(&echo, Some(query), "", expected);
    }
}

#[test]
fn the_query_syntax() {
    check_all(
        &Settings::default(),
        &[
            ("", Ok("{}")),
            ("&&", Ok("{}")),
            ("string_value=a+b%20c%2Bd", Ok(r#"{"stringValue":"a b c+d"}"#)),
            ("string_value=a=b", Ok(r#"{"stringValue":"a=b"}"#)),
            ("string%5Fvalue=%C3%A9", Ok(r#"{"stringValue":"é"}"#)),
            ("string_value=%252F", Ok(r#"{"stringValue":"%2F"}"#)),
            ("maybe_string", Ok(r#"{"maybeString":""}"#)),
            ("maybe_string=", Ok(r#"{"maybeString":""}"#)),
            ("=x&string_value=y", Ok(r#"{"stringValue":"y"}"#)),
            ("string_value=%zz", Err(r#"query: bad percent escape "%zz""#)),
            ("string_value=%4", Err(r#"bad percent escape "%4""#)),
            ("nope=%", Err(r#"bad percent escape "%""#)),
            ("string_value=%ff", Err(r#"query: "%ff" is not valid UTF-8 once decoded"#)),
            ("%ff=1", Err("is not valid UTF-8")),
            ("string_value=a;b", Err("query: `;` does not separate parameters")),
            ("string_value=a%3Bb", Ok(r#"{"stringValue":"a;b"}"#)),
        ],
    );
}

#[test]
fn query_keys() {
    check_all(
        &Settings::default(),
        &[
            ("int32_value=1", Ok(r#"{"int32Value":1}"#)),
            ("int32Value=1", Ok(r#"{"int32Value":1}"#)),
            ("otherName=a", Ok(r#"{"otherName":"a"}"#)),
            ("renamed=a", Ok(r#"{"otherName":"a"}"#)),
            ("Int32_value=1", Ok("{}")),
            ("nope=1&child.nope=2&nope.nope=3", Ok("{}")),
            ("child.child.flag=true", Ok(r#"{"child":{"child":{"flag":true}}}"#)),
            ("child.flag=true&child.int32Value=4", Ok(r#"{"child":{"flag":true,"int32Value":4}}"#)),
            ("child.=1&.flag=true&child..flag=true", Ok("{}")),
            ("children.flag=true", Err(r#"query parameter "children.flag": "children" is not a message"#)),
            ("flag.x=1", Err(r#""flag" is not a message"#)),
            ("kinds.x=1", Err(r#""kinds" is not a message"#)),
            ("child=1", Err(r#"query parameter "child": a message cannot be given as text"#)),
            ("empty=", Err("a message cannot be given as text")),
            ("any={}", Err("a message cannot be given as text")),
            ("children={}", Err("a message cannot be given as text")),
            (
                "int32_value=12&int32_value=13",
                Err(r#"query parameter "int32_value": too many values: "12", "13""#),
            ),
            ("int32Value=12&int32_value=13", Err(r#"too many values: "12", "13""#)),
            ("child.flag=1&child.flag=1", Err("too many values")),
            ("int32_value[0]=1", Err(r#""int32_value" is neither a list nor a map"#)),
        ],
    );
    let strict = Settings {
        refuse_unknown_query: true,
        ignored_query: vec!["key".to_owned(), "$.x".to_owned()],
        ..Settings::default()
    };
    check_all(
        &strict,
        &[
            ("key=1&%24.x=2&flag=1", Ok(r#"{"flag":true}"#)),
            ("nope=1", Err(r#"query parameter "nope": the request has no such field"#)),
            ("child.nope=1", Err("child.nope")),
        ],
    );
    let ignoring = Settings { ignored_query: vec!["flag".to_owned()], ..Settings::default() };
    check_all(&ignoring, &[("flag=nonsense&int32_value=1", Ok(r#"{"int32Value":1}"#))]);
}

/// A query names fields as the proto file does; a body, as JSON does. The other spelling is for what is left.
#[test]
fn proto_names_go_first_in_a_query_and_json_names_in_a_body() {
    let crossed = desc("transcode.test.Crossed");
    let query = Echo::new(&crossed, Settings::default());
    for (asked, expected) in [
        ("one=a", r#"{"other":"a"}"#),
        ("other=a", r#"{"third":"a"}"#),
        ("third.other=a", r#"{"one":{"third":"a"}}"#),
        ("third.third.one=a", r#"{"one":{"one":{"other":"a"}}}"#),
    ] {
        check(&query, Some(asked), "", &Ok(expected));
    }
    check(&query, Some("third=a"), "", &Err("a message cannot be given as text"));
    // However answers spell them.
    for proto_names in [false, true] {
        let body = Echo::new(&crossed, Settings { proto_names, ..Settings::default() }).body("*");
        for json in [r#"{"other":"a","third":"b"}"#, r#"{"one":{"third":"b"}}"#] {
            check(&body, None, json, &Ok(json));
        }
    }
}

#[test]
fn query_scalars() {
    check_all(
        &Settings::default(),
        &[
            (
                "int32_value=x",
                Err(r#"query parameter "int32_value": expected a signed 32-bit integer, found "x""#),
            ),
            ("int32_value=", Err("expected a signed 32-bit integer, found \"\"")),
            (
                "int32_value=-2147483648&uint32_value=4294967295",
                Ok(r#"{"int32Value":-2147483648,"uint32Value":4294967295}"#),
            ),
            ("int32_value=%2B5&int64_value=010", Ok(r#"{"int32Value":5,"int64Value":"10"}"#)),
            ("int32_value=2147483648", Err("int32_value")),
            ("int32_value=0x10", Err("int32_value")),
            ("int32_value=1_000", Err("int32_value")),
            ("int32_value=1e3", Err("int32_value")),
            ("int32_value=1.0", Err("int32_value")),
            ("int32_value=+5", Err("int32_value")),
            ("int32_value=-", Err("int32_value")),
            ("uint32_value=%2B5", Err("uint32_value")),
            ("uint32_value=-1", Err("uint32_value")),
            ("uint64_value=18446744073709551615", Ok(r#"{"uint64Value":"18446744073709551615"}"#)),
            ("uint64_value=18446744073709551616", Err("uint64_value")),
            ("uint64_value=99999999999999999999999999999999999999999999999999", Err("uint64_value")),
            ("sint64_value=-9223372036854775808", Ok(r#"{"sint64Value":"-9223372036854775808"}"#)),
            ("flag=1", Ok(r#"{"flag":true}"#)),
            ("maybe_int32=0&flag=TRUE", Ok(r#"{"flag":true,"maybeInt32":0}"#)),
            ("flag=f", Ok("{}")),
            ("flag=yes", Err("expected true or false, found \"yes\"")),
            ("flag=", Err("flag")),
            ("double_value=1.5e3&float_value=0.1", Ok(r#"{"floatValue":0.1,"doubleValue":1500}"#)),
            (
                "double_value=NaN&float_value=-Infinity",
                Ok(r#"{"floatValue":"-Infinity","doubleValue":"NaN"}"#),
            ),
            ("double_value=1e400", Err("double_value")),
            ("float_value=1e39", Err("float_value")),
            ("double_value=0x1p-2", Err("double_value")),
            ("double_value=1_000", Err("double_value")),
            ("double_value=", Err("double_value")),
            ("bytes_value=-_8", Ok(r#"{"bytesValue":"+/8="}"#)),
            ("bytes_value=AQI%3D", Ok(r#"{"bytesValue":"AQI="}"#)),
            ("bytes_value=A", Err("expected base64 text")),
            ("color=GREEN", Ok(r#"{"color":"GREEN"}"#)),
            ("color=2", Ok(r#"{"color":"GREEN"}"#)),
            ("color=-1", Ok(r#"{"color":"NEGATIVE"}"#)),
            ("color=7", Err("expected one of COLOR_UNSPECIFIED, RED")),
            ("color=green", Err("color")),
            ("color=", Err("color")),
        ],
    );
    let any_case = Settings { case_insensitive_enums: true, ..Settings::default() };
    check_all(&any_case, &[("color=green", Ok(r#"{"color":"GREEN"}"#))]);
    let lenient = Settings { refuse_unknown_enums: false, ..Settings::default() };
    check_all(&lenient, &[("color=NOPE", Err("expected one of"))]);
}

#[test]
fn query_lists_and_maps() {
    check_all(
        &Settings::default(),
        &[
            ("string_list=a&string_list=b,c&stringList=d", Ok(r#"{"stringList":["a","b,c","d"]}"#)),
            ("string_list[]=a&string_list[7]=b&string_list[0]=c", Ok(r#"{"stringList":["a","b","c"]}"#)),
            ("string_list%5B%5D=a", Ok(r#"{"stringList":["a"]}"#)),
            ("string_list[x]=a", Err("expected a list index in the brackets, found \"x\"")),
            ("int32_list=1&int32_list=x", Err("int32_list")),
            ("color_list=RED&color_list=2", Ok(r#"{"colorList":["RED","GREEN"]}"#)),
            (
                "time_list=2024-01-01T00:00:00Z&duration_list=1h",
                Ok(r#"{"timeList":["2024-01-01T00:00:00Z"],"durationList":["3600s"]}"#),
            ),
            ("int32_box_list=1&int32_box_list=1", Ok(r#"{"int32BoxList":[1,1]}"#)),
            ("labels[b]=2&labels[a]=1", Ok(r#"{"labels":{"a":"1","b":"2"}}"#)),
            ("labels[a.b]=1&labels[]=2", Ok(r#"{"labels":{"":"2","a.b":"1"}}"#)),
            ("child.child.labels[a]=1", Ok(r#"{"child":{"child":{"labels":{"a":"1"}}}}"#)),
            (
                "by_bool[T]=x&by_int32[-1]=2&colors[a]=RED&times[t]=2024-01-01T00:00:00Z",
                Ok(
                    r#"{"byBool":{"true":"x"},"byInt32":{"-1":2},"colors":{"a":"RED"},"times":{"t":"2024-01-01T00:00:00Z"}}"#,
                ),
            ),
            ("labels[a]=1&labels[a]=2", Err(r#"query parameter "labels[a]": the map has this key twice"#)),
            ("by_int32[x]=1", Err("expected a signed 32-bit integer, found \"x\"")),
            ("by_int32[1]=x", Err("by_int32[1]")),
            ("labels=1", Err(r#""labels" is a map: write labels[key]=value"#)),
            ("kinds[a].flag=1&labels[a[b]]=1", Ok("{}")),
            ("kinds[a]=1", Err("a message cannot be given as text")),
        ],
    );
}

#[test]
fn query_oneofs() {
    check_all(
        &Settings::default(),
        &[
            ("mark_text=", Ok(r#"{"markText":""}"#)),
            (
                "mark_text=a&mark_number=1",
                Err(r#"query parameter "mark_number": another field of oneof "mark" is set already"#),
            ),
            (
                "mark_child.flag=1&mark_child.int32_value=2",
                Ok(r#"{"markChild":{"flag":true,"int32Value":2}}"#),
            ),
            ("mark_text=a&mark_child.flag=1", Err("another field of oneof")),
            ("mark_child.mark_text=a&mark_child.mark_number=1", Err("another field of oneof")),
            ("mark_text=a&mark_text=a", Err("too many values")),
        ],
    );
}

#[test]
fn query_well_known_types() {
    check_all(
        &Settings::default(),
        &[
            ("time=2024-01-01T00:00:00.5%2B01:00", Ok(r#"{"time":"2023-12-31T23:00:00.500Z"}"#)),
            ("time=%222024-01-01T00:00:00Z%22", Err("expected an RFC 3339 timestamp")),
            ("time=null", Err("time")),
            ("time=0000-01-01T00:00:00Z", Err("time")),
            ("time.seconds=5", Ok(r#"{"time":"1970-01-01T00:00:05Z"}"#)),
            ("duration=1h30m", Ok(r#"{"duration":"5400s"}"#)),
            ("duration=3s", Ok(r#"{"duration":"3s"}"#)),
            ("duration=3", Err("expected a duration such as 1.5s or 1h30m, found \"3\"")),
            (
                "mask=display_name,structField.innerName,,a",
                Ok(r#"{"mask":"displayName,structField.innerName,a"}"#),
            ),
            ("mask=", Ok(r#"{"mask":""}"#)),
            (
                "int32_box=0&bool_box=t&string_box=&bytes_box=AQ&double_box=NaN&uint64_box=7",
                Ok(
                    r#"{"doubleBox":"NaN","uint64Box":"7","int32Box":0,"boolBox":true,"stringBox":"","bytesBox":"AQ=="}"#,
                ),
            ),
            ("int32_box=x", Err("expected a signed 32-bit integer, found \"x\"")),
            (
                r#"struct={"a":[1,null]}&value="x"&list=[1]"#,
                Ok(r#"{"struct":{"a":[1,null]},"value":"x","list":[1]}"#),
            ),
            ("value=null", Ok(r#"{"value":null}"#)),
            ("value=x", Err(r#"query parameter "value": expected JSON text"#)),
            ("struct=[]", Err("struct")),
            ("struct={}x", Err("struct")),
        ],
    );
}

#[test]
fn path_variables() {
    let cases = [
        ("string_value", "a/b ,;+", Ok(r#"{"stringValue":"a/b ,;+"}"#)),
        ("child.int32_value", "-7", Ok(r#"{"child":{"int32Value":-7}}"#)),
        ("int32_value", "+5", Ok(r#"{"int32Value":5}"#)),
        ("int32_value", "0", Ok("{}")),
        (
            "int32_value",
            "x",
            Err(r#"path variable "int32_value": expected a signed 32-bit integer, found "x""#),
        ),
        ("child.int32_value", "", Err(r#"path variable "child.int32_value": "#)),
        ("int32_value", "010", Err("int32_value")),
        ("int32_value", "0x10", Err("int32_value")),
        ("int32_value", "1_000", Err("int32_value")),
        ("int32_value", "0b11", Err("int32_value")),
        ("int32_value", "0o17", Err("int32_value")),
        ("flag", "TRUE", Ok(r#"{"flag":true}"#)),
        ("flag", "yes", Err("flag")),
        ("color", "GREEN", Ok(r#"{"color":"GREEN"}"#)),
        ("color", "2", Ok(r#"{"color":"GREEN"}"#)),
        ("color", "7", Err("color")),
        ("color", "true", Err("color")),
        ("bytes_value", "-_8", Ok(r#"{"bytesValue":"+/8="}"#)),
        ("int32_list", "1,2,3", Ok(r#"{"int32List":[1,2,3]}"#)),
        ("int32_list", "1,,3", Err("int32_list")),
        ("string_list", "a,b", Ok(r#"{"stringList":["a","b"]}"#)),
        ("time", "2024-01-01T00:00:00Z", Ok(r#"{"time":"2024-01-01T00:00:00Z"}"#)),
        ("time", "\"2024-01-01T00:00:00Z\"", Ok(r#"{"time":"2024-01-01T00:00:00Z"}"#)),
        ("duration", "3s", Ok(r#"{"duration":"3s"}"#)),
        ("int64_box", "5", Ok(r#"{"int64Box":"5"}"#)),
        ("mark_text", "", Ok(r#"{"markText":""}"#)),
        ("maybe_int32", "0", Ok(r#"{"maybeInt32":0}"#)),
        ("double_value", "1e400", Err("double_value")),
    ];
    for (field, text, expected) in cases {
        let echo = Echo::new(&kinds(), Settings::default()).variable(field, text);
        check(&echo, None, "", &expected);
    }
}

#[test]
fn the_path_wins() {
    let path = || Echo::new(&kinds(), Settings::default()).variable("string_value", "path");
    let wins = Ok(r#"{"stringValue":"path"}"#);
    for body in
        [r#"{"stringValue":"evil"}"#, r#"{"string_value":"evil"}"#, r#"{"stringValue":null}"#, "{}", ""]
    {
        check(&path().body("*"), None, body, &wins);
        check(&path().body("*"), Some("string_value=evil"), body, &wins);
    }
    for query in
        ["string_value=evil", "stringValue=evil", "string_value=1&stringValue=2", "string%5Fvalue=evil"]
    {
        check(&path(), Some(query), "", &wins);
    }
    let nested = || Echo::new(&kinds(), Settings::default()).variable("child.string_value", "path");
    let nested_wins = Ok(r#"{"child":{"flag":true,"stringValue":"path"}}"#);
    check(&nested().body("child"), None, r#"{"flag":true,"stringValue":"evil"}"#, &nested_wins);
    check(&nested(), Some("child.flag=1&child.stringValue=evil"), "", &nested_wins);
    let boxed = Echo::new(&kinds(), Settings::default()).variable("string_box.value", "path");
    check(&boxed, Some("string_box=evil&stringBox.value=evil"), "", &Ok(r#"{"stringBox":"path"}"#));
    let list = Echo::new(&kinds(), Settings::default()).variable("int32_list", "1,2").body("*");
    check(&list, None, r#"{"int32List":[7,8,9]}"#, &Ok(r#"{"int32List":[1,2]}"#));
}

#[test]
fn a_path_conflict_can_be_refused() {
    let settings = Settings { refuse_path_conflicts: true, ..Settings::default() };
    let path = || Echo::new(&kinds(), settings.clone()).variable("string_value", "path");
    let agrees = Ok(r#"{"stringValue":"path"}"#);
    let cases = [
        ("", r#"{"stringValue":"path"}"#, agrees),
        ("", "{}", agrees),
        (
            "",
            r#"{"string_value":"evil"}"#,
            Err(r#"path variable "string_value": the body has another value for it"#),
        ),
    ];
    for (query, body, expected) in cases {
        check(&path().body("*"), Some(query), body, &expected);
    }
    check(&path(), Some("string_value=path&stringValue=path"), "", &agrees);
    let complaint = Err(r#"query parameter "stringValue": the path has another value for "string_value""#);
    check(&path(), Some("stringValue=evil"), "", &complaint);
    let nested = Echo::new(&kinds(), settings.clone()).variable("child.string_value", "path").body("child");
    check(&nested, Some("child.flag=1"), "", &Ok(r#"{"child":{"stringValue":"path"}}"#));
    check(&nested, Some("child.stringValue=evil"), "", &Err("the path has another value"));
    let zero = Echo::new(&kinds(), settings.clone()).variable("int32_value", "0");
    check(&zero, Some("int32_value=0"), "", &Ok("{}"));
    check(&zero, Some("int32_value=1"), "", &Err("the path has another value"));
}

#[test]
fn path_and_body_share_oneofs() {
    let path = |field, text| Echo::new(&kinds(), Settings::default()).variable(field, text);
    let conflict = Err(r#"another field of oneof "mark" is set already"#);
    check(&path("mark_text", "a").body("*"), None, r#"{"markNumber":1}"#, &conflict);
    check(&path("mark_text", "a").body("*"), None, r#"{"markText":"b"}"#, &Ok(r#"{"markText":"a"}"#));
    check(&path("mark_child.int32_value", "1").body("*"), None, r#"{"markText":"b"}"#, &conflict);
    check(
        &path("mark_child.int32_value", "1").body("*"),
        None,
        r#"{"markChild":{"flag":true}}"#,
        &Ok(r#"{"markChild":{"flag":true,"int32Value":1}}"#),
    );
    check(&path("mark_text", "a"), Some("mark_number=1"), "", &conflict);
    check(&path("mark_text", "a").variable("mark_number", "1"), None, "", &conflict);
    check(&Echo::new(&kinds(), Settings::default()).body("mark_child"), Some("mark_text=a"), "", &conflict);
}

/// An enum name that is dropped from the body has set nothing: what path and query say of its oneof stands.
#[test]
fn a_dropped_enum_name_sets_no_oneof() {
    let lenient = Settings { refuse_unknown_enums: false, ..Settings::default() };
    let echo = || Echo::new(&kinds(), lenient.clone());
    let text = Ok(r#"{"markText":"a"}"#);
    let conflict = Err(r#"another field of oneof "mark" is set already"#);
    let whole = || echo().variable("mark_text", "a").body("*");
    check(&whole(), None, r#"{"markColor":"NOPE"}"#, &text);
    check(&whole(), None, r#"{"markColor":"RED"}"#, &conflict);
    check(&whole(), None, r#"{"markColor":"NOPE","markNumber":1}"#, &conflict);
    let field = || echo().body("mark_color");
    check(&field(), Some("mark_text=a"), r#""NOPE""#, &text);
    check(&field(), Some("mark_text=a"), r#""RED""#, &conflict);
    check(&field().variable("mark_text", "a"), None, r#""NOPE""#, &text);
    let own = echo().variable("mark_color", "RED");
    check(&own.body("*"), None, r#"{"markColor":"NOPE"}"#, &Ok(r#"{"markColor":"RED"}"#));
}

#[test]
fn body_and_query() {
    let sub = || Echo::new(&kinds(), Settings::default()).body("child");
    check(
        &sub(),
        Some("child.int32_value=5&int32_value=6"),
        r#"{"flag":true}"#,
        &Ok(r#"{"int32Value":6,"child":{"flag":true}}"#),
    );
    check(&sub(), Some("child=nonsense"), "{}", &Ok(r#"{"child":{}}"#));
    let whole = || Echo::new(&kinds(), Settings::default()).body("*");
    check(&whole(), Some("int32_value=nonsense&%zz;"), "{}", &Ok("{}"));
    let strict =
        Settings { refuse_unknown_query: true, ignored_query: vec!["key".to_owned()], ..Settings::default() };
    let whole = || Echo::new(&kinds(), strict.clone()).body("*");
    check(&whole(), Some("key=1"), "{}", &Ok("{}"));
    check(
        &whole(),
        Some("int32_value=1"),
        "{}",
        &Err(r#"query parameter "int32_value": the body is the whole request"#),
    );
}

/// A mebibyte of pairs of every sort is answered, and no message repeats it.
#[test]
fn a_mebibyte_of_pairs_is_bounded() {
    let fill = |pair: &str| pair.repeat((1 << 20) / pair.len());
    let deep = format!("{}flag=1", "child.".repeat((1 << 20) / 6));
    let distinct: Vec<_> = (0..60_000).map(|key| format!("labels[{key}]=1")).collect();
    let cases = [
        (fill("int32_list=1&"), true),
        (fill("string_list[0]=&"), true),
        (fill("nope=1&"), true),
        (fill("mark_child.int32_list=1&"), true),
        (fill("child.child.child.child.children=1&"), false),
        (fill("int32_value=1&"), false),
        (fill("&"), true),
        (fill("%41"), true),
        (format!("string_value={}", fill("a")), true),
        (format!("int32_value={}", fill("a")), false),
        (format!("{}=1", fill("a")), true),
        (format!("{}=1", fill("[")), true),
        (format!("{}=1", fill(".")), true),
        (deep, false),
        (distinct.join("&"), true),
    ];
    for (query, sound) in cases {
        let outcome = Echo::new(&kinds(), Settings::default()).wire(Some(&query), "");
        let shown = query.get(..40).unwrap_or_default();
        match outcome {
            Ok(_) => assert!(sound, "{shown}"),
            Err(status) => {
                assert!(!sound, "{shown}: {}", status.message);
                assert!(status.message.len() < 1000, "{shown}: a message of {} bytes", status.message.len());
            }
        }
    }
}

/// What the path says of a field that the body is, or of a part of a well-known type, stands alone.
#[test]
fn the_path_wins_over_the_whole_body_and_inside_well_known_types() {
    let cases = [
        ("string_value", "string_value", "path", "\"body\"", r#"{"stringValue":"path"}"#),
        ("string_value", "string_value", "path", "", r#"{"stringValue":"path"}"#),
        ("string_list", "string_list", "p", r#"["a","b"]"#, r#"{"stringList":["p"]}"#),
        ("int32_box", "int32_box.value", "5", "7", r#"{"int32Box":5}"#),
        ("int32_box", "int32_box.value", "0", "7", r#"{"int32Box":0}"#),
        ("*", "int32_box.value", "0", r#"{"int32Box":7}"#, r#"{"int32Box":0}"#),
        (
            "*",
            "time.seconds",
            "0",
            r#"{"time":"2024-01-01T00:00:00.5Z"}"#,
            r#"{"time":"1970-01-01T00:00:00Z"}"#,
        ),
        ("*", "mask.paths", "x", r#"{"mask":"a,b"}"#, r#"{"mask":"x"}"#),
        ("child.string_list", "child.int32_value", "1", "", r#"{"child":{"int32Value":1}}"#),
    ];
    for (body, variable, text, json, expected) in cases {
        let echo = Echo::new(&kinds(), Settings::default()).body(body).variable(variable, text);
        check(&echo, None, json, &Ok(expected));
    }
    let strict = Settings { refuse_path_conflicts: true, ..Settings::default() };
    let echo = Echo::new(&kinds(), strict.clone()).body("string_value").variable("string_value", "path");
    check(&echo, None, "\"body\"", &Err("path variable \"string_value\": the body has another value for it"));
    check(&echo, None, "\"path\"", &Ok(r#"{"stringValue":"path"}"#));
    let echo = Echo::new(&kinds(), strict).body("*").variable("int32_box.value", "5");
    check(
        &echo,
        None,
        r#"{"int32Box":7}"#,
        &Err("path variable \"int32_box.value\": the body has another value"),
    );
    check(&echo, None, r#"{"int32Box":5}"#, &Ok(r#"{"int32Box":5}"#));
    let none = Echo::new(&kinds(), Settings::default()).body("child.string_list");
    check(&none, None, "", &Ok("{}"));
}

/// Very many variables are no other than few.
#[test]
fn variables_without_end_are_written_in_place() {
    let fields = [
        "int32_value",
        "uint32_value",
        "int64_value",
        "flag",
        "string_value",
        "sint32_value",
        "fixed32_value",
    ];
    let mut echo = Echo::new(&kinds(), Settings::default()).body("*");
    for (index, field) in fields.iter().chain(&fields).enumerate() {
        let path = if index < fields.len() {
            format!("child.child.child.child.child.{field}")
        } else {
            format!("child.child.{field}")
        };
        echo = echo.variable(&path, "1");
    }
    let echo = echo.variable("mark_child.string_list", "p").variable("mark_child.int32_value", "0");
    let shown =
        echo.call(None, r#"{"markChild":{"stringList":["body"],"int32Value":7}}"#).expect("a request");
    assert!(shown.contains(r#""markChild":{"stringList":["p"]}"#), "{shown}");
    let clash = echo.variable("mark_child.mark_text", "t");
    check(&clash, None, r#"{"markChild":{"markNumber":1}}"#, &Err("another field of oneof \"mark\""));
}

#[test]
fn a_request_that_fails_leaves_nothing_behind() {
    let plan = Echo::new(&kinds(), Settings::default()).body("*").plan();
    let mut out = b"before".to_vec();
    plan.write_request(&[], None, br#"{"int32Value":1,"flag":2}"#, &mut out).expect_err("no boolean");
    assert_eq!(out, b"before");
}
