//! The conformance protocol: what the runner asks, what the testee answers, and how both are framed on a pipe.
//!
//! Names and numbers are those of `conformance/conformance.proto`. JSON is read and written as bytes, so that a
//! text that is not UTF-8 reaches the code under test.

use std::io::{self, Read, Write};

use prost::Message;

/// One test case: parse the payload, write it in the output format.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    #[prost(oneof = "Payload", tags = "1, 2, 7, 8")]
    pub payload: Option<Payload>,
    #[prost(enumeration = "Format", tag = "3")]
    pub requested_output_format: i32,
    #[prost(string, tag = "4")]
    pub message_type: String,
    #[prost(enumeration = "Category", tag = "5")]
    pub test_category: i32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Payload {
    #[prost(bytes, tag = "1")]
    Protobuf(Vec<u8>),
    #[prost(bytes, tag = "2")]
    Json(Vec<u8>),
    #[prost(bytes, tag = "7")]
    Jspb(Vec<u8>),
    #[prost(bytes, tag = "8")]
    Text(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Format {
    Unspecified = 0,
    Protobuf = 1,
    Json = 2,
    Jspb = 3,
    Text = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Category {
    Unspecified = 0,
    Binary = 1,
    Json = 2,
    JsonIgnoreUnknown = 3,
    Jspb = 4,
    Text = 5,
}

/// The testee's answer.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6")]
    pub result: Option<Answer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Answer {
    /// The payload is no such message.
    #[prost(string, tag = "1")]
    ParseError(String),
    /// The testee itself is broken: always a failure.
    #[prost(string, tag = "2")]
    RuntimeError(String),
    #[prost(bytes, tag = "3")]
    Protobuf(Vec<u8>),
    #[prost(bytes, tag = "4")]
    Json(Vec<u8>),
    /// Not what is under test here.
    #[prost(string, tag = "5")]
    Skipped(String),
    /// The payload is such a message, but it cannot be written in the output format.
    #[prost(string, tag = "6")]
    SerializeError(String),
}

/// Reads the next request; `None` when the runner has closed the pipe.
pub fn read(pipe: &mut impl Read) -> io::Result<Option<Request>> {
    let mut length = [0; 4];
    match pipe.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    let mut content = vec![0; length];
    pipe.read_exact(&mut content)?;
    Request::decode(content.as_slice()).map(Some).map_err(io::Error::other)
}

/// Writes one answer.
pub fn write(pipe: &mut impl Write, answer: Answer) -> io::Result<()> {
    let content = Response { result: Some(answer) }.encode_to_vec();
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    pipe.write_all(&length.to_le_bytes())?;
    pipe.write_all(&content)?;
    pipe.flush()
}
