//! Checks of rate limits. Globs that match no method are told when the contract is known.

use crate::ratelimit::{self, Addressing, DescriptorSettings, LocalSettings, ServiceSettings, Source, Value};

use super::super::file::{
    Anonymous, DescriptorEntry, File, LocalLimit, OnFailure, RateLimitDescriptor, RateLimitService,
    RateLimits,
};
use super::Check;

impl Check<'_> {
    pub(super) fn rate_limits(&mut self, file: &File) -> ratelimit::Settings {
        let limits = &file.rate_limits;
        let addressing = self.addressing(limits, file.metadata.trust_forwarded);
        let keys = self.positive("rate_limits.keys", limits.keys);
        let mut names: Vec<&str> = Vec::new();
        let mut local = Vec::new();
        for (index, limit) in limits.local.iter().enumerate() {
            let at = format!("rate_limits.local.{index}");
            if names.contains(&limit.name.as_str()) {
                let what = format!("two rate limits are named `{}`", limit.name);
                self.error(&format!("{at}.name"), what, "names must differ");
                continue;
            }
            names.push(&limit.name);
            local.extend(self.local_limit(&at, limit, keys, addressing));
        }
        let external = limits.external.as_ref();
        ratelimit::Settings {
            local,
            external: external.and_then(|service| self.rate_limit_service(service, addressing)),
        }
    }

    fn addressing(&mut self, limits: &RateLimits, trust_forwarded: bool) -> Addressing {
        if limits.ipv6_prefix > 128 {
            let what =
                format!("`rate_limits.ipv6_prefix` is {}, but an address has 128 bits", limits.ipv6_prefix);
            self.error("rate_limits.ipv6_prefix", what, "write a number up to `128`, such as `64`");
        }
        if limits.forwarded_hops > 0 && !trust_forwarded {
            let what = "`rate_limits.forwarded_hops` needs `X-Forwarded-For`, which \
                        `metadata.trust_forwarded: false` tells to be no one's word";
            self.error("rate_limits.forwarded_hops", what, "write `0`, or trust the proxies in front");
        }
        Addressing { hops: limits.forwarded_hops, ipv6_prefix: limits.ipv6_prefix }
    }

    fn local_limit(
        &mut self,
        at: &str,
        file: &LocalLimit,
        keys: usize,
        addressing: Addressing,
    ) -> Option<LocalSettings> {
        self.not_empty(&format!("{at}.name"), &file.name);
        if file.rate.calls == 0 {
            let what = format!("the rate of `{}` is zero, which would let no call through", file.name);
            self.error(&format!("{at}.rate"), what, "write a rate from `1/d` up");
        }
        let burst = file.burst.unwrap_or(file.rate.calls);
        if file.burst == Some(0) {
            let what = format!("the burst of `{}` is zero, which would let no call through", file.name);
            self.error(&format!("{at}.burst"), what, "write a number from 1 up");
        }
        let per = self.sources(&format!("{at}.per"), &file.per.0);
        if file.per.0.is_empty() && file.anonymous == Anonymous::Skip {
            let what = format!("`{}` tells nobody apart, so `anonymous: skip` says nothing", file.name);
            self.warning(&format!("{at}.anonymous"), what, "leave it out, or say `per`");
        }
        Some(LocalSettings {
            name: file.name.as_str().into(),
            per: per?,
            methods: self.method_globs(&format!("{at}.methods"), &file.methods),
            rate: file.rate,
            burst,
            anonymous: match file.anonymous {
                Anonymous::Share => ratelimit::Anonymous::Share,
                Anonymous::Skip => ratelimit::Anonymous::Skip,
            },
            keys,
            addressing,
            place: self.place(at),
        })
        .filter(|limit| limit.rate.calls > 0 && limit.burst > 0)
    }

    /// The sources that a limit tells callers apart by; `None`, told, where one is none.
    fn sources(&mut self, at: &str, texts: &[String]) -> Option<Vec<Source>> {
        let listed = self.root.get(&at.split('.').chain(["0"]).collect::<Vec<_>>()).is_some();
        let mut sources = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let at = if listed { format!("{at}.{index}") } else { at.to_owned() };
            match self.source(&at, text) {
                Some(source) if sources.contains(&source) => {
                    self.warning(&at, format!("`{text}` is listed twice"), "leave one out");
                }
                source => sources.extend(source),
            }
        }
        (sources.len() == texts.len()).then_some(sources)
    }

    fn source(&mut self, at: &str, text: &str) -> Option<Source> {
        match text.parse() {
            Ok(source) => Some(source),
            Err(what) => {
                let help = "write `identity`, `account`, `method`, `address` or `header:NAME`";
                self.error(at, what, help);
                None
            }
        }
    }

    /// Globs over `pkg.Service/Method`, without the slash that a path has in front.
    fn method_globs(&mut self, at: &str, globs: &[String]) -> Vec<String> {
        let globs = globs.iter().enumerate().map(|(index, text)| {
            let glob = text.trim_start_matches('/');
            if !glob.contains(['/', '*']) {
                let help = "write a glob over `package.Service/Method`, such as `acme.v1.Library/*`";
                self.error(&format!("{at}.{index}"), format!("`{text}` names no method"), help);
            }
            glob.to_owned()
        });
        globs.collect()
    }

    fn rate_limit_service(
        &mut self,
        file: &RateLimitService,
        addressing: Addressing,
    ) -> Option<ServiceSettings> {
        let at = "rate_limits.external";
        let upstream = self.service("rate-limits", at, &file.url, &file.tls);
        self.not_empty(&format!("{at}.domain"), &file.domain);
        let timeout = self.positive(&format!("{at}.timeout"), file.timeout.0);
        if file.descriptors.is_empty() {
            let what = "`rate_limits.external` has no descriptors, so the service would never be asked";
            self.error(&format!("{at}.descriptors"), what, "say what it is told, or leave `external` out");
        }
        let descriptors = file.descriptors.iter().enumerate();
        let descriptors = descriptors
            .map(|(index, descriptor)| self.descriptor(&format!("{at}.descriptors.{index}"), descriptor))
            .collect();
        Some(ServiceSettings {
            upstream: upstream?,
            domain: file.domain.clone(),
            timeout,
            on_failure: match file.on_failure {
                OnFailure::Allow => ratelimit::OnFailure::Allow,
                OnFailure::Deny => ratelimit::OnFailure::Deny,
            },
            descriptors,
            addressing,
        })
    }

    fn descriptor(&mut self, at: &str, file: &RateLimitDescriptor) -> DescriptorSettings {
        if file.entries.is_empty() {
            self.error(&format!("{at}.entries"), "a descriptor has no entries", "write one at least");
        }
        let entries = file.entries.iter().enumerate();
        let entries = entries
            .filter_map(|(index, entry)| self.entry(&format!("{at}.entries.{index}"), entry))
            .collect();
        let methods = self.method_globs(&format!("{at}.methods"), &file.methods);
        DescriptorSettings { methods, entries, place: self.place(at) }
    }

    fn entry(&mut self, at: &str, file: &DescriptorEntry) -> Option<(String, Value)> {
        self.not_empty(&format!("{at}.key"), &file.key);
        let value = match (&file.from, &file.text) {
            (Some(from), None) => Value::From(self.source(&format!("{at}.from"), from)?),
            (None, Some(text)) => {
                self.not_empty(&format!("{at}.text"), text);
                Value::Text(text.clone())
            }
            _ => {
                let what = format!("the entry `{}` has not one value", file.key);
                self.error(at, what, "write `from: identity` (or another source), or `text: ...`");
                return None;
            }
        };
        Some((file.key.clone(), value))
    }

    fn not_empty(&mut self, at: &str, text: &str) {
        if text.is_empty() {
            self.error(at, format!("`{at}` is empty"), "write a name");
        }
    }
}
