//! Configuration: a YAML file, environment variables and flags become each room's settings, or a list of
//! every problem in them.
//!
//! The layers are laid over one another as a tree that knows where each value was written (`tree`, `yaml`,
//! `expand`, `layers`, `profile`), the tree is typed as a [`file::File`] (`read`), and that is checked and made
//! into [`Settings`] (`check`). Only this room knows the file format.

mod check;
mod expand;
mod fault;
pub mod file;
mod json_schema;
mod layers;
mod mappings;
mod node_deserializer;
mod profile;
mod read;
mod render;
mod start_up;
mod tree;
mod yaml;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::problem::{Place, Problem, Problems};
use crate::{admin, gateway, policy, reload, serve, telemetry};

pub use json_schema::json_schema;
pub use layers::{Flag, FlagValue};
pub use mappings::{Decision, Mappings};
pub use render::render;
pub use start_up::tell_start_up_keys;

use file::File;
use tree::{Mark, Node, Source};

/// Where the configuration comes from; later ones win: file, environment, flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The config file, if there is one.
    pub file: Option<PathBuf>,
    /// All environment variables; those that begin with `TRANSOM_` set keys.
    pub environment: Vec<(String, String)>,
    /// The flags that set keys.
    pub flags: Vec<Flag>,
    /// Whether a backend may be missing, because nothing will be called.
    pub without_backend: bool,
}

/// What everything is built from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The snapshot's part.
    pub gateway: gateway::Settings,
    /// The listeners' part.
    pub serve: serve::Settings,
    /// The admin listener's part.
    pub admin: admin::Settings,
    /// How changes are noticed.
    pub reload: reload::Settings,
    /// What is exported.
    pub telemetry: telemetry::Settings,
    /// Every file and folder that was read or named, there or not, for watching.
    pub files: Vec<PathBuf>,
    /// Those of them whose contents are part of these settings: read already.
    pub read: Vec<PathBuf>,
    /// The effective configuration, for [`render`].
    pub file: File,
    /// Which mapping each method has, and who said so.
    pub mappings: Mappings,
}

/// Loads the configuration, telling every problem; `None` when there was an error.
pub fn load(sources: &Sources, problems: &mut Problems) -> Option<Settings> {
    let mut found = Problems::new();
    let settings = examine(sources, &mut found);
    let faulty = found.has_errors();
    problems.extend(found);
    settings.filter(|_| !faulty)
}

/// Loads what can be loaded, telling every problem: what is faulty is left out of the settings, so that the
/// rest can be looked at too. `None` when the file cannot be read at all.
pub fn examine(sources: &Sources, problems: &mut Problems) -> Option<Settings> {
    let mut root = match &sources.file {
        Some(path) => parse(path, problems)?,
        None => Node::empty_map(Mark::Default),
    };
    let mut unexpanded = Problems::new();
    let lookup = |name: &str| {
        let found = sources.environment.iter().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value.clone())
    };
    expand::expand(&mut root, "", &lookup, &mut unexpanded);
    let mut found = Problems::new();
    layers::lay_environment(&mut root, &sources.environment, &mut found);
    layers::lay_flags(&mut root, &sources.flags, &mut found);
    profile::fill(&mut root);
    let settings = understand(&mut root, sources, &mut found);
    // A reference without a value was told; what is wrong with the text around it is not worth telling.
    let told: Vec<Place> = unexpanded.iter().map(|problem| problem.place.clone()).collect();
    let rest = found.into_iter().filter(|problem| !told.contains(&problem.place));
    let mut all: Vec<Problem> = unexpanded.into_iter().chain(rest).collect();
    all.sort_by_key(|problem| (problem.place.line, problem.place.column));
    problems.extend(all);
    Some(settings)
}

/// Reads a file of keys, as `identity.key_files` names them, telling every problem.
pub fn keys(path: &Path, problems: &mut Problems) -> Vec<policy::KeySettings> {
    let root = Node::empty_map(Mark::Default);
    let mut check = check::Check {
        root: &root,
        written: &root,
        folder: Path::new(""),
        without_backend: true,
        problems,
        files: Vec::new(),
        read: Vec::new(),
    };
    check.key_file(&path.display().to_string(), path)
}

fn parse(path: &Path, problems: &mut Problems) -> Option<Node> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => yaml::parse(&Arc::new(Source { name, text }), problems),
        Err(fault) => {
            let what = format!("cannot read the config file `{name}`: {}", check::reason(&fault));
            problems.push(Problem::error(Place::default(), what).help("give its path with `--config FILE`"));
            None
        }
    }
}

fn understand(root: &mut Node, sources: &Sources, problems: &mut Problems) -> Settings {
    let written = root.clone();
    let mut file: File = read::read(root, problems);
    for (index, method) in file.methods.iter_mut().enumerate() {
        method.note(|section| {
            mappings::keys(root, index, section).iter().map(|entry| entry.key.clone()).collect()
        });
    }
    let path = sources.file.as_deref();
    let folder = path.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    let files = path.map(Path::to_owned).into_iter().collect();
    check::Check {
        root,
        written: &written,
        folder,
        without_backend: sources.without_backend,
        problems,
        files,
        read: Vec::new(),
    }
    .settings(file)
}
