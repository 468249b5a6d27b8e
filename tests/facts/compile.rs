//! The files in `proto/`, compiled. A fault can be planted in one of them on the way.

use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use protox::{Compiler, Error};

use crate::fault::Fault;

/// The name of every file below `proto/`, as an import has it, sorted.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    walk(&root(), &mut names);
    names.sort();
    names
}

/// Compiles the files, with the fault if there is one.
pub fn compile(names: &[String], fault: Option<&'static Fault>) -> Result<DescriptorPool, Error> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Planted(fault));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_files(names)?;
    Ok(compiler.descriptor_pool())
}

/// The files on disk, one of them changed.
struct Planted(Option<&'static Fault>);

impl FileResolver for Planted {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        let Ok(source) = fs::read_to_string(root().join(name)) else {
            return Err(Error::file_not_found(name));
        };
        match self.0 {
            Some(fault) if fault.file == name => File::from_source(name, &fault.plant(&source)),
            _ => File::from_source(name, &source),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proto")
}

fn walk(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            walk(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            let name = path.strip_prefix(root()).expect("the file is below the root");
            names.push(name.to_str().expect("the name is UTF-8").replace('\\', "/"));
        }
    }
}
