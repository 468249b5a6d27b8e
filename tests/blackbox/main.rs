//! Black-box tests: the real binary over real sockets, the embedded backend behind it.

#![allow(
    clippy::disallowed_methods,
    reason = "answers under test are small; polling sleeps between its looks"
)]

mod support;
