//! What each path answers.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

use super::Doors;
use super::ready::Readiness;
use super::routes::RouteRow;
use crate::problem::{Problem, Problems, Severity};

type Answer = Response<Full<Bytes>>;

/// The paths, their method and what they are for, as the index shows them.
const PATHS: [(&str, Method, &str); 6] = [
    ("/livez", Method::GET, "200 while the process runs"),
    ("/readyz", Method::GET, "200 when calls can be served, else 503 and why"),
    ("/metrics", Method::GET, "metrics in Prometheus's text form"),
    ("/routes", Method::GET, "the route table as JSON"),
    ("/config", Method::GET, "the effective configuration, secrets masked"),
    ("/reload", Method::POST, "reload now: 200 and the generation, or 422; both with the problems"),
];

pub(super) async fn answer<B>(request: &Request<B>, doors: &Doors) -> Answer {
    let mut answer = match request.uri().path() {
        "/" => text(StatusCode::OK, TEXT, index()),
        path => match PATHS.iter().find(|(known, ..)| *known == path) {
            None => fault(StatusCode::NOT_FOUND, "there is no such path; `/` lists them"),
            Some((_, method, _)) if !fits(request.method(), method) => not_allowed(method),
            Some(_) => show(path, request.headers(), doors).await,
        },
    };
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

async fn show(path: &str, headers: &HeaderMap, doors: &Doors) -> Answer {
    match path {
        "/livez" => json(StatusCode::OK, &json!({ "live": true })),
        "/readyz" => ready(doors),
        "/metrics" => metrics(doors),
        "/routes" => json(StatusCode::OK, &RouteRow::all(&doors.front.current())),
        "/config" => text(StatusCode::OK, "application/yaml", (doors.config)()),
        _ => reload(headers, doors).await,
    }
}

fn fits(asked: &Method, method: &Method) -> bool {
    asked == method || (*asked == Method::HEAD && *method == Method::GET)
}

fn ready(doors: &Doors) -> Answer {
    let snapshot = doors.front.current();
    let readiness = Readiness::of(snapshot.generation(), snapshot.upstreams(), doors.front.draining());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &readiness)
}

fn metrics(doors: &Doors) -> Answer {
    match doors.front.recorder().prometheus() {
        Ok(metrics) => text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics),
        Err(error) => {
            tracing::error!(%error, "metrics could not be written");
            fault(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written; the log says why")
        }
    }
}

async fn reload(headers: &HeaderMap, doors: &Doors) -> Answer {
    // Any web page can make a browser on this machine send a POST here, but not without saying whose it is.
    if headers.contains_key(ORIGIN) {
        return fault(StatusCode::FORBIDDEN, "a reload cannot be asked for by a web page");
    }
    match doors.reload.now().await {
        Ok((generation, warnings)) => {
            json(StatusCode::OK, &json!({ "generation": generation, "problems": told(&warnings) }))
        }
        Err(problems) => json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "problems": told(&problems) })),
    }
}

fn told(problems: &Problems) -> serde_json::Value {
    problems.iter().map(shown).collect()
}

fn shown(problem: &Problem) -> serde_json::Value {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = &problem.place;
    json!({
        "severity": severity,
        "what": problem.what,
        "help": problem.help,
        "file": place.file,
        "line": Some(place.line).filter(|line| *line > 0),
        "column": Some(place.column).filter(|column| *column > 0),
        "item": place.item,
    })
}

fn index() -> String {
    let line =
        |(path, method, what): &(&str, Method, &str)| format!("{:<5}{path:<10}{what}\n", method.as_str());
    PATHS.iter().map(line).collect()
}

const TEXT: &str = "text/plain; charset=utf-8";

fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    match serde_json::to_string_pretty(body) {
        Ok(body) => text(status, "application/json", body + "\n"),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, TEXT, String::new()),
    }
}

fn fault(status: StatusCode, what: &str) -> Answer {
    json(status, &json!({ "error": what }))
}

fn not_allowed(method: &Method) -> Answer {
    let mut answer = fault(StatusCode::METHOD_NOT_ALLOWED, &format!("this path takes {method} only"));
    let allow = if *method == Method::GET { "GET, HEAD" } else { "POST" };
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Place;

    #[test]
    fn problems_are_told_with_all_that_is_known() {
        let place = Place::file("a.yaml").at(3, 0).of("listen");
        let mut problems = Problems::from(Problem::error(place, "`x` is wrong").help("write `y`"));
        problems.push(Problem::warning(Place::default(), "hm"));
        assert_eq!(
            told(&problems),
            json!([
                { "severity": "error", "what": "`x` is wrong", "help": "write `y`", "file": "a.yaml",
                  "line": 3, "column": null, "item": "listen" },
                { "severity": "warning", "what": "hm", "help": null, "file": null, "line": null,
                  "column": null, "item": null },
            ])
        );
    }

    #[test]
    fn the_index_lists_every_path() {
        let index = index();
        assert_eq!(index.lines().count(), PATHS.len());
        assert!(index.contains("POST /reload   reload now"), "{index}");
    }
}
