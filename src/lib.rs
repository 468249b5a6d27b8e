//! transom: a gRPC-to-REST gateway.
//!
//! The user's `.proto` files (or a descriptor set) carry `google.api.http` rules; transom turns them
//! into a route table, JSON bodies into gRPC messages, and gRPC answers into JSON, without generated code.
//!
//! The rooms stand on floors and import downwards only (`ARCHITECTURE.md` draws the house):
//!
//! | floor | rooms |
//! |---|---|
//! | 0 words | [`problem`], [`status`], [`wire`], [`units`], [`observe`] |
//! | 1 contract | [`schema`], [`rule`], [`duty`] |
//! | 2 compiled | [`metadata`], [`route`], [`transcode`], [`field`] |
//! | 3 edges | [`protocol`], [`upstream`], [`client`], [`policy`], [`ratelimit`], [`validate`], [`patch`], [`event`], [`demo`] |
//! | 4 corridor | [`gateway`] |
//! | 5 running | [`serve`], [`admin`], [`reload`], [`telemetry`] |
//! | 6 doors | [`config`], [`cli`] |

pub mod observe;
pub mod problem;
pub mod status;
pub mod units;
pub mod wire;

pub mod duty;
pub mod rule;
pub mod schema;

pub mod field;
pub mod metadata;
pub mod route;
pub mod transcode;

pub mod client;
pub mod demo;
pub mod event;
pub mod patch;
pub mod policy;
pub mod protocol;
pub mod ratelimit;
pub mod upstream;
pub mod validate;

pub mod gateway;

pub mod admin;
pub mod reload;
pub mod serve;
pub mod telemetry;

pub mod cli;
pub mod config;

/// Random messages, for the tests of several rooms.
#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;
