//! What a user meets: whole sources in, a schema or located problems out.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// A folder with the given files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
    folder
}

fn protos(folders: &[&Path]) -> Settings {
    Settings { protos: folders.iter().map(|path| path.to_path_buf()).collect(), ..Settings::default() }
}

fn loaded(settings: &Settings) -> Schema {
    let mut problems = Problems::new();
    let schema = load(settings, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    schema.expect("there is no problem")
}

/// All problems as text, with the folder's own path left out.
fn refused(settings: &Settings, folder: &Path) -> Vec<String> {
    let mut problems = Problems::new();
    let schema = load(settings, &mut problems);
    assert!(schema.is_none() && problems.has_errors(), "{problems}");
    let prefix = format!("{}/", folder.display());
    problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

const SHOP: &str = r#"syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";

service Shop {
  rpc Get(Item) returns (Item) {
    option (google.api.http) = {get: "/v1/{name=items/*}"};
  }
}

message Item {
  string name = 1;
  oneof kind { string color = 2; }
}

enum Size { SIZE_UNSPECIFIED = 0; SIZE_LARGE = 1; }
"#;

#[test]
fn the_embedded_api_loads_with_its_rules() {
    let started = std::time::Instant::now();
    let schema = loaded(&Settings { embedded_api: true, ..Settings::default() });
    println!("the model API took {:?}", started.elapsed());
    let methods: Vec<_> =
        schema.pool().services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    assert_eq!(methods.len(), 152);
    let http = schema.pool().get_extension_by_name("google.api.http").expect("the annotations are imported");
    assert!(methods.iter().all(|method| method.options().has_extension(&http)));
    assert!(schema.watched().is_empty());
    let place = schema.place("qdrant.cloud.cluster.v1.ClusterService.ListClusters");
    assert_eq!(place.file.as_deref(), Some("embedded: qdrant/cloud/cluster/v1/cluster.proto"));
    assert!(place.excerpt.expect("the text is embedded").contains("rpc ListClusters"));
}

#[test]
fn a_folder_loads_with_options_and_places() {
    let folder = folder(&[("shop/v1/shop.proto", SHOP)]);
    let schema = loaded(&protos(&[folder.path()]));
    let method = schema.pool().get_service_by_name("shop.v1.Shop").expect("it is declared").methods().next();
    let http = schema.pool().get_extension_by_name("google.api.http").expect("the annotations are imported");
    let options = method.expect("it has a method").options();
    let rule = options.get_extension(&http);
    let get = rule.as_message().and_then(|rule| rule.get_field_by_name("get")?.as_str().map(str::to_owned));
    assert_eq!(get.as_deref(), Some("/v1/{name=items/*}"));

    let file = folder.path().join("shop/v1/shop.proto").display().to_string();
    for (name, line, column, width) in [
        ("shop.v1.Shop", 5, 9, 4),
        ("shop.v1.Shop.Get", 6, 7, 3),
        ("shop.v1.Item", 11, 9, 4),
        ("shop.v1.Item.name", 12, 10, 4),
        ("shop.v1.Item.kind", 13, 9, 4),
        ("shop.v1.Item.color", 13, 23, 5),
        ("shop.v1.Size", 16, 6, 4),
        ("shop.v1.SIZE_LARGE", 16, 35, 10),
        ("shop.v1.Size.SIZE_LARGE", 16, 35, 10),
    ] {
        let place = schema.place(name);
        let excerpt = SHOP.lines().nth(line - 1).expect("the line exists");
        assert_eq!(place, Place::file(file.as_str()).at(line, column).showing(excerpt, width).of(name));
    }
    let place = schema.place_of_option("shop.v1.Shop.Get", "google.api.http");
    assert_eq!((place.line, place.column), (7, 5));
    assert_eq!(schema.place_of_option("shop.v1.Shop", "google.api.http"), schema.place("shop.v1.Shop"));
    assert_eq!(schema.place("shop.v1.None"), Place::item("shop.v1.None"));
    assert_eq!(
        schema.watched(),
        ["", "shop", "shop/v1", "shop/v1/shop.proto"].map(|path| folder.path().join(path)).to_vec()
    );
}

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

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema").join(name)
}

fn sets(names: &[&str]) -> Settings {
    Settings { descriptor_sets: names.iter().map(|name| fixture(name)).collect(), ..Settings::default() }
}

/// A set file with these bytes.
fn set_of(bytes: &[u8]) -> (TempDir, Settings) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("api.binpb");
    std::fs::write(&path, bytes).expect("a file can be written");
    (folder, Settings { descriptor_sets: vec![path], ..Settings::default() })
}

/// Everything that a schema says of one file, source info aside.
fn bare(schema: &Schema, file: &str) -> raw::File {
    let file = schema.pool().get_file_by_name(file).expect("the file is in the pool");
    let file: raw::File = prost::Message::decode(file.encode_to_vec().as_slice()).expect("it was encoded");
    raw::File { source_code_info: None, syntax: file.syntax.filter(|syntax| syntax != "proto2"), ..file }
}

#[test]
fn three_compilers_give_the_same_schema() {
    let ours = loaded(&protos(&[&fixture("protos")]));
    for set in ["shop.protoc.binpb", "shop.buf.binpb"] {
        let theirs = loaded(&sets(&[set]));
        for file in ["shop/v1/shop.proto", "shop/v1/item.proto"] {
            assert_eq!(bare(&ours, file), bare(&theirs, file), "{set} {file}");
        }
        let method = theirs.pool().get_service_by_name("shop.v1.Shop").and_then(|shop| shop.methods().next());
        let http = theirs.pool().get_extension_by_name("google.api.http").expect("it is imported");
        assert!(method.expect("there is one").options().has_extension(&http), "{set}");
        let place = theirs.place("shop.v1.Shop.GetItem");
        assert_eq!(place, Place::file(fixture(set).display().to_string()).of("shop.v1.Shop.GetItem"));
        assert_eq!(theirs.watched(), [fixture(set)]);
    }
}

#[test]
fn sources_that_agree_are_merged() {
    let mut settings = sets(&["shop.protoc.binpb", "shop.buf.binpb", "shop.protoc.binpb"]);
    settings.protos = vec![fixture("protos")];
    settings.embedded_api = true;
    let schema = loaded(&settings);
    // The sources are listed first, so places are those of the sources.
    assert_eq!(schema.place("shop.v1.Shop").line, 20);
    assert!(schema.pool().get_service_by_name("qdrant.cloud.cluster.v1.ClusterService").is_some());
}

#[test]
fn sources_that_differ_are_both_named() {
    let shop = std::fs::read_to_string(fixture("protos/shop/v1/shop.proto")).expect("it is a fixture");
    let item = std::fs::read_to_string(fixture("protos/shop/v1/item.proto")).expect("it is a fixture");
    let other = shop.replace("get: \"/v1/{name=items/*}\"", "get: \"/v2/{name=items/*}\"");
    let newer = folder(&[("shop/v1/shop.proto", &other), ("shop/v1/item.proto", &item)]);
    let old = fixture("protos").display().to_string();
    let set = fixture("shop.protoc.binpb").display().to_string();
    let help = "bring both to the same version, or list only one of the sources that they come from";

    let problems = refused(&protos(&[newer.path(), &fixture("protos")]), newer.path());
    let what = "`shop/v1/shop.proto` is given twice, with different content: by";
    assert_eq!(
        problems,
        [format!(
            "error: {what} `shop/v1/shop.proto` and by `{old}/shop/v1/shop.proto`\n  --> {old}/shop/v1/shop.proto\n  = help: {help}"
        )]
    );

    // The only difference is inside a custom option.
    let settings = Settings { protos: vec![newer.path().to_owned()], ..sets(&["shop.protoc.binpb"]) };
    assert_eq!(
        refused(&settings, newer.path()),
        [format!(
            "error: {what} `shop/v1/shop.proto` and by `{set}: shop/v1/shop.proto`\n  --> {set}: shop/v1/shop.proto\n  = help: {help}"
        )]
    );
}

#[test]
fn a_name_in_two_files_is_told_with_both() {
    let folder = folder(&[("other.proto", "syntax = \"proto3\";\npackage shop.v1;\nmessage Price {}\n")]);
    let mut settings = sets(&["shop.protoc.binpb"]);
    settings.protos = vec![folder.path().to_owned()];
    let set = fixture("shop.protoc.binpb").display().to_string();
    assert_eq!(
        refused(&settings, folder.path()),
        [format!(
            "error: `shop.v1.Price` is defined twice: in `other.proto` and in `{set}: shop/v1/item.proto`\n  \
             --> {set}: shop/v1/item.proto\n  \
             = help: keep one of the two, or list only one of the sources that they come from"
        )]
    );
}

#[test]
fn a_set_without_its_imports_is_refused_with_the_cure() {
    let problems = refused(&sets(&["shop.bare.binpb"]), &fixture(""));
    assert_eq!(problems.len(), 1, "google/* is filled in: {problems:?}");
    assert!(problems[0].contains(
        "`shop/v1/shop.proto` imports `shop/v1/item.proto`, which the descriptor set does not hold"
    ));
    assert!(problems[0].contains("--include_imports"));
    // Another source may bring what is missing.
    let item = std::fs::read_to_string(fixture("protos/shop/v1/item.proto")).expect("it is a fixture");
    let folder = folder(&[("shop/v1/item.proto", &item)]);
    loaded(&Settings { includes: vec![folder.path().to_owned()], ..sets(&["shop.bare.binpb"]) });
}

#[test]
fn what_is_not_a_set_is_told() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "the file is not a descriptor set: it holds no file"),
        (b"{\"file\": []}", "the file is not a descriptor set: "),
        (b"syntax = \"proto3\";", "the file is not a descriptor set: "),
        (b"\x0a\x02\x0a\x05", "file 1 of the set cannot be decoded: "),
    ];
    for (bytes, expected) in cases {
        let (folder, settings) = set_of(bytes);
        let problems = refused(&settings, folder.path());
        assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?}");
    }
    let problems = refused(
        &Settings { descriptor_sets: vec!["no/such.binpb".into()], ..Settings::default() },
        Path::new("."),
    );
    assert!(problems[0].contains("the descriptor set cannot be read: "), "{problems:?}");
}

#[test]
fn an_edition_with_open_enums_becomes_proto3() {
    let schema = loaded(&sets(&["editions/open.binpb"]));
    let thing = schema.pool().get_message_by_name("editions.open.Thing").expect("it is declared");
    assert_eq!(thing.parent_file().syntax(), prost_reflect::Syntax::Proto3);
    let described = |message: &prost_reflect::MessageDescriptor| -> Vec<String> {
        let describe = |field: prost_reflect::FieldDescriptor| {
            let mut words = vec![field.name().to_owned()];
            for (word, holds) in [
                ("tracked", field.supports_presence()),
                ("required", field.is_required()),
                ("packed", field.is_packed()),
                ("group", field.is_group()),
                ("map", field.is_map()),
                ("oneof", field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic())),
            ] {
                words.extend(holds.then(|| word.to_owned()));
            }
            words.join(" ")
        };
        message.fields().map(describe).collect()
    };
    assert_eq!(
        described(&thing),
        [
            "explicit tracked",
            "implicit",
            "required tracked required",
            "part tracked",
            "packed packed",
            "expanded",
            "delimited tracked group",
            "parts map",
            "left tracked oneof",
            "right tracked oneof",
            "kind tracked",
            "many group",
            "words",
            "with_default tracked",
        ]
    );
    let part = schema.pool().get_message_by_name("editions.part.Part").expect("it is declared");
    assert_eq!(
        described(&part),
        ["size", "sizes", "inner tracked group", "parts map", "own tracked group", "tracked tracked"]
    );
    let names: Vec<_> = thing.oneofs().map(|oneof| oneof.name().to_owned()).collect();
    assert_eq!(names, ["choice", "X_explicit", "_required", "_kind", "_with_default"]);
    let entry = part.get_field_by_name("parts").and_then(|field| field.kind().as_message().cloned());
    assert!(!entry.expect("it is a map").map_entry_value_field().is_group());
    let extra = schema.pool().get_extension_by_name("editions.open.extra").expect("it is declared");
    assert!(!extra.is_packed());
    let method =
        schema.pool().get_service_by_name("editions.open.Things").and_then(|things| things.methods().next());
    let http = schema.pool().get_extension_by_name("google.api.http").expect("it is imported");
    assert!(method.expect("there is one").options().has_extension(&http));
}

#[test]
fn an_edition_with_closed_enums_becomes_proto2() {
    let schema = loaded(&sets(&["editions/closed.binpb"]));
    let thing = schema.pool().get_message_by_name("editions.closed.Thing").expect("it is declared");
    assert_eq!(thing.parent_file().syntax(), prost_reflect::Syntax::Proto2);
    let is = |name: &str, property: fn(&prost_reflect::FieldDescriptor) -> bool| {
        property(&thing.get_field_by_name(name).expect("it is declared"))
    };
    assert!(is("explicit", prost_reflect::FieldDescriptor::supports_presence));
    assert!(is("required", prost_reflect::FieldDescriptor::is_required));
    assert!(is("packed", prost_reflect::FieldDescriptor::is_packed));
    assert!(!is("expanded", prost_reflect::FieldDescriptor::is_packed));
    assert!(is("delimited", prost_reflect::FieldDescriptor::is_group));
    assert_eq!(thing.oneofs().count(), 0);
}

#[test]
fn an_import_for_options_only_still_gives_its_options() {
    let schema = loaded(&sets(&["editions/next.binpb"]));
    let method =
        schema.pool().get_service_by_name("editions.next.Things").and_then(|things| things.methods().next());
    let http = schema.pool().get_extension_by_name("google.api.http").expect("it is imported");
    assert!(method.expect("there is one").options().has_extension(&http));
}

#[test]
fn enums_that_neither_syntax_can_say_are_told_one_by_one() {
    let problems = refused(&sets(&["editions/mixed.binpb"]), &fixture("editions"));
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("warning: `editions.mixed.ClosedFromZero` is closed in a file"),
        "{problems:?}"
    );
    assert!(
        problems[1].starts_with("error: `editions.mixed.Holder.ClosedFromOne` is closed and does not begin")
    );
    assert!(problems[1].contains("--> mixed.binpb (editions.mixed.Holder.ClosedFromOne)"), "{problems:?}");

    let mut told = Problems::new();
    assert!(load(&sets(&["editions/mixed_mildly.binpb"]), &mut told).is_some(), "a warning is no error");
    assert_eq!(told.iter().count(), 1);
}

/// A set of files in the compiler's own words, one for each source text.
fn compiled(files: &[(&str, &str)]) -> prost_types::FileDescriptorSet {
    let parse = |(name, text): &(&str, &str)| {
        let file = protox::file::File::from_source(name, text).expect("the source is sound");
        prost_types::FileDescriptorProto { source_code_info: None, ..file.into() }
    };
    prost_types::FileDescriptorSet { file: files.iter().map(parse).collect() }
}

#[test]
fn what_the_linker_would_not_survive_is_told() {
    type Damage = fn(&mut prost_types::FileDescriptorProto);
    let source = "syntax = \"proto2\";\npackage p;\nmessage M {\n  optional bytes b = 1 [default = \"x\"];\n  \
                  map<string, M> m = 2;\n  oneof o { string s = 3; }\n}\n";
    let cases: [(Damage, &str); 12] = [
        (
            |file| file.message_type[0].field[0].default_value = Some("\\777".to_owned()),
            "error: the default value is not a well-formed byte string\n  --> api.binpb (p.M.b)",
        ),
        (
            |file| drop(file.message_type[0].nested_type[0].field.pop()),
            "error: this map entry has not the two fields",
        ),
        (
            |file| {
                file.message_type[0].nested_type[0].field[0]
                    .set_type(prost_types::field_descriptor_proto::Type::Double);
            },
            "error: this map entry has not the two fields",
        ),
        (
            |file| file.message_type[0].name = Some(String::new()),
            "error: `` is not a name\n  --> api.binpb (p)",
        ),
        (|file| file.message_type[0].name = Some("a.b".to_owned()), "error: `a.b` is not a name"),
        (|file| file.package = Some("p..q".to_owned()), "error: `` is not a name\n  --> api.binpb (p..q)"),
        (|file| file.name = None, "error: a file in the set has no name"),
        (|file| file.syntax = Some("proto4".to_owned()), "error: syntax `proto4` is not known"),
        (
            |file| file.syntax = Some("editions".to_owned()),
            "error: `a.proto` uses an edition that is not known (number 0)",
        ),
        (
            |file| file.message_type[0].field[2].oneof_index = Some(7),
            "error: invalid oneof index\n  --> api.binpb: a.proto",
        ),
        (
            |file| file.dependency = vec!["a.proto".to_owned()],
            "error: files import each other in a circle: `a.proto` -> `a.proto`",
        ),
        (|file| file.public_dependency = vec![3], "error: invalid import index"),
    ];
    for (damage, expected) in cases {
        let mut set = compiled(&[("a.proto", source)]);
        let (_sound, settings) = set_of(&prost::Message::encode_to_vec(&set));
        loaded(&settings);
        damage(&mut set.file[0]);
        let (folder, settings) = set_of(&prost::Message::encode_to_vec(&set));
        let problems = refused(&settings, folder.path());
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}

#[test]
fn a_set_with_its_own_idea_of_options_is_refused() {
    let source = "syntax = \"proto2\";\npackage google.protobuf;\nmessage MethodOptions { optional string deprecated = 33; extensions 1000 to max; }\n";
    let set = compiled(&[("google/protobuf/descriptor.proto", source)]);
    let (folder, settings) = set_of(&prost::Message::encode_to_vec(&set));
    let problems = refused(&settings, folder.path());
    assert!(
        problems[0].starts_with("error: option `deprecated` has not the type that protobuf gives it"),
        "{problems:?}"
    );
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
fn a_public_import_reaches_through_several_files() {
    let folder = folder(&[
        ("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\nmessage A { D d = 1; }\n"),
        ("b.proto", "syntax = \"proto3\";\nimport public \"c.proto\";\n"),
        ("c.proto", "syntax = \"proto3\";\nimport public \"d.proto\";\n"),
        ("d.proto", "syntax = \"proto3\";\nmessage D {}\n"),
    ]);
    loaded(&protos(&[folder.path()]));
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
fn options_of_a_set_that_an_extension_does_not_fit_are_told() {
    // The set has an option of its own at number 50001, but not the file that declares it.
    let mut set = compiled(&[("a.proto", "syntax = \"proto3\";\npackage a;\nmessage M {}\n")]);
    let mut file =
        <raw::File as prost::Message>::decode(prost::Message::encode_to_vec(&set.file.remove(0)).as_slice())
            .expect("it was encoded");
    file.message_type[0].options = Some(vec![0x88, 0xb5, 0x18, 0x01]);
    let set = raw::Set { file: vec![prost::Message::encode_to_vec(&file).into()] };
    let (folder, settings) = set_of(&prost::Message::encode_to_vec(&set));
    loaded(&settings);
    let extend = "syntax = \"proto3\";\nimport \"google/protobuf/descriptor.proto\";\nextend google.protobuf.MessageOptions { string mark = 50001; }\n";
    std::fs::write(folder.path().join("b.proto"), extend).expect("a file can be written");
    let settings = Settings { protos: vec![folder.path().to_owned()], ..settings };
    let problems = refused(&settings, folder.path());
    let what = "error: an option does not fit the extension that is declared for its number: ";
    assert!(problems.len() == 1 && problems[0].starts_with(what), "{problems:?}");

    // The same when the extension comes later.
    let (_folder, later) = set_of(&prost::Message::encode_to_vec(&compiled(&[("b.proto", extend)])));
    let descriptor_sets = [settings.descriptor_sets, later.descriptor_sets].concat();
    let problems = refused(&Settings { descriptor_sets, ..Settings::default() }, folder.path());
    assert!(problems.len() == 1 && problems[0].starts_with(what), "{problems:?}");
}

#[test]
fn what_the_user_has_wins_over_what_is_embedded() {
    let own = "syntax = \"proto3\";\npackage google.api;\nimport \"google/protobuf/descriptor.proto\";\n\
               extend google.protobuf.MethodOptions { string http = 72295728; }\n";
    let folder = folder(&[
        ("google/api/annotations.proto", own),
        (
            "a.proto",
            "syntax = \"proto3\";\nimport \"google/api/annotations.proto\";\nimport \"buf/validate/validate.proto\";\n",
        ),
    ]);
    let kind =
        |schema: &Schema| schema.pool().get_extension_by_name("google.api.http").expect("it is there").kind();
    assert_eq!(kind(&loaded(&protos(&[folder.path()]))), prost_reflect::Kind::String);
    let file =
        Settings { includes: vec![folder.path().to_owned()], ..protos(&[&folder.path().join("a.proto")]) };
    let schema = loaded(&file);
    assert_eq!(kind(&schema), prost_reflect::Kind::String);
    assert!(schema.watched().contains(&folder.path().join("google/api/annotations.proto")));
    assert_eq!(
        schema.place("google.api.http").file,
        Some(folder.path().join("google/api/annotations.proto").display().to_string())
    );
}

#[test]
fn a_single_file_is_named_from_the_root_that_it_lies_below() {
    let a = "syntax = \"proto3\";\npackage x;\nimport \"x/b.proto\";\nmessage A { B b = 1; }\n";
    let b = "syntax = \"proto3\";\npackage x;\nmessage B {}\n";
    let folder = folder(&[
        ("x/a.proto", a),
        ("x/b.proto", b),
        ("alone/c.proto", "syntax = \"proto3\";\nimport \"d.proto\";\n"),
        ("alone/d.proto", ""),
        ("x/broken.proto", "?"),
    ]);
    let path = |name: &str| folder.path().join(name);
    let settings = Settings { includes: vec![path("")], ..protos(&[&path("x/a.proto"), &path("x/b.proto")]) };
    assert_eq!(names(&loaded(&settings)), ["x/b.proto", "x/a.proto"]);
    assert_eq!(names(&loaded(&protos(&[&path("alone/c.proto")]))), ["d.proto", "c.proto"]);
}

#[test]
fn overlapping_folders_give_each_file_once() {
    let folder = folder(&[("x/a.proto", "syntax = \"proto3\";\nmessage A {}\n")]);
    let schema =
        loaded(&protos(&[folder.path(), &folder.path().join("x"), &folder.path().join("x/a.proto")]));
    assert_eq!(names(&schema), ["x/a.proto"]);
}

#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_read_once_and_links_in_a_circle_end() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("..2026/shop.proto", "syntax = \"proto3\";\nmessage A {}\n")]);
    let link =
        |target: &str, name: &str| symlink(target, folder.path().join(name)).expect("a link can be made");
    link("..2026", "..data");
    link("..data/shop.proto", "shop.proto");
    link(".", "self");
    let schema = loaded(&protos(&[folder.path()]));
    assert_eq!(names(&schema), ["shop.proto"]);
}

/// The user's files in the pool: the error details that are always there are left out.
fn names(schema: &Schema) -> Vec<String> {
    let files = schema.pool().files().map(|file| file.name().to_owned());
    files.filter(|name| !name.starts_with("google/")).collect()
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
