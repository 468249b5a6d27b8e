//! `transom routes`: the route table, for people or as JSON.

use std::io::{self, Write};

use crate::admin::{DutiesRow, RouteRow};
use crate::problem::Problems;
use crate::rule::Binding;

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
    let mut routes = RouteRow::all(&snapshot);
    for route in &mut routes {
        route.upstream.take_if(|name| name == super::build::NO_BACKEND);
    }
    if args.json {
        serde_json::to_writer_pretty(&mut terminal.out.to, &routes)?;
        writeln!(terminal.out.to)?;
    } else {
        table(&routes, terminal.out.paint, &mut terminal.out.to)?;
    }
    Ok(FINE)
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

/// An aligned table with a heading, and the count below.
fn table(routes: &[RouteRow], paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let mut heading = vec!["METHOD", "PATH", "BODY", "RPC", "UPSTREAM"];
    let duties = routes.iter().any(|route| route.duties.is_some());
    if duties {
        heading.extend(["NEEDS", "API"]);
    }
    let heading: Vec<_> = heading.into_iter().map(str::to_owned).collect();
    let rows = routes.iter().map(|route| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let mut row = vec![
            route.method.clone(),
            route.path.clone(),
            or_dash(route.body.clone()),
            route.rpc.clone(),
            or_dash(route.upstream.clone()),
        ];
        if duties {
            row.push(or_dash(route.duties.as_ref().map(DutiesRow::needs)));
            row.push(or_dash(route.duties.as_ref().and_then(|duties| duties.api_version.clone())));
        }
        row
    });
    let rows: Vec<_> = rows.collect();
    let mut widths = vec![0; heading.len()];
    for row in std::iter::once(&heading).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
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
        let route = |method: &str, path: &str, body: Option<&str>| RouteRow {
            method: method.into(),
            path: path.into(),
            body: body.map(str::to_owned),
            response_body: None,
            rpc: "a.S/M".into(),
            upstream: None,
            source: "annotation",
            place: String::new(),
            duties: None,
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
