//! upstream: not written yet.
