//! Descriptor sets that use editions, made by protoc.

use super::*;

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
