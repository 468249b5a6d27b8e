//! Checks of limits, layers and telemetry.

use http::{HeaderName, HeaderValue, Method};

use crate::{gateway, serve, telemetry, upstream};

use super::super::file::{Cors, File, Limits, LogForm, Telemetry};
use super::Check;

/// The least that HTTP/1 can read a request's headers with.
const LEAST_HEADER_BYTES: usize = 8192;

/// The longest target that is read at all: a longer one is a 414 whatever the limit.
const LONGEST_URI: usize = 65_534;

impl Check<'_> {
    pub(super) fn request_limits(&mut self, file: &Limits) -> gateway::Limits {
        if file.uri.bytes() > LONGEST_URI {
            let what = format!("`limits.uri` is {}, longer than any target that is read", file.uri);
            self.error("limits.uri", what, "write `63KiB` or less");
        }
        gateway::Limits {
            request_body: self.positive("limits.request_body", file.request_body.bytes()),
            body_timeout: self.positive("limits.body_timeout", file.body_timeout.0),
            uri: self.positive("limits.uri", file.uri.bytes()),
        }
    }

    pub(super) fn connection_limits(&mut self, file: &Limits) -> serve::ConnectionLimits {
        let header_bytes = file.header_bytes.bytes();
        if header_bytes < LEAST_HEADER_BYTES {
            let what = format!("`limits.header_bytes` is {}, which is too little", file.header_bytes);
            self.error("limits.header_bytes", what, "write `8KiB` or more");
        }
        serve::ConnectionLimits {
            header_bytes,
            header_timeout: self.positive("limits.header_timeout", file.header_timeout.0),
            write_timeout: self.positive("limits.write_timeout", file.write_timeout.0),
            idle_timeout: self.positive("limits.idle_timeout", file.idle_timeout.0),
            connections: self.positive("limits.connections", file.connections),
            streams: self.positive("limits.streams", file.streams),
        }
    }

    pub(super) fn layers(&mut self, file: &File) -> serve::LayerSettings {
        let compression_min = u16::try_from(file.compression.min_size.0).unwrap_or_else(|_| {
            let what = format!("`compression.min_size` is {}, which is too much", file.compression.min_size);
            self.error("compression.min_size", what, "write `65535` or less");
            u16::MAX
        });
        let mut sensitive_headers =
            self.header_names("telemetry.sensitive_headers", &file.telemetry.sensitive_headers);
        // What is no name of a header is told where keys are checked.
        let key_headers = file.identity.iter().flat_map(|identity| &identity.key_headers);
        sensitive_headers
            .extend(key_headers.filter(|name| HeaderName::try_from(name.as_str()).is_ok()).cloned());
        serve::LayerSettings {
            cors: file.cors.as_ref().and_then(|cors| self.cors(cors)),
            compression: file.compression.responses,
            compression_min,
            decompression: file.compression.requests,
            sensitive_headers,
        }
    }

    fn cors(&mut self, file: &Cors) -> Option<serve::Cors> {
        if file.origins.is_empty() && !self.is_written(&["cors", "origins"]) {
            self.error("cors.origins", "`cors.origins` is empty", "name an origin, or leave `cors` out");
            return None;
        }
        for (index, origin) in file.origins.iter().enumerate() {
            if !is_origin(origin) {
                let what = format!("`{origin}` is not an origin");
                let help = "write scheme, host and port only, such as `https://app.example.com`, or `*`";
                self.error(&format!("cors.origins.{index}"), what, help);
            }
        }
        for (index, method) in file.methods.iter().enumerate() {
            if Method::from_bytes(method.as_bytes()).is_err() {
                self.error(&format!("cors.methods.{index}"), format!("`{method}` is not an HTTP method"), "");
            }
        }
        self.cors_credentials(file);
        Some(serve::Cors {
            origins: file.origins.clone(),
            methods: file.methods.clone(),
            headers: self.header_names("cors.headers", &file.headers),
            expose: self.header_names("cors.expose", &file.expose),
            credentials: file.credentials,
            max_age: file.max_age.0,
        })
    }

    /// Browsers refuse credentials together with `*` (Fetch standard, "CORS protocol and credentials").
    fn cors_credentials(&mut self, file: &Cors) {
        let lists = [("origins", &file.origins), ("headers", &file.headers), ("expose", &file.expose)];
        for (key, list) in lists {
            if file.credentials && list.iter().any(|word| word == "*") {
                let what =
                    format!("`cors.{key}` is `*` while `cors.credentials` is true, which browsers refuse");
                self.error(&format!("cors.{key}"), what, "name each one that is allowed");
            }
        }
    }

    pub(super) fn telemetry(&mut self, file: &Telemetry) -> telemetry::Settings {
        if !file.level.split(',').all(is_level) {
            let what = format!("`{}` is not a level of logs", file.level);
            let help = "write `error`, `warn`, `info`, `debug`, `trace`, or `info,transom::upstream=debug`";
            self.error("telemetry.level", what, help);
        }
        if !(0.0..=1.0).contains(&file.sample_ratio) {
            let what = format!("`telemetry.sample_ratio` is {}, expected 0 to 1", file.sample_ratio);
            self.error("telemetry.sample_ratio", what, "");
        }
        if let Some((endpoint, what)) =
            file.otlp_endpoint.as_ref().and_then(|text| upstream::fault_of_url(text).map(|what| (text, what)))
        {
            let shown = super::super::render::masked(endpoint);
            let help = "write `http://HOST:4317` or `https://HOST:4317`";
            self.error(
                "telemetry.otlp_endpoint",
                format!("`{shown}` is not the url of a collector: {what}"),
                help,
            );
        }
        telemetry::Settings {
            level: file.level.clone(),
            format: match file.format {
                LogForm::Text => telemetry::LogFormat::Text,
                LogForm::Json => telemetry::LogFormat::Json,
            },
            access_log: file.access_log,
            otlp_endpoint: file.otlp_endpoint.clone(),
            service_name: file.service_name.clone(),
            sample_ratio: file.sample_ratio,
            metrics_interval: self.positive("telemetry.metrics_interval", file.metrics_interval.0),
        }
    }
}

/// A level, or `target=level`. A bare target, which log filters also know, is a slip more often than a wish.
fn is_level(text: &str) -> bool {
    let level = text.rsplit_once('=').map_or(text, |(_, level)| level).trim();
    ["off", "error", "warn", "info", "debug", "trace"].iter().any(|word| level.eq_ignore_ascii_case(word))
}

/// `*`, `null`, or scheme and authority without anything after it.
fn is_origin(text: &str) -> bool {
    if text == "*" || text == "null" {
        return true;
    }
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let plain = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*']);
    plain && !scheme.is_empty() && HeaderValue::try_from(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_stand_alone_or_behind_a_target() {
        for (text, good) in [
            ("info", true),
            ("INFO,transom::upstream=debug", true),
            ("warn, h2=off", true),
            ("loud", false),
            ("info,h2", false),
            ("", false),
        ] {
            assert_eq!(text.split(',').all(is_level), good, "{text}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        for good in ["*", "null", "https://a.example", "http://localhost:3000", "app://x"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["", "a.example", "https://a.example/", "https://*.example", "https://", "https://a\n"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
