//! The bytes of gRPC: length-prefixed message frames. Not for HTTP/2 (the `h2` crate) and not for message
//! contents ([`transcode`](crate::transcode)).

pub mod frame;
