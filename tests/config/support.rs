//! A folder with a config file, and ways to load it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use transom::config::{Settings, Sources, load};
use transom::problem::Problems;

/// A folder that holds `transom.yaml`, a proto file and whatever a test adds.
pub struct Folder(TempDir);

impl Folder {
    pub fn new(config: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("transom.yaml", config);
        folder.write("protos/a.proto", "syntax = \"proto3\";\npackage a;\n");
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("transom.yaml")
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// Loads the config with the given environment.
    pub fn load(&self, environment: &[(&str, &str)]) -> (Option<Settings>, Problems) {
        load_sources(&Sources {
            file: Some(self.config()),
            environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..Sources::default()
        })
    }
}

pub fn load_sources(sources: &Sources) -> (Option<Settings>, Problems) {
    let mut problems = Problems::new();
    let settings = load(sources, &mut problems);
    (settings, problems)
}

/// A path in this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
