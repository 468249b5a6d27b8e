//! Sees to it that no two extensions of one message have the same number, before they are linked: the linker
//! finds an extension's value by its number, and would take the one for the other.

use std::collections::HashMap;

use prost_reflect::DescriptorPool;
use prost_types::{DescriptorProto, FieldDescriptorProto};

use super::file::{File, Files};
use crate::problem::Problem;

/// The extensions of `file` whose numbers are taken, by `pool` or by the file itself.
pub(super) fn clashes(pool: &DescriptorPool, file: &File, files: &Files) -> Vec<Problem> {
    let declared = Declared::of(file);
    let mut own: HashMap<(String, i32), &Extension> = HashMap::new();
    let mut problems = Vec::new();
    for extension in &declared.extensions {
        let Some(extendee) = declared.extendee(pool, extension) else { continue };
        let first = own.get(&(extendee.clone(), extension.number())).map(|first| first.name.clone());
        let first = first
            .map(|name| (name, file.shown()))
            .or_else(|| taken(pool, files, &extendee, extension.number()));
        match first {
            // The same name twice is told by the linker, before it comes to the numbers.
            Some((name, _)) if name == extension.name => {}
            Some((name, shown)) => problems.push(clash(file, extension, &extendee, &name, &shown)),
            None => drop(own.insert((extendee, extension.number()), extension)),
        }
    }
    problems
}

/// Whether the file declares any extension.
pub(super) fn declares_extensions(file: &File) -> bool {
    !Declared::of(file).extensions.is_empty()
}

/// The extension in `pool` that has the number, and its file as the user knows it.
fn taken(pool: &DescriptorPool, files: &Files, extendee: &str, number: i32) -> Option<(String, String)> {
    let extension = pool.get_message_by_name(extendee)?.get_extension(u32::try_from(number).ok()?)?;
    let (_, file) = files.find(extension.parent_file().name())?;
    Some((extension.full_name().to_owned(), file.shown()))
}

fn clash(file: &File, extension: &Extension, extendee: &str, first: &str, shown: &str) -> Problem {
    let path = [&extension.path[..], &[3]].concat();
    let place = file.place(&path, file.origin.source(file.name()).as_deref()).of(&extension.name);
    let (name, number) = (&extension.name, extension.number());
    Problem::error(
        place,
        format!("`{name}` and `{first}` (in `{shown}`) extend `{extendee}` with the same number {number}"),
    )
    .help("give one of them another number")
}

/// An extension, where it stands, and its full name.
struct Extension<'f> {
    field: &'f FieldDescriptorProto,
    path: Vec<i32>,
    name: String,
}

impl Extension<'_> {
    fn number(&self) -> i32 {
        self.field.number()
    }
}

/// What a file declares, as far as its extensions are concerned.
#[derive(Default)]
struct Declared<'f> {
    extensions: Vec<Extension<'f>>,
    messages: Vec<String>,
}

impl<'f> Declared<'f> {
    fn of(file: &'f File) -> Self {
        let mut declared = Self::default();
        let package = file.descriptor.package();
        declared.extend(&file.descriptor.extension, package, &[7]);
        for (index, message) in (0..).zip(&file.descriptor.message_type) {
            declared.message(message, package, &[4, index]);
        }
        declared
    }

    fn message(&mut self, message: &'f DescriptorProto, scope: &str, path: &[i32]) {
        let name = join(scope, message.name());
        self.extend(&message.extension, &name, &[path, &[6]].concat());
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(nested, &name, &[path, &[3, index]].concat());
        }
        self.messages.push(name);
    }

    fn extend(&mut self, extensions: &'f [FieldDescriptorProto], scope: &str, path: &[i32]) {
        self.extensions.extend((0..).zip(extensions).map(|(index, field)| Extension {
            field,
            path: [path, &[index]].concat(),
            name: join(scope, field.name()),
        }));
    }

    /// The full name of the message that is extended. Names are looked up from the innermost scope outwards.
    fn extendee(&self, pool: &DescriptorPool, extension: &Extension) -> Option<String> {
        let written = extension.field.extendee();
        if let Some(full_name) = written.strip_prefix('.') {
            return Some(full_name.to_owned());
        }
        let mut scope = extension.name.as_str();
        loop {
            scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
            let name = join(scope, written);
            if pool.get_message_by_name(&name).is_some() || self.messages.contains(&name) {
                return Some(name);
            }
            if scope.is_empty() {
                return None;
            }
        }
    }
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
