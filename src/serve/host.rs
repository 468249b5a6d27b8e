//! The Host header as RFC 9112, 3.2 wants it: what a gateway before this one read as the host must be what is
//! read here.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Version};

/// What is wrong with the Host of a request, to be answered with 400.
pub(super) fn fault<B>(request: &Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => Some("the Host header is missing"),
        (Some(_), Some(_)) => Some("there is more than one Host header"),
        (Some(host), None) if !is_host(host) => Some("the Host header is not a host"),
        (Some(host), None) if is_another(host, request) => {
            Some("the Host header is not the host of the target")
        }
        _ => None,
    }
}

/// Whether an HTTP/2 request names another host in its header than in `:authority` (RFC 9113, 8.3.1): who routed it by
/// the one must not be passed by with the other.
fn is_another<B>(host: &HeaderValue, request: &Request<B>) -> bool {
    let authority = request.uri().authority().filter(|_| request.version() == Version::HTTP_2);
    authority.is_some_and(|authority| !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()))
}

/// A host and perhaps a port. An empty one is for targets that have no host (RFC 9112, 3.2).
fn is_host(host: &HeaderValue) -> bool {
    let host = host.as_bytes();
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_host_is_asked_for() {
        for (version, hosts, fine) in [
            (Version::HTTP_11, &["a.example"][..], true),
            (Version::HTTP_11, &["a.example:80"], true),
            (Version::HTTP_11, &["[::1]:80"], true),
            (Version::HTTP_11, &[""], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_11, &["a", "a"], false),
            (Version::HTTP_11, &["a, b"], false),
            (Version::HTTP_11, &["a/b"], false),
            (Version::HTTP_11, &["me@a"], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &["a", "b"], false),
            (Version::HTTP_2, &[], true),
            (Version::HTTP_2, &["a", "b"], false),
        ] {
            let mut request = Request::new(());
            *request.version_mut() = version;
            for host in hosts {
                request.headers_mut().append(HOST, HeaderValue::from_static(host));
            }
            assert_eq!(fault(&request).is_none(), fine, "{version:?} {hosts:?}");
        }
    }
}
