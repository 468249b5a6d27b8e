//! From a [`File`] to each room's settings: what serde cannot see (addresses, urls, files, sense) is checked
//! here, every fault told with its line.

mod answers;
mod backend;
mod bodies;
mod duties;
mod events;
mod external;
mod identity;
mod listen;
mod mapping;
mod partial;
mod ratelimit;
mod running;
mod streams;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::problem::{Place, Problem, Problems};
use crate::{admin, gateway, reload, rule, serve, transcode, validate};

use super::Settings;
use super::file::File;
use super::tree::{Mark, Node, Value};

/// What a check knows, and what it has found.
pub(super) struct Check<'c> {
    /// The tree that the file was read from, for places.
    pub root: &'c Node,
    /// The tree before faulty entries were taken out: what was written at all.
    pub written: &'c Node,
    /// The folder of the config file.
    pub folder: &'c Path,
    /// Whether a backend may be missing.
    pub without_backend: bool,
    pub problems: &'c mut Problems,
    /// The files that were named, there or not, for watching.
    pub files: Vec<PathBuf>,
    /// Those of them that were read here.
    pub read: Vec<PathBuf>,
}

impl Check<'_> {
    /// Makes settings of a file. What is faulty is told and left out, so that the rest can be looked at too.
    pub fn settings(mut self, file: File) -> Settings {
        let schema = self.schema(&file.schema);
        let upstreams = self.upstreams(&file.upstreams, &file.limits);
        let mapping = self.mapping(&file);
        let mappings = self.mappings(&file);
        let gateway = gateway::Settings {
            schema,
            rule: rule::Settings {
                services: self.services("schema.services", &file.schema.services),
                files: self.files_at("schema.rules", &file.schema.rules),
                unbound_methods: file.schema.unbound_methods,
                delete_body: file.schema.delete_body,
                repeated_rules: file.schema.repeated_rules,
            },
            mapping,
            mappings: Some(Arc::new(mappings.clone())),
            events: file.events.as_ref().and_then(|events| self.events(events)),
            policy: file.identity.as_ref().map(|identity| self.identity(identity, &file.listen)),
            upstreams,
            methods: self.methods(&file.methods),
            duties: self.duties(&file.options, &file.methods),
            patch: partial::settings(&file.partial_updates),
            version_header: self.version_header(&file.options),
            reserved_metadata: duties::reserved_metadata(&file),
            validation: validate::Settings {
                requests: file.validation.requests,
                except: file
                    .validation
                    .except
                    .iter()
                    .map(|glob| glob.trim_start_matches('/').to_owned())
                    .collect(),
            },
            limits: self.request_limits(&file.limits),
            rate_limits: self.rate_limits(&file),
            health: self.health(&file.health),
        };
        let serve = serve::Settings {
            listeners: self.listeners(&file.listen),
            drain: file.limits.drain.0,
            limits: self.connection_limits(&file.limits),
            layers: self.layers(&file),
        };
        let admin = admin::Settings { listen: self.admin(&file.admin, &serve.listeners) };
        let reload = reload::Settings { watch: file.reload.watch, debounce: file.reload.debounce.0 };
        let telemetry = self.telemetry(&file.telemetry);
        Settings {
            gateway,
            serve,
            admin,
            reload,
            telemetry,
            files: self.files,
            read: self.read,
            file,
            mappings,
        }
    }

    /// Globs of services, each with its place.
    pub(super) fn services(&self, at: &str, globs: &[String]) -> Vec<rule::ServiceGlob> {
        let placed = globs.iter().enumerate().map(|(index, text)| rule::ServiceGlob {
            text: text.clone(),
            place: self.place(&format!("{at}.{index}")),
        });
        placed.collect()
    }

    /// Where the thing at a dotted path was written.
    pub(super) fn place(&self, path: &str) -> Place {
        self.root.mark(path).place(path)
    }

    /// Tells an error at a path.
    fn error(&mut self, path: &str, what: impl Into<String>, help: &str) {
        let problem = Problem::error(self.place(path), what);
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
    }

    /// Tells a warning at a path.
    fn warning(&mut self, path: &str, what: impl Into<String>, help: &str) {
        let problem = Problem::warning(self.place(path), what).help(help);
        self.problems.push(problem);
    }

    /// Whether something was written at a path, be it faulty.
    fn is_written(&self, path: &[&str]) -> bool {
        match self.written.get(path).map(|node| &node.value) {
            None | Some(Value::Null) => false,
            Some(Value::List(nodes)) => !nodes.is_empty(),
            Some(_) => true,
        }
    }

    /// A number that must not be zero.
    fn positive<N: Default + PartialEq>(&mut self, path: &str, number: N) -> N {
        if number == N::default() {
            self.error(
                path,
                format!("`{path}` is zero, which would let nothing through"),
                "write a number from 1 up",
            );
        }
        number
    }

    /// A nesting depth that the transcoder can keep.
    fn depth(&mut self, depth: usize) -> usize {
        if depth > transcode::DEEPEST {
            self.error(
                "limits.json_depth",
                format!(
                    "`limits.json_depth` is {depth}, deeper than the {} that can be kept",
                    transcode::DEEPEST
                ),
                "write a smaller number; the default is 100",
            );
        }
        self.positive("limits.json_depth", depth)
    }

    /// A path as the process sees it: one from the config file is relative to the file's folder.
    fn resolve(&self, at: &str, path: &Path) -> PathBuf {
        match self.root.mark(at) {
            Mark::File { .. } => self.folder.join(path),
            _ => path.to_owned(),
        }
    }

    /// A file that must be readable; `None`, told, when it is not.
    fn file_at(&mut self, at: &str, path: &Path) -> Option<PathBuf> {
        let found = self.resolve(at, path);
        let opened = std::fs::metadata(&found).and_then(|about| {
            if about.is_dir() {
                Err(io::ErrorKind::IsADirectory.into())
            } else {
                std::fs::File::open(&found).map(drop)
            }
        });
        self.readable(at, found, opened)
    }

    /// A file or folder that must be readable.
    fn source_at(&mut self, at: &str, path: &Path) -> Option<PathBuf> {
        let found = self.resolve(at, path);
        let opened = std::fs::metadata(&found).and_then(|about| {
            if about.is_dir() {
                std::fs::read_dir(&found).map(drop)
            } else {
                std::fs::File::open(&found).map(drop)
            }
        });
        self.readable(at, found, opened)
    }

    fn files_at(&mut self, at: &str, paths: &[PathBuf]) -> Vec<PathBuf> {
        let found =
            paths.iter().enumerate().map(|(index, path)| self.file_at(&format!("{at}.{index}"), path));
        found.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn sources_at(&mut self, at: &str, paths: &[PathBuf]) -> Vec<PathBuf> {
        let found =
            paths.iter().enumerate().map(|(index, path)| self.source_at(&format!("{at}.{index}"), path));
        found.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn readable(&mut self, at: &str, found: PathBuf, opened: io::Result<()>) -> Option<PathBuf> {
        // What cannot be read now may come later.
        self.files.push(found.clone());
        match opened {
            Ok(()) => Some(found),
            Err(fault) => {
                self.error(at, format!("cannot read `{}`: {}", found.display(), reason(&fault)), "");
                None
            }
        }
    }
}

/// Why a file cannot be read, in plain words.
pub(super) fn reason(fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a folder, not a file".into(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".into(),
        _ => fault.to_string(),
    }
}
