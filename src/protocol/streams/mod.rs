//! Streams as HTTP bodies: the form in which the messages of an answer are written, which form the client gets, and
//! the messages that a request's body is split into.
//!
//! Not for sockets and pace (`gateway` waits for both sides) and not for what a message's JSON means
//! ([`transcode`](crate::transcode)).

mod accept;
mod form;
mod split;

pub use accept::stream_form;
pub use form::{StreamForm, StreamWriter};
pub use split::JsonSplitter;
