//! `transom explain`: what one request would become: binding, captures, message, metadata, upstream, deadline.
//! No backend is called; what it takes to know the caller (an issuer's keys, an authorizer) is asked.

use std::borrow::Cow;
use std::io::{self, Write};

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri};
use prost_reflect::MessageDescriptor;

use crate::config::Mappings;
use crate::gateway::{Peer, Snapshot};
use crate::metadata;
use crate::patch::Wanted;
use crate::policy::{Head, Identity};
use crate::problem::{Place, Problem, Problems};
use crate::protocol;
use crate::route::Miss;
use crate::rule::{Binding, Body, HttpMethod};
use crate::status::{Status, code_name};
use crate::transcode::{self, MaskFrom, MessagePlan, UnsetFields};
use crate::units::Period;

use super::args::ExplainArgs;
use super::build::{Built, NO_BACKEND, build_without_backend};
use super::caller::Caller;
use super::options::Asked;
use super::paint::{Ink, Paint};
use super::routes::{position, rpc};
use super::serve::runtime;
use super::{FINE, PROBLEMS, Terminal};

/// How many routes are shown when none matches.
const NEAREST: usize = 3;

pub(super) fn run(args: &ExplainArgs, terminal: &mut Terminal) -> io::Result<u8> {
    runtime()?.block_on(explain(args, terminal))
}

async fn explain(args: &ExplainArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let mut problems = Problems::new();
    let built = build_without_backend(args.source.sources(), &mut problems);
    terminal.tell(&problems)?;
    let Some(Built { snapshot, settings }) = built else { return Ok(PROBLEMS) };
    let mappings = &settings.mappings;
    let headers = args.headers();
    let body = match args.body() {
        Ok(body) => body,
        Err(fault) => {
            let what = format!("the body cannot be read: {}", fault.kind());
            terminal.tell(&Problem::error(Place::item("--data"), what).into())?;
            return Ok(PROBLEMS);
        }
    };
    let request = Request { method: &args.method, target: &args.path, headers: &headers, body };
    let (paint, out) = (terminal.out.paint, &mut terminal.out.to);
    let mut page = Page { paint, out };
    match snapshot.table().find(request.method, request.target.path()) {
        Err(miss) => missed(&snapshot, mappings, &request, &miss, &mut page),
        Ok(found) => {
            let Some(binding) = snapshot.bindings().get(found.binding) else { return Ok(PROBLEMS) };
            let captures: Result<Vec<_>, _> = found.captures().collect();
            let matched = Matched { snapshot: &snapshot, mappings, index: found.binding, binding };
            matched.explain(&request, captures, &mut page).await
        }
    }
}

/// The request that is explained.
struct Request<'r> {
    method: &'r Method,
    target: &'r PathAndQuery,
    headers: &'r HeaderMap,
    body: Cow<'r, [u8]>,
}

impl Request<'_> {
    /// What it brings that options are about.
    fn asked<'r>(&'r self, binding: Option<&'r Binding>) -> Asked<'r> {
        Asked { method: self.method, target: self.target, has_body: !self.body.is_empty(), binding }
    }
}

/// Lines of `name  value`, values below one another.
struct Page<'p> {
    paint: Paint,
    out: &'p mut dyn Write,
}

impl Page<'_> {
    fn line(&mut self, name: &str, value: &str) -> io::Result<()> {
        for (index, line) in value.lines().enumerate() {
            let name = if index == 0 { name } else { "" };
            writeln!(self.out, "{}  {line}", self.paint.text(Ink::Strong, format_args!("{name:<9}")))?;
        }
        Ok(())
    }

    /// The answer that the client would get instead of a call.
    fn refused(&mut self, status: &Status) -> io::Result<u8> {
        let answer = format!("{} {}", status.http_status().as_u16(), code_name(status.code));
        let answer = self.paint.text(Ink::Error, answer);
        self.line("answer", &format!("{answer}\n{}", status.message))?;
        Ok(PROBLEMS)
    }
}

/// A request's binding.
struct Matched<'m> {
    snapshot: &'m Snapshot,
    mappings: &'m Mappings,
    index: usize,
    binding: &'m Binding,
}

impl Matched<'_> {
    async fn explain(
        &self,
        request: &Request<'_>,
        captures: Result<Vec<Cow<'_, str>>, Status>,
        page: &mut Page<'_>,
    ) -> io::Result<u8> {
        page.line("route", &format!("{}\n{}", self.binding, position(self.binding)))?;
        page.line("rpc", &format!("{}{}", rpc(self.binding), self.streaming()))?;
        page.line("options", &request.asked(Some(self.binding)).options(self.mappings, &rpc(self.binding)))?;
        let captures = match captures {
            Ok(captures) => captures,
            Err(status) => return page.refused(&status),
        };
        let names = self.binding.variables.iter();
        let captured: Vec<_> = names.zip(&captures).map(|(name, text)| format!("{name} = {text}")).collect();
        page.line("captured", &captured.join("\n"))?;
        let caller = Caller { snapshot: self.snapshot, index: self.index, captures: &captures };
        page.line("needs", &caller.needs())?;
        let account = caller.captured_account();
        let head = Head {
            method: request.method,
            uri: &Uri::from(request.target.clone()),
            headers: request.headers,
            peer: &Peer::default(),
            rpc: &rpc(self.binding),
            account: account.as_deref(),
        };
        let identity = match caller.identify(&head).await {
            Ok(identity) => identity,
            Err(status) => return page.refused(&status),
        };
        page.line("caller", &caller.shown(identity.as_ref()))?;
        if let Err(status) = caller.permit(identity.as_ref()) {
            return page.refused(&status);
        }
        page.line("body", &self.body(&request.body))?;
        let (wire, mask) = match self.message(request, &captures) {
            Ok(message) => message,
            Err(status) => return page.refused(&status),
        };
        page.line("message", &shown_message(&self.binding.rpc.input(), &wire))?;
        let partial = caller
            .in_account(identity.as_ref(), &wire)
            .and_then(|()| self.snapshot.admits(self.index, &wire))
            .and_then(|()| self.partial_update(&wire, mask));
        // What a partial update leaves out is not known before the resource is read.
        let partial = partial.and_then(|partial| {
            if partial.is_empty() {
                self.snapshot.validate(self.index, &wire)?;
            }
            Ok(partial)
        });
        match partial {
            Ok(lines) => page.line("partial", &lines)?,
            Err(status) => return page.refused(&status),
        }
        self.call(request, identity.as_ref(), page)
    }

    fn streaming(&self) -> &'static str {
        match (self.binding.rpc.is_client_streaming(), self.binding.rpc.is_server_streaming()) {
            (false, false) => "",
            (true, false) => " (streams requests)",
            (false, true) => " (streams answers)",
            (true, true) => " (streams both ways)",
        }
    }

    fn body(&self, body: &[u8]) -> String {
        match &self.binding.body {
            Body::None if body.is_empty() => "not read".to_owned(),
            Body::None => "not read: what was given is ignored".to_owned(),
            Body::Whole => "the whole message".to_owned(),
            Body::Field(path) => format!("the field {path}"),
        }
    }

    /// The message that the request becomes.
    fn message(
        &self,
        request: &Request<'_>,
        captures: &[Cow<'_, str>],
    ) -> Result<(Vec<u8>, MaskFrom), Status> {
        let mut wire = Vec::new();
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = request.method.clone();
        parts.uri = Uri::from(request.target.clone());
        parts.headers = request.headers.clone();
        let mask = self.snapshot.write_request(self.index, &parts, captures, &request.body, &mut wire)?;
        if let Some((upstream, _)) = self.snapshot.upstream(self.index, None) {
            upstream.admit(wire.len())?;
        }
        Ok((wire, mask))
    }

    /// What would be read before the message is sent, and what of the message is laid over it.
    fn partial_update(&self, message: &[u8], mask: MaskFrom) -> Result<String, Status> {
        let Some(plan) = self.snapshot.partial_updates(self.index) else { return Ok(String::new()) };
        let wanted = match mask {
            MaskFrom::Client => plan.wanted(message)?,
            MaskFrom::Body => plan.wanted_of_body(message)?,
        };
        let patch = match wanted {
            Wanted::AsItIs => return Ok(String::new()),
            Wanted::Whole => return Ok("nothing is read: the whole is sent, without the mask".to_owned()),
            Wanted::Part(patch) => patch,
        };
        let mut wire = Vec::new();
        patch.write_get(message, &mut wire)?;
        let paths = patch.paths().join(", ");
        let paths = if paths.is_empty() { "nothing".to_owned() } else { paths };
        let read = shown_message(&plan.get().input(), &wire);
        Ok(format!(
            "{paths} over the resource that is read first; sent without the mask\n{}\n{read}",
            plan.path()
        ))
    }

    /// What is around the message: metadata, upstream, deadline.
    fn call(
        &self,
        request: &Request<'_>,
        identity: Option<&Identity>,
        page: &mut Page<'_>,
    ) -> io::Result<u8> {
        let peer = Peer::default();
        let rules = self.snapshot.metadata(self.index);
        let mut metadata = match rules.map(|rules| rules.request(request.headers, None, &peer)).transpose() {
            Ok(metadata) => metadata.unwrap_or_default(),
            Err(status) => return page.refused(&status),
        };
        if let Some(policy) = self.snapshot.policy() {
            policy.tell_backend(identity, request.headers, &mut metadata);
        }
        let guarded = self.snapshot.policy().is_some();
        let lines = metadata.iter().map(|(name, value)| {
            // The client's own credential or the one in its place.
            let secret = value.is_sensitive() || guarded && name.as_str().ends_with("authorization");
            let value = if secret { "***".into() } else { String::from_utf8_lossy(value.as_bytes()) };
            format!("{name}: {value}")
        });
        page.line("metadata", &lines.collect::<Vec<_>>().join("\n"))?;
        let wish = match metadata::timeout(request.headers) {
            Ok(wish) => wish,
            Err(status) => return page.refused(&status),
        };
        match self.snapshot.upstream(self.index, wish) {
            Some((upstream, deadline)) if upstream.settings().name != NO_BACKEND => {
                let settings = upstream.settings();
                page.line("upstream", &format!("{} {}", settings.name, settings.url))?;
                let deadline = deadline.map(|period| Period(period).to_string());
                page.line("deadline", deadline.as_deref().unwrap_or("none"))?;
            }
            _ => page.line("upstream", "none is configured")?,
        }
        Ok(FINE)
    }
}

/// A message's type and its JSON.
fn shown_message(desc: &MessageDescriptor, wire: &[u8]) -> String {
    let mut json = Vec::new();
    let settings =
        transcode::Settings { unset_fields: UnsetFields::Omit, indent: true, ..Default::default() };
    if MessagePlan::compile(desc, &settings).write_json(wire, &mut json).is_err() {
        return format!("{}\n{} bytes that have no JSON form", desc.full_name(), wire.len());
    }
    format!("{}\n{}", desc.full_name(), String::from_utf8_lossy(&json))
}

/// No binding matches: the answer, and what is near.
fn missed(
    snapshot: &Snapshot,
    mappings: &Mappings,
    request: &Request<'_>,
    miss: &Miss,
    page: &mut Page<'_>,
) -> io::Result<u8> {
    page.refused(&protocol::of_miss(miss))?;
    let (name, routes) = match miss {
        Miss::Malformed(_) => return Ok(PROBLEMS),
        Miss::NotFound => ("nearest", nearest(snapshot.bindings(), request)),
        Miss::MethodNotAllowed(found) => {
            let routes = allowed(snapshot, &found.methods, request);
            if let Some(first) = routes.first() {
                page.line("options", &request.asked(None).options(mappings, &rpc(first)))?;
            }
            ("allowed", routes.into_iter().map(shown).collect())
        }
    };
    page.line(name, &routes.join("\n"))?;
    Ok(PROBLEMS)
}

/// The routes that the path has under other methods; to HEAD, the one of GET comes first.
fn allowed<'s>(snapshot: &'s Snapshot, methods: &[Method], request: &Request<'_>) -> Vec<&'s Binding> {
    let of_method = |method: &Method| {
        let found = snapshot.table().find(method, request.target.path()).ok()?;
        snapshot.bindings().get(found.binding)
    };
    let mut routes: Vec<&Binding> = methods.iter().filter_map(of_method).collect();
    routes.dedup_by(|one, other| std::ptr::eq(*one, *other));
    if *request.method == Method::HEAD {
        routes.sort_by_key(|binding| binding.method != HttpMethod::Exact(Method::GET));
    }
    routes
}

fn shown(binding: &Binding) -> String {
    format!("{binding}  {}", rpc(binding))
}

/// The routes most like the request.
fn nearest(bindings: &[Binding], request: &Request<'_>) -> Vec<String> {
    let wanted: Vec<&str> = request.target.path().split('/').collect();
    let mut ranked: Vec<_> = bindings
        .iter()
        .map(|binding| {
            let template = binding.template.to_string();
            let same_method = binding.method.to_string() == request.method.as_str();
            (likeness(&wanted, &template.split('/').collect::<Vec<_>>()), same_method, binding)
        })
        .collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0).then(right.1.cmp(&left.1)));
    ranked.iter().take(NEAREST).map(|(_, _, binding)| shown(binding)).collect()
}

/// How alike a path and a template are, segment by segment, from 0 to 1. A variable is half like anything.
fn likeness(path: &[&str], template: &[&str]) -> f64 {
    let alike = path.iter().zip(template).map(|(given, wanted)| {
        if wanted.starts_with('{') || wanted.starts_with('*') {
            0.5
        } else {
            strsim::normalized_damerau_levenshtein(given, wanted)
        }
    });
    let longest = path.len().max(template.len());
    #[allow(clippy::cast_precision_loss, reason = "a path has few segments")]
    let segments = longest as f64;
    alike.sum::<f64>() / segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_segment_is_near() {
        let like = |path: &str, template: &str| {
            likeness(&path.split('/').collect::<Vec<_>>(), &template.split('/').collect::<Vec<_>>())
        };
        assert!(like("/v1/acounts/7", "/v1/accounts/{id}") > like("/v1/acounts/7", "/v1/users/{id}"));
        assert!(like("/v1/accounts/7", "/v1/accounts/{id}") > like("/v1/accounts/7", "/v1/accounts"));
    }
}
