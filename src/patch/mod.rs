//! Partial updates: what a mask names is laid over the resource as it is, on the wire.
//!
//! Not for sending anything: the steps of a call do that.
