//! transom.
fn main() {}
