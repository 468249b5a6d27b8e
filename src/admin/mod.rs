//! admin: not written yet.
