//! Proto folders: what is found, what is compiled, where it is placed.

use super::*;

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
}

#[test]
fn the_pool_keeps_no_source_info_and_places_go_when_they_are_let_go() {
    let folder =
        folder(&[("shop/v1/shop.proto", SHOP), ("other.proto", "syntax = \"proto3\";\nmessage Other {}\n")]);
    let schema = loaded(&protos(&[folder.path()]));
    assert!(schema.pool().files().all(|file| file.file_descriptor_proto().source_code_info.is_none()));
    let names = ["shop.v1.Shop", "Other", "shop.v1.Item", "shop.v1.Shop.Get", "Other", "nothing"];
    let mut places = schema.places();
    for name in names {
        assert_eq!(places.of(name), schema.place(name), "{name}");
    }
    let bare = schema.without_lines();
    let file = folder.path().join("shop/v1/shop.proto").display().to_string();
    assert_eq!(bare.place("shop.v1.Shop.Get"), Place::file(file).of("shop.v1.Shop.Get"));
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

#[test]
fn each_path_at_which_an_import_is_looked_for_is_told_and_nothing_else() {
    let folder = folder(&[
        ("x/a.proto", "import \"b.proto\"; import \"r.proto\"; import \"google/protobuf/any.proto\";"),
        ("x/b.proto", ""),
        ("alone/c.proto", "import \"none.proto\";"),
        ("alone/d.proto", ""),
        ("roots/r.proto", "import \"s.proto\";"),
        ("roots/s.proto", ""),
        ("roots/t.proto", ""),
    ]);
    let path = |name: &str| folder.path().join(name);
    let settings =
        Settings { includes: vec![path("roots")], ..protos(&[&path("x"), &path("alone/c.proto")]) };
    let (mut told, mut problems) = (Vec::new(), Problems::new());
    load_with(&settings, &mut |path| told.push(path.to_owned()), &mut problems);
    assert!(problems.iter().any(|problem| problem.what.contains("none.proto")), "{problems}");
    let below = |path: &PathBuf| path.strip_prefix(folder.path()).expect("below").display().to_string();
    let mut told: Vec<_> = told.iter().map(below).filter(|path| !path.contains("google")).collect();
    told.sort();
    let roots = ["x", "roots", "alone"];
    let mut expected = vec!["x/r.proto".to_owned(), "roots/r.proto".into()];
    expected.extend(["x/s.proto".to_owned(), "roots/s.proto".into()]);
    expected.extend(roots.map(|root| format!("{root}/none.proto")));
    expected.sort();
    assert_eq!(told, expected);
}
