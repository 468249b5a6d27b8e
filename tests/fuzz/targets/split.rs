//! Any bytes as the body of a streaming request: however they are cut into chunks, the same texts come out and the
//! same fault ends them; what `serde_json` reads as values, or as a list of them, is split where it does. The first
//! byte is the limit; the second says how many bytes of chunk lengths follow.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde::de::IgnoredAny;
use transom::protocol::JsonSplitter;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((&[limit, count], rest)) = bytes.split_first_chunk() else { return Corpus::Reject };
    let Some((cuts, stream)) = rest.split_at_checked(count.into()) else { return Corpus::Reject };
    let limit = usize::from(limit);
    let stream = Bytes::copy_from_slice(stream);
    let (texts, end) = read(limit, [stream.clone()]);
    assert!(texts.iter().all(|text| !text.is_empty() && text.len() <= limit));
    if end.is_ok() && texts.iter().all(|text| text.len() < limit) {
        agree(&stream, &texts);
    } else if let Err((status, message)) = &end {
        assert!([400, 413].contains(status), "{message}");
    }

    let mut rest = stream;
    let mut chunks: Vec<_> =
        cuts.iter().map(|cut| rest.split_to(usize::from(*cut).min(rest.len()))).collect();
    chunks.push(rest);
    assert_eq!(read(limit, chunks), (texts, end));
    Corpus::Keep
});

/// Where `serde_json` reads all of it, these are the texts that it reads.
fn agree(stream: &[u8], texts: &[Bytes]) {
    if stream.trim_ascii_start().starts_with(b"[") {
        if let Ok(values) = serde_json::from_slice::<Vec<IgnoredAny>>(stream) {
            assert_eq!(values.len(), texts.len());
        }
        return;
    }
    let mut values = serde_json::Deserializer::from_slice(stream).into_iter::<IgnoredAny>();
    let (mut at, mut found) = (0, Vec::new());
    while let Some(value) = values.next() {
        if value.is_err() {
            return;
        }
        found.push(stream[at..values.byte_offset()].trim_ascii());
        at = values.byte_offset();
    }
    assert_eq!(texts, found);
}

/// The texts up to the end or the first fault.
fn read(limit: usize, chunks: impl IntoIterator<Item = Bytes>) -> (Vec<Bytes>, Result<(), (u16, String)>) {
    let mut splitter = JsonSplitter::new(limit);
    let mut texts = Vec::new();
    let mut all = || {
        for chunk in chunks {
            splitter.push(chunk);
            while let Some(text) = splitter.next()? {
                texts.push(text);
            }
        }
        texts.extend(splitter.finish()?);
        Ok(())
    };
    let end = all();
    (texts, end.map_err(|status: transom::status::Status| (status.http_status().as_u16(), status.message)))
}
