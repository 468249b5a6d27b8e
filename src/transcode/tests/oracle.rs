//! The single-pass writer gives what the way over a message gives, byte for byte.

#[path = "../../../tests/support/random.rs"]
mod random;

use proptest::prelude::*;
use prost_reflect::FieldDescriptor;

use super::*;
use crate::transcode::decode::Decoder;
use crate::transcode::{UnsetFields, fault, write};

/// The JSON by way of a message.
fn by_message(
    desc: &MessageDescriptor,
    part: Option<&FieldDescriptor>,
    wire: &[u8],
    settings: &Settings,
) -> Result<Vec<u8>, Status> {
    let message = Decoder::new(desc).message(wire).map_err(|fault| Status::invalid(fault.to_string()))?;
    let mut out = Vec::new();
    match part {
        None => write::message(&message, settings, &mut out),
        Some(field) => write::field(&message, field, settings, &mut out),
    }
    .map_err(fault::Fault::into_response_status)?;
    Ok(out)
}

fn settings() -> impl Strategy<Value = Settings> {
    let unset = prop_oneof![Just(UnsetFields::Null), Just(UnsetFields::Zero), Just(UnsetFields::Omit)];
    (unset, any::<[bool; 4]>(), 3_usize..=100).prop_map(|(unset_fields, [a, b, c, d], max_depth)| Settings {
        unset_fields,
        proto_names: a,
        enums_as_numbers: b,
        int64_as_numbers: c,
        indent: d,
        max_depth,
        ..Settings::default()
    })
}

/// How many messages are compared; `TRANSOM_ORACLE_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("TRANSOM_ORACLE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_ways_give_the_same(
        choices in prop::collection::vec(any::<u8>(), 0..600),
        which: prop::sample::Index,
        part: Option<prop::sample::Index>,
        settings in settings(),
    ) {
        let types: Vec<_> = POOL.all_messages().filter(|desc| !desc.is_map_entry()).collect();
        let main = [kinds(), shapes(), legacy()];
        let at = which.index(2 * types.len());
        let desc = types.get(at).unwrap_or(&main[at % 3]);
        let wire = random::message(desc, &mut random::Choices::new(&choices));
        let fields: Vec<_> = desc.fields().collect();
        let part = part.filter(|_| !fields.is_empty()).map(|part| &fields[part.index(fields.len())]);
        let expected = by_message(desc, part, &wire, &settings);
        let mut found = Vec::new();
        let answer = Answer::new(&Plans::compile(&POOL, &settings), desc);
        let written = answer.write(&wire, part.map(FieldDescriptor::number), &mut found);
        match (expected, written) {
            (Ok(expected), written) => {
                prop_assert!(written.is_ok(), "{}: {:?}", desc.full_name(), written);
                prop_assert_eq!(
                    String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected), "{} {:x?}", desc.full_name(), wire
                );
            }
            (Err(status), written) => {
                prop_assert!(written.is_err(), "{}: {}", desc.full_name(), status.message);
                prop_assert!(found.is_empty());
            }
        }
    }
}

fn field_wire(number: u32, content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    prost::encoding::bytes::encode(number, &content.to_vec(), &mut wire);
    wire
}

/// Trying each level twice would take 2^90 passes here.
#[test]
fn disorder_at_every_depth_is_written_in_time() {
    let child = shapes().get_field_by_name("child").expect("declared").number();
    let settings = sparse();
    for tail in [vec![0x08, 1], field_wire(child, &[])] {
        let mut wire = b"\x08\x01".repeat(100_000);
        for _ in 0..90 {
            wire = [field_wire(child, &wire), tail.clone()].concat();
        }
        let mut found = Vec::new();
        let answer = Answer::new(&Plans::compile(&POOL, &settings), &shapes());
        answer.write(&wire, None, &mut found).expect("a sound answer");
        let expected = by_message(&shapes(), None, &wire, &settings).expect("a sound answer");
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
    }
}
