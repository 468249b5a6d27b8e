//! Any bytes as a message: refused with a 502 that leaves nothing behind, or written as JSON that can be read and
//! written again to the same. With the last option the bytes are the choices that make a sound message, in any
//! layout that the wire format allows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use transom_fuzz::random::{self, Choices};
use transom_fuzz::{Input, value};

fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::new(bytes) else { return };
    let plan = input.plan();
    let made;
    let wire = if input.other() {
        made = random::message(&input.desc(), &mut Choices::new(input.rest));
        &made
    } else {
        input.rest
    };
    let mut out = b"before".to_vec();
    if let Err(status) = plan.write_json(wire, &mut out) {
        assert_eq!(status.http_status(), 502, "{status:?}");
        assert_eq!(out, b"before", "an answer that fails leaves nothing behind");
        return;
    }
    let json = out.strip_prefix(b"before").expect("what stood in the buffer stays");
    let shown = value(json);
    let (mut again, mut shown_again) = (Vec::new(), Vec::new());
    if let Err(status) = plan.write_wire(json, &mut again) {
        // An `Any` of a type that nobody knows is shown as base64, which says nothing that could be read.
        assert!(status.message.contains("unknown message type"), "{status:?}: {shown}");
        return;
    }
    plan.write_json(&again, &mut shown_again).expect("what was read can be written");
    if !json.windows(4).any(|text| text == b"null") {
        assert_eq!(shown, value(&shown_again));
    }
    // A null may stand for a number that `NullValue` does not have; once read, it stands for nothing but itself.
    let (mut third, mut shown_third) = (Vec::new(), Vec::new());
    plan.write_wire(&shown_again, &mut third).unwrap_or_else(|status| panic!("{status:?}: {shown}"));
    plan.write_json(&third, &mut shown_third).expect("what was read can be written");
    assert_eq!(value(&shown_again), value(&shown_third));
});
