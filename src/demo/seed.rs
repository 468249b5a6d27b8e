//! The records that the demo starts with, read from `seed.txt`.
//!
//! A section is `= <message type>`, then indented protobuf text, then perhaps a table whose first row names
//! the columns; each further row is one record, `${column}` standing for its cell. Besides, `${account}` is
//! the demo account, `@id(label)` an id that is the same wherever the label is, and `@ago(days)` a time.

use std::time::SystemTime;

use prost_reflect::{DescriptorPool, DynamicMessage};

use super::resource::Resource;
use super::store::Store;
use super::{ACCOUNT_ID, ident};

const SEED: &str = include_str!("seed.txt");

/// Plants all records whose types the pool has; tells what does not fit.
pub(super) fn plant(pool: &DescriptorPool, store: &mut Store) -> Vec<String> {
    let mut complaints = Vec::new();
    for section in sections(SEED) {
        let Some(desc) = pool.get_message_by_name(section.of) else { continue };
        let resource = Resource::new(&desc);
        for text in section.records() {
            let planted = DynamicMessage::parse_text_format(desc.clone(), &text)
                .map_err(|fault| fault.to_string())
                .and_then(|record| store.insert(&resource, record).map_err(|full| full.message().to_owned()));
            if let Err(fault) = planted {
                complaints.push(format!("a record of `{}` was left out: {fault}", section.of));
            }
        }
    }
    complaints
}

#[derive(Debug, Default)]
struct Section<'a> {
    of: &'a str,
    template: String,
    columns: Vec<&'a str>,
    rows: Vec<Vec<&'a str>>,
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if let Some(of) = line.strip_prefix("= ") {
            sections.push(Section { of: of.trim(), ..Section::default() });
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        match line.strip_prefix('|') {
            None => {
                section.template.push_str(line);
                section.template.push('\n');
            }
            Some(row) => {
                let cells = row.split('|').map(str::trim).collect();
                if section.columns.is_empty() {
                    section.columns = cells;
                } else {
                    section.rows.push(cells);
                }
            }
        }
    }
    sections
}

impl Section<'_> {
    /// The text of each record; a section without a table is one record.
    fn records(&self) -> Vec<String> {
        if self.columns.is_empty() {
            return vec![filled(&self.template, &[])];
        }
        self.rows.iter().map(|row| filled(&self.template, &self.cells(row))).collect()
    }

    /// The cells of a row with their column names; what stands after the last `|` is no column.
    fn cells<'a>(&'a self, row: &'a [&'a str]) -> Vec<(&'a str, &'a str)> {
        let named = self.columns.iter().copied().zip(row.iter().copied());
        named.filter(|(column, _)| !column.is_empty()).collect()
    }
}

fn filled(template: &str, cells: &[(&str, &str)]) -> String {
    let account = [("account", ACCOUNT_ID)];
    let text = cells
        .iter()
        .chain(&account)
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    let text = called(&text, "@id(", ident::uuid_of);
    called(&text, "@ago(", ago)
}

/// Replaces each `<function>argument)`.
fn called(text: &str, function: &str, result: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(function);
    let mut called = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (argument, rest) = part.split_once(')').unwrap_or((part, ""));
        called.push_str(&result(argument));
        called.push_str(rest);
    }
    called
}

fn ago(days: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let days: u64 = days.trim().parse().unwrap_or(0);
    format!("{{ seconds: {} }}", now.saturating_sub(days * 86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_a_record_for_each_row() {
        let text = "# note\n= a.B\n  id: \"@id(${name})\"\n  n: ${n}\n| name | n |\n| x | 1 |\n| y | 2 |\n= a.C\n  k: 1\n";
        let sections = sections(text);
        assert_eq!(sections.iter().map(|section| section.of).collect::<Vec<_>>(), ["a.B", "a.C"]);
        let (x, y) = (ident::uuid_of("x"), ident::uuid_of("y"));
        assert_eq!(
            sections[0].records(),
            [format!("  id: \"{x}\"\n  n: 1\n"), format!("  id: \"{y}\"\n  n: 2\n")]
        );
        assert_eq!(sections[1].records(), ["  k: 1\n"]);
    }

    #[test]
    fn every_record_fits_the_model_api() {
        let pool = super::super::tests::model_api();
        let mut store = Store::default();
        assert_eq!(plant(&pool, &mut store), Vec::<String>::new());
        for section in sections(SEED) {
            assert!(store.has_table(section.of), "{} is no type of the model API", section.of);
        }
    }
}
