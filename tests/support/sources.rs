//! The contract that a test program's arguments name.

use std::ffi::OsString;
use std::path::PathBuf;

use transom::problem::Problems;
use transom::schema::{self, Schema, Settings};

/// Loads `.proto` files and descriptor sets; folders are what they import from. Problems go to standard error.
pub fn load(arguments: impl Iterator<Item = OsString>) -> Result<Schema, &'static str> {
    let mut settings = Settings::default();
    for path in arguments.map(PathBuf::from) {
        let sources = match path.extension().and_then(|extension| extension.to_str()) {
            Some("proto") => &mut settings.protos,
            _ if path.is_dir() => &mut settings.includes,
            _ => &mut settings.descriptor_sets,
        };
        sources.push(path);
    }
    let mut problems = Problems::new();
    let schema = schema::load(&settings, &mut problems);
    if !problems.is_empty() {
        eprintln!("{problems}");
    }
    schema.ok_or("the sources cannot be loaded")
}
