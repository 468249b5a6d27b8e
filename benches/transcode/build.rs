//! Generates what the static contenders need: prost's messages and pbjson's serde code.

use std::error::Error;

use prost::Message;
use prost_types::FileDescriptorSet;

const FILES: [&str; 3] =
    ["shapes.proto", "qdrant/cloud/common/v1/common.proto", "qdrant/cloud/cluster/v1/cluster.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=protos");
    println!("cargo::rerun-if-changed=../../proto");
    let mut set = protox::compile(FILES, ["protos", "../../proto"])?;
    keep_messages(&mut set);

    prost_build::Config::new()
        .compile_well_known_types()
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_fds(set.clone())?;
    pbjson_build::Builder::new().register_descriptors(&set.encode_to_vec())?.build(&[".bench", ".qdrant"])?;
    Ok(())
}

/// Drops services and custom options, and with them the files that only those need.
fn keep_messages(set: &mut FileDescriptorSet) {
    let kept = |name: &str| {
        FILES.contains(&name) || name.starts_with("google/protobuf/") && !name.ends_with("descriptor.proto")
    };
    set.file.retain(|file| kept(file.name()));
    for file in &mut set.file {
        file.dependency.retain(|name| kept(name));
        file.public_dependency.clear();
        file.service.clear();
        file.extension.clear();
    }
}
