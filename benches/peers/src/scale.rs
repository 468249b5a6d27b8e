//! The calls of `scale.proto` (benches/scale): bodies and streams of any size, whose every byte both ends know, so that
//! what arrives is compared whole and not merely counted.

use std::fmt::Write as _;
use std::future::poll_fn;

use bytes::{Buf, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use prost::Message;

use crate::Result;
use crate::calls::frame;

/// How many messages the backend hands to the connection together, each in a DATA frame of its own.
const TOGETHER: u32 = 64;

/// How much there is: bytes of a text, or messages of a stream.
#[derive(Clone, PartialEq, Message)]
pub struct Size {
    #[prost(uint32, tag = "1")]
    pub size: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Text {
    #[prost(string, tag = "1")]
    pub text: String,
}

/// A small message of a stream.
#[derive(Clone, PartialEq, Message)]
pub struct Reading {
    #[prost(uint32, tag = "1")]
    pub number: u32,
    #[prost(string, tag = "2")]
    pub sensor: String,
    #[prost(bool, tag = "3")]
    pub valid: bool,
}

const SENSOR: &str = "greenhouse-2";

impl Reading {
    fn numbered(number: u32) -> Self {
        Self { number, sensor: SENSOR.to_owned(), valid: true }
    }

    /// Appends one as JSON.
    pub fn write_json(number: u32, out: &mut String) {
        // Writing to a `String` does not fail.
        let _ = write!(out, r#"{{"number":{number},"sensor":"{SENSOR}","valid":true}}"#);
    }
}

/// A text of so many bytes that JSON has as they are.
pub fn text(size: usize) -> String {
    const WORDS: &str = "the quick brown fox jumps over the lazy dog, and so on; ";
    let mut text = WORDS.repeat(size / WORDS.len() + 1);
    text.truncate(size);
    text
}

/// Answers a call of the service by the name of its method; an error is what did not arrive as it should.
pub async fn answer(method: &str, mut request: RecvStream, out: &mut SendStream<Bytes>) -> Result<()> {
    match method {
        "Download" => {
            let Size { size } = unary(&mut request).await?;
            out.send_data(frame(&Text { text: text(size as usize) })?, false)?;
        }
        "Upload" => {
            let Text { text: arrived } = unary(&mut request).await?;
            if arrived != text(arrived.len()) {
                return Err("another text".into());
            }
            out.send_data(frame(&Size { size: u32::try_from(arrived.len())? })?, false)?;
        }
        "Watch" => {
            let Size { size } = unary(&mut request).await?;
            watch(size, out).await?;
        }
        "Record" => {
            let size = record(&mut request).await?;
            out.send_data(frame(&Size { size })?, false)?;
        }
        _ => return Err("no such method".into()),
    }
    Ok(())
}

/// Sends as fast as the other end takes.
async fn watch(count: u32, out: &mut SendStream<Bytes>) -> Result<()> {
    let mut sent = 0;
    while sent < count {
        let end = count.min(sent + TOGETHER);
        let frames =
            (sent..end).map(|number| frame(&Reading::numbered(number))).collect::<Result<Vec<_>>>()?;
        let size = frames.iter().map(Bytes::len).sum();
        out.reserve_capacity(size);
        while out.capacity() < size {
            poll_fn(|cx| out.poll_capacity(cx)).await.ok_or("the call is gone")??;
        }
        for frame in frames {
            out.send_data(frame, false)?;
        }
        sent = end;
    }
    Ok(())
}

/// Counts what comes; numbers have to rise by one.
async fn record(request: &mut RecvStream) -> Result<u32> {
    let (mut count, mut read) = (0, BytesMut::new());
    while let Some(data) = more(request).await? {
        read.extend_from_slice(&data);
        while let Some(message) = next(&mut read) {
            if Reading::decode(message)? != Reading::numbered(count) {
                return Err("another message".into());
            }
            count += 1;
        }
    }
    if read.is_empty() { Ok(count) } else { Err("a part of a message".into()) }
}

async fn unary<M: Message + Default>(request: &mut RecvStream) -> Result<M> {
    let mut read = BytesMut::new();
    while let Some(data) = more(request).await? {
        read.extend_from_slice(&data);
    }
    Ok(M::decode(next(&mut read).ok_or("no message")?)?)
}

async fn more(request: &mut RecvStream) -> Result<Option<Bytes>> {
    let Some(data) = request.data().await.transpose()? else { return Ok(None) };
    request.flow_control().release_capacity(data.len())?;
    Ok(Some(data))
}

/// Takes a whole message off the front.
fn next(read: &mut BytesMut) -> Option<BytesMut> {
    let size = u32::from_be_bytes(read.get(1..5)?.try_into().ok()?) as usize;
    if read.len() < 5 + size {
        return None;
    }
    read.advance(5);
    Some(read.split_to(size))
}
