//! Faults in proto folders: each is told once, at its line.

use super::*;

#[test]
fn every_fault_of_a_broken_folder_is_told_once() {
    let folder = folder(&[
        ("a.proto", "syntax = \"proto3\";\npackage a;\nmessage A {\n  string name = ;\n}\n"),
        ("b.proto", "syntax = \"proto3\";\npackage b;\nmessage B {\n  Unknown x = 1;\n  Other y = 2;\n}\n"),
        ("c.proto", "syntax = \"proto3\";\npackage c;\nimport \"no/such.proto\";\n"),
        ("d.proto", "syntax = \"proto3\";\npackage d;\nmessage D {}\nmessage E {}\nmessage D {}\n"),
        (
            "uses.proto",
            "syntax = \"proto3\";\nimport \"a.proto\";\nimport \"b.proto\";\nmessage U { a.A a = 1; }\n",
        ),
        (
            "uses_too.proto",
            "syntax = \"proto3\";\nimport \"uses.proto\";\nimport \"c.proto\";\nimport \"d.proto\";\n",
        ),
    ]);
    let problems = refused(&protos(&[folder.path()]), folder.path());
    let expected = [
        "error: expected an integer, but found `;`\n  --> a.proto:4:17\n  |\n4 |   string name = ;\n  |                 ^",
        "error: import `no/such.proto` is not found\n  --> c.proto:3:1\n  |\n3 | import \"no/such.proto\";\n  | ^^^^^^^^^^^^^^^^^^^^^^^\n  = help: imports are counted from each proto folder and each include folder; add the folder that holds it",
        "error: name `Unknown` is not defined\n  --> b.proto:4:3\n  |\n4 |   Unknown x = 1;\n  |   ^^^^^^^",
        "error: name `Other` is not defined\n  --> b.proto:5:3\n  |\n5 |   Other y = 2;\n  |   ^^^^^",
        "error: name `d.D` is defined twice\n  --> d.proto:5:9\n  |\n5 | message D {}\n  |         ^",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_circle_of_imports_is_told_once() {
    let one = "syntax = \"proto3\";\nimport public \"b.proto\";\nmessage A { B b = 1; }\n";
    let two = "syntax = \"proto3\";\nimport public \"a.proto\";\nmessage B {}\n";
    let what = "error: files import each other in a circle: `a.proto` -> `b.proto` -> `a.proto`\n";
    let sources = folder(&[("a.proto", one), ("b.proto", two)]);
    let shown = "  --> b.proto:2:1\n  |\n2 | import public \"a.proto\";\n  | ^^^^^^^^^^^^^^^^^^^^^^^^";
    assert_eq!(refused(&protos(&[sources.path()]), sources.path()), [format!("{what}{shown}")]);

    let set = compiled(&[("a.proto", one), ("b.proto", two)]);
    let (folder, settings) = set_of(&prost::Message::encode_to_vec(&set));
    assert_eq!(refused(&settings, folder.path()), [format!("{what}  --> api.binpb: b.proto")]);
}

#[test]
fn two_extensions_with_one_number_are_told() {
    let extend = |name: &str, kind: &str| {
        format!(
            "syntax = \"proto3\";\npackage {name};\nimport \"google/protobuf/descriptor.proto\";\n\
             extend google.protobuf.MethodOptions {{ {kind} mark = 50001; }}\n\
             service S {{ rpc Get(M) returns (M) {{ option (mark) = 7; }} }}\nmessage M {{}}\n"
        )
    };
    let folder = folder(&[("a.proto", &extend("a", "int32")), ("b.proto", &extend("b", "fixed32"))]);
    let problems = refused(&protos(&[folder.path()]), folder.path());
    let what = "error: `b.mark` and `a.mark` (in `a.proto`) extend `google.protobuf.MethodOptions` with the same number 50001\n  --> b.proto:4:";
    assert!(problems.len() == 1 && problems[0].starts_with(what), "{problems:?}");
}

#[test]
fn paths_that_hold_nothing_are_told() {
    let folder = folder(&[("empty/readme.md", "")]);
    let settings = protos(&[&folder.path().join("empty"), &folder.path().join("none")]);
    let problems = refused(&settings, folder.path());
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("error: no `.proto` file in this folder\n  --> empty\n"), "{problems:?}");
    assert!(problems[1].starts_with("error: the folder cannot be read: "), "{problems:?}");
    assert!(
        refused(&Settings::default(), folder.path())[0]
            .starts_with("error: no proto folder and no descriptor set")
    );

    std::fs::write(folder.path().join("empty/a.proto"), b"// one\n// tw\xff\n")
        .expect("a file can be written");
    let problems = refused(&protos(&[&folder.path().join("empty")]), folder.path());
    assert_eq!(problems, ["error: the file is not UTF-8 text\n  --> empty/a.proto:2"]);
}

#[test]
fn an_import_that_is_written_twice_is_told() {
    let text = "syntax = \"proto3\";\nimport \"b.proto\";\nimport \"b.proto\";\n";
    let folder = folder(&[("a.proto", text), ("b.proto", "")]);
    let problems = refused(&protos(&[folder.path()]), folder.path());
    assert!(
        problems.len() == 1
            && problems[0].starts_with("error: `b.proto` is imported twice\n  --> a.proto:3:1"),
        "{problems:?}"
    );
}

#[test]
fn an_unfit_option_says_why() {
    let text = SHOP.replace("get: \"/v1/{name=items/*}\"", "gett: \"/v1\"");
    let folder = folder(&[("shop.proto", &text)]);
    let problems = refused(&protos(&[folder.path()]), folder.path());
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("`(google.api.http)`") && problems[0].contains("gett"), "{problems:?}");
    assert!(problems[0].contains("--> shop.proto:7:5"), "{problems:?}");
}

#[test]
fn an_option_that_is_nested_without_end_is_refused() {
    let option = |option: &str| {
        format!(
            "syntax = \"proto3\";\nimport \"google/protobuf/descriptor.proto\";\nmessage R {{ R a = 1; int32 b = 2; }}\n\
             extend google.protobuf.FileOptions {{ R r = 50001; }}\noption {option};\n"
        )
    };
    let nested =
        |depth: usize| option(&format!("(r) = {{ {}{} }}", "a { ".repeat(depth), "} ".repeat(depth)));
    let dotted = |depth: usize| option(&format!("(r){}.b = 1", ".a".repeat(depth)));
    for text in [nested(20_000), dotted(20_000), nested(64), dotted(63)] {
        let folder = folder(&[("a.proto", &text)]);
        let problems = refused(&protos(&[folder.path()]), folder.path());
        assert!(
            problems.len() == 1 && problems[0].starts_with("error: option `r` is nested "),
            "{problems:?}"
        );
    }
    for text in [nested(63), dotted(62)] {
        let folder = folder(&[("a.proto", &text)]);
        let schema = loaded(&protos(&[folder.path()]));
        let file = schema.pool().get_file_by_name("a.proto").expect("it was loaded");
        assert_eq!(file.options().extensions().count(), 1);
    }
}

#[test]
fn a_refused_file_leaves_nothing_behind() {
    let file = |package: &str, number: u32, kind: &str| {
        format!(
            "syntax = \"proto3\";\npackage {package};\nimport \"google/protobuf/descriptor.proto\";\n\
             extend google.protobuf.MethodOptions {{ {kind} mark = {number}; }}\n\
             service S {{ rpc Get(M) returns (M) {{ option (mark) = \"x\"; }} }}\nmessage M {{}}\n"
        )
    };
    // The first two are refused after their extensions were seen; the third has one of the same number.
    let folder = folder(&[
        ("a.proto", &file("a", 50001, "int32")),
        ("b.proto", &file("b", 50002, "Unknown")),
        ("c.proto", &file("c", 50001, "string")),
        ("d.proto", &file("d", 50002, "bytes")),
    ]);
    let problems = refused(&protos(&[folder.path()]), folder.path());
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("error: expected a value of type `int32` for option `(mark)`"),
        "{problems:?}"
    );
    assert!(problems[1].starts_with("error: name `Unknown` is not defined\n  --> b.proto:4"), "{problems:?}");
}
