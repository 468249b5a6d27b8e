//! Random routes and paths: what the table finds is what the naive matcher finds.

use proptest::prelude::*;

use super::*;
use crate::rule::Variable;

fn segment() -> impl Strategy<Value = Segment> {
    prop_oneof![
        5 => prop::sample::select(vec!["a", "a", "a", "b", "b", "me", "é", "a:b", "a/b", "{x}", "%"])
            .prop_map(|text| Segment::Literal(text.to_owned())),
        4 => Just(Segment::One),
        1 => Just(Segment::Many),
    ]
}

fn template() -> impl Strategy<Value = PathTemplate> {
    let piece = (any::<bool>(), prop::collection::vec(segment(), 1..3));
    let verb =
        prop::sample::select(vec![None, None, None, None, Some("go"), Some("b"), Some("b:go"), Some("g/%")]);
    (prop::collection::vec(piece, 1..4), verb).prop_map(|(pieces, verb)| {
        let (mut segments, mut variables) = (Vec::new(), Vec::new());
        for (index, (is_variable, piece)) in pieces.into_iter().enumerate() {
            let first = segments.len();
            for segment in piece {
                let second = segment == Segment::Many && segments.contains(&Segment::Many);
                segments.push(if second { Segment::One } else { segment });
            }
            if is_variable {
                variables.push(Variable { field_path: format!("v{index}"), first, end: segments.len() });
            }
        }
        PathTemplate { segments, variables, verb: verb.map(str::to_owned) }
    })
}

fn method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["GET", "GET", "GET", "POST", "HEAD", "*"])
}

fn path() -> impl Strategy<Value = String> {
    const SEGMENTS: &[&str] = &[
        "a",
        "a",
        "a",
        "a",
        "b",
        "b",
        "b",
        "me",
        "x",
        "",
        "é",
        "a:b",
        "a:go",
        "b:go",
        ":go",
        "a:b:go",
        "%61",
        "m%65",
        "a%2Fb",
        "a%2fb",
        "a%3Ab",
        "a%3Ago",
        "b:g%6f",
        "a:g%2F%25",
        "%25",
        "%2561",
        "%C3%a9",
        "{x}",
        "%7Bx}",
        "*",
        "**",
        "%2F",
        "%40%20",
        "a%2Fb:go",
    ];
    let part = prop_oneof![
        40 => prop::sample::select(SEGMENTS.to_vec()),
        1 => prop::sample::select(vec!["%ff", "%zz", "%4", "%C3", "%"]),
    ];
    prop_oneof![
        60 => prop::collection::vec(part, 0..7).prop_map(|parts| format!("/{}", parts.join("/"))),
        1 => Just(String::new()),
        1 => "[a/:%]{0,6}",
    ]
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let unescape = prop::sample::select(vec![
        Unescape::Spec,
        Unescape::Spec,
        Unescape::Legacy,
        Unescape::AllExceptSlash,
        Unescape::AllCharacters,
    ]);
    (any::<bool>(), any::<bool>(), unescape).prop_map(|(empty_captures, head_as_get, unescape)| Settings {
        empty_captures,
        unescape,
        head_as_get,
        ..settings()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn a_table_finds_what_the_naive_matcher_finds(
        kinds in (any_settings(), any_settings()),
        apart in prop::collection::vec(prop::bool::weighted(0.2), 12),
        last in any::<bool>(),
        rules in prop::collection::vec((method(), template()), 1..12),
        requests in prop::collection::vec((method(), path()), 1..12),
    ) {
        let bindings: Vec<_> = rules.into_iter().map(|(method, template)| binding(method, template)).collect();
        let precedence = if last { Precedence::Last } else { Precedence::Specific };
        let common = Settings { precedence, ..kinds.0.clone() };
        let kind = |apart: &bool| if *apart { kinds.1.clone() } else { kinds.0.clone() };
        let each: Vec<Settings> = apart.iter().take(bindings.len()).map(kind).collect();
        let all: Vec<&Settings> = each.iter().collect();
        let table = RouteTable::build_each(&bindings, &common, &all, &mut Problems::new());
        for (method, path) in requests {
            let method = if method == "*" { Method::PUT } else { method.parse().expect("an HTTP method") };
            let expected = naive::find(&bindings, precedence, &each, &method, &path);
            let found = table.find(&method, &path).map(|hit| {
                let captures = hit.captures().map(|text| text.expect("UTF-8").into_owned());
                (hit.binding, captures.collect::<Vec<_>>())
            });
            let found = found.map_err(|miss| match miss {
                Miss::Malformed(_) => Miss::Malformed(String::new()),
                miss => miss,
            });
            let rules: Vec<_> = bindings.iter().map(ToString::to_string).collect();
            prop_assert_eq!(found, expected, "{} {} in {:?}", method, path, rules);
        }
    }
}
