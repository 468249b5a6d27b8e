//! Bodies that are a `google.api.HttpBody`, up and down.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use prost_reflect::Value;

use super::*;
use crate::transcode::oracle::decode::Decoder;
use crate::wire::field::{Fields, put_bytes, put_varint};

fn upload() -> MessageDescriptor {
    desc("transcode.files.Upload")
}

fn http_body() -> MessageDescriptor {
    desc("google.api.HttpBody")
}

fn echo(desc: &MessageDescriptor, body: &str) -> Echo {
    Echo::new(desc, Settings::default()).body(body)
}

fn answering(field: &str) -> Echo {
    let mut echo = Echo::new(&upload(), Settings::default());
    echo.response_body = upload().get_field_by_name(field);
    assert!(echo.response_body.is_some(), "{field}");
    echo
}

/// The wire bytes of a request with this body.
fn raw(echo: &Echo, query: Option<&str>, content_type: Option<&str>, data: &[u8]) -> Result<Vec<u8>, String> {
    let (plan, mut wire) = (echo.plan(), b"before".to_vec());
    let request = plan.raw_request().expect("the body is an `HttpBody`");
    match request.write(&echo.captures, query, content_type, data, &mut wire) {
        Ok(()) => Ok(wire.strip_prefix(b"before").expect("appended").to_vec()),
        Err(status) => {
            assert_eq!((status.http_status().as_u16(), &*wire), (400, &b"before"[..]), "{status:?}");
            Err(status.message)
        }
    }
}

/// The same as JSON that shows what is set.
fn call(echo: &Echo, query: Option<&str>, content_type: Option<&str>, data: &[u8]) -> Result<String, String> {
    raw(echo, query, content_type, data).map(|wire| shown(&echo.desc, &wire))
}

fn shown(desc: &MessageDescriptor, wire: &[u8]) -> String {
    show(&DynamicMessage::decode(desc.clone(), wire).expect("sound bytes"), &sparse())
}

#[test]
fn a_body_is_raw_where_all_of_it_is_an_http_body() {
    for (desc, body, expected) in [
        (http_body(), "*", true),
        (upload(), "file", true),
        (upload(), "folder.file", true),
        (upload(), "folder.parent.file", true),
        (upload(), "picture", true),
        (upload(), "*", false),
        (upload(), "files", false),
        (upload(), "folder", false),
        (upload(), "name", false),
        (desc("transcode.files.HttpBody"), "*", false),
        (desc("transcode.files.Other"), "file", false),
    ] {
        assert_eq!(echo(&desc, body).plan().raw_request().is_some(), expected, "{} {body}", desc.name());
    }
    assert!(Echo::new(&http_body(), Settings::default()).plan().raw_request().is_none(), "no body at all");
    for (field, expected) in
        [("file", true), ("picture", true), ("files", false), ("folder", false), ("name", false)]
    {
        assert_eq!(answering(field).plan().raw_response().is_some(), expected, "{field}");
    }
    assert!(Echo::new(&http_body(), Settings::default()).plan().raw_response().is_some());
    assert!(Echo::new(&upload(), Settings::default()).plan().raw_response().is_none());
}

#[test]
fn an_http_body_anywhere_else_is_json() {
    let json = r#"{"name":"a","file":{"contentType":"text/plain","data":"AAEC"},"files":[{"data":"/w=="}]}"#;
    assert_eq!(echo(&upload(), "*").call(None, json), Ok(json.to_owned()));
    let wire = echo(&upload(), "*").wire(None, json).expect("sound JSON");
    let mut out = Vec::new();
    Echo::new(&upload(), sparse()).plan().write_response(&wire, &mut out).expect("sound bytes");
    assert_eq!(String::from_utf8_lossy(&out), json);
}

#[test]
fn body_path_and_query_come_together() {
    let body = || echo(&http_body(), "*");
    let file = || echo(&upload(), "file");
    let inner = || echo(&upload(), "folder.file");
    let png = Some("image/png");
    for (echo, query, content_type, data, expected) in [
        (body(), None, png, &[0, 1, 2][..], r#"{"contentType":"image/png","data":"AAEC"}"#),
        (body(), None, None, b"{}", r#"{"data":"e30="}"#),
        (body(), None, None, b"", "{}"),
        (body(), None, png, b"", r#"{"contentType":"image/png"}"#),
        (body(), Some("contentType=b"), png, b"", r#"{"contentType":"image/png"}"#),
        (body().variable("content_type", "a/b"), None, png, b"x", r#"{"contentType":"a/b","data":"eA=="}"#),
        (body().variable("content_type", "a/b"), None, None, b"x", r#"{"contentType":"a/b","data":"eA=="}"#),
        (body().variable("data", "eQ=="), None, png, b"x", r#"{"contentType":"image/png","data":"eQ=="}"#),
        (
            file().variable("name", "n"),
            Some("size=3&file.contentType=no&folder.owner=me&name=no"),
            png,
            b"x",
            r#"{"name":"n","file":{"contentType":"image/png","data":"eA=="},"folder":{"owner":"me"},"size":3}"#,
        ),
        (file(), None, None, b"", r#"{"file":{}}"#),
        (file().variable("file.content_type", "a/b"), None, png, b"", r#"{"file":{"contentType":"a/b"}}"#),
        (
            inner().variable("folder.owner", "me").variable("folder.parent.owner", "you"),
            Some("folder.parent.file.contentType=c/d&folder.file.data=no"),
            png,
            b"x",
            r#"{"folder":{"owner":"me","file":{"contentType":"image/png","data":"eA=="},"parent":{"owner":"you","file":{"contentType":"c/d"}}}}"#,
        ),
        (echo(&upload(), "picture"), None, None, b"x", r#"{"picture":{"data":"eA=="}}"#),
    ] {
        let asked = format!("{:?} {query:?} {data:?}, {expected}", echo.captures);
        assert_eq!(call(&echo, query, content_type, data), Ok(expected.to_owned()), "{asked}");
    }
}

#[test]
fn what_cannot_be_is_refused_as_ever() {
    let strict = Settings { refuse_path_conflicts: true, refuse_unknown_query: true, ..Settings::default() };
    let strict = |desc: &MessageDescriptor, body| Echo::new(desc, strict.clone()).body(body);
    let picture = || echo(&upload(), "picture");
    for (echo, query, expected) in [
        (echo(&upload(), "file"), Some("size=x"), "query parameter \"size\""),
        (echo(&upload(), "file").variable("size", "x"), None, "path variable \"size\""),
        (picture().variable("text", "t"), None, "another field of oneof \"content\" is set already"),
        (picture(), Some("text=t"), "another field of oneof \"content\" is set already"),
        (strict(&http_body(), "*"), Some("a=b"), "query parameter \"a\": the body is the whole request"),
        (strict(&upload(), "file"), Some("a=b"), "query parameter \"a\": the request has no such field"),
        (
            strict(&http_body(), "*").variable("content_type", "a/b"),
            None,
            "path variable \"content_type\": the body has another value for it",
        ),
    ] {
        let message = call(&echo, query, Some("image/png"), b"x").expect_err(expected);
        assert!(message.contains(expected), "{message}");
    }
    let agreed = strict(&http_body(), "*").variable("content_type", "image/png");
    assert!(call(&agreed, None, Some("image/png"), b"x").is_ok());
}

#[test]
fn later_chunks_have_nothing_but_data() {
    let data = [0xff; 300];
    let text = STANDARD.encode(data);
    for (echo, expected) in [
        (echo(&http_body(), "*").variable("content_type", "a/b"), format!(r#"{{"data":"{text}"}}"#)),
        (echo(&upload(), "file").variable("name", "n"), format!(r#"{{"file":{{"data":"{text}"}}}}"#)),
        (
            echo(&upload(), "folder.file").variable("folder.file.content_type", "a/b").variable("name", "n"),
            format!(r#"{{"folder":{{"file":{{"data":"{text}"}}}}}}"#),
        ),
    ] {
        let plan = echo.plan();
        let mut wire = Vec::new();
        plan.raw_request().expect("raw").write_chunk(&data, &mut wire).expect("sound");
        assert_eq!(shown(&echo.desc, &wire), expected);
    }
}

#[test]
fn a_large_body_is_written_without_being_moved() {
    let data = vec![7; 3_000_000];
    let wire = raw(&echo(&upload(), "folder.parent.file"), None, Some("a/b"), &data).expect("sound");
    assert!(wire.capacity() < 2 * data.len());
    let mut expected = Vec::new();
    put_bytes(1, b"a/b", &mut expected);
    put_bytes(2, &data, &mut expected);
    for number in [2, 3, 3] {
        let inner = std::mem::take(&mut expected);
        put_bytes(number, &inner, &mut expected);
    }
    assert!(wire == expected);
}

/// What an answer is, and whether its data lies in the wire bytes.
fn read(echo: &Echo, wire: &[u8]) -> Result<(Option<String>, Vec<u8>), u16> {
    let wire = Bytes::copy_from_slice(wire);
    let plan = echo.plan();
    let response = plan.raw_response().expect("the answer is an `HttpBody`");
    let (content_type, data) = response.read(&wire).map_err(|status| status.http_status().as_u16())?;
    assert!(data.is_empty() || wire.as_ptr_range().contains(&data.as_ptr()), "not copied");
    let content_type = content_type.map(|value| value.to_str().expect("visible").to_owned());
    Ok((content_type, data.to_vec()))
}

/// An `HttpBody` of fields that each have a number and a value.
fn body_wire(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (number, value) in fields {
        put_bytes(*number, value, &mut wire);
    }
    wire
}

#[test]
fn an_answer_is_its_content_type_and_data() {
    let whole = Echo::new(&http_body(), Settings::default());
    for (content_type, expected) in [
        (&b""[..], None),
        (b"text/html; charset=utf-8", Some("text/html; charset=utf-8")),
        (b"x", Some("x")),
        (b" text/css\t", Some("text/css")),
        (b"  ", None),
        (b"a/b\r\nSet-Cookie: c", None),
        (b"a/b\x00", None),
        ("text/\u{e4}".as_bytes(), None),
        (b"\xff", None),
    ] {
        let wire = body_wire(&[(1, content_type), (2, b"\x00\xff"), (3, b"")]);
        assert_eq!(read(&whole, &wire), Ok((expected.map(str::to_owned), vec![0, 0xff])), "{content_type:?}");
    }
    assert_eq!(read(&whole, b""), Ok((None, vec![])));
    assert_eq!(
        read(&whole, &body_wire(&[(2, b"a"), (2, b""), (1, b"b")])),
        Ok((Some("b".to_owned()), vec![]))
    );
    assert_eq!(read(&whole, &[0x12, 5, 1]), Err(502));
    // A data field of another wire type is an unknown field.
    assert_eq!(read(&whole, &[0x10, 5, 0x12, 1, 7]), Ok((None, vec![7])));
}

#[test]
fn a_part_of_an_answer_is_merged_from_its_pieces() {
    let piece = |number, fields: &[(u32, &[u8])]| body_wire(&[(number, &body_wire(fields))]);
    let file = answering("file");
    assert_eq!(read(&file, &body_wire(&[(1, b"name")])), Ok((None, vec![])), "not set");
    let wire = [
        piece(2, &[(1, b"a/a"), (2, b"first")]),
        body_wire(&[(1, b"name")]),
        piece(2, &[(1, b"b/b")]),
        piece(2, &[]),
    ]
    .concat();
    assert_eq!(read(&file, &wire), Ok((Some("b/b".to_owned()), b"first".to_vec())));
    let wire = [piece(6, &[(1, b"a/a")]), body_wire(&[(7, b"text")]), piece(6, &[(2, b"x")])].concat();
    assert_eq!(read(&answering("picture"), &wire), Ok((None, b"x".to_vec())), "the text pushed it out");
    let wire = [piece(6, &[(2, b"x")]), body_wire(&[(7, b"text")])].concat();
    assert_eq!(read(&answering("picture"), &wire), Ok((None, vec![])));
    assert_eq!(read(&file, &piece(2, &[(2, b"x")])[..4]), Err(502));
    assert_eq!(read(&file, &body_wire(&[(2, &[0x12, 9])])), Err(502), "broken inside");
}

/// Fields of an `HttpBody`, known and unknown, in any order and number.
fn http_body_wire() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        "[a-z]{0,3}/[a-z]{0,3}".prop_map(|text| body_wire(&[(1, text.as_bytes())])),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|data| body_wire(&[(2, &data)])),
        Just(body_wire(&[(3, &body_wire(&[(1, b"x/y.Z")]))])),
        any::<u64>().prop_map(|number| {
            let mut wire = Vec::new();
            put_varint(9, number, &mut wire);
            wire
        }),
        Just(vec![0x53, 0x08, 0x01, 0x54]),
    ];
    proptest::collection::vec(field, 0..5).prop_map(|fields| fields.concat())
}

/// Fields of an `Upload`, in any order and number.
fn upload_wire() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        3 => http_body_wire().prop_map(|wire| body_wire(&[(2, &wire)])),
        3 => http_body_wire().prop_map(|wire| body_wire(&[(6, &wire)])),
        1 => "[a-z]{0,3}".prop_map(|text| body_wire(&[(7, text.as_bytes())])),
        1 => http_body_wire().prop_map(|wire| body_wire(&[(5, &wire)])),
        1 => "[a-z]{0,3}".prop_map(|text| body_wire(&[(1, text.as_bytes())])),
    ];
    proptest::collection::vec(field, 0..7).prop_map(|fields| fields.concat())
}

/// Content type and data of a decoded message.
fn content(message: &DynamicMessage) -> (Option<String>, Vec<u8>) {
    let content_type = message.get_field_by_name("content_type").expect("declared");
    let data = message.get_field_by_name("data").expect("declared");
    let content_type = content_type.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    (content_type, data.as_bytes().expect("bytes").to_vec())
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => (0usize..40_000).prop_map(|len| vec![b'x'; len]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the fields come, an answer is what the library reads of it.
    #[test]
    fn an_answer_is_what_the_decoded_message_has(body in http_body_wire(), upload in upload_wire()) {
        let whole = Decoder::new(&http_body()).answer(&body).expect("sound bytes");
        prop_assert_eq!(read(&Echo::new(&http_body(), sparse()), &body), Ok(content(&whole)));
        let message = Decoder::new(&super::http_body::upload()).answer(&upload).expect("sound bytes");
        for field in ["file", "picture"] {
            let Value::Message(part) = message.get_field_by_name(field).expect("declared").into_owned() else {
                panic!("{field} is a message");
            };
            prop_assert_eq!(read(&answering(field), &upload), Ok(content(&part)), "{}", field);
        }
    }

    /// A raw body gives the bytes that its JSON would have given.
    #[test]
    fn a_raw_body_is_written_as_its_json_is(
        data in data(),
        content_type in "[a-z]{0,4}(/[a-z]{1,90})?",
        body in prop_oneof![Just("file"), Just("folder.file"), Just("picture"), Just("folder.parent.file")],
        variables in proptest::sample::subsequence(
            vec![("name", "n"), ("size", "7"), ("folder.owner", "o"), ("folder.file.content_type", "p/q")],
            0..4,
        ),
        query in proptest::option::of("(size=1&)?(folder\\.parent\\.owner=z&)?(file\\.contentType=w)?"),
    ) {
        let mut echo = echo(&super::http_body::upload(), body);
        for (field, text) in variables {
            echo = echo.variable(field, text);
        }
        let base64 = STANDARD.encode(&data);
        let json = match (content_type.is_empty(), data.is_empty()) {
            (true, true) => "{}".to_owned(),
            (true, false) => format!(r#"{{"data":"{base64}"}}"#),
            (false, true) => format!(r#"{{"contentType":"{content_type}"}}"#),
            (false, false) => format!(r#"{{"contentType":"{content_type}","data":"{base64}"}}"#),
        };
        let expected = echo.wire(query.as_deref(), &json).map_err(|status| status.message);
        let found = raw(&echo, query.as_deref(), Some(&content_type), &data);
        prop_assert_eq!(&found, &expected);
        let numbers: Vec<_> = Fields::of(&found.expect("sound")).map(|field| field.expect("sound").number).collect();
        let mut once = numbers.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), numbers.len(), "no field comes twice");
    }
}
