//! Descriptor sets as a source: `protoc --descriptor_set_out`, `buf build`. The bytes are looked at before they
//! are decoded: files with editions are lowered, and what would upset the linker is refused.

use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;

use super::file::{File, Origin};
use super::{check, editions, raw};
use crate::problem::{Place, Problem, Problems};

/// Reads the descriptor set at `path`.
pub(super) fn read(path: &Path, problems: &mut Problems) -> Vec<File> {
    let shown = path.display().to_string();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) => {
            problems.error(Place::file(shown), format!("the descriptor set cannot be read: {error}"));
            return Vec::new();
        }
    };
    match raw::Set::decode(bytes) {
        Ok(set) if set.file.is_empty() => problems.push(not_a_set(&shown, "it holds no file")),
        Err(error) => problems.push(not_a_set(&shown, &error.to_string())),
        Ok(set) => {
            let read = |(index, bytes)| read_file(bytes, index, path, problems);
            return set.file.into_iter().enumerate().filter_map(read).collect();
        }
    }
    Vec::new()
}

fn not_a_set(shown: &str, why: &str) -> Problem {
    Problem::error(Place::file(shown), format!("the file is not a descriptor set: {why}")).help(
        "make one with `protoc --include_imports --descriptor_set_out=FILE`, or `buf build -o FILE.binpb`",
    )
}

/// One file of a set, lowered when it uses editions; `None` when it cannot be used.
fn read_file(bytes: Bytes, index: usize, path: &Path, problems: &mut Problems) -> Option<File> {
    let shown = path.display().to_string();
    let mut imports = Vec::new();
    match lowered(bytes, &shown, &mut imports, problems)
        .and_then(|bytes| bytes.map(|bytes| File::decoded(Origin::Set(path.to_owned()), bytes)).transpose())
    {
        Ok(file) => {
            let file = File { option_imports: imports, ..file? };
            check::file(&file.descriptor, &shown, problems).then_some(file)
        }
        Err(error) => {
            problems.error(
                Place::file(shown),
                format!("file {} of the set cannot be decoded: {error}", index + 1),
            );
            None
        }
    }
}

/// The bytes of a proto2 or proto3 file; `None` when the problem is told.
fn lowered(
    bytes: Bytes,
    set: &str,
    imports: &mut Vec<String>,
    problems: &mut Problems,
) -> Result<Option<Bytes>, prost::DecodeError> {
    let header = raw::Header::decode(bytes.clone())?;
    match header.syntax.as_deref() {
        None | Some("proto2" | "proto3") => Ok(Some(bytes)),
        Some("editions") => {
            let mut file = raw::File::decode(bytes)?;
            let usable = editions::lower(&mut file, set, problems);
            *imports = std::mem::take(&mut file.option_dependency);
            Ok(usable.then(|| file.encode_to_vec().into()))
        }
        Some(syntax) => {
            let what = format!("syntax `{syntax}` is not known; known are `proto2`, `proto3` and editions");
            problems.error(Place::file(set).of(header.name.unwrap_or_default()), what);
            Ok(None)
        }
    }
}
