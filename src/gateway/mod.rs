//! gateway: not written yet.
