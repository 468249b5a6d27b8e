//! Values of single fields, found in a message's wire bytes by field path.
//!
//! Not for whole messages as JSON: that is [`transcode`](crate::transcode).
