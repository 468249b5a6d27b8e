//! Where a backend is: the url a person wrote, taken apart. Not for connecting: that is `connect`.

use std::path::PathBuf;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::problem::{Place, Problem, Problems};

/// What a url stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `http://` or `https://`: a host name or address, looked up at each connect.
    Tcp {
        /// Host name or address, IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether TLS is spoken.
        tls: bool,
        /// Host and port as written, for `:authority`.
        authority: Authority,
    },
    /// `unix:`: a socket file.
    Unix(PathBuf),
}

impl Target {
    /// Takes a url apart, telling what is wrong with it.
    pub(super) fn parse(url: &str, place: &Place, problems: &mut Problems) -> Option<Self> {
        let found = match url.strip_prefix("unix:") {
            Some(path) => unix(path),
            None => tcp(url),
        };
        match found {
            Ok(target) => Some(target),
            Err(what) => {
                let what = format!("`{url}` is not a url of a backend: {what}");
                problems.push(Problem::error(place.clone(), what).help(FORMS));
                None
            }
        }
    }

    /// Whether TLS is spoken.
    pub(super) fn tls(&self) -> bool {
        matches!(self, Self::Tcp { tls: true, .. })
    }

    /// The `:scheme` of calls.
    pub(super) fn scheme(&self) -> Scheme {
        if self.tls() { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// The `:authority` of calls, unless a server name replaces it.
    pub(super) fn authority(&self) -> Authority {
        match self {
            Self::Tcp { authority, .. } => authority.clone(),
            Self::Unix(_) => Authority::from_static("localhost"),
        }
    }
}

/// What is wrong with an `http` or `https` url that may have a host and a port only, if anything is.
#[must_use]
pub fn fault_of_url(url: &str) -> Option<String> {
    tcp(url).err()
}

fn unix(path: &str) -> Result<Target, String> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.len() < 2 || !path.starts_with('/') {
        return Err("a unix socket needs an absolute path".to_owned());
    }
    Ok(Target::Unix(PathBuf::from(path)))
}

fn tcp(url: &str) -> Result<Target, String> {
    let (scheme, _) = url.split_once("://").ok_or("it has no scheme")?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        other => return Err(format!("its scheme is `{other}`")),
    };
    let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
    let authority = uri.authority().cloned().ok_or("it has no host")?;
    if authority.as_str().contains('@') {
        return Err("it names a user".to_owned());
    }
    if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") {
        return Err("it has a path, but a gRPC method is the whole path".to_owned());
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() {
        return Err("it has no host".to_owned());
    }
    let written = authority.as_str().len() > authority.host().len();
    let port = match authority.port_u16() {
        Some(0) => return Err("its port is 0".to_owned()),
        Some(port) => port,
        None if written => return Err("its port is not a number up to 65535".to_owned()),
        None if tls => 443,
        None => 80,
    };
    Ok(Target::Tcp { host, port, tls, authority })
}

const FORMS: &str = "write `http://host:port`, `https://host:port` or `unix:///path/to/socket`";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> (Option<Target>, String) {
        let mut problems = Problems::new();
        let target = Target::parse(url, &Place::item("upstreams[0].url"), &mut problems);
        (target, problems.to_string())
    }

    #[test]
    fn urls_are_taken_apart() {
        for (url, host, port, tls, authority) in [
            ("http://backend:50051", "backend", 50051, false, "backend:50051"),
            ("http://127.0.0.1:1/", "127.0.0.1", 1, false, "127.0.0.1:1"),
            ("https://[::1]:8443", "::1", 8443, true, "[::1]:8443"),
            ("https://api.example.com", "api.example.com", 443, true, "api.example.com"),
            ("http://api.example.com", "api.example.com", 80, false, "api.example.com"),
        ] {
            let authority = Authority::from_static(authority);
            let expected = Target::Tcp { host: host.to_owned(), port, tls, authority };
            assert_eq!(parse(url), (Some(expected), String::new()), "{url}");
        }
        for url in ["unix:///run/a.sock", "unix:/run/a.sock"] {
            assert_eq!(parse(url).0, Some(Target::Unix(PathBuf::from("/run/a.sock"))), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told() {
        for (url, expected) in [
            ("backend:50051", "it has no scheme"),
            ("grpc://backend:1", "its scheme is `grpc`"),
            ("http://", "`http://` is not a url"),
            ("http://:80", "it has no host"),
            ("http://me@backend:1", "it names a user"),
            ("http://backend:1/v1", "it has a path"),
            ("http://backend:0", "its port is 0"),
            ("http://backend:70000", "its port is not a number up to 65535"),
            ("unix:run.sock", "needs an absolute path"),
            ("unix:///", "needs an absolute path"),
        ] {
            let (target, problems) = parse(url);
            assert_eq!(target, None, "{url}");
            assert!(problems.contains(expected), "{url}: {problems}");
            assert!(problems.contains("upstreams[0].url") && problems.contains("help: write"), "{problems}");
        }
    }
}
