//! Any bytes as JSON: refused with a 400, or read to a message that can be written as JSON and read again to the
//! same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost_reflect::DynamicMessage;
use transom_fuzz::{Input, value};

fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::new(bytes) else { return };
    let plan = input.plan();
    let mut wire = b"before".to_vec();
    if let Err(status) = plan.write_wire(input.rest, &mut wire) {
        assert_eq!(status.http_status(), 400, "{status:?}");
        return;
    }
    let wire = wire.strip_prefix(b"before").expect("what stood in the buffer stays");
    let (mut shown, mut again, mut shown_again) = (Vec::new(), Vec::new(), Vec::new());
    if let Err(status) = plan.write_json(wire, &mut shown) {
        // What nests deep in JSON nests twice as deep as a message of structs and values.
        assert!(status.message.contains("deep") || nesting(input.rest) > 30, "{status:?}");
        return;
    }
    DynamicMessage::decode(input.desc(), wire).expect("sound bytes");
    plan.write_wire(&shown, &mut again).expect("what was written can be read");
    plan.write_json(&again, &mut shown_again).expect("what was read can be written");
    assert_eq!(value(&shown), value(&shown_again));
});

fn nesting(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count()
}
