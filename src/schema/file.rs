//! One schema file before it is linked: its descriptor, where it came from, and how to show it to the user.
//!
//! Every source (proto folder, descriptor set, embedded files) is turned into these; merging, the filling of
//! imports and linking know nothing of sources.

use std::collections::HashMap;
use std::path::PathBuf;

use prost::bytes::Bytes;
use prost_reflect::prost::Message;
use prost_types::source_code_info::Location;
use prost_types::{FileDescriptorProto, SourceCodeInfo};

use super::embedded;
use crate::problem::Place;
use crate::wire::field::Fields;

/// Where a file was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A `.proto` file on disk, named as the user would.
    Disk(PathBuf),
    /// A file inside the descriptor set at this path.
    Set(PathBuf),
    /// A file embedded in the binary.
    Embedded,
    /// One of protobuf's own files, known to the compiler.
    Standard,
}

impl Origin {
    /// How the file is called in a problem.
    pub(super) fn shown(&self, name: &str) -> String {
        match self {
            Self::Disk(path) => path.display().to_string(),
            Self::Set(path) => format!("{}: {name}", path.display()),
            Self::Embedded => format!("embedded: {name}"),
            Self::Standard => name.to_owned(),
        }
    }

    /// The source text, read again: nothing keeps it while all is well.
    pub(super) fn source(&self, name: &str) -> Option<String> {
        match self {
            Self::Disk(path) => std::fs::read_to_string(path).ok(),
            Self::Embedded => embedded::text(name).map(str::to_owned),
            Self::Set(_) | Self::Standard => None,
        }
    }
}

/// A parsed but not yet linked file.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) origin: Origin,
    /// Without the source info: the pool would keep it twice, for as long as it lives.
    pub(super) descriptor: FileDescriptorProto,
    /// Where its elements stand, without comments.
    pub(super) spans: Vec<Location>,
    /// The wire form, for files out of descriptor sets: it holds custom options that `descriptor` has lost. It is
    /// without the source info too.
    pub(super) encoded: Option<Bytes>,
    /// Imports that only options need (edition 2024): taken when they can be had.
    pub(super) option_imports: Vec<String>,
}

impl File {
    /// A file out of the compiler, whose options are still to be interpreted.
    pub(super) fn parsed(origin: Origin, mut descriptor: FileDescriptorProto) -> Self {
        let spans = take_spans(&mut descriptor);
        Self { origin, descriptor, spans, encoded: None, option_imports: Vec::new() }
    }

    /// A file out of a descriptor set.
    pub(super) fn decoded(origin: Origin, encoded: Bytes) -> Result<Self, prost::DecodeError> {
        let mut descriptor = FileDescriptorProto::decode(encoded.clone())?;
        let encoded =
            if descriptor.source_code_info.is_some() { without_source_info(&encoded) } else { encoded };
        let spans = take_spans(&mut descriptor);
        Ok(Self { origin, descriptor, spans, encoded: Some(encoded), option_imports: Vec::new() })
    }

    /// The source info that was taken out of the descriptor.
    pub(super) fn source_info(&self) -> SourceCodeInfo {
        SourceCodeInfo { location: self.spans.clone() }
    }

    /// The name that imports use.
    pub(super) fn name(&self) -> &str {
        self.descriptor.name()
    }

    /// How the file is called in a problem.
    pub(super) fn shown(&self) -> String {
        self.origin.shown(self.name())
    }

    /// The place of the descriptor element with this path, in `source` when it is at hand.
    pub(super) fn place(&self, path: &[i32], source: Option<&str>) -> Place {
        let place = Place::file(self.shown());
        match self.spans.iter().find(|location| location.path == path) {
            Some(location) => at(place, location, |line| source?.lines().nth(line)),
            None => place,
        }
    }

    /// The place of the import with this index, source line included.
    pub(super) fn place_of_import(&self, index: usize) -> Place {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        self.place(&[3, index], self.origin.source(self.name()).as_deref())
    }

    /// Adds an import that the file did not write. Wire form and descriptor stay in step.
    fn add_import(&mut self, import: &str) {
        self.descriptor.dependency.push(import.to_owned());
        if let Some(encoded) = &self.encoded {
            let mut bytes = encoded.to_vec();
            prost::encoding::string::encode(3, &import.to_owned(), &mut bytes);
            self.encoded = Some(bytes.into());
        }
    }
}

fn take_spans(descriptor: &mut FileDescriptorProto) -> Vec<Location> {
    let info = descriptor.source_code_info.take().unwrap_or_default();
    let bare =
        |location: Location| Location { path: location.path, span: location.span, ..Location::default() };
    info.location.into_iter().map(bare).collect()
}

/// The wire form but for its source info.
fn without_source_info(encoded: &Bytes) -> Bytes {
    const SOURCE_CODE_INFO: u32 = 9;
    let kept = Fields::of(encoded).flatten().filter(|field| field.number != SOURCE_CODE_INFO);
    kept.flat_map(|field| field.whole).copied().collect()
}

/// `place` moved to the start of `location`, with its line as excerpt when `text` has it, which is asked for lines
/// counted from 0. Spans count columns in bytes, places in characters.
pub(super) fn at<'t>(
    place: Place,
    location: &Location,
    text: impl FnOnce(usize) -> Option<&'t str>,
) -> Place {
    let (line, start, end) = match *location.span {
        [line, start, end] => (line, start, Some(end)),
        [line, start, _, _] => (line, start, None),
        _ => return place,
    };
    let count = |number: i32| usize::try_from(number).unwrap_or(0);
    let (line, start) = (count(line), count(start));
    let Some(text) = text(line) else {
        return place.at(line + 1, start + 1);
    };
    let end = end.map_or(text.len(), count).min(text.len());
    let characters = |range: std::ops::Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
    place.at(line + 1, characters(0..start) + 1).showing(text, characters(start..end))
}

/// All files by name, in the order in which their sources were listed.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: Vec<File>,
    index: HashMap<String, usize>,
}

impl Files {
    /// Adds a file whose name is new.
    pub(super) fn push(&mut self, file: File) {
        self.index.insert(file.name().to_owned(), self.files.len());
        self.files.push(file);
    }

    /// The file with this name, and its index.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &File)> {
        let index = *self.index.get(name)?;
        Some((index, self.files.get(index)?))
    }

    /// The file with this index.
    pub(super) fn get(&self, index: usize) -> Option<&File> {
        self.files.get(index)
    }

    /// Gives the file with this index an import that it did not write.
    pub(super) fn add_import(&mut self, index: usize, import: &str) {
        if let Some(file) = self.files.get_mut(index) {
            file.add_import(import);
        }
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// All files in order, to be taken apart.
    pub(super) fn into_files(self) -> Vec<File> {
        self.files
    }

    /// All files in order.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, File> {
        self.files.iter()
    }
}
