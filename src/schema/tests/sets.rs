//! Descriptor sets: those of real compilers, and those that are none.

use super::*;

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
    }
}

#[test]
fn the_lines_in_a_set_are_used_and_not_kept_in_the_pool() {
    use prost::Message;

    let text = "syntax = \"proto3\";\npackage p;\nmessage M {\n  string a = 1;\n  N b = 2;\n}\n";
    let sound = format!("{text}message N {{}}\n");
    for (text, fault) in [(sound.as_str(), None), (text, Some("5:3"))] {
        let file = protox::file::File::from_source("p.proto", text).expect("it parses");
        let set = prost_types::FileDescriptorSet { file: vec![file.into()] };
        let folder = folder(&[]);
        let path = folder.path().join("p.binpb");
        std::fs::write(&path, set.encode_to_vec()).expect("a file can be written");
        let settings = Settings { descriptor_sets: vec![path], ..Settings::default() };
        if let Some(at) = fault {
            let told = refused(&settings, folder.path());
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(at) && told[0].contains("`N` is not defined"), "{told:?}");
        } else {
            let schema = loaded(&settings);
            assert_eq!((schema.place("p.M.a").line, schema.place("p.N").line), (4, 7));
            assert!(
                schema.pool().files().all(|file| file.file_descriptor_proto().source_code_info.is_none())
            );
        }
    }
}

#[test]
fn sets_that_differ_in_their_lines_alone_agree() {
    use prost::Message;
    use prost_types::{FileDescriptorProto, FileDescriptorSet, SourceCodeInfo};

    let text = "syntax = \"proto3\";\npackage p;\nmessage M {}\n";
    let file =
        FileDescriptorProto::from(protox::file::File::from_source("p.proto", text).expect("it parses"));
    assert!(file.source_code_info.is_some());
    let folder = folder(&[]);
    let lines = [file.source_code_info.clone(), Some(SourceCodeInfo::default()), None];
    let paths = lines.into_iter().enumerate().map(|(index, source_code_info)| {
        let path = folder.path().join(format!("{index}.binpb"));
        let file = vec![FileDescriptorProto { source_code_info, ..file.clone() }];
        std::fs::write(&path, FileDescriptorSet { file }.encode_to_vec()).expect("a file can be written");
        path
    });
    loaded(&Settings { descriptor_sets: paths.collect(), ..Settings::default() });
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
