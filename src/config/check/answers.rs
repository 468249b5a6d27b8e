//! Checks of what answers carry.

use http::{HeaderMap, HeaderName, HeaderValue};

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
                Ok(name) => match HeaderValue::try_from(value) {
                    Ok(value) => {
                        headers.insert(name, value);
                    }
                    Err(_) => {
                        let what = format!("the text of `{name}` cannot be the value of a header");
                        self.error(&at, what, "write visible ASCII characters, without line breaks");
                    }
                },
                Err(_) => {
                    let what = format!("`{name}` is not the name of a header");
                    self.error(&at, what, "write letters, digits and `-`, such as `X-Frame-Options`");
                }
            }
        }
        protocol::AnswerSettings { headers }
    }
}
