//! The settings of bodies.

use http::Method;

use super::super::file::{Bodies, Strictness};
use super::Check;
use crate::protocol::BodySettings;
use crate::transcode::PatchMask;

impl Check<'_> {
    pub(super) fn bodies(&mut self, file: &Bodies) -> BodySettings {
        for (index, name) in file.method_override.iter().enumerate() {
            if Method::from_bytes(name.as_bytes()).is_err() || name.chars().any(char::is_lowercase) {
                let what = format!("`{name}` is not an HTTP method");
                let help = "write it in capitals, such as `GET`; `*` stands for all";
                self.error(&format!("bodies.method_override.{index}"), what, help);
            }
        }
        let mask = PatchMask {
            into_structs: file.patch_mask_into_structs,
            refuse_unknown: file.patch_mask_unknown_fields == Strictness::Refuse,
        };
        BodySettings {
            form: file.form,
            form_fallback: file.form_fallback,
            method_override: file.method_override.clone(),
            protobuf: file.protobuf,
            patch_mask: Some(mask).filter(|_| file.patch_mask),
            strict_content_type: file.strict_content_type,
        }
    }
}
