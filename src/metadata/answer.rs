//! Metadata and trailers to answer headers.

use http::{HeaderMap, HeaderName};

use super::Rules;
use super::names::{is_noise, is_reserved};

impl Rules {
    /// Adds the headers that a backend's initial metadata becomes: `Grpc-Metadata-<name>`, or the name itself, or
    /// another, where it is configured so. Binary values stay base64, as gRPC sends them.
    pub fn answer(&self, metadata: &HeaderMap, headers: &mut HeaderMap) {
        for (name, value) in metadata {
            if self.keeps(name) {
                continue;
            }
            if let Some(renamed) = self.rename_response.of(name) {
                headers.append(renamed, value.clone());
            } else if self.forward_response.names(name) || self.forward_response.fits(name) {
                headers.append(name, value.clone());
            } else if let Some(prefixed) = prefixed("grpc-metadata-", name) {
                headers.append(prefixed, value.clone());
            }
        }
    }

    /// The HTTP trailers that a backend's trailing metadata becomes: `Grpc-Trailer-<name>`.
    #[must_use]
    pub fn trailers(&self, trailers: &HeaderMap) -> HeaderMap {
        let mut answer = HeaderMap::with_capacity(trailers.len());
        for (name, value) in trailers {
            if self.keeps(name) {
                continue;
            }
            if let Some(prefixed) = prefixed("grpc-trailer-", name) {
                answer.append(prefixed, value.clone());
            }
        }
        answer
    }

    /// Whether metadata of this name is not for the client.
    fn keeps(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        is_reserved(name) || is_noise(name) || self.hidden_response.fits(name)
    }
}

fn prefixed(prefix: &str, name: &HeaderName) -> Option<HeaderName> {
    HeaderName::try_from([prefix, name.as_str()].concat()).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::metadata::Settings;
    use crate::problem::Problems;

    #[test]
    fn metadata_is_prefixed_unless_configured_and_noise_is_dropped() {
        let settings = Settings { forward_response: vec!["location".into()], ..Settings::default() };
        let rules = Rules::check(&settings, &mut Problems::new());
        let mut metadata = HeaderMap::new();
        for (name, value) in [
            ("location", "/x"),
            ("foo", "1"),
            ("foo", "2"),
            ("content-type", "application/grpc"),
            ("date", "today"),
        ] {
            metadata.append(name, HeaderValue::from_static(value));
        }
        let mut headers = HeaderMap::new();
        rules.answer(&metadata, &mut headers);
        let mut found: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        found.sort();
        assert_eq!(found, ["grpc-metadata-foo: 1", "grpc-metadata-foo: 2", "location: /x"]);
        assert_eq!(rules.trailers(&metadata).get("grpc-trailer-location").expect("a trailer"), "/x");
        assert!(!rules.trailers(&metadata).contains_key("grpc-trailer-content-type"));
    }

    #[test]
    fn globs_let_pass_what_is_not_reserved_and_renames_come_first() {
        let settings = Settings {
            forward_response: vec!["*".into()],
            rename_response: vec![("Cost".into(), "X-Cost".into())],
            ..Settings::default()
        };
        let rules = Rules::check(&settings, &mut Problems::new());
        let mut metadata = HeaderMap::new();
        for name in
            ["cost", "etag", "foo-bin", "content-length", "transfer-encoding", "grpc-status", "server"]
        {
            metadata.append(name, HeaderValue::from_static("1"));
        }
        let mut headers = HeaderMap::new();
        rules.answer(&metadata, &mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-cost", "etag", "foo-bin"]);
        let trailers = rules.trailers(&metadata);
        assert!(trailers.contains_key("grpc-trailer-cost") && trailers.contains_key("grpc-trailer-etag"));
    }

    #[test]
    fn what_is_hidden_is_neither_a_header_nor_a_trailer() {
        let settings = Settings {
            forward_response: vec!["qc-event-open".into()],
            hidden_response: vec!["QC-event-*".into()],
            ..Settings::default()
        };
        let rules = Rules::check(&settings, &mut Problems::new());
        let mut metadata = HeaderMap::new();
        for name in ["qc-event-cluster-id", "qc-event-open", "qc-events"] {
            metadata.append(name, HeaderValue::from_static("1"));
        }
        let mut headers = HeaderMap::new();
        rules.answer(&metadata, &mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["grpc-metadata-qc-events"]);
        let trailers = rules.trailers(&metadata);
        assert_eq!(trailers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["grpc-trailer-qc-events"]);
    }
}
