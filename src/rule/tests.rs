//! What a user meets: annotations and rule files in, bindings or located problems out.

use super::*;
use crate::schema;

/// The schema of `t.proto`, which declares what is given in package `t`.
pub(crate) fn schema(declarations: &str) -> Schema {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = format!(
        "syntax = \"proto3\";\npackage t;\nimport \"google/api/annotations.proto\";\n\
         import \"google/protobuf/field_mask.proto\";\nimport \"google/protobuf/timestamp.proto\";\n\
         import \"google/protobuf/wrappers.proto\";\n{declarations}\n"
    );
    std::fs::write(folder.path().join("t.proto"), text).expect("a file in the temporary folder");
    load(&schema::Settings { protos: vec![folder.path().to_owned()], ..schema::Settings::default() })
}

fn load(settings: &schema::Settings) -> Schema {
    let mut problems = Problems::new();
    schema::load(settings, &mut problems).unwrap_or_else(|| panic!("{problems}"))
}

fn settings() -> Settings {
    Settings::default()
}

/// A service with one method `Get(Request) returns (Reply)` and the given rule.
fn with_rule(rule: &str) -> Schema {
    schema(&format!(
        "service S {{ rpc Get(Request) returns (Reply) {{ option (google.api.http) = {{ {rule} }}; }} }}
         message Request {{
           string id = 1;
           Sub sub = 2;
           repeated int32 numbers = 3;
           repeated Sub subs = 4;
           map<string, string> labels = 5;
           google.protobuf.Timestamp at = 6;
           google.protobuf.Int64Value size = 7;
           google.protobuf.FieldMask mask = 8;
           Color color = 9;
           repeated google.protobuf.Timestamp times = 10;
         }}
         message Sub {{ string name = 1; Sub inner = 2; }}
         message Reply {{ Sub sub = 1; repeated Sub subs = 2; }}
         enum Color {{ RED = 0; }}"
    ))
}

/// The bindings as text, and the problems.
fn outcome(schema: &Schema, settings: &Settings) -> (Vec<String>, Problems) {
    let mut problems = Problems::new();
    let bindings = read(schema, settings, &mut problems);
    (bindings.iter().map(show).collect(), problems)
}

fn show(binding: &Binding) -> String {
    let path = |path: &FieldPath| path.0.iter().map(|f| f.name().to_owned()).collect::<Vec<_>>().join(".");
    let variables: Vec<_> = binding.variables.iter().map(path).collect();
    let body = match &binding.body {
        Body::None => "-".to_owned(),
        Body::Whole => "*".to_owned(),
        Body::Field(field) => path(field),
    };
    let answer = binding.response_body.as_ref().map_or("*".to_owned(), |field| field.name().to_owned());
    format!(
        "{:?} {} {} {binding} [{}] {body} > {answer}",
        binding.source,
        binding.rpc.name(),
        binding.index,
        variables.join(" ")
    )
}

#[test]
fn annotations_become_bindings() {
    let schema = with_rule(
        "put: '/v1/{id}' body: 'sub' response_body: 'subs'
         additional_bindings { post: '/v1/{sub.inner.name=a/*}:go' body: '*' }
         additional_bindings { custom { kind: '*' path: '/v2/**' } }
         additional_bindings { patch: '/v3/{sub.name}' body: 'sub.inner' }",
    );
    let (bindings, problems) = outcome(&schema, &settings());
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(
        bindings,
        [
            "Annotation Get 0 PUT /v1/{id} [id] sub > subs",
            "Annotation Get 1 POST /v1/{sub.inner.name=a/*}:go [sub.inner.name] * > *",
            "Annotation Get 2 * /v2/** [] - > *",
            "Annotation Get 3 PATCH /v3/{sub.name} [sub.name] sub.inner > *",
        ]
    );
}

#[test]
fn each_fault_is_told_with_place_rule_and_cure() {
    for (rule, what, help) in [
        ("get: '/v1/{ids}'", "in rule `GET /v1/{ids}`: `t.Request` has no field `ids`", "did you mean `id`?"),
        ("get: '/v1/{id}/'", "expected a segment, found the end, at column 10 of the path", "no `//`"),
        ("get: ''", "expected `/`, found the end", "begins with `/`"),
        ("get: '/v1/{sub}'", "which cannot stand in a path: it is a `t.Sub`", "a field of the message"),
        ("get: '/v1/{mask}'", "it is a `google.protobuf.FieldMask`", "scalar"),
        ("get: '/v1/{labels}'", "it is a map", "scalar"),
        ("get: '/v1/{times}'", "it is repeated `google.protobuf.Timestamp`", "scalar"),
        ("get: '/v1/{id}/a/{id}'", "variable `id` stands twice", "capture it once"),
        ("get: '/v1/{sub.name}/{id}/{sub.name=*}'", "variable `sub.name` stands twice", "capture it once"),
        ("get: '/v1/{at}/{at.nanos}'", "variables `at` and `at.nanos` overlap", "write `*`"),
        ("get: '/v1/{size.value}/{id}/{size}'", "variables `size.value` and `size` overlap", "write `*`"),
        ("get: '/v1/{subs.name}'", "passes through `t.Request.subs`, which is repeated", "singular"),
        ("get: '/v1/{id.name}'", "passes through `t.Request.id`, which is not a message", "singular"),
        ("post: '/v1' body: 'subb'", "`body`: `t.Request` has no field `subb`", "`sub"),
        ("post: '/v1' body: 'sub.nam'", "`body`: `t.Sub` has no field `nam`", "`name`"),
        ("get: '/v1' response_body: 'sbu'", "`response_body`: `t.Reply` has no field `sbu`", "`sub`"),
        ("get: '/v1' response_body: 'sub.name'", "expected one field name", "response message itself"),
        ("get: '/v1' body: '*'", "GET with `body: \"*\"`", "use POST"),
        ("delete: '/v1' body: '*'", "DELETE with `body: \"*\"`", "delete_body"),
        ("custom { kind: 'A B' path: '/v1' }", "`A B` is not an HTTP method", "`HEAD`"),
        (
            "get: '/v1' additional_bindings { body: '*' }",
            "additional binding 1 has no HTTP method",
            "write `get`",
        ),
        (
            "get: '/v1' additional_bindings { get: '/v2' additional_bindings { get: '/v3' } }",
            "additional binding 1 has additional bindings of its own",
            "in the rule itself",
        ),
        (
            "get: '/v1' additional_bindings { get: '/v1' }",
            "rule `GET /v1` of `Get` stands already",
            "one rule",
        ),
    ] {
        let (_, problems) = outcome(&with_rule(rule), &settings());
        assert_eq!(problems.errors(), 1, "{rule}: {problems}");
        let problem = problems.iter().next().expect("counted above");
        assert!(problem.what.contains(what), "{rule}: {problem}");
        assert!(problem.help.as_ref().is_some_and(|text| text.contains(help)), "{rule}: {problem}");
        assert_eq!((problem.place.line, problem.place.item.as_deref()), (7, Some("t.S.Get")), "{rule}");
        assert!(problem.place.file.as_ref().is_some_and(|file| file.ends_with("t.proto")));
    }
}

#[test]
fn one_run_tells_all_faults() {
    let (bindings, problems) = outcome(
        &with_rule("get: '/v1/{a}/{b}/{subs}' body: 'c' response_body: 'd' additional_bindings { get: 'x' }"),
        &settings(),
    );
    assert_eq!((bindings.len(), problems.errors()), (0, 7), "{problems}");
}

#[test]
fn what_may_stand_in_a_path_does() {
    let rule = "get: '/v1/{id}/{numbers}/{at}/{size}/{color}/{sub.name}/{sub.inner.name}'";
    let (bindings, problems) = outcome(&with_rule(rule), &settings());
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(bindings.len(), 1);
}

#[test]
fn a_rule_without_a_path_is_skipped_but_its_additional_bindings_stand() {
    let (bindings, problems) =
        outcome(&with_rule("body: '*' additional_bindings { post: '/v1' body: '*' }"), &settings());
    assert_eq!(bindings, ["Annotation Get 1 POST /v1 [] * > *"]);
    assert!(!problems.has_errors() && problems.to_string().contains("is skipped"), "{problems}");
}

#[test]
fn a_delete_may_have_a_body_if_asked() {
    let schema = with_rule("delete: '/v1' body: '*'");
    let (bindings, problems) = outcome(&schema, &Settings { delete_body: true, ..settings() });
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(bindings.len(), 1);
}

#[test]
fn methods_without_a_rule_are_exposed_if_asked() {
    let schema = schema(
        "message M {}
         service S {
           rpc Bound(M) returns (M) { option (google.api.http) = { get: '/v1' }; }
           rpc Free(stream M) returns (stream M);
         }
         service T { rpc Other(M) returns (M); }",
    );
    assert_eq!(outcome(&schema, &settings()).0, ["Annotation Bound 0 GET /v1 [] - > *"]);
    let all = Settings {
        unbound_methods: true,
        services: vec![ServiceGlob { text: "t.S".to_owned(), place: crate::problem::Place::default() }],
        ..settings()
    };
    assert_eq!(
        outcome(&schema, &all).0,
        ["Annotation Bound 0 GET /v1 [] - > *", "Unbound Free 0 POST /t.S/Free [] * > *"]
    );
}

#[test]
fn rule_files_stand_before_and_above_annotations() {
    let schema = with_rule("get: '/v1/{id}' additional_bindings { get: '/v2/{sub.name}' }");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rules.yaml");
    std::fs::write(
        &file,
        "type: google.api.Service\nhttp:\n  rules:\n  - selector: t.S.Get\n    get: /v1/{id}\n    \
         additionalBindings:\n    - get: /v2/{sub.name}\n      response_body: sub\n    - post: /v3\n      body: '*'\n",
    )
    .expect("a file in the temporary folder");
    let (bindings, problems) = outcome(&schema, &Settings { files: vec![file], ..settings() });
    assert_eq!(
        bindings,
        [
            "External Get 0 GET /v1/{id} [id] - > *",
            "External Get 1 GET /v2/{sub.name} [sub.name] - > sub",
            "External Get 2 POST /v3 [] * > *",
        ]
    );
    // The first of the two does the same in both places; only the second is worth a word.
    assert_eq!(problems.iter().count(), 1, "{problems}");
    assert!(problems.to_string().contains("`GET /v2/{sub.name}` is overridden by the rule at"), "{problems}");
}

#[test]
fn a_rule_file_stands_above_its_methods_annotation_beside_another_method_with_the_same_rule_too() {
    let schema = schema(
        "message M { string x = 1; }
         service S {
           rpc One(M) returns (M) { option (google.api.http) = { get: '/v1' }; }
           rpc Two(M) returns (M) { option (google.api.http) = { get: '/v1' }; }
         }",
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rules.yaml");
    let rules =
        "type: google.api.Service\nhttp: {rules: [{selector: t.S.Two, get: /v1, response_body: x}]}\n";
    std::fs::write(&file, rules).expect("a file in the temporary folder");
    let settings = Settings { files: vec![file], repeated_rules: true, ..settings() };
    let (bindings, problems) = outcome(&schema, &settings);
    assert_eq!(bindings, ["Annotation One 0 GET /v1 [] - > *", "External Two 0 GET /v1 [] - > x"]);
    assert!(problems.to_string().contains("is overridden by the rule at"), "{problems}");
}

#[test]
fn two_methods_of_a_service_cannot_share_a_rule() {
    let schema = schema(
        "message M {}
         service S {
           rpc One(M) returns (M) { option (google.api.http) = { get: '/v1' }; }
           rpc Two(M) returns (M) { option (google.api.http) = { get: '/v1' }; }
         }
         service T { rpc Three(M) returns (M) { option (google.api.http) = { get: '/v1' }; } }",
    );
    let (bindings, problems) = outcome(&schema, &settings());
    assert_eq!(bindings.len(), 2);
    assert_eq!(problems.errors(), 1);
    let told = problems.to_string();
    assert!(told.contains("rule `GET /v1` of `Two` stands already at"), "{told}");
    assert!(told.contains("for `One`"), "{told}");
    let (bindings, problems) = outcome(&schema, &Settings { repeated_rules: true, ..settings() });
    assert_eq!(bindings.len(), 3);
    assert!(problems.is_empty(), "which of them is taken is told by the route table: {problems}");
}

#[test]
fn an_option_of_another_number_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let annotations = "syntax = \"proto3\"; package google.api; import \"google/protobuf/descriptor.proto\";
        message HttpRule {} extend google.protobuf.MethodOptions { HttpRule http = 50000; }";
    std::fs::create_dir_all(folder.path().join("google/api")).expect("a folder");
    std::fs::write(folder.path().join("google/api/annotations.proto"), annotations).expect("a file");
    let schema =
        load(&schema::Settings { protos: vec![folder.path().to_owned()], ..schema::Settings::default() });
    let (_, problems) = outcome(&schema, &settings());
    assert!(problems.to_string().contains("is number 50000"), "{problems}");
    assert!(problems.has_errors());
}

#[test]
fn an_option_of_another_shape_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let annotations = "syntax = \"proto3\"; package google.api; import \"google/protobuf/descriptor.proto\";
        message HttpRule { int32 get = 2; } extend google.protobuf.MethodOptions { HttpRule http = 72295728; }
        message M {} service S { rpc Get(M) returns (M) { option (google.api.http) = { get: 7 }; } }";
    std::fs::create_dir_all(folder.path().join("google/api")).expect("a folder");
    std::fs::write(folder.path().join("google/api/annotations.proto"), annotations).expect("a file");
    let schema =
        load(&schema::Settings { protos: vec![folder.path().to_owned()], ..schema::Settings::default() });
    let (_, problems) = outcome(&schema, &settings());
    assert!(problems.to_string().contains("its fields have other types"), "{problems}");
}

#[test]
fn the_model_api_has_a_binding_for_each_method() {
    let schema = load(&schema::Settings { embedded_api: true, ..schema::Settings::default() });
    let (bindings, problems) = outcome(&schema, &settings());
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(bindings.len(), 152);
}
