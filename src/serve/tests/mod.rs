//! The room over real sockets, with a script in the place of the gateway.

mod connections;
mod drain;
mod frames;
mod layers;
mod messages;
mod slow;
mod sockets;
mod support;
mod telemetry;
mod tls;
