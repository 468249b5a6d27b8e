//! The protos that a group of cases speaks of.

use std::path::PathBuf;
use std::sync::LazyLock;

use prost_reflect::DescriptorPool;
use transom::problem::Problems;
use transom::schema;

use crate::case::Setting;

/// Proto files, and what they come to.
#[derive(Debug, Clone)]
pub struct Contract {
    pub files: Vec<(String, String)>,
    pub pool: DescriptorPool,
}

static USUAL: LazyLock<Contract> = LazyLock::new(|| {
    Contract::compile(vec![
        ("rows.proto".to_owned(), include_str!("rows.proto").to_owned()),
        ("streams.proto".to_owned(), include_str!("streams.proto").to_owned()),
    ])
});

impl Contract {
    pub fn of(setting: &Setting) -> Self {
        match &setting.proto {
            None => USUAL.clone(),
            Some(text) => Self::compile(vec![("own.proto".to_owned(), text.clone())]),
        }
    }

    pub fn usual() -> Self {
        USUAL.clone()
    }

    fn compile(files: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in &files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let protos: Vec<PathBuf> = vec![folder.path().to_owned()];
        let mut problems = Problems::new();
        let schema = schema::load(&schema::Settings { protos, ..schema::Settings::default() }, &mut problems);
        let pool = schema.unwrap_or_else(|| panic!("{problems}")).pool().clone();
        Self { files, pool }
    }
}
