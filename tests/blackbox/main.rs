//! Black-box tests: the real binary over real sockets, the embedded backend behind it.

#![allow(
    clippy::disallowed_methods,
    reason = "answers under test are small; polling sleeps between its looks"
)]

mod admin;
mod answers;
mod bodies;
mod duties;
mod errors;
mod events;
mod external;
mod headers;
mod health;
mod injection;
mod limits;
mod metadata;
mod model_api;
mod patch;
mod policy;
mod profiles;
mod ratelimits;
mod readme;
mod reload;
mod routing;
mod serving;
mod shutdown;
mod sockets;
mod starting;
mod streams;
mod support;
mod telemetry;
mod transcoding;
mod upstreams;
mod validation;
