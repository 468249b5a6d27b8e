//! Several sources at once: what agrees is merged, what does not is told with both sides.

use super::*;

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
fn a_file_that_is_there_twice_is_told_once() {
    let text = "syntax = \"proto3\";\npackage x;\nimport \"google/protobuf/descriptor.proto\";\n\
                message M { int32 a = 1; message N {} }\nenum E { ZERO = 0; }\n\
                extend google.protobuf.FileOptions { M m = 50001; }\n";
    let folder = folder(&[("a.proto", text), ("copy/a.proto", text)]);
    let problems = refused(&protos(&[folder.path()]), folder.path());
    let what = "error: `x.M`, `x.E` and 2 more are defined twice: in `a.proto` and in `copy/a.proto`\n  --> copy/a.proto:4:9";
    assert!(problems.len() == 1 && problems[0].starts_with(what), "{problems:?}");
}
