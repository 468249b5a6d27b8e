//! Field rules of `buf.validate`, compiled from descriptors and held against a message's wire bytes.
//!
//! Not for whether the bytes are a message at all: that is [`transcode`](crate::transcode).
