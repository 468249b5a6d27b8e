//! HTTP rules in files: the `http.rules` of a `google.api.Service` configuration in YAML.
//!
//! The rest of such a file (a real `service.yaml` says much more) is not looked at. Not for checking a rule
//! ([`check`](super::check)).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use prost_reflect::MethodDescriptor;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::http_rule::{CustomHttpPattern, HttpRule, Pattern};
use crate::problem::{Place, Problem, Problems, nearest};
use crate::schema::Schema;

/// The rules of all files by the method they select, each with the place where it stands.
#[derive(Default)]
pub(super) struct ExternalRules(HashMap<String, Vec<(HttpRule, Place)>>);

impl ExternalRules {
    /// Reads the files in order. A file that cannot be read, a rule that says nothing sensible and a
    /// selector that fits no method are problems.
    pub fn read(files: &[PathBuf], schema: &Schema, problems: &mut Problems) -> Self {
        let mut rules = Self::default();
        if files.is_empty() {
            return rules;
        }
        let methods: HashSet<_> = schema
            .pool()
            .services()
            .flat_map(|service| service.methods().map(|rpc| rpc.full_name().to_owned()).collect::<Vec<_>>())
            .collect();
        for file in files {
            match read_file(file) {
                Ok(entries) => {
                    for entry in entries {
                        rules.add(entry, file, &methods, problems);
                    }
                }
                Err(problem) => problems.push(*problem),
            }
        }
        rules
    }

    /// The rules of a method, in the order of files and lines.
    pub fn of(&self, rpc: &MethodDescriptor) -> &[(HttpRule, Place)] {
        self.0.get(rpc.full_name()).map_or(&[], Vec::as_slice)
    }

    fn add(
        &mut self,
        entry: Spanned<Entry>,
        file: &Path,
        methods: &HashSet<String>,
        problems: &mut Problems,
    ) {
        let place = located(file, Some(entry.referenced));
        let Some(selector) = entry.value.selector.clone() else {
            let problem = Problem::error(place, "a rule without a `selector`");
            return problems
                .push(problem.help("write the full name of the method: `selector: pkg.Service.Method`"));
        };
        let place = place.of(&selector);
        if !methods.contains(&selector) {
            problems.push(unmatched(place.clone(), &selector, methods));
        }
        match entry.value.rule() {
            Ok(rule) => self.0.entry(selector).or_default().push((rule, place)),
            Err(what) => problems.push(
                Problem::error(place, what)
                    .help("a rule has one of `get`, `put`, `post`, `delete`, `patch`, `custom`; write more under `additional_bindings`"),
            ),
        }
    }
}

fn read_file(file: &Path) -> Result<Vec<Spanned<Entry>>, Box<Problem>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Problem::error(located(file, None), format!("cannot read the rules: {error}")))?;
    let parsed: File = serde_saphyr::from_str(&text).map_err(|error| {
        let place = located(file, error.location()).within(&text, 1);
        Problem::error(place, without_place(&error.without_snippet().to_string()))
            .help("rules are written as `http: { rules: [ { selector: pkg.Service.Method, get: /path } ] }`")
    })?;
    of_right_kind(parsed.kind, file)?;
    if parsed.http.rules.is_empty() {
        let problem = Problem::warning(located(file, None), "the file has no HTTP rules");
        return Err(problem.help("rules stand under `http.rules`").into());
    }
    Ok(parsed.http.rules)
}

fn of_right_kind(kind: Option<Spanned<String>>, file: &Path) -> Result<(), Box<Problem>> {
    let (place, what) = match kind {
        Some(kind) if kind.value == KIND => return Ok(()),
        Some(kind) => {
            (located(file, Some(kind.referenced)), format!("`type` is `{}`, expected `{KIND}`", kind.value))
        }
        None => (located(file, None), format!("no `type`, expected `{KIND}`")),
    };
    Err(Problem::error(place, what).help(format!("begin the file with `type: {KIND}`")).into())
}

fn located(file: &Path, location: Option<Location>) -> Place {
    let number = |number: u64| usize::try_from(number).unwrap_or(0);
    let place = Place::file(file.display().to_string());
    match location {
        Some(location) => place.at(number(location.line()), number(location.column())),
        None => place,
    }
}

/// The reader's message, whose place is told apart.
fn without_place(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or(line).to_owned()
}

fn unmatched(place: Place, selector: &str, methods: &HashSet<String>) -> Problem {
    let problem = Problem::error(place, format!("selector `{selector}` fits no method"));
    if selector.contains('*') {
        return problem.help("a selector is the full name of one method, without wildcards");
    }
    let mut names: Vec<_> = methods.iter().map(String::as_str).collect();
    names.sort_unstable();
    match nearest(selector, names) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("load the `.proto` file that declares it, or remove the rule"),
    }
}

/// `google.api.Service`, as far as it concerns HTTP rules.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: Option<Spanned<String>>,
    #[serde(default)]
    http: Http,
}

/// `google.api.Http`
#[derive(Default, Deserialize)]
struct Http {
    #[serde(default)]
    rules: Vec<Spanned<Entry>>,
}

/// `google.api.HttpRule` as JSON and YAML write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    selector: Option<String>,
    get: Option<String>,
    put: Option<String>,
    post: Option<String>,
    delete: Option<String>,
    patch: Option<String>,
    custom: Option<Custom>,
    #[serde(default)]
    body: String,
    #[serde(default, alias = "responseBody")]
    response_body: String,
    #[serde(default, alias = "additionalBindings")]
    additional_bindings: Vec<Entry>,
}

/// `google.api.CustomHttpPattern`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Custom {
    kind: String,
    path: String,
}

impl Entry {
    fn rule(self) -> Result<HttpRule, String> {
        let custom =
            self.custom.map(|Custom { kind, path }| Pattern::Custom(CustomHttpPattern { kind, path }));
        let mut patterns = [
            self.get.map(Pattern::Get),
            self.put.map(Pattern::Put),
            self.post.map(Pattern::Post),
            self.delete.map(Pattern::Delete),
            self.patch.map(Pattern::Patch),
            custom,
        ]
        .into_iter()
        .flatten();
        let pattern = patterns.next();
        if let (Some(one), Some(other)) = (&pattern, patterns.next()) {
            let (one, other) = (one.parts().0, other.parts().0);
            return Err(format!("a rule with two HTTP methods, `{one}` and `{other}`"));
        }
        Ok(HttpRule {
            pattern,
            body: self.body,
            response_body: self.response_body,
            additional_bindings: self
                .additional_bindings
                .into_iter()
                .map(Self::rule)
                .collect::<Result<_, _>>()?,
        })
    }
}

const KIND: &str = "google.api.Service";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::tests::schema;

    fn read(yaml: &str) -> (ExternalRules, Problems, Schema) {
        let schema = schema("message M { string id = 1; } service S { rpc Get(M) returns (M); }");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("rules.yaml");
        std::fs::write(&file, yaml).expect("a file in the temporary folder");
        let mut problems = Problems::new();
        let rules = ExternalRules::read(&[file], &schema, &mut problems);
        (rules, problems, schema)
    }

    #[test]
    fn a_service_configuration_gives_rules() {
        let (rules, problems, schema) = read(
            "type: google.api.Service\nconfig_version: 3\nname: shop.example.com\napis:\n- name: t.S\nhttp:\n  \
             rules:\n  - selector: t.S.Get\n    get: /v1/{id}\n    responseBody: id\n    \
             additional_bindings:\n    - custom: {kind: HEAD, path: /v2/*}\n  - selector: t.S.Get\n    \
             post: '/v3'\n    body: '*'\n",
        );
        assert!(problems.is_empty(), "{problems}");
        let rpc = schema.pool().services().next().and_then(|s| s.methods().next()).expect("t.S.Get");
        let [(first, place), (second, later)] = rules.of(&rpc) else { panic!("two rules") };
        assert_eq!(first.pattern, Some(Pattern::Get("/v1/{id}".to_owned())));
        assert_eq!(first.response_body, "id");
        assert_eq!(
            first.additional_bindings[0].pattern.as_ref().map(Pattern::parts),
            Some(("HEAD", "/v2/*"))
        );
        assert_eq!((second.body.as_str(), place.line, later.line), ("*", 8, 13));
        assert_eq!(place.item.as_deref(), Some("t.S.Get"));
    }

    #[test]
    fn faults_of_a_file_are_told_with_their_line() {
        let start = "type: google.api.Service\nhttp:\n  rules:\n";
        for (yaml, line, what, help) in [
            ("{start}  - selector: t.S.Gte\n    get: /a\n", 4, "`t.S.Gte` fits no method", "`t.S.Get`"),
            ("{start}  - selector: t.S.*\n    get: /a\n", 4, "`t.S.*` fits no method", "without wildcards"),
            ("{start}  - get: /a\n", 4, "without a `selector`", "full name"),
            (
                "{start}  - selector: t.S.Get\n    get: /a\n    post: /b\n",
                4,
                "two HTTP methods, `GET` and `POST`",
                "additional_bindings",
            ),
            ("{start}  - selector: t.S.Get\n    gett: /a\n", 5, "gett", "rules are written as"),
            ("type: [\n", 0, "", "rules are written as"),
            ("type: google.api.Servis\n", 1, "expected `google.api.Service`", ""),
            ("http: {}\n", 0, "no `type`", "begin the file"),
            ("type: google.api.Service\n", 0, "no HTTP rules", "`http.rules`"),
        ] {
            let (_, problems, _) = read(&yaml.replace("{start}", start));
            let problem = problems.iter().next().unwrap_or_else(|| panic!("no problem: {yaml}"));
            assert!(problem.what.contains(what), "{yaml}\n{problem}");
            assert!(problem.help.clone().unwrap_or_default().contains(help), "{yaml}\n{problem}");
            assert!(line == 0 || problem.place.line == line, "{yaml}\n{problem}");
            assert!(problem.place.file.is_some() && !problem.what.contains("line"), "{problem}");
        }
    }

    #[test]
    fn all_rules_are_checked_and_a_missing_file_is_told() {
        let (_, problems, _) = read(
            "type: google.api.Service\nhttp: {rules: [{selector: a.B.C, get: /x}, {selector: d.E.F, get: /y}]}",
        );
        assert_eq!(problems.errors(), 2);
        let mut problems = Problems::new();
        ExternalRules::read(&["no/such.yaml".into()], &schema(""), &mut problems);
        assert!(problems.to_string().contains("cannot read the rules"), "{problems}");
    }
}
