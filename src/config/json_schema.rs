//! The JSON Schema of the config file, for editors.

use super::file::File;

/// The schema as indented JSON, ending in a line break: what `config/schema.json` holds.
#[must_use]
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(File);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
