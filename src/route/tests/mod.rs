//! What a request meets, case by case. Random routes and paths are held against a [`naive`] matcher in `random`.

mod naive;
mod random;

use std::borrow::Cow;
use std::sync::LazyLock;

use super::*;
use crate::rule::{self, HttpMethod, PathTemplate, Segment};
use crate::schema;

/// Any binding: routes take only HTTP method and template from it.
static BINDING: LazyLock<Binding> = LazyLock::new(|| {
    let mut problems = Problems::new();
    let settings = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    let schema = schema::load(&settings, &mut problems).unwrap_or_else(|| panic!("{problems}"));
    let rules = rule::Settings::default();
    rule::read(&schema, &rules, &mut problems).swap_remove(0)
});

fn binding(method: &str, template: PathTemplate) -> Binding {
    let method = match method {
        "*" => HttpMethod::Any,
        method => HttpMethod::Exact(method.parse().expect("an HTTP method")),
    };
    Binding { method, template, ..BINDING.clone() }
}

/// `["GET /v1/{id}", ...]`
fn bindings(rules: &[&str]) -> Vec<Binding> {
    let read = |rule: &&str| {
        let (method, template) = rule.split_once(' ').expect("a method and a path");
        binding(method, template.parse().expect(template))
    };
    rules.iter().map(read).collect()
}

fn settings() -> Settings {
    Settings::default()
}

fn table(rules: &[&str], settings: &Settings) -> RouteTable {
    let mut problems = Problems::new();
    let table = RouteTable::build(&bindings(rules), settings, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    table
}

/// The rule that is found with its captures, or the miss: `GET /v1/{id} [7]`, `404`, `405 GET HEAD`, `400`.
fn found(rules: &[&str], settings: &Settings, request: &str) -> String {
    let (method, path) = request.split_once(' ').expect("a method and a path");
    match table(rules, settings).find(&method.parse().expect("an HTTP method"), path) {
        Ok(hit) => {
            let captures = hit.captures().map(|text| text.expect("UTF-8"));
            format!("{} {:?}", rules[hit.binding], captures.collect::<Vec<_>>())
        }
        Err(Miss::NotFound) => "404".to_owned(),
        Err(Miss::Malformed(_)) => "400".to_owned(),
        Err(Miss::MethodNotAllowed(Allowed { methods, .. })) => {
            format!("405 {}", methods.iter().map(Method::as_str).collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn requests_find_their_bindings() {
    const ITEMS: &[&str] = &[
        "GET /items/me",
        "GET /items/{id}",
        "DELETE /items/{id}",
        "POST /items/{id}:cancel",
        "POST /items",
        "POST /{any=**}",
    ];
    const DEEP: &[&str] = &[
        "GET /v1/{name=shelves/*/books/*}",
        "GET /v1/{name=a/**}/c",
        "GET /v2/{name=**}",
        "GET /v2/{name=**}:verb",
        "GET /v3/{a=**}/{b}",
        "GET /v4/{a}/{b}/{c}/{d}/{e}",
        "GET /v5/{a}/x/{b}",
        "GET /v6/{n}:a:b",
        "GET /",
    ];
    const KINDS: &[&str] = &["GET /a/{x}", "* /a/me", "* /b/{x}", "HEAD /b/{x}"];
    for (rules, request, expected) in [
        (ITEMS, "GET /items/me", "GET /items/me []"),
        (ITEMS, "GET /items/7", "GET /items/{id} [\"7\"]"),
        // Another method's literal does not hide a variable.
        (ITEMS, "DELETE /items/me", "DELETE /items/{id} [\"me\"]"),
        (ITEMS, "HEAD /items/me", "GET /items/me []"),
        (ITEMS, "PUT /items/me", "405 DELETE GET HEAD POST"),
        (ITEMS, "PUT /items/7", "405 DELETE GET HEAD POST"),
        (ITEMS, "OPTIONS /items", "405 POST"),
        (ITEMS, "GET /nothing", "405 POST"),
        (ITEMS, "GET nothing", "400"),
        // A verb is what follows the last colon, where a route has such a verb.
        (ITEMS, "POST /items/urn:x:cancel", "POST /items/{id}:cancel [\"urn:x\"]"),
        (ITEMS, "POST /items/urn:x:other", "POST /{any=**} [\"items/urn:x:other\"]"),
        (ITEMS, "GET /items/urn:x:cancel", "GET /items/{id} [\"urn:x:cancel\"]"),
        (ITEMS, "POST /items/:cancel", "POST /{any=**} [\"items/:cancel\"]"),
        (ITEMS, "POST /items/7:Cancel", "POST /{any=**} [\"items/7:Cancel\"]"),
        (ITEMS, "POST /items/7%3Acancel", "POST /{any=**} [\"items/7%3Acancel\"]"),
        (ITEMS, "POST /items/7:c%61ncel", "POST /items/{id}:cancel [\"7\"]"),
        (ITEMS, "POST /items/a%2Fb:cancel", "POST /items/{id}:cancel [\"a/b\"]"),
        (ITEMS, "POST /", "POST /{any=**} [\"\"]"),
        (DEEP, "GET /v1/shelves/1/books/2", "GET /v1/{name=shelves/*/books/*} [\"shelves/1/books/2\"]"),
        (
            DEEP,
            "GET /v1/shelves/1%2F2/books/%33",
            "GET /v1/{name=shelves/*/books/*} [\"shelves/1%2F2/books/3\"]",
        ),
        (DEEP, "GET /v1/a/c", "GET /v1/{name=a/**}/c [\"a\"]"),
        (DEEP, "GET /v1/a//c", "GET /v1/{name=a/**}/c [\"a/\"]"),
        (DEEP, "GET /v1/a/b/c/c", "GET /v1/{name=a/**}/c [\"a/b/c\"]"),
        (DEEP, "GET /v2", "GET /v2/{name=**} [\"\"]"),
        (DEEP, "GET /v2/", "GET /v2/{name=**} [\"\"]"),
        (DEEP, "GET /v2/a/", "GET /v2/{name=**} [\"a/\"]"),
        (DEEP, "GET /v2//a", "GET /v2/{name=**} [\"/a\"]"),
        (DEEP, "GET /v2:verb", "GET /v2/{name=**}:verb [\"\"]"),
        (DEEP, "GET /v2/a:verb", "GET /v2/{name=**}:verb [\"a\"]"),
        (DEEP, "GET /v2/a:b", "GET /v2/{name=**} [\"a:b\"]"),
        (DEEP, "GET /v3/x", "GET /v3/{a=**}/{b} [\"\", \"x\"]"),
        (DEEP, "GET /v3/x/y/z", "GET /v3/{a=**}/{b} [\"x/y\", \"z\"]"),
        (DEEP, "GET /v4/1/2/3/4/5", "GET /v4/{a}/{b}/{c}/{d}/{e} [\"1\", \"2\", \"3\", \"4\", \"5\"]"),
        (DEEP, "GET /v5//x/2", "404"),
        (DEEP, "GET /v5/1/x/2/", "404"),
        (DEEP, "GET //v5/1/x/2", "404"),
        (DEEP, "GET /V5/1/x/2", "404"),
        (DEEP, "GET /v6/n:a:b", "GET /v6/{n}:a:b [\"n\"]"),
        (DEEP, "GET /", "GET / []"),
        (DEEP, "GET //", "404"),
        // The request's own method comes first, then any.
        (KINDS, "GET /a/me", "GET /a/{x} [\"me\"]"),
        (KINDS, "HEAD /a/me", "GET /a/{x} [\"me\"]"),
        (KINDS, "PURGE /a/me", "* /a/me []"),
        (KINDS, "HEAD /b/1", "HEAD /b/{x} [\"1\"]"),
        (KINDS, "GET /b/1", "* /b/{x} [\"1\"]"),
        (KINDS, "PUT /a/1", "405 GET HEAD"),
    ] {
        assert_eq!(found(rules, &settings(), request), expected, "{request}");
    }
}

#[test]
fn captures_are_decoded_once_as_set() {
    const RULES: &[&str] =
        &["GET /one/{x}", "GET /many/{x=**}", "GET /echo", "GET /a%20b%2Fc", "GET /v/{x}:go"];
    for (request, spec, legacy, except_slash, all) in [
        ("/one/a%2Fb", Some("a/b"), None, Some("a/b"), None),
        ("/one/a%252Fb", Some("a%2Fb"), Some("a%2Fb"), Some("a%2Fb"), Some("a%2Fb")),
        ("/one/%2525", Some("%25"), Some("%25"), Some("%25"), Some("%25")),
        ("/one/%25", Some("%"), Some("%"), Some("%"), Some("%")),
        ("/one/a+b%20c", Some("a+b c"), Some("a+b c"), Some("a+b c"), Some("a+b c")),
        ("/one/%C3%A9", Some("é"), Some("é"), Some("é"), Some("é")),
        ("/many/a%2fb%3Ac%20d", Some("a%2fb%3Ac d"), Some("a/b:c d"), Some("a%2fb:c d"), Some("a/b:c d")),
        ("/many/a/%41", Some("a/A"), Some("a/A"), Some("a/A"), Some("a/A")),
        ("/many/%40%5b", Some("%40%5b"), Some("@["), Some("@["), Some("@[")),
        ("/many%2Fa", None, Some("a"), None, Some("a")),
        ("/e%63ho", Some("-"), Some("-"), Some("-"), Some("-")),
        ("/%65cho", Some("-"), Some("-"), Some("-"), Some("-")),
        ("/a%20b%2fc", Some("-"), None, Some("-"), None),
        ("/v/a%3Ago", None, Some("a"), None, None),
        ("/v/%61:g%6F", Some("a"), Some("a"), Some("a"), Some("a")),
    ] {
        for (unescape, expected) in [
            (Unescape::Spec, spec),
            (Unescape::Legacy, legacy),
            (Unescape::AllExceptSlash, except_slash),
            (Unescape::AllCharacters, all),
        ] {
            let table = table(RULES, &Settings { unescape, ..settings() });
            let hit = table.find(&Method::GET, request).ok();
            let text = hit.map(|hit| hit.captures().next().map_or("-".into(), |text| text.expect("UTF-8")));
            assert_eq!(text.as_deref(), expected, "{request} {unescape:?}");
        }
    }
}

#[test]
fn options_change_what_matches() {
    let empty = Settings { empty_captures: true, ..settings() };
    assert_eq!(found(&["GET /v1/{n}"], &empty, "GET /v1/"), "GET /v1/{n} [\"\"]");
    assert_eq!(found(&["GET /v1/{a}/x/{b}"], &empty, "GET /v1//x/2"), "GET /v1/{a}/x/{b} [\"\", \"2\"]");
    assert_eq!(found(&["GET /{n}"], &empty, "GET /"), "GET /{n} [\"\"]");
    assert_eq!(found(&["GET /v1/{n}:go"], &empty, "GET /v1/:go"), "404");
    let strict = Settings { head_as_get: false, ..settings() };
    assert_eq!(found(&["GET /v1"], &strict, "HEAD /v1"), "405 GET");
}

#[test]
fn the_last_registered_wins_where_it_is_set_so() {
    const RULES: &[&str] = &[
        "GET /v1/search",
        "GET /v1/{id}",
        "GET /v1/{id}/*",
        "GET /v1/{name=a/**}",
        "GET /v1/{id}:go",
        "GET /v2/{id}:go",
        "GET /v2/{id}",
    ];
    let last = Settings { precedence: Precedence::Last, ..settings() };
    for (request, specific, last_registered) in [
        ("GET /v1/search", "GET /v1/search []", "GET /v1/{id} [\"search\"]"),
        ("GET /v1/a/b", "GET /v1/{name=a/**} [\"a/b\"]", "GET /v1/{name=a/**} [\"a/b\"]"),
        ("GET /v1/b/b", "GET /v1/{id}/* [\"b\"]", "GET /v1/{id}/* [\"b\"]"),
        ("GET /v1/a", "GET /v1/{name=a/**} [\"a\"]", "GET /v1/{name=a/**} [\"a\"]"),
        ("GET /v1/x:go", "GET /v1/{id}:go [\"x\"]", "GET /v1/{id}:go [\"x\"]"),
        ("GET /v2/x:go", "GET /v2/{id}:go [\"x\"]", "GET /v2/{id} [\"x:go\"]"),
        ("POST /v1/search", "405 GET HEAD", "405 GET HEAD"),
    ] {
        assert_eq!(found(RULES, &settings(), request), specific, "{request}");
        assert_eq!(found(RULES, &last, request), last_registered, "{request}");
    }
}

#[test]
fn each_route_is_matched_in_its_own_way_and_the_most_specific_wins() {
    const RULES: &[&str] =
        &["GET /v1/{id}", "GET /v1/me", "GET /v1/{a}/{b}", "POST /v1/{id}", "DELETE /v1/x/{b}"];
    let lax = Settings {
        empty_captures: true,
        unescape: Unescape::Legacy,
        head_as_get: false,
        wrong_method: WrongMethod::NotImplemented,
        ..settings()
    };
    let strict = settings();
    let bindings = bindings(RULES);
    let each = [&lax, &strict, &strict, &strict, &lax];
    let table = RouteTable::build_each(&bindings, &settings(), &each, &mut Problems::new());
    for (request, expected) in [
        // Legacy, empty: only the first route takes these.
        ("GET /v1/", Ok((0, ""))),
        ("GET /v1/%6De", Ok((1, "-"))),
        ("GET /v1/me", Ok((1, "-"))),
        // One segment to the second way, two to the first.
        ("GET /v1/a%2Fb", Err("405 POST")),
        ("GET /v1/a%2Fb/c", Ok((2, "a/b"))),
        ("POST /v1/a%2Fb", Ok((3, "a/b"))),
        ("HEAD /v1/me", Ok((1, "-"))),
        ("HEAD /v1/7", Err("501 GET POST")),
        ("PUT /v1/7", Err("405 GET POST")),
        ("PUT /v1/me", Err("405 GET HEAD POST")),
        ("PUT /v1/x/y", Err("501 DELETE GET HEAD")),
        ("PUT /v1/y/y", Err("405 GET HEAD")),
    ] {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let found = table.find(&method.parse().expect("an HTTP method"), path);
        let found = found.map(|hit| {
            let text = hit.captures().next().map_or("-".into(), |text| text.expect("UTF-8"));
            (hit.binding, text)
        });
        let found = found.map_err(|miss| match miss {
            Miss::MethodNotAllowed(Allowed { methods, answer }) => {
                let status = if answer == WrongMethod::MethodNotAllowed { "405" } else { "501" };
                let methods = methods.iter().map(Method::as_str);
                [status].into_iter().chain(methods).collect::<Vec<_>>().join(" ")
            }
            _ => "404".to_owned(),
        });
        let expected = expected.map(|(index, text)| (index, Cow::from(text))).map_err(str::to_owned);
        assert_eq!(found, expected, "{request}");
    }
}

#[test]
fn ties_are_told_with_both_places() {
    let mut bindings =
        bindings(&["GET /v1/{a}", "GET /v1/{b}", "POST /v1/{a}", "GET /v1/{c}:go", "GET /v1/{c=*}"]);
    for (line, binding) in (1..).zip(&mut bindings) {
        binding.place = crate::problem::Place::file("a.proto").at(line, 0);
    }
    let mut problems = Problems::new();
    let table = RouteTable::build(&bindings, &settings(), &mut problems);
    assert_eq!(table.find(&Method::GET, "/v1/x").expect("it matches").binding, 4);
    let told: Vec<_> = problems.iter().map(|problem| (problem.place.line, problem.what.as_str())).collect();
    let rpc = BINDING.rpc.full_name();
    assert_eq!(
        told,
        [
            (
                1,
                &*format!(
                    "`GET /v1/{{a}}` of `{rpc}` matches the same paths as `GET /v1/{{c}}` of `{rpc}` at a.proto:5"
                )
            ),
            (
                2,
                &*format!(
                    "`GET /v1/{{b}}` of `{rpc}` matches the same paths as `GET /v1/{{c}}` of `{rpc}` at a.proto:5"
                )
            ),
        ]
    );
    assert!(!problems.has_errors());
    let mut problems = Problems::new();
    let _ = RouteTable::build(&bindings, &Settings { ties: Ties::Refuse, ..settings() }, &mut problems);
    assert_eq!(problems.errors(), 2);
}

#[test]
fn hostile_paths_take_linear_time() {
    let many: Vec<String> = (0..200).map(|i| format!("GET /**/a{i}/*/b")).collect();
    let mut rules: Vec<&str> = many.iter().map(String::as_str).collect();
    rules.extend(["GET /a/*/**/b:go", "GET /{x=**}:stop", "GET /a/a/a/a/{x}/b", "GET /a/{y}/a/a/a/b/c"]);
    for precedence in [Precedence::Specific, Precedence::Last] {
        linear(&table(&rules, &Settings { empty_captures: true, precedence, ..settings() }));
    }
}

fn linear(table: &RouteTable) {
    for unit in ["/", "/a", ":", "/:", "%2F", "/%61", "{", "/*", "%"] {
        let path = format!("/{}", unit.repeat(60_000));
        let started = std::time::Instant::now();
        let _ = table.find(&Method::POST, &path);
        let _ = table
            .find(&Method::GET, &format!("{path}:stop"))
            .map(|hit| hit.captures().map(|text| text.map_or(0, |text| text.len())).sum::<usize>());
        // Milliseconds when linear; minutes when quadratic.
        assert!(started.elapsed().as_secs() < 5, "{unit} took {:?}", started.elapsed());
    }
}

#[test]
fn every_path_of_the_model_api_finds_its_binding() {
    let mut problems = Problems::new();
    let source = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    let schema = schema::load(&source, &mut problems).expect("the model API loads");
    let rules = rule::Settings::default();
    let bindings = rule::read(&schema, &rules, &mut problems);
    let table = RouteTable::build(&bindings, &settings(), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    for (index, binding) in bindings.iter().enumerate() {
        let HttpMethod::Exact(method) = &binding.method else { panic!("no rule is for any method") };
        let path: String = binding
            .template
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => format!("/{text}"),
                _ => "/some-id".to_owned(),
            })
            .collect();
        let path = binding.template.verb.iter().fold(path, |path, verb| format!("{path}:{verb}"));
        let hit = table.find(method, &path).unwrap_or_else(|miss| panic!("{path}: {miss:?}"));
        assert_eq!(hit.binding, index, "{path}");
        assert_eq!(hit.captures().count(), binding.template.variables.len());
        assert!(hit.captures().all(|text| text.expect("UTF-8") == "some-id"), "{path}");
    }
}

#[test]
fn literals_that_both_match_in_their_own_ways_are_equals() {
    let (spec, legacy) = (settings(), Settings { unescape: Unescape::Legacy, ..settings() });
    let rules = [("GET /a/**", &legacy), ("GET /a%2Fb/**", &spec)];
    for (first, second) in [(0, 1), (1, 0)] {
        let bindings = bindings(&[rules[first].0, rules[second].0]);
        let each = [rules[first].1, rules[second].1];
        let table = RouteTable::build_each(&bindings, &settings(), &each, &mut Problems::new());
        let hit = table.find(&Method::GET, "/a%2Fb").expect("both match");
        assert_eq!(hit.binding, 1, "the last registered");
    }
}
