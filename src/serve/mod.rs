//! serve: not written yet.
