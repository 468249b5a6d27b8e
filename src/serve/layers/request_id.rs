//! The request id: the client's own if it is sane, else a fresh one. It is forwarded to the backend, answered
//! in `x-request-id`, and written to logs, so a client may not make it long or odd.

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, RequestId};

use crate::telemetry::fresh_id;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is kept.
const LONGEST: usize = 128;

/// Removes an id that is not sane, so that a fresh one takes its place.
pub(in crate::serve) fn keep_sane(headers: &mut HeaderMap) {
    let mut ids = headers.get_all(X_REQUEST_ID).iter();
    let keep = match (ids.next(), ids.next()) {
        (None, _) => return,
        (Some(id), None) => sane(id.as_bytes()),
        _ => false,
    };
    if !keep {
        headers.remove(X_REQUEST_ID);
    }
}

fn sane(id: &[u8]) -> bool {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(known)
}

/// Makes ids of 32 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Fresh;

impl MakeRequestId for Fresh {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        HeaderValue::try_from(fresh_id()).ok().map(RequestId::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_sane_id_is_kept() {
        let long = "a".repeat(LONGEST + 1);
        for (sent, kept) in [
            (vec!["abc-123_x.y:z/+=@"], true),
            (vec![&long[1..]], true),
            (vec![long.as_str()], false),
            (vec![""], false),
            (vec!["a b"], false),
            (vec!["<script>"], false),
            (vec!["a", "b"], false),
        ] {
            let mut headers = HeaderMap::new();
            for id in &sent {
                headers.append(X_REQUEST_ID, id.parse().expect("a header value"));
            }
            keep_sane(&mut headers);
            assert_eq!(headers.contains_key(X_REQUEST_ID), kept, "{sent:?}");
        }
    }
}
