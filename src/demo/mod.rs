//! The embedded backend: a real gRPC server, driven by descriptors, for the demo, tests and benches.
//!
//! Not a mock: it listens on its own port and speaks gRPC with everyone.

use std::net::SocketAddr;

use prost_reflect::DescriptorPool;

/// A running backend; dropping it stops it.
#[derive(Debug)]
pub struct Backend {}

impl Backend {
    /// Starts the backend on a loopback address (port 0: any free port).
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(_pool: DescriptorPool, _listen: SocketAddr) -> std::io::Result<Self> {
        todo!()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        todo!()
    }
}
