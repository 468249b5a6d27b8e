//! The static code that `build.rs` has generated.

#![allow(dead_code, clippy::all, clippy::pedantic, reason = "generated")]

macro_rules! generated {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
        include!(concat!(env!("OUT_DIR"), "/", $package, ".serde.rs"));
    };
}

pub mod bench {
    generated!("bench");
}

pub mod qdrant {
    pub mod cloud {
        pub mod common {
            pub mod v1 {
                generated!("qdrant.cloud.common.v1");
            }
        }
        pub mod cluster {
            pub mod v1 {
                generated!("qdrant.cloud.cluster.v1");
            }
        }
    }
}

pub use qdrant::cloud::cluster::v1 as cluster;
