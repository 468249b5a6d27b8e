//! The settings of bodies.

use crate::protocol;

use super::super::file::Bodies;

pub(super) fn settings(file: &Bodies) -> protocol::BodySettings {
    protocol::BodySettings { strict_content_type: file.strict_content_type }
}
