//! `transom routes`: the route table, for people or as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::gateway::Snapshot;
use crate::problem::Problems;
use crate::rule::{Binding, Body, FieldPath, Source};

use super::args::RoutesArgs;
use super::build::{Built, build_without_backend};
use super::check::plural;
use super::paint::{Ink, Paint};
use super::{FINE, PROBLEMS, Terminal, in_runtime};

pub(super) fn run(args: &RoutesArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let mut problems = Problems::new();
    let built = in_runtime(|| build_without_backend(args.source.sources(), &mut problems))?;
    terminal.tell(&problems)?;
    let Some(Built { snapshot, .. }) = built else { return Ok(PROBLEMS) };
    let routes: Vec<_> = snapshot
        .bindings()
        .iter()
        .enumerate()
        .map(|(index, binding)| Route::of(&snapshot, index, binding))
        .collect();
    if args.json {
        serde_json::to_writer_pretty(&mut terminal.out.to, &routes)?;
        writeln!(terminal.out.to)?;
    } else {
        table(&routes, terminal.out.paint, &mut terminal.out.to)?;
    }
    Ok(FINE)
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Route {
    /// The HTTP method; `*`: any.
    pub method: String,
    /// The path template.
    pub path: String,
    /// `*`: the whole message; a field path; nothing: the body is not read.
    pub body: Option<String>,
    /// The field of the answer that is the body; nothing: all of it.
    pub response_body: Option<String>,
    /// `package.Service/Method`.
    pub rpc: String,
    /// The upstream's name; nothing: none is configured.
    pub upstream: Option<String>,
    /// `annotation`, `external` or `unbound`.
    pub source: &'static str,
    /// Where the rule was written.
    pub place: String,
}

impl Route {
    pub(super) fn of(snapshot: &Snapshot, index: usize, binding: &Binding) -> Self {
        let upstream = snapshot.upstream(index, None).map(|(upstream, _)| upstream.settings().name.clone());
        Self {
            method: binding.method.to_string(),
            path: binding.template.to_string(),
            body: match &binding.body {
                Body::None => None,
                Body::Whole => Some("*".to_owned()),
                Body::Field(path) => Some(dotted(path)),
            },
            response_body: binding.response_body.as_ref().map(|field| field.name().to_owned()),
            rpc: rpc(binding),
            upstream: upstream.filter(|name| name != super::build::NO_BACKEND),
            source: match binding.source {
                Source::Annotation => "annotation",
                Source::External => "external",
                Source::Unbound => "unbound",
            },
            place: position(binding),
        }
    }
}

/// `package.Service/Method`.
pub(super) fn rpc(binding: &Binding) -> String {
    format!("{}/{}", binding.rpc.parent_service().full_name(), binding.rpc.name())
}

/// File, line and column of the rule, without the thing that is there.
pub(super) fn position(binding: &Binding) -> String {
    let mut place = binding.place.clone();
    if place.file.is_some() {
        place.item = None;
    }
    place.to_string()
}

pub(super) fn dotted(path: &FieldPath) -> String {
    path.0.iter().map(prost_reflect::FieldDescriptor::name).collect::<Vec<_>>().join(".")
}

/// An aligned table with a heading, and the count below.
fn table(routes: &[Route], paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let heading = ["METHOD", "PATH", "BODY", "RPC", "UPSTREAM"].map(str::to_owned);
    let rows = routes.iter().map(|route| {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            route.method.clone(),
            route.path.clone(),
            or_dash(&route.body),
            route.rpc.clone(),
            or_dash(&route.upstream),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let mut widths = [0; 5];
    for row in std::iter::once(&heading).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    writeln!(out, "{}", paint.text(Ink::Strong, line(&heading)))?;
    for row in &rows {
        writeln!(out, "{}", line(row))?;
    }
    writeln!(out, "\n{}", paint.text(Ink::Faint, plural(routes.len(), "route", "routes")))
}

#[cfg(test)]
mod tests {
    use super::super::args::ColorWhen;
    use super::*;

    #[test]
    fn columns_stand_below_one_another() {
        let route = |method: &str, path: &str, body: Option<&str>| Route {
            method: method.into(),
            path: path.into(),
            body: body.map(str::to_owned),
            response_body: None,
            rpc: "a.S/M".into(),
            upstream: None,
            source: "annotation",
            place: String::new(),
        };
        let routes = [route("GET", "/a", None), route("DELETE", "/longer/path", Some("*"))];
        let mut out = Vec::new();
        table(&routes, Paint::of(ColorWhen::Never, true), &mut out).expect("memory");
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "METHOD  PATH          BODY  RPC    UPSTREAM\n\
             GET     /a            -     a.S/M  -\n\
             DELETE  /longer/path  *     a.S/M  -\n\n2 routes\n"
        );
    }
}
