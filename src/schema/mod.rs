//! The contract's types: one descriptor pool out of proto folders and descriptor sets.
//!
//! Not for HTTP rules: [`rule`](crate::rule) reads those out of the pool.

use std::path::PathBuf;

use prost_reflect::DescriptorPool;

use crate::problem::{Place, Problems};

/// Where the contract comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Folders of `.proto` files: every file below each is compiled, and each is an import root. A path may
    /// also name a single file, which is compiled with its folder as import root.
    pub protos: Vec<PathBuf>,
    /// More import roots, whose files are compiled only when imported.
    pub includes: Vec<PathBuf>,
    /// `FileDescriptorSet` files (`protoc --descriptor_set_out --include_imports`, `buf build`).
    pub descriptor_sets: Vec<PathBuf>,
    /// Whether the model API that is embedded in the binary is a source too (the demo).
    pub embedded_api: bool,
}

/// The compiled contract.
#[derive(Debug, Clone)]
pub struct Schema {
    pool: DescriptorPool,
}

impl Schema {
    /// All descriptors, custom options included.
    #[must_use]
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Where the element with this full name (message, field, service, method) was declared: file as the user
    /// knows it, line and column where the source is known, item = full name.
    #[must_use]
    pub fn place(&self, full_name: &str) -> Place {
        Place::item(full_name)
    }
}

/// Loads all sources into one pool, telling every problem; `None` when there was an error.
pub fn load(_settings: &Settings, _problems: &mut Problems) -> Option<Schema> {
    todo!()
}
