//! The settings of partial updates.

use crate::patch;

use super::super::file::PartialUpdates;

pub(super) fn settings(file: &PartialUpdates) -> patch::Settings {
    patch::Settings { enabled: file.enabled, version_fields: file.version_fields.clone() }
}
