//! Any bytes as a stream of gRPC frames: however they are cut into chunks, the same messages come out and the same
//! fault ends them. The first byte is the reader's limit; the second says how many bytes of chunk lengths follow.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::{Corpus, fuzz_target};
use transom::wire::frame::{FrameError, FrameReader, PREFIX, prefix};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((&[limit, count], rest)) = bytes.split_first_chunk() else { return Corpus::Reject };
    let Some((cuts, stream)) = rest.split_at_checked(count.into()) else { return Corpus::Reject };
    let limit = usize::from(limit);
    let stream = Bytes::copy_from_slice(stream);
    let (messages, end) = read(limit, [stream.clone()]);
    let taken: usize = messages.iter().map(|message| PREFIX + message.len()).sum();
    for (message, at) in messages.iter().scan(0, |at, message| {
        *at += PREFIX + message.len();
        Some((message, *at))
    }) {
        assert!(message.len() <= limit);
        assert_eq!(message, &stream[at - message.len()..at]);
        assert_eq!(prefix(message.len()), stream[at - message.len() - PREFIX..at - message.len()]);
    }
    assert_eq!(end.is_ok(), taken == stream.len());

    let mut rest = stream;
    let mut chunks: Vec<_> =
        cuts.iter().map(|cut| rest.split_to(usize::from(*cut).min(rest.len()))).collect();
    chunks.push(rest);
    assert_eq!(read(limit, chunks), (messages, end));
    Corpus::Keep
});

/// The messages up to the end or the first fault.
fn read(limit: usize, chunks: impl IntoIterator<Item = Bytes>) -> (Vec<Bytes>, Result<(), FrameError>) {
    let mut reader = FrameReader::new(limit);
    let mut messages = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        loop {
            match reader.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    let end = reader.finish();
    (messages, end)
}
