//! A call's query, captures and body, each on a line of its own (the query first, the body last): refused with a
//! 400, or written as a message that the descriptor library can read.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::{Corpus, fuzz_target};
use prost_reflect::DynamicMessage;
use transom_fuzz::Input;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(input) = Input::new(bytes) else { return Corpus::Reject };
    let (plan, binding) = input.call();
    let mut parts = input.rest.splitn(binding.variables.len() + 2, |byte| *byte == b'\n');
    let Ok(query) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return Corpus::Reject };
    let captures: Vec<_> = (0..binding.variables.len())
        .map(|_| parts.next().map_or(Cow::Borrowed("7"), String::from_utf8_lossy))
        .collect();
    let body = parts.next().unwrap_or_default();
    let mut wire = b"before".to_vec();
    if let Err(status) = plan.write_request(&captures, Some(query), body, &mut wire) {
        assert_eq!(status.http_status(), 400, "{status:?}");
        return Corpus::Keep;
    }
    let wire = wire.strip_prefix(b"before").expect("what stood in the buffer stays");
    let decoded = DynamicMessage::decode(binding.rpc.input(), wire);
    // The library's own limit of 100 levels counts what is a level to a struct or a map, not to JSON.
    let nesting = input.rest.iter().filter(|byte| matches!(byte, b'{' | b'[' | b'.')).count();
    assert!(decoded.is_ok() || nesting > 30, "{decoded:?}");
    Corpus::Keep
});
