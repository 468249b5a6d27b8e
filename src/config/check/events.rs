//! Checks of events: the queue, and each sink by its kind.

use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue, Uri};

use crate::event::{
    self, Envelope, FileSettings, Limits, Naming, NatsAccess, NatsSettings, QueueSettings, SinkSettings,
    Target, WebhookSettings,
};
use crate::problem::{Place, Problem};
use crate::units::Secret;

use super::super::file::{EventFile, EventQueue, EventSink, Events, Nats, Webhook, WhenFull};
use super::Check;

impl Check<'_> {
    pub(super) fn events(&mut self, file: &Events) -> Option<event::Settings> {
        let kind = self.naming("events.type", &file.kind);
        let queue = self.queue(&file.queue);
        let sinks = self.sinks(&file.sinks);
        Some(event::Settings {
            message: file.message.trim_start_matches('.').to_owned(),
            envelope: Envelope { source: file.source.clone(), kind: kind? },
            queue,
            sinks,
            rehearsal: false,
        })
    }

    fn queue(&mut self, file: &EventQueue) -> QueueSettings {
        let path = self.resolve("events.queue.path", &file.path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
            let what =
                format!("`{}` can be no file: it is a folder, or its folder is not there", path.display());
            self.error(
                "events.queue.path",
                what,
                "name a file in a folder that is there, such as `events.redb`",
            );
        }
        QueueSettings {
            path,
            limits: Limits {
                events: self.positive("events.queue.max_events", file.max_events),
                bytes: self.positive("events.queue.max_bytes", file.max_bytes.0),
                when_full: match file.when_full {
                    WhenFull::DropOldest => event::WhenFull::DropOldest,
                    WhenFull::DropNewest => event::WhenFull::DropNewest,
                },
            },
            memory: self.positive("events.queue.memory", file.memory),
            interval: file.commit_interval.0,
        }
    }

    fn sinks(&mut self, file: &[EventSink]) -> Vec<SinkSettings> {
        if file.is_empty() && !self.is_written(&["events", "sinks", "0"]) {
            let help = "add one, such as `{name: audit, file: {path: events.jsonl}}`, or leave `events` out";
            self.error("events.sinks", "there is no sink for events", help);
        }
        let mut sinks: Vec<SinkSettings> = Vec::with_capacity(file.len());
        for (index, sink) in file.iter().enumerate() {
            let at = format!("events.sinks.{index}");
            if sinks.iter().any(|earlier| earlier.name == sink.name) {
                let what = format!("two sinks are named `{}`", sink.name);
                self.error(
                    &format!("{at}.name"),
                    what,
                    "names must differ: a place in the queue is kept under each",
                );
            }
            let max_backoff = self.positive(&format!("{at}.max_backoff"), sink.max_backoff.0);
            let attempts = self.positive(&format!("{at}.attempts"), sink.attempts);
            if let Some(target) = self.target(&at, sink) {
                sinks.push(SinkSettings { name: sink.name.clone(), target, max_backoff, attempts });
            }
        }
        sinks
    }

    fn target(&mut self, at: &str, sink: &EventSink) -> Option<Target> {
        match (&sink.file, &sink.webhook, &sink.nats) {
            (Some(file), None, None) => Some(Target::File(self.event_file(&format!("{at}.file"), file))),
            (None, Some(webhook), None) => {
                self.webhook(&format!("{at}.webhook"), webhook).map(Target::Webhook)
            }
            (None, None, Some(nats)) => self.nats(&format!("{at}.nats"), nats).map(Target::Nats),
            _ => {
                let what = format!("the sink `{}` must have one of `file`, `webhook` and `nats`", sink.name);
                self.error(at, what, "write one sink for each place that events go to");
                None
            }
        }
    }

    fn event_file(&mut self, at: &str, file: &EventFile) -> FileSettings {
        let path = self.resolve(&format!("{at}.path"), &file.path);
        if path.file_name().is_none() || path.is_dir() {
            let what = format!("`{}` is no file that lines can be written to", path.display());
            self.error(&format!("{at}.path"), what, "name a file, such as `events.jsonl`");
        }
        let max_size = self.positive(&format!("{at}.max_size"), file.max_size.0);
        FileSettings { path, max_size, keep: file.keep }
    }

    fn webhook(&mut self, at: &str, file: &Webhook) -> Option<WebhookSettings> {
        let url = file.url.parse::<Uri>().ok();
        let sound = url.is_some_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.host().is_some_and(|host| !host.is_empty())
                && !url.authority().is_some_and(|authority| authority.as_str().contains('@'))
        });
        if !sound {
            let help = "write `https://HOST/PATH`; what lets it in belongs into `headers`";
            let shown = super::super::render::host_only(&file.url);
            // Its line would show the path.
            let place = Place { excerpt: None, ..self.place(&format!("{at}.url")) };
            let what = format!("`{shown}` is not a url to post events to");
            self.problems.push(Problem::error(place, what).help(help));
        }
        let mut headers = Vec::with_capacity(file.headers.len());
        for (name, value) in &file.headers {
            let good =
                HeaderName::try_from(name.as_str()).is_ok() && HeaderValue::try_from(value.reveal()).is_ok();
            if !good {
                let what = format!("`{name}` and its value are no header");
                let help = "names are letters, digits and `-`; values have no line break";
                // Its line would show the value.
                let place = Place { excerpt: None, ..self.place(&format!("{at}.headers.{name}")) };
                self.problems.push(Problem::error(place, what).help(help));
            }
            headers.push((name.to_ascii_lowercase(), value.clone()));
        }
        let timeout = self.positive(&format!("{at}.timeout"), file.timeout.0);
        let roots = self.optional_file(&format!("{at}.roots"), file.roots.as_deref());
        sound.then(|| WebhookSettings { url: Secret::new(file.url.clone()), headers, roots, timeout })
    }

    fn nats(&mut self, at: &str, file: &Nats) -> Option<NatsSettings> {
        let subject = self.naming(&format!("{at}.subject"), &file.subject);
        if file.subject.is_empty()
            || file.subject.contains(|c: char| c.is_whitespace() || matches!(c, '*' | '>'))
        {
            let what = format!("`{}` is no subject that can be published to", file.subject);
            self.error(
                &format!("{at}.subject"),
                what,
                "write words with dots between, such as `events.{resource_type}`",
            );
        }
        for url in file.url.split(',') {
            let url = url.trim();
            let known = ["nats://", "tls://"].iter().find_map(|scheme| url.strip_prefix(scheme));
            if known.is_none_or(|rest| rest.is_empty() || rest.contains('@')) {
                let what = format!("`{}` is not the url of a NATS server", super::super::render::masked(url));
                let help =
                    "write `nats://HOST:4222` or `tls://HOST:4222`; what lets it in has keys of its own";
                self.error(&format!("{at}.url"), what, help);
            }
        }
        let access = self.nats_access(at, file);
        let timeout = self.positive(&format!("{at}.timeout"), file.timeout.0);
        let roots = self.optional_file(&format!("{at}.roots"), file.roots.as_deref());
        let certificate = self.optional_file(&format!("{at}.certificate"), file.certificate.as_deref());
        let key = self.optional_file(&format!("{at}.key"), file.key.as_deref());
        if file.certificate.is_some() != file.key.is_some() {
            self.error(
                at,
                format!("`{at}` has one of `certificate` and `key`"),
                "a client certificate needs both",
            );
        }
        Some(NatsSettings {
            url: file.url.clone(),
            subject: subject?,
            stream: file.stream.clone(),
            access,
            roots,
            certificate: certificate.zip(key),
            timeout,
        })
    }

    fn nats_access(&mut self, at: &str, file: &Nats) -> NatsAccess {
        match (&file.token, &file.user, &file.password) {
            (None, None, None) => NatsAccess::Open,
            (Some(token), None, None) => NatsAccess::Token(token.clone()),
            (None, Some(user), Some(password)) => NatsAccess::User(user.clone(), password.clone()),
            _ => {
                let what = "`token`, or `user` and `password`, let a client in, but not this mixture";
                self.error(at, what, "write `token` alone, or `user` together with `password`");
                NatsAccess::Open
            }
        }
    }

    fn naming(&mut self, at: &str, text: &str) -> Option<Naming> {
        match Naming::parse(text) {
            Ok(naming) => Some(naming),
            Err(what) => {
                self.error(at, what, "write words in braces, such as `{resource_type}.{action}`");
                None
            }
        }
    }

    fn optional_file(&mut self, at: &str, path: Option<&Path>) -> Option<PathBuf> {
        path.and_then(|path| self.file_at(at, path))
    }
}
