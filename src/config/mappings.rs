//! Which mapping single methods have: the entries of `methods` that name a method are laid over the rest of what was
//! written, key by key, and the whole is typed and checked as ever.
//!
//! So a section needs nothing of its own to be one that methods may change. Set-up, not request path.

use std::path::Path;
use std::sync::Arc;

use crate::gateway::{self, Mapping};
use crate::problem::Problems;
use crate::units::Glob;

use super::check::Check;
use super::file::{File, Profile};
use super::tree::{Entry, Mark, Node, Value};
use super::{profile, read};

/// The sections that an entry of `methods` may change for its methods.
pub(super) const SECTIONS: [&str; 6] = ["json", "routing", "streams", "bodies", "answers", "metadata"];

/// Keys of them that are about pairs of routes, and so about all methods.
pub(super) const COMMON: [&str; 2] = ["routing.ties", "routing.precedence"];

/// Which mapping each method has, and who said so.
#[derive(Debug, Clone)]
pub struct Mappings(Arc<Whole>);

#[derive(Debug)]
struct Whole {
    /// All that was written, and what the profile filled in.
    root: Node,
    /// The entries of `methods` that change the mapping of their methods, with their places in the list.
    entries: Vec<(usize, Glob)>,
}

/// The value that a key has for a method, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The key, `json.unset_fields`.
    pub key: String,
    /// Its value, as JSON but for the quotation marks of a text.
    pub value: String,
    /// Who said so: `methods[0] at FILE:LINE:COLUMN`, `written at ...`, `profile NAME`, `default`.
    pub by: String,
}

impl Mappings {
    /// The mappings of a tree that was typed as this file.
    pub(super) fn of_tree(root: &Node, file: &File) -> Self {
        let changes = |index: &usize| {
            entry_profile(root, *index).is_some()
                || SECTIONS.iter().any(|s| !keys(root, *index, s).is_empty())
        };
        let entries = file.methods.iter().map(|method| Glob::new(method.methods.trim_start_matches('/')));
        let entries = entries.enumerate().filter(|(index, _)| changes(index)).collect();
        Self(Arc::new(Whole { root: root.clone(), entries }))
    }

    /// The entries of `methods` that change anything here, by their places in the list.
    pub(super) fn entries(&self) -> impl Iterator<Item = usize> {
        self.0.entries.iter().map(|(index, _)| *index)
    }

    /// The mapping of a method that these entries name.
    pub(super) fn mapping(&self, entries: &[usize], problems: &mut Problems) -> Mapping {
        let mut tree = self.laid(entries);
        let file: File = read::read(&mut tree, problems);
        let mut check = Check {
            root: &tree,
            written: &tree,
            folder: Path::new(""),
            without_backend: true,
            problems,
            files: Vec::new(),
            read: Vec::new(),
        };
        check.mapping(&file)
    }

    /// What each key of the mapping is for a method, `pkg.Service/Method`, or for the rest.
    #[must_use]
    pub fn decisions(&self, rpc: Option<&str>) -> Vec<Decision> {
        let entries = rpc.map(|rpc| self.naming(rpc)).unwrap_or_default();
        let (own, common) = (self.typed(&entries), self.typed(&[]));
        let mut decisions = Vec::new();
        for section in SECTIONS {
            for key in own[section].as_object().into_iter().flat_map(serde_json::Map::keys) {
                let name = format!("{section}.{key}");
                let common_key = COMMON.contains(&name.as_str());
                let (file, entries) = if common_key { (&common, &[][..]) } else { (&own, &entries[..]) };
                let value = match &file[section][key] {
                    serde_json::Value::String(text) => text.clone(),
                    value => value.to_string(),
                };
                decisions.push(Decision { by: self.who(section, key, entries), key: name, value });
            }
        }
        decisions
    }

    /// The entries that name a method.
    fn naming(&self, rpc: &str) -> Vec<usize> {
        let naming = self.0.entries.iter().filter(|(_, glob)| glob.matches(rpc));
        naming.map(|(index, _)| *index).collect()
    }

    fn typed(&self, entries: &[usize]) -> serde_json::Value {
        let file: File = read::read(&mut self.laid(entries), &mut Problems::new());
        serde_json::to_value(file).unwrap_or_default()
    }

    /// What was written with these entries laid over it, the first of them on top, and the profile below.
    fn laid(&self, entries: &[usize]) -> Node {
        let root = &self.0.root;
        let mut tree = root.clone();
        tree.remove(&["methods".to_owned()]);
        for section in SECTIONS {
            if let Some(keys) = tree.entries(&[section.to_owned()]) {
                keys.retain(|key| key.node.mark != Mark::Default);
            }
        }
        for index in entries.iter().rev() {
            if let Some(profile) = entry_profile(root, *index) {
                // A section that is not a map was told when the tree was read, and is not there any more.
                let _ = tree.put(&["profile"], profile.value.clone(), &profile.mark);
            }
            for section in SECTIONS {
                for entry in keys(root, *index, section) {
                    let _ = tree.put(&[section, &entry.key], entry.node.value.clone(), &entry.node.mark);
                }
            }
        }
        profile::fill(&mut tree);
        tree
    }

    /// Who decided on a key of a method that these entries name.
    fn who(&self, section: &str, key: &str, entries: &[usize]) -> String {
        let root = &self.0.root;
        for index in entries {
            if let Some(entry) = keys(root, *index, section).iter().find(|entry| entry.key == key) {
                return match place(&entry.node.mark) {
                    Some(place) => format!("methods[{index}] at {place}"),
                    None => format!("methods[{index}]"),
                };
            }
        }
        let written = root.get(&[section, key]).map(|node| &node.mark);
        match written {
            Some(mark @ Mark::File { .. }) => format!("written at {}", place(mark).unwrap_or_default()),
            Some(Mark::Named(name)) => format!("set by `{name}`"),
            Some(Mark::Default) | None => self.by_profile(&format!("{section}.{key}"), entries),
        }
    }

    fn by_profile(&self, key: &str, entries: &[usize]) -> String {
        let own = entries.iter().find(|index| entry_profile(&self.0.root, **index).is_some());
        let named = profile::named(&self.laid(entries));
        match own {
            _ if !profile::decides(named, key) => "default".to_owned(),
            Some(index) => format!("profile {} of methods[{index}]", name(named)),
            None => format!("profile {}", name(named)),
        }
    }
}

impl gateway::Mappings for Mappings {
    fn of(&self, rpc: &str) -> Option<Mapping> {
        let entries = self.naming(rpc);
        // Whatever is wrong with an entry was told when the configuration was checked.
        (!entries.is_empty()).then(|| self.mapping(&entries, &mut Problems::new()))
    }
}

/// The keys of a section that an entry of `methods` has.
pub(super) fn keys<'n>(root: &'n Node, index: usize, section: &str) -> &'n [Entry] {
    match root.get(&["methods", &index.to_string(), section]).map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &[],
    }
}

/// The profile that an entry of `methods` names.
fn entry_profile(root: &Node, index: usize) -> Option<&Node> {
    let found = root.get(&["methods", &index.to_string(), "profile"]);
    found.filter(|node| matches!(node.value, Value::Text(_) | Value::Loose(_)))
}

/// `FILE:LINE:COLUMN`, or the name of a variable.
fn place(mark: &Mark) -> Option<String> {
    match mark {
        Mark::File { source, line, column, .. } => Some(format!("{}:{line}:{column}", source.name)),
        Mark::Named(name) => Some(name.to_string()),
        Mark::Default => None,
    }
}

/// A profile's name as it is written.
fn name(profile: Profile) -> &'static str {
    match profile {
        Profile::Transom => "transom",
        Profile::GrpcGateway => "grpc-gateway",
        Profile::Envoy => "envoy",
        Profile::Canonical => "canonical",
    }
}
