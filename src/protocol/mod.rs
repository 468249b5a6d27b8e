//! protocol: not written yet.
