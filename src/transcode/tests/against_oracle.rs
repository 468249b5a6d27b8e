//! The plans against the oracle, on random messages in every disorder that the wire allows, and on requests.

mod every_type;

use proptest::prelude::*;

use super::properties::{Entropy, entropy, random, settings, tampering};
use super::*;
use crate::transcode::oracle::call::Call;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Fields in any order, several times, merged and split, unknown ones among them: the same JSON.
    #[test]
    fn answers_agree(
        entropy in entropy(),
        settings in settings(),
        proto2: bool,
        chaos in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let desc = if proto2 { legacy() } else { kinds() };
        let message = random(&desc, &mut Entropy(&entropy), 3);
        let wire = disorder(&desc, &wire_of(&message), &mut Entropy(&chaos), 3);
        let echo = Echo::new(&desc, settings.clone());
        let mut json = Vec::new();
        let ours = echo.plan().write_response(&wire, &mut json).map(|()| json);
        let theirs = call(&echo, &settings).answer(&wire);
        prop_assert_eq!(shown(&ours), shown(&theirs), "{:x?}", wire);
    }

    /// Bytes that are nearly a message: what the oracle reads is written the same.
    #[test]
    fn damaged_answers_agree(
        entropy in entropy(),
        proto2: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let desc = if proto2 { legacy() } else { kinds() };
        let mut wire = wire_of(&random(&desc, &mut Entropy(&entropy), 2));
        for (at, byte) in damage {
            if !wire.is_empty() {
                let at = at.index(wire.len());
                wire[at] = byte;
            }
        }
        let settings = sparse();
        let echo = Echo::new(&desc, settings.clone());
        let mut json = Vec::new();
        let ours = echo.plan().write_response(&wire, &mut json).map(|()| json);
        let theirs = call(&echo, &settings).answer(&wire);
        // A wire type that is not the field's makes it unknown; the oracle refuses it, or reads it as something else.
        if theirs.is_ok() && fits(&desc, &wire) {
            let why = ours.as_ref().err().map(|status| status.message.clone());
            prop_assert_eq!(shown(&ours), shown(&theirs), "{:?} {:x?}", why, wire);
        }
    }

    /// One field of an answer.
    #[test]
    fn parts_of_answers_agree(entropy in entropy(), chaos in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index) {
        let desc = kinds();
        let wire = disorder(&desc, &wire_of(&random(&desc, &mut Entropy(&entropy), 2)), &mut Entropy(&chaos), 2);
        let fields: Vec<_> = desc.fields().collect();
        let settings = Settings::default();
        let mut echo = Echo::new(&desc, settings.clone());
        echo.response_body = Some(fields[at.index(fields.len())].clone());
        let mut json = Vec::new();
        let ours = echo.plan().write_response(&wire, &mut json).map(|()| json);
        prop_assert_eq!(shown(&ours), shown(&call(&echo, &settings).answer(&wire)), "{:x?}", wire);
    }

    /// Bodies, sound and tampered with: the same message, or the same complaint.
    #[test]
    fn bodies_agree(entropy in entropy(), settings in settings(), proto2: bool, edits in proptest::option::of(tampering())) {
        let desc = if proto2 { legacy() } else { kinds() };
        let mut json = show(&random(&desc, &mut Entropy(&entropy), 3), &settings).into_bytes();
        if let Some(edits) = edits {
            edits.apply(&mut json);
        }
        let echo = Echo::new(&desc, settings.clone()).body("*");
        let mut wire = Vec::new();
        let ours = echo.plan().write_request(&[], None, &json, &mut wire).map(|()| canonical(&desc, &wire));
        let theirs = call(&echo, &settings).request(&[], None, &json);
        prop_assert_eq!(complaint(ours), complaint(theirs), "{}", String::from_utf8_lossy(&json));
    }

    /// Bodies with captures over them and parameters beside them.
    #[test]
    fn requests_agree(request in request(), entropy in entropy(), conflicts: bool, names: bool) {
        let desc = kinds();
        let settings =
            Settings { refuse_path_conflicts: conflicts, refuse_unknown_enums: names, ..Settings::default() };
        let body = match request.body {
            None => Vec::new(),
            Some(field) => {
                let of = |desc: &MessageDescriptor| show(&random(desc, &mut Entropy(&entropy), 2), &sparse());
                let inner = field_path(&desc, if field == "*" { "child" } else { field }).last().cloned();
                let inner = inner.expect("a field");
                let body = match inner.kind().as_message() {
                    Some(inner) => of(inner),
                    None if inner.is_list() => r#"["b", "c"]"#.to_owned(),
                    None => r#""body""#.to_owned(),
                };
                // Sometimes there is nothing.
                if entropy.len() % 5 == 4 { Vec::new() } else { body.into_bytes() }
            }
        };
        let mut echo = Echo::new(&desc, settings.clone());
        if let Some(field) = request.body {
            echo = echo.body(field);
        }
        for (field, text) in &request.variables {
            echo = echo.variable(field, text);
        }
        let query = request.query.join("&");
        let mut wire = Vec::new();
        let ours = echo.plan().write_request(&echo.captures, Some(&query), &body, &mut wire);
        let ours = ours.map(|()| canonical(&desc, &wire));
        let theirs = call(&echo, &settings).request(&echo.captures, Some(&query), &body);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            let read = |wire: &[u8]| show(&DynamicMessage::decode(desc.clone(), wire).expect("sound"), &sparse());
            prop_assert_eq!(read(&ours), read(&theirs));
        }
    }
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

fn call<'c>(echo: &'c Echo, settings: &'c Settings) -> Call<'c> {
    Call {
        desc: &echo.desc,
        body: &echo.body,
        variables: &echo.variables,
        response_body: echo.response_body.as_ref(),
        settings,
    }
}

fn shown(answer: &Result<Vec<u8>, Status>) -> Result<String, u16> {
    match answer {
        Ok(json) => Ok(String::from_utf8_lossy(json).into_owned()),
        Err(status) => Err(status.http_status().as_u16()),
    }
}

fn complaint(request: Result<Vec<u8>, Status>) -> Result<Vec<u8>, String> {
    request.map_err(|status| status.message)
}

/// The message as the oracle writes it, so that messages can be compared byte by byte.
fn canonical(desc: &MessageDescriptor, wire: &[u8]) -> Vec<u8> {
    wire_of(&DynamicMessage::decode(desc.clone(), wire).expect("sound bytes"))
}

/// The same message with its fields in another order, some written again before, some messages in two pieces, lists
/// split, unknown fields between.
fn disorder(desc: &MessageDescriptor, wire: &[u8], chaos: &mut Entropy<'_>, depth: u8) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut rest = wire;
    while !rest.is_empty() {
        let start = rest;
        let (number, wire_type) = prost::encoding::decode_key(&mut rest).expect("a tag");
        let value = rest;
        prost::encoding::skip_field(wire_type, number, &mut rest, prost::encoding::DecodeContext::default())
            .expect("a value");
        let whole = start[..start.len() - rest.len()].to_vec();
        let field = desc.get_field(number);
        let inner = field.as_ref().and_then(|field| field.kind().as_message().cloned());
        let inner = inner.filter(|_| wire_type == prost::encoding::WireType::LengthDelimited && depth > 0);
        let Some(inner) = inner.filter(|inner| inner.full_name() != "google.protobuf.Any") else {
            if chaos.below(8) == 1 {
                fields.push(whole.clone());
            }
            fields.push(whole);
            continue;
        };
        let mut content = value;
        let len = prost::encoding::decode_varint(&mut content).expect("a length");
        let content = &content[..usize::try_from(len).expect("small")];
        let content = disorder(&inner, content, chaos, depth - 1);
        let repeated = field.is_some_and(|field| field.is_list() || field.is_map());
        if chaos.below(4) == 1 && !repeated {
            // Two pieces, cut between two fields.
            let cut = middle(&content);
            fields.push(super::answers::field_wire(number, &content[..cut]));
            fields.push(super::answers::field_wire(number, &content[cut..]));
        } else {
            fields.push(super::answers::field_wire(number, &content));
        }
    }
    for _ in 0..chaos.below(4) {
        if fields.len() > 1 {
            let (one, other) =
                (usize::from(chaos.byte()) % fields.len(), usize::from(chaos.byte()) % fields.len());
            fields.swap(one, other);
        }
    }
    if chaos.below(6) == 1 {
        let unknown = [
            vec![0xc0, 0xbb, 0x01, 5],
            super::answers::field_wire(4000, b"x"),
            vec![0xc3, 0xbb, 0x01, 8, 1, 0xc4, 0xbb, 0x01],
        ];
        fields.insert(
            usize::from(chaos.byte()) % (fields.len() + 1),
            unknown[usize::from(chaos.below(3))].clone(),
        );
    }
    fields.concat()
}

/// A place between two fields.
fn middle(wire: &[u8]) -> usize {
    let mut rest = wire;
    while wire.len() - rest.len() < wire.len() / 2 {
        let (number, wire_type) = prost::encoding::decode_key(&mut rest).expect("a tag");
        prost::encoding::skip_field(wire_type, number, &mut rest, prost::encoding::DecodeContext::default())
            .expect("a value");
    }
    wire.len() - rest.len()
}

/// Whether every known field has a wire type of its own.
fn fits(desc: &MessageDescriptor, mut wire: &[u8]) -> bool {
    use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
    while !wire.is_empty() {
        let Ok((number, wire_type)) = decode_key(&mut wire) else { return false };
        let mut value = wire;
        if skip_field(wire_type, number, &mut wire, DecodeContext::default()).is_err() {
            return false;
        }
        let Some(field) = desc.get_field(number) else {
            // Extensions are not looked into.
            if desc.get_extension(number).is_some_and(|extension| extension.kind().as_message().is_some()) {
                return false;
            }
            continue;
        };
        let own = if field.is_group() { WireType::StartGroup } else { field.kind().wire_type() };
        let number = !matches!(field.kind(), prost_reflect::Kind::Message(_));
        let packed = field.is_list() && number && wire_type == WireType::LengthDelimited;
        if wire_type != own && !packed {
            return false;
        }
        if let (Some(inner), WireType::LengthDelimited) = (field.kind().as_message(), wire_type) {
            let len = decode_varint(&mut value).ok().and_then(|len| usize::try_from(len).ok());
            if !len.and_then(|len| value.get(..len)).is_some_and(|content| fits(inner, content)) {
                return false;
            }
        }
    }
    true
}

#[derive(Debug)]
struct Request {
    body: Option<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
    query: Vec<String>,
}

fn request() -> impl Strategy<Value = Request> {
    let body = prop_oneof![
        Just(None),
        Just(Some("*")),
        Just(Some("child")),
        Just(Some("child.child")),
        Just(Some("mark_child")),
        Just(Some("mark_color")),
        Just(Some("int32_box")),
        Just(Some("string_value")),
        Just(Some("string_list")),
        Just(Some("child.string_list")),
    ];
    let variables = [
        ("int32_value", "7"),
        ("child.int32_value", "0"),
        ("child.string_value", "a"),
        ("child.child.flag", "true"),
        ("string_value", "path"),
        ("int32_list", "1,2"),
        ("string_list", "x,y"),
        ("time", "2024-01-01T00:00:00Z"),
        ("mark_text", "m"),
        ("mark_child.string_value", "n"),
        ("child.mark_number", "3"),
        ("mark_color", "RED"),
        ("color", "RED"),
        ("int32_box.value", "0"),
        ("mark_child.string_list", "q"),
    ];
    let pairs = [
        "int32_value=5",
        "int32Value=7",
        "child.int32Value=6",
        "child.string_value=q",
        "child.child.string_value=deep",
        "string_list=1",
        "string_list[]=2",
        "int32_list=1",
        "int32_list=2",
        "child.int32_list=3",
        "labels[a]=b",
        "labels[c]=d",
        "child.labels[a]=x",
        "mark_text=t",
        "markNumber=4",
        "mark_child.flag=true",
        "time=2025-01-01T00:00:00Z",
        "duration=1h",
        "mask=a.bC,d",
        "struct={}",
        "value=[1,{}]",
        "child.value=null",
        "double_value=1e3",
        "color=RED",
        "nothing=1",
        "child=1",
        "string_value.x=1",
        "int64_box=3",
    ];
    (
        body,
        prop::sample::subsequence(variables.to_vec(), 0..4),
        prop::collection::vec(prop::sample::select(pairs.to_vec()), 0..6),
    )
        .prop_map(|(body, variables, query)| Request {
            body,
            variables,
            query: query.into_iter().map(str::to_owned).collect(),
        })
}
