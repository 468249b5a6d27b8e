//! The `Grpc-Timeout` request header (`PROTOCOL-HTTP2.md`, "Timeout"): the client's wish for a deadline.

use std::time::Duration;

use http::HeaderMap;

use crate::status::Status;

/// The deadline that a request asks for, counted from now; `None` when it does not ask.
///
/// Written as a whole number and a unit: `H`ours, `M`inutes, `S`econds, `m`illi-, `u` micro-, `n`anoseconds.
///
/// # Errors
/// 400 when the header is not of that form.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    match value.to_str().ok().and_then(read) {
        Some(timeout) => Ok(Some(timeout)),
        None => Err(Status::invalid(
            "invalid `Grpc-Timeout` header: expected digits and one of H, M, S, m, u, n, such as `500m`",
        )),
    }
}

fn read(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit a u64 mean a deadline beyond any clock.
    let number = digits.parse::<u64>().unwrap_or(u64::MAX);
    Some(match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_read() {
        let cases = [
            ("1H", Some(3_600_000_000_000)),
            ("2M", Some(120_000_000_000)),
            ("3S", Some(3_000_000_000)),
            ("4m", Some(4_000_000)),
            ("5u", Some(5000)),
            ("6n", Some(6)),
            ("0S", Some(0)),
            ("-1S", None),
            ("1", None),
            ("S", None),
            ("", None),
            ("1.5S", None),
            ("1s", None),
            ("\u{e9}", None),
        ];
        for (text, nanos) in cases {
            assert_eq!(read(text).map(|timeout| timeout.as_nanos()), nanos, "{text}");
        }
        assert!(read("99999999999999999999H").is_some_and(|timeout| timeout.as_secs() > 1 << 40));
    }
}
