//! Any text as a path template: refused with a place inside the text, or read to a template that is written and
//! read again to the same.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use transom::rule::PathTemplate;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    match text.parse::<PathTemplate>() {
        Ok(template) => {
            let written = template.to_string();
            assert_eq!(written.parse(), Ok(template), "{text:?} is written as {written:?}");
        }
        Err(error) => assert!(text.is_char_boundary(error.offset), "{error}"),
    }
    Corpus::Keep
});
