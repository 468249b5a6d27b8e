//! The request id: the client's own if it is sane, else a fresh one. It is forwarded to the backend, answered
//! in `x-request-id`, and written to logs, so a client may not make it long or odd.

use http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::telemetry::fresh_id;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is kept.
const LONGEST: usize = 128;

/// The id of a request, which it has in its headers from now on: the client's own, or a fresh one in its place.
pub(super) fn settle(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(id) = kept(headers) {
        return id.clone();
    }
    let id = fresh_id();
    headers.insert(X_REQUEST_ID, id.clone());
    id
}

/// The client's own id, if it is the only one and sane.
fn kept(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut ids = headers.get_all(X_REQUEST_ID).iter();
    let (id, others) = (ids.next()?, ids.next());
    (others.is_none() && sane(id.as_bytes())).then_some(id)
}

fn sane(id: &[u8]) -> bool {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(known)
}

/// Tells the id to the client, unless the answer has one of its own.
pub(super) fn answer<B>(response: &mut Response<B>, id: HeaderValue) {
    response.headers_mut().entry(X_REQUEST_ID).or_insert(id);
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
            let id = settle(&mut headers);
            assert_eq!(id == sent[0], kept, "{sent:?}");
            assert_eq!(headers.get_all(X_REQUEST_ID).iter().collect::<Vec<_>>(), [&id]);
        }
    }
}
