//! Whether calls can be served, and why not.
//!
//! With several upstreams one that is down makes nothing unready: taking the whole gateway out of service would
//! stop the calls that the others still answer. It is told all the same.

use serde::Serialize;

/// What `/readyz` answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Readiness {
    /// Whether calls can be served.
    pub ready: bool,
    /// Why not, or what is amiss though they can.
    pub reasons: Vec<String>,
    generation: u64,
    upstreams: Vec<Upstream>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Upstream {
    name: String,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Readiness {
    pub fn of<'s>(
        generation: u64,
        upstreams: impl Iterator<Item = (&'s str, Result<(), String>)>,
        draining: bool,
    ) -> Self {
        let upstreams: Vec<_> = upstreams.map(Upstream::of).collect();
        let draining = draining.then(|| "the gateway is shutting down".to_owned());
        let down = upstreams.iter().filter_map(|upstream| {
            let reason = upstream.reason.as_ref()?;
            Some(format!("upstream `{}`: {reason}", upstream.name))
        });
        let served = upstreams.is_empty() || upstreams.iter().any(|upstream| upstream.ready);
        let ready = draining.is_none() && served;
        let reasons = draining.into_iter().chain(down).collect();
        Self { ready, reasons, generation, upstreams }
    }
}

impl Upstream {
    fn of((name, state): (&str, Result<(), String>)) -> Self {
        Self { name: name.to_owned(), ready: state.is_ok(), reason: state.err() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_while_some_upstream_is_up_and_no_drain_has_begun() {
        let (up, down) = (("a", true), ("b", false));
        for (upstreams, draining, ready, reasons) in [
            (vec![up], false, true, vec![]),
            (vec![down], false, false, vec!["upstream `b`: refused"]),
            (vec![up, down], false, true, vec!["upstream `b`: refused"]),
            (vec![], false, true, vec![]),
            (vec![up], true, false, vec!["the gateway is shutting down"]),
            (vec![down], true, false, vec!["the gateway is shutting down", "upstream `b`: refused"]),
        ] {
            let states = upstreams
                .iter()
                .map(|(name, up)| (*name, if *up { Ok(()) } else { Err("refused".to_owned()) }));
            let readiness = Readiness::of(1, states, draining);
            assert_eq!(
                (readiness.ready, readiness.reasons),
                (ready, reasons.iter().map(ToString::to_string).collect())
            );
        }
    }
}
