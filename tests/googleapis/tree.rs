//! The checkout as a folder of protos, with a file of our own beside it that can be changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prost_reflect::Value;
use transom::rule;
use transom::schema::Schema;

use crate::Outcome;

/// A folder that links to the checkout.
pub struct Tree {
    folder: tempfile::TempDir,
    /// What is listed under `schema.protos`.
    pub protos: PathBuf,
    /// How many `.proto` files the checkout has there.
    pub files: usize,
}

/// Other versions of files that stand in `google/` too: names can be defined once only.
const LEFT_OUT: &str = "preview";

impl Tree {
    pub fn of(checkout: &Path) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let protos = folder.path().join("protos");
        fs::create_dir(&protos)?;
        let mut files = 0;
        for entry in fs::read_dir(checkout)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !name.starts_with('.') && name != LEFT_OUT {
                let found = count(&path)?;
                if found > 0 {
                    std::os::unix::fs::symlink(&path, protos.join(name))?;
                }
                files += found;
            }
        }
        if files == 0 {
            return Err(format!("there is no `.proto` file below {}", checkout.display()).into());
        }
        let tree = Self { folder, protos, files };
        tree.change(0)?;
        Ok(tree)
    }

    /// Writes the config, for a backend at `url`.
    pub fn write_config(&self, url: &str) -> io::Result<PathBuf> {
        let path = self.folder.path().join("transom.yaml");
        let text = format!(
            "listen: 127.0.0.1:0\n\
             schema: {{protos: [protos], repeated_rules: true}}\n\
             upstreams: [{{name: backend, url: \"{url}\"}}]\n\
             admin: {{listen: 127.0.0.1:0}}\n\
             reload: {{debounce: 50ms}}\n"
        );
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Changes the contract: its own file gets another route.
    pub fn change(&self, round: usize) -> io::Result<()> {
        let text = format!(
            "syntax = \"proto3\";\npackage probe;\nimport \"google/api/annotations.proto\";\n\
             message Probe {{ string id = 1; }}\n\
             service Probes {{ rpc Echo(Probe) returns (Probe) {{\n\
               option (google.api.http) = {{ get: \"{}\" }};\n}} }}\n",
            probe_path("{id}", round)
        );
        fs::write(self.protos.join("probe.proto"), text)
    }
}

/// The path of the route that each change moves.
pub fn probe_path(id: &str, round: usize) -> String {
    format!("/probe/{round}/{id}")
}

/// As the config has it.
pub fn rules() -> rule::Settings {
    rule::Settings { repeated_rules: true, ..rule::Settings::default() }
}

/// How many rules and additional bindings the contract has, counted without the reader of rules.
pub fn rules_written(schema: &Schema) -> usize {
    let Some(http) = schema.pool().get_extension_by_name("google.api.http") else { return 0 };
    let mut written = 0;
    for service in schema.pool().services() {
        for method in service.methods() {
            let options = method.options();
            if !options.has_extension(&http) {
                continue;
            }
            let rule = options.get_extension(&http);
            let more = rule.as_message().and_then(|rule| rule.get_field_by_name("additional_bindings"));
            written += 1 + more.as_deref().and_then(Value::as_list).map_or(0, <[Value]>::len);
        }
    }
    written
}

fn count(folder: &Path) -> io::Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files += count(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files += 1;
        }
    }
    Ok(files)
}
