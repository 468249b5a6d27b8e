//! Cross-origin requests: the settings checked, and tower-http's layer around the calls.
//!
//! Only true preflights (`OPTIONS` with `Access-Control-Request-Method`) are answered here; a plain `OPTIONS`
//! goes on to the routes.

use std::collections::HashSet;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{HeaderName, HeaderValue, Method, Request};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer, ExposeHeaders};

use super::header_name;
use crate::problem::{Place, Problem, Problems};
use crate::serve::Cors;

/// Cross-origin settings that make sense.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    origins: Option<HashSet<HeaderValue>>,
    /// Empty: those of the routes.
    methods: Vec<Method>,
    headers: Option<Vec<HeaderName>>,
    expose: Option<Vec<HeaderName>>,
    credentials: bool,
    max_age: Duration,
}

impl Checked {
    pub fn read(cors: &Cors, problems: &mut Problems) -> Option<Self> {
        let errors = problems.errors();
        let checked = Self {
            origins: origins(&cors.origins, problems),
            methods: methods(&cors.methods, problems),
            headers: header_names(&cors.headers, "cors.headers", problems),
            expose: header_names(&cors.expose, "cors.expose", problems),
            credentials: cors.credentials,
            max_age: cors.max_age,
        };
        if cors.credentials && checked.origins.is_none() {
            let what = "`credentials` cannot be allowed for any origin (`*`)";
            let help = "list the origins that may send credentials";
            problems.push(Problem::error(Place::item("cors.credentials"), what).help(help));
        }
        if cors.credentials && checked.expose.is_none() {
            let what = "`*` exposes no header at all when `credentials` are allowed";
            problems
                .push(Problem::error(Place::item("cors.expose"), what).help("list the headers to expose"));
        }
        (problems.errors() == errors).then_some(checked)
    }

    fn layer(&self, route_methods: Vec<Method>) -> CorsLayer {
        let methods = if self.methods.is_empty() { route_methods } else { self.methods.clone() };
        let layer = CorsLayer::new().allow_methods(methods).max_age(self.max_age);
        let layer = match &self.origins {
            None => layer.allow_origin(Any),
            Some(origins) => {
                let origins = origins.clone();
                layer.allow_origin(AllowOrigin::predicate(move |origin, _| origins.contains(origin)))
            }
        };
        let layer = layer.allow_headers(match &self.headers {
            // With credentials a `*` would be taken literally.
            None if self.credentials => AllowHeaders::mirror_request(),
            None => AllowHeaders::any(),
            Some(names) => AllowHeaders::list(names.iter().cloned()),
        });
        let layer = match &self.expose {
            None => layer.expose_headers(Any),
            Some(names) if names.is_empty() => layer,
            Some(names) => layer.expose_headers(ExposeHeaders::list(names.iter().cloned())),
        };
        layer.allow_credentials(self.credentials)
    }
}

/// The origins; `None`: any.
fn origins(origins: &[String], problems: &mut Problems) -> Option<HashSet<HeaderValue>> {
    if origins.iter().any(|origin| origin == "*") {
        return None;
    }
    let mut read = |origin: &String| {
        let value = is_origin(origin).then(|| HeaderValue::try_from(origin).ok()).flatten();
        if value.is_none() {
            let what = format!("`{origin}` is not an origin");
            let help = "write it as scheme, host and port, like `https://app.example.com`, or `*` for any";
            problems.push(Problem::error(Place::item("cors.origins"), what).help(help));
        }
        value
    };
    Some(origins.iter().filter_map(&mut read).collect())
}

/// Whether the text is an origin as browsers send it: `null`, or a scheme and an authority and no more.
fn is_origin(origin: &str) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    origin == "null"
        || authority.is_some_and(|authority| {
            !authority.is_empty()
                && !authority.contains(['/', '?', '#', '*'])
                && origin.parse::<http::Uri>().is_ok()
        })
}

fn methods(methods: &[String], problems: &mut Problems) -> Vec<Method> {
    let mut read = |method: &String| {
        let read = Method::from_bytes(method.as_bytes()).ok().filter(|_| method != "*");
        if read.is_none() {
            let what = format!("`{method}` is not an HTTP method");
            let help = "leave `methods` empty to allow those of the routes";
            problems.push(Problem::error(Place::item("cors.methods"), what).help(help));
        }
        read
    };
    methods.iter().filter_map(&mut read).collect()
}

/// The header names; `None`: any.
fn header_names(names: &[String], item: &str, problems: &mut Problems) -> Option<Vec<HeaderName>> {
    let any = names.iter().any(|name| name == "*");
    (!any).then(|| names.iter().filter_map(|name| header_name(name, item, problems)).collect())
}

/// The layer around a service, for all but a plain `OPTIONS`.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Cross<S> {
    crossed: tower_http::cors::Cors<S>,
}

impl<S: Clone> Cross<S> {
    pub(super) fn new(inner: S, checked: &Checked, route_methods: Vec<Method>) -> Self {
        Self { crossed: checked.layer(route_methods).layer(inner) }
    }
}

impl<S, B> Service<Request<B>> for Cross<S>
where
    S: Service<Request<B>>,
    tower_http::cors::Cors<S>: Service<Request<B>, Response = S::Response, Error = S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, <tower_http::cors::Cors<S> as Service<Request<B>>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.crossed.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let plain = *request.method() == Method::OPTIONS
            && !request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if plain {
            Either::Left(self.crossed.get_mut().call(request))
        } else {
            Either::Right(self.crossed.call(request))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors {
            origins: vec!["https://a.example".into()],
            methods: Vec::new(),
            headers: vec!["*".into()],
            expose: Vec::new(),
            credentials: false,
            max_age: Duration::from_mins(1),
        }
    }

    #[test]
    fn every_setting_that_makes_no_sense_is_told() {
        let list = |items: &[&str]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (cors, faults) in [
            (cors(), 0),
            (Cors { credentials: true, ..cors() }, 0),
            (Cors { origins: list(&["*"]), ..cors() }, 0),
            (Cors { origins: list(&["null", "http://localhost:3000"]), ..cors() }, 0),
            (Cors { origins: list(&["*"]), credentials: true, ..cors() }, 1),
            (Cors { expose: list(&["*"]), credentials: true, ..cors() }, 1),
            (Cors { origins: list(&["a.example", "https://a.example/", "https://*.b"]), ..cors() }, 3),
            (Cors { methods: list(&["GET", "*", "a b"]), headers: list(&["ä"]), ..cors() }, 3),
        ] {
            let mut problems = Problems::new();
            assert_eq!(Checked::read(&cors, &mut problems).is_some(), faults == 0);
            assert_eq!(problems.errors(), faults, "{cors:?}\n{problems}");
        }
    }
}
