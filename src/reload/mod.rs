//! reload: not written yet.
