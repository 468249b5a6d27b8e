//! Bytes that are no message, or made to cost more than their length. Nothing here is timed: each case is of a size
//! at which anything but work in proportion would not come to an end.

use proptest::prelude::*;

use super::*;
use crate::wire::field::{put_bytes, put_varint};

fn masked(number: u32, paths: &[&str], mut request: Vec<u8>) -> Vec<u8> {
    let mut mask = Vec::new();
    for path in paths {
        put_bytes(PATHS, path.as_bytes(), &mut mask);
    }
    put_bytes(number, &mask, &mut request);
    request
}

fn merged(plan: &PatchPlan, request: &[u8], answer: &[u8]) -> Result<Vec<u8>, Status> {
    let Wanted::Part(patch) = plan.wanted(request)? else { panic!("a mask") };
    let mut out = Vec::new();
    patch.merge(request, answer, &mut out).map(|()| out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes are merged or refused.
    #[test]
    fn any_bytes_are_merged_or_refused(
        request in prop::collection::vec(any::<u8>(), 0..80),
        answer in prop::collection::vec(any::<u8>(), 0..80),
        legacy: bool,
    ) {
        let (plan, mask, paths) = if legacy {
            (compiled(&legacy_source(), &method("UpdateLegacy")), 1, ["inner.back.child", "row"])
        } else {
            (compiled(&kinds_source(), &method("UpdateKinds")), 9, ["child.mark_child.child", "mark_text"])
        };
        for request in [request.clone(), masked(mask, &paths, request)] {
            if let Ok(Wanted::Part(patch)) = plan.wanted(&request) {
                let _ = patch.write_get(&request, &mut Vec::new());
                let _ = patch.merge(&request, &answer, &mut Vec::new());
            }
            let _ = plan.without_mask(&request, &mut Vec::new());
        }
    }
}

#[test]
fn an_answer_that_is_no_message_is_the_backends_fault() {
    let request = masked(3, &["address.city", "note"], vec![]);
    let answers: [&[u8]; 5] =
        [&[0x12, 9], &[0x12, 1, 0x0a], &[0x12, 4, 0x22, 2, 0x12, 9], &[0x07], &[0x12, 1, 0x0f]];
    for answer in answers {
        let status = merged(&orders(), &request, answer).expect_err("no message");
        let found = (status.code, status.origin, status.http_status().as_u16());
        assert_eq!(found, (Code::Internal, Origin::Upstream, 502), "{answer:x?}");
    }
}

#[test]
fn what_has_another_wire_type_is_kept_as_unknown() {
    // The address is a number.
    let request = masked(3, &["address.city"], vec![0x12, 2, 0x20, 7]);
    let out = merged(&orders(), &request, &[0x12, 4, 0x20, 9, 0x18, 1]).expect("merged");
    assert_eq!(out, [0x12, 4, 0x20, 9, 0x18, 1]);
}

#[test]
fn a_mask_as_deep_as_can_be_is_in_proportion() {
    let plan = compiled(&kinds_source(), &method("UpdateKinds"));
    let path = format!("{}int32_value", "child.".repeat(99));
    let level = |inner: Vec<u8>| {
        let mut out = Vec::new();
        put_bytes(14, &[b'x'; 5000], &mut out);
        put_bytes(17, &inner, &mut out);
        out
    };
    let (mut old, mut new) = (Vec::new(), Vec::new());
    put_varint(2, 1, &mut old);
    put_varint(2, 2, &mut new);
    for _ in 0..99 {
        (old, new) = (level(old), level(new));
    }
    let (mut request, mut answer, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    put_bytes(5, &new, &mut request);
    put_bytes(2, &old, &mut answer);
    put_bytes(5, &new, &mut expected);
    let out = merged(&plan, &masked(9, &[&path], request), &answer).expect("merged");
    assert_eq!(out.len(), expected.len());
}

#[test]
fn very_many_pieces_and_paths_are_in_proportion() {
    let plan = compiled(&kinds_source(), &method("UpdateKinds"));
    // Members of a oneof that push each other out, in pieces of one message.
    let mut piece = Vec::new();
    put_bytes(30, b"x", &mut piece);
    put_bytes(32, &[0x10, 1], &mut piece);
    let mut answer = Vec::new();
    for _ in 0..200_000 {
        put_bytes(2, &piece, &mut answer);
    }
    let out = merged(&plan, &masked(9, &["mark_child.int32_value"], vec![]), &answer).expect("merged");
    let kinds = decoded(&desc("t.UpdateKindsRequest"), &out);
    let kinds = kinds.get_field_by_name("kinds").expect("a field").into_owned();
    assert!(kinds.as_message().is_some_and(|kinds| kinds.has_field_by_name("mark_child")));
    let paths = vec!["child.child.int32_value"; 300_000];
    merged(&plan, &masked(9, &paths, vec![]), &[0x12, 0]).expect("merged");
}
