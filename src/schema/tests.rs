//! What a user meets: whole sources in, a schema or located problems out.

use std::path::Path;

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
