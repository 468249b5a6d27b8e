//! The bytes of gRPC: length-prefixed message frames, and the fields that a message is made of. Not for HTTP/2 (the
//! `h2` crate) and not for what fields mean ([`transcode`](crate::transcode), [`field`](crate::field)).

pub mod field;
pub mod frame;
