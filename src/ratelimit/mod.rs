//! How often someone may call.
//!
//! Not for whether they may at all: that is [`policy`](crate::policy).
