//! Two sets of facts side by side: what differs, each difference as one line with the place of the fact.

use serde_json::{Map, Value};

/// Every difference between the facts of a table and those of the files.
pub fn differences(table: &Value, files: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", table, files, &mut found);
    found
}

fn walk(place: &str, table: &Value, files: &Value, found: &mut Vec<String>) {
    match (table, files) {
        (Value::Object(table), Value::Object(files)) => walk_object(place, table, files, found),
        _ if table == files => {}
        _ => found.push(format!("{place}: {table} in the table, {files} in the files")),
    }
}

fn walk_object(place: &str, table: &Map<String, Value>, files: &Map<String, Value>, found: &mut Vec<String>) {
    for (name, fact) in table {
        let place = below(place, name);
        match files.get(name) {
            Some(other) => walk(&place, fact, other, found),
            None => found.push(format!("{place}: in the table only")),
        }
    }
    for name in files.keys().filter(|name| !table.contains_key(*name)) {
        found.push(format!("{}: in the files only", below(place, name)));
    }
}

fn below(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place} > {name}") }
}
