//! Checks of what answers carry.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{metadata, protocol};

use super::super::file::Answers;
use super::Check;

impl Check<'_> {
    pub(super) fn answers(&mut self, file: &Answers) -> protocol::AnswerSettings {
        let mut headers = HeaderMap::new();
        for (name, value) in &file.headers {
            let at = format!("answers.headers.{name}");
            match HeaderName::try_from(name) {
                Ok(name) if metadata::is_reserved(name.as_str()) => {
                    let what = format!("`{name}` cannot be set on answers");
                    self.error(&at, what, "it belongs to the body or to the connection: leave it out");
                }
                Ok(name) => {
                    if let Ok(value) = HeaderValue::try_from(value) {
                        headers.insert(name, value);
                    } else {
                        let what = format!("the text of `{name}` cannot be the value of a header");
                        self.error(&at, what, "write visible ASCII characters, without line breaks");
                    }
                }
                Err(_) => {
                    let what = format!("`{name}` is not the name of a header");
                    self.error(&at, what, "write letters, digits and `-`, such as `X-Frame-Options`");
                }
            }
        }
        protocol::AnswerSettings {
            headers,
            status: self.success("answers.status", file.status),
            empty_status: self.success("answers.empty_status", file.empty_status),
            status_metadata: file.status_metadata.as_ref().and_then(|name| self.status_metadata(name)),
            etag: file.etag,
            error_envelope: file.error_envelope,
        }
    }

    /// A status that tells of a success.
    fn success(&mut self, at: &str, status: Option<u16>) -> Option<StatusCode> {
        let number = status?;
        if !(200..300).contains(&number) {
            self.error(at, format!("{number} is not the status of a success"), "write one from 200 to 299");
        }
        StatusCode::from_u16(number).ok()
    }

    fn status_metadata(&mut self, name: &str) -> Option<HeaderName> {
        let at = "answers.status_metadata";
        match HeaderName::try_from(name) {
            Ok(name) if !metadata::is_reserved(name.as_str()) => return Some(name),
            Ok(_) => {
                let what = format!("`{name}` belongs to gRPC or to the connection");
                self.error(at, what, "take another name, such as `x-http-code`");
            }
            Err(_) => {
                let what = format!("`{name}` is not the name of metadata");
                self.error(at, what, "write a name such as `x-http-code`");
            }
        }
        None
    }
}
