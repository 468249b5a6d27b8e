//! What a user meets: whole sources in, a schema or located problems out.

mod damage;
mod faults;
mod folders;
mod lowered;
mod sets;
mod several;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// A folder with the given files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
    folder
}

fn protos(folders: &[&Path]) -> Settings {
    Settings { protos: folders.iter().map(|path| path.to_path_buf()).collect(), ..Settings::default() }
}

fn loaded(settings: &Settings) -> Schema {
    let mut problems = Problems::new();
    let schema = load(settings, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    schema.expect("there is no problem")
}

/// All problems as text, with the folder's own path left out.
fn refused(settings: &Settings, folder: &Path) -> Vec<String> {
    let mut problems = Problems::new();
    let schema = load(settings, &mut problems);
    assert!(schema.is_none() && problems.has_errors(), "{problems}");
    let prefix = format!("{}/", folder.display());
    problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

const SHOP: &str = r#"syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";

service Shop {
  rpc Get(Item) returns (Item) {
    option (google.api.http) = {get: "/v1/{name=items/*}"};
  }
}

message Item {
  string name = 1;
  oneof kind { string color = 2; }
}

enum Size { SIZE_UNSPECIFIED = 0; SIZE_LARGE = 1; }
"#;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema").join(name)
}

fn sets(names: &[&str]) -> Settings {
    Settings { descriptor_sets: names.iter().map(|name| fixture(name)).collect(), ..Settings::default() }
}

/// A set file with these bytes.
fn set_of(bytes: &[u8]) -> (TempDir, Settings) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("api.binpb");
    std::fs::write(&path, bytes).expect("a file can be written");
    (folder, Settings { descriptor_sets: vec![path], ..Settings::default() })
}

/// Everything that a schema says of one file, source info aside.
fn bare(schema: &Schema, file: &str) -> raw::File {
    let file = schema.pool().get_file_by_name(file).expect("the file is in the pool");
    let file: raw::File = prost::Message::decode(file.encode_to_vec().as_slice()).expect("it was encoded");
    raw::File { source_code_info: None, syntax: file.syntax.filter(|syntax| syntax != "proto2"), ..file }
}

/// A set of files in the compiler's own words, one for each source text.
fn compiled(files: &[(&str, &str)]) -> prost_types::FileDescriptorSet {
    let parse = |(name, text): &(&str, &str)| {
        let file = protox::file::File::from_source(name, text).expect("the source is sound");
        prost_types::FileDescriptorProto { source_code_info: None, ..file.into() }
    };
    prost_types::FileDescriptorSet { file: files.iter().map(parse).collect() }
}

/// The user's files in the pool: the error details that are always there are left out.
fn names(schema: &Schema) -> Vec<String> {
    let files = schema.pool().files().map(|file| file.name().to_owned());
    files.filter(|name| !name.starts_with("google/")).collect()
}
