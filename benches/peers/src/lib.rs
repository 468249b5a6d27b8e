//! What the programs of this package share: the calls that are measured, and gRPC over HTTP/2.

pub mod calls;
pub mod client;
pub mod grpc;
#[path = "../../support/model.rs"]
pub mod model;
pub mod proxy;
pub mod scale;

/// Anything can go wrong at the start of a program; none of this is a product.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
