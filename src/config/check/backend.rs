//! Checks of the contract's sources, the backends and deadlines.

use std::path::Path;
use std::time::Duration;

use http::uri::PathAndQuery;

use crate::units::Period;
use crate::{gateway, schema, upstream};

use super::super::file::{Health, Limits, Method, Schema, Upstream, UpstreamTls};
use super::Check;

impl Check<'_> {
    pub(super) fn schema(&mut self, file: &Schema) -> schema::Settings {
        let keys = ["protos", "descriptor_sets"];
        let written = keys.iter().any(|key| self.is_written(&["schema", key]));
        let empty = file.protos.is_empty() && file.descriptor_sets.is_empty();
        if empty && !written && !file.embedded_api {
            let help = "name a folder of .proto files in `schema.protos` (or `--proto DIR`), or a descriptor \
                        set in `schema.descriptor_sets` (or `--descriptor-set FILE`)";
            self.error("schema", "there is no gRPC contract to serve", help);
        }
        schema::Settings {
            protos: self.sources_at("schema.protos", &file.protos),
            includes: self.sources_at("schema.includes", &file.includes),
            descriptor_sets: self.files_at("schema.descriptor_sets", &file.descriptor_sets),
            embedded_api: file.embedded_api,
        }
    }

    pub(super) fn upstreams(&mut self, file: &[Upstream], limits: &Limits) -> Vec<gateway::UpstreamSettings> {
        let stream_window = self.stream_window(limits);
        if file.is_empty() && !self.without_backend && !self.is_written(&["upstreams"]) {
            let help = "name a backend: `upstreams: [{url: http://127.0.0.1:9090}]` (or `--upstream URL`)";
            self.error("upstreams", "there is no gRPC backend to call", help);
        }
        let mut names: Vec<String> = Vec::new();
        let mut upstreams = Vec::new();
        for (index, upstream) in file.iter().enumerate() {
            let at = format!("upstreams.{index}");
            let name = upstream.name.clone().unwrap_or_else(|| format!("upstream-{}", index + 1));
            if names.contains(&name) {
                self.error(
                    &format!("{at}.name"),
                    format!("two upstreams are named `{name}`"),
                    "names must differ",
                );
            }
            names.push(name.clone());
            if let Some(upstream) = self.upstream(&at, name, upstream, stream_window) {
                upstreams.push(upstream);
            }
        }
        upstreams
    }

    /// Where the health of a backend is told.
    pub(super) fn health(&mut self, file: &Health) -> Option<gateway::HealthSettings> {
        let path = file.path.as_ref()?;
        let good = PathAndQuery::try_from(path.as_str()).is_ok_and(|parsed| parsed.path() == path);
        if !good || !path.starts_with('/') {
            let what = format!("`{path}` is not the path of a request");
            self.error("health.path", what, "write a path such as `/healthz`");
            return None;
        }
        Some(gateway::HealthSettings { path: path.clone(), upstream: file.upstream.clone() })
    }

    fn stream_window(&mut self, limits: &Limits) -> u32 {
        let window = limits.stream_window;
        if (LEAST_WINDOW..=MOST_WINDOW).contains(&window.0) {
            return u32::try_from(window.0).unwrap_or(DEFAULT_WINDOW);
        }
        let amount = if window.0 < LEAST_WINDOW { "little" } else { "much" };
        let what = format!("`limits.stream_window` is {window}, which is too {amount}");
        self.error(
            "limits.stream_window",
            what,
            "write `64KiB` or more, less than `2GiB`; the default is `256KiB`",
        );
        DEFAULT_WINDOW
    }

    fn upstream(
        &mut self,
        at: &str,
        name: String,
        file: &Upstream,
        stream_window: u32,
    ) -> Option<gateway::UpstreamSettings> {
        let tls = self.upstream_tls(&format!("{at}.tls"), &file.tls);
        let deadlines = self.deadlines(at, file.timeout, file.max_timeout);
        let connections = self.positive(&format!("{at}.connections"), file.connections);
        self.positive(&format!("{at}.connect_timeout"), file.connect_timeout.0);
        self.positive(&format!("{at}.max_request_message"), file.max_request_message.0);
        self.positive(&format!("{at}.max_response_message"), file.max_response_message.0);
        let url = self.url(&format!("{at}.url"), &file.url)?;
        if tls != upstream::TlsSettings::default() && !url.starts_with("https:") {
            let what = format!("`tls` of upstream `{name}` is not used: its url is not https");
            self.warning(&format!("{at}.tls"), what, "write `https://` or leave `tls` out");
        }
        let upstream = upstream::Settings {
            name,
            url,
            tls,
            deadlines,
            connect_timeout: file.connect_timeout.0,
            connections,
            keepalive: file.keepalive.map(|period| period.0).filter(|period| !period.is_zero()),
            max_request_message: file.max_request_message.bytes(),
            max_response_message: file.max_response_message.bytes(),
            stream_window,
            place: self.place(at),
        };
        Some(gateway::UpstreamSettings {
            upstream,
            services: self.services(&format!("{at}.services"), &file.services),
        })
    }

    /// A service that is asked beside calls, under its own name in logs.
    pub(super) fn service(
        &mut self,
        name: &str,
        at: &str,
        url: &str,
        tls: &UpstreamTls,
    ) -> Option<upstream::Settings> {
        let tls = self.upstream_tls(&format!("{at}.tls"), tls);
        let url = self.url(&format!("{at}.url"), url)?;
        Some(upstream::Settings {
            name: name.to_owned(),
            url,
            tls,
            deadlines: upstream::Deadlines::default(),
            connect_timeout: Duration::from_secs(5),
            connections: 1,
            keepalive: Some(Duration::from_secs(30)),
            max_request_message: SERVICE_MESSAGE,
            max_response_message: SERVICE_MESSAGE,
            stream_window: DEFAULT_WINDOW,
            place: self.place(at),
        })
    }

    fn upstream_tls(&mut self, at: &str, file: &UpstreamTls) -> upstream::TlsSettings {
        for (present, absent, missing) in
            [(&file.certificate, &file.key, "key"), (&file.key, &file.certificate, "certificate")]
        {
            if present.is_some() && absent.is_none() {
                self.error(at, format!("`{at}` has no `{missing}`"), "a client certificate needs both");
            }
        }
        let mut file_of = |key: &str, path: Option<&std::path::PathBuf>| {
            path.and_then(|path| self.file_at(&format!("{at}.{key}"), path))
        };
        upstream::TlsSettings {
            roots: file_of("roots", file.roots.as_ref()),
            certificate: file_of("certificate", file.certificate.as_ref()),
            key: file_of("key", file.key.as_ref()),
            server_name: file.server_name.clone(),
        }
    }

    pub(super) fn methods(&mut self, file: &[Method]) -> Vec<gateway::MethodSettings> {
        let entries = file.iter().enumerate().map(|(index, method)| {
            let at = format!("methods.{index}");
            let glob = method.methods.trim_start_matches('/');
            if !glob.contains(['/', '*']) {
                let what = format!("`{}` names no method", method.methods);
                let help = "write a glob over `package.Service/Method`, such as `acme.v1.Library/*`";
                self.error(&format!("{at}.methods"), what, help);
            }
            let deadlines = self.deadlines(&at, method.timeout, method.max_timeout);
            gateway::MethodSettings { methods: glob.to_owned(), deadlines }
        });
        entries.collect()
    }

    /// A default deadline and the longest one, neither of them zero.
    fn deadlines(&mut self, at: &str, timeout: Option<Period>, max: Option<Period>) -> upstream::Deadlines {
        for (key, period) in [("timeout", timeout), ("max_timeout", max)] {
            if period.is_some_and(|period| period.0.is_zero()) {
                let what = format!("`{key}` is zero, which would let no call through");
                self.error(&format!("{at}.{key}"), what, "write `null` for no deadline");
            }
        }
        if let (Some(timeout), Some(max)) = (timeout, max)
            && timeout > max
        {
            let what =
                format!("`timeout` ({timeout}) is longer than `max_timeout` ({max}) and will be cut to it");
            self.warning(&format!("{at}.timeout"), what, "lower the one or raise the other");
        }
        upstream::Deadlines { default: timeout.map(|period| period.0), max: max.map(|period| period.0) }
    }

    /// The url of a backend, in the form that the upstream room reads.
    pub(super) fn url(&mut self, at: &str, text: &str) -> Option<String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = self.resolve(at, Path::new(path.strip_prefix("//").unwrap_or(path)));
            if path.file_name().is_none() {
                self.error(at, format!("`{text}` names no socket"), "write `unix:/run/backend.sock`");
                return None;
            }
            return Some(format!("unix://{}", path.display()));
        }
        match upstream::fault_of_url(text) {
            None => Some(text.trim_end_matches('/').to_owned()),
            Some(what) => {
                let help = "write `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`";
                self.error(
                    at,
                    format!(
                        "`{}` is not the url of a gRPC backend: {what}",
                        super::super::render::masked(text)
                    ),
                    help,
                );
                None
            }
        }
    }
}

/// The largest message to or from a service that is asked beside calls: the head of a request and what becomes of it.
const SERVICE_MESSAGE: usize = 1 << 20;

/// The least that a stream's backend may send ahead, in bytes: what HTTP/2 begins with.
const LEAST_WINDOW: u64 = 64 << 10;

/// The most: the largest window of HTTP/2.
const MOST_WINDOW: u64 = (2 << 30) - 1;

const DEFAULT_WINDOW: u32 = 256 << 10;
