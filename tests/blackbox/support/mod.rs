//! What black-box tests stand on: a gateway process, the backend behind it, a client in front.

mod client;
mod gateway;
mod wait;

pub use client::{Answer, Client};
pub use gateway::{Gateway, GatewayBuilder, request};
pub use wait::until;
