//! transom.
