//! metadata: not written yet.
