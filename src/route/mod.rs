//! route: not written yet.
