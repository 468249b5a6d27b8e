//! The shop of `tests/fixtures/shop.proto`: a contract with one of everything, and a backend that echoes.

use std::fmt::Write as _;

use prost_reflect::DescriptorPool;
use transom::demo::Backend;
use transom::problem::Problems;
use transom::schema;

use super::{Gateway, GatewayBuilder};

/// The shop's contract.
pub const SHOP: &str = include_str!("../../fixtures/shop.proto");

/// A gateway before a shop. `options` is more config; the lines `unbound_methods:`, `upstream_timeout:` and
/// `upstream_max_timeout:` go to the sections that have those keys.
pub async fn shop(options: &str) -> (Gateway, Backend) {
    let backend = Backend::start(pool(SHOP), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let mut schema = "schema:\n  protos: [protos]\n".to_owned();
    let mut upstream = format!("upstreams:\n  - name: shop\n    url: http://{}\n", backend.address());
    let mut config = String::new();
    for line in options.lines() {
        if line.starts_with("unbound_methods:") {
            let _ = writeln!(schema, "  {line}");
        } else if let Some(key) = line.strip_prefix("upstream_") {
            let _ = writeln!(upstream, "    {key}");
        } else {
            let _ = writeln!(config, "{line}");
        }
    }
    let builder = GatewayBuilder::new().file("protos/shop.proto", SHOP);
    let gateway = builder.config(&schema).config(&upstream).config(&config).start().await;
    (gateway, backend)
}

/// A gateway whose contract is the shop, still without an upstream.
pub fn shop_files() -> GatewayBuilder {
    GatewayBuilder::new().file("protos/shop.proto", SHOP).config("schema:\n  protos: [protos]")
}

/// The descriptors of one proto file.
pub fn pool(proto: &str) -> DescriptorPool {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("one.proto"), proto).expect("written");
    load(&schema::Settings { protos: vec![folder.path().to_owned()], ..schema::Settings::default() })
}

/// The descriptors of the model API.
pub fn model_pool() -> DescriptorPool {
    load(&schema::Settings { embedded_api: true, ..schema::Settings::default() })
}

fn load(settings: &schema::Settings) -> DescriptorPool {
    let mut problems = Problems::new();
    let schema = schema::load(settings, &mut problems);
    schema.unwrap_or_else(|| panic!("{problems}")).pool().clone()
}
