//! The oracle of the tests: the same rules by way of `prost-reflect`'s `DynamicMessage`, slow and plain.
//!
//! It shares with the plans what is no question of messages: the lexer, numbers, times, field masks, base64.

pub(in crate::transcode) mod call;
mod closed;
pub(in crate::transcode) mod decode;
pub(in crate::transcode) mod encode;
pub(in crate::transcode) mod field;
pub(in crate::transcode) mod known;
mod parameter;
mod path;
mod print;
mod query;
pub(in crate::transcode) mod read;
mod read_known;
pub(in crate::transcode) mod scalar;
pub(in crate::transcode) mod write;
mod write_known;
