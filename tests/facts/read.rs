//! The facts of compiled files, in the form of the tables: an object by full name for each kind of thing.
//!
//! A fact that says nothing new is left out, as it is in the tables: no label on a plain field, no JSON name that
//! follows from the name. An option that the tables have no word for is kept under its full name, so that it shows.

use std::collections::BTreeSet;

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{EnumDescriptorProto, FieldDescriptorProto};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor,
    Kind, MessageDescriptor, MethodDescriptor, OneofDescriptor, ReflectMessage, ServiceDescriptor, Syntax,
    Value as Reflected,
};
use serde_json::{Map, Value, json};

type Facts = Map<String, Value>;

/// The facts of the files that a table describes.
pub fn facts(pool: &DescriptorPool, described: impl Fn(&str) -> bool) -> Value {
    let files: Vec<_> = pool.files().filter(|file| described(file.name())).collect();
    let ours = |file: &FileDescriptor| described(file.name());
    json!({
        "packages": files.iter().map(|file| file.package_name().to_owned()).collect::<BTreeSet<_>>(),
        "imports_external": outside(&files, &described),
        "files": by_name(files.iter().map(|x| (x.name().to_owned(), file(x)))),
        "extensions": by_name(pool.all_extensions().filter(|x| ours(&x.parent_file()))
            .map(|x| (x.full_name().to_owned(), extension(&x)))),
        "services": by_name(pool.services().filter(|x| ours(&x.parent_file()))
            .map(|x| (x.full_name().to_owned(), service(&x)))),
        "messages": by_name(pool.all_messages().filter(|x| ours(&x.parent_file()) && !x.is_map_entry())
            .map(|x| (x.full_name().to_owned(), message(&x)))),
        "enums": by_name(pool.all_enums().filter(|x| ours(&x.parent_file()))
            .map(|x| (x.full_name().to_owned(), enumeration(&x)))),
    })
}

/// The files that the described ones need, directly or not.
fn outside(files: &[FileDescriptor], described: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<_> = files.to_vec();
    while let Some(file) = open.pop() {
        open.extend(file.dependencies().filter(|import| seen.insert(import.name().to_owned())));
    }
    seen.retain(|name| !described(name));
    seen
}

fn file(file: &FileDescriptor) -> Value {
    let proto = file.file_descriptor_proto();
    let mut facts = options(&file.options());
    facts.insert("package".into(), proto.package().into());
    facts.insert("syntax".into(), proto.syntax.as_deref().unwrap_or("proto2").into());
    facts.insert("deps".into(), proto.dependency.clone().into());
    insert_list(&mut facts, "public_deps", proto.public_dependency.clone());
    facts.into()
}

fn service(service: &ServiceDescriptor) -> Value {
    let mut facts = options(&service.options());
    facts.insert("file".into(), service.parent_file().name().into());
    facts.insert(
        "methods".into(),
        by_name(service.methods().map(|method| (method.name().to_owned(), self::method(&method)))),
    );
    facts.into()
}

fn method(method: &MethodDescriptor) -> Value {
    let mut facts = options(&method.options());
    facts.insert("in".into(), method.input().full_name().into());
    facts.insert("out".into(), method.output().full_name().into());
    facts.entry("permissions").or_insert(json!([]));
    if method.is_client_streaming() {
        facts.insert("client_streaming".into(), true.into());
    }
    if method.is_server_streaming() {
        facts.insert("server_streaming".into(), true.into());
    }
    facts.into()
}

fn message(message: &MessageDescriptor) -> Value {
    let mut facts = options(&message.options());
    let proto = message.descriptor_proto();
    facts.insert(
        "fields".into(),
        by_name(message.fields().map(|field| (field.name().to_owned(), self::field(&field)))),
    );
    let oneofs: Vec<_> = message.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
    if !oneofs.is_empty() {
        facts.insert("oneofs".into(), by_name(oneofs.iter().map(|x| (x.name().to_owned(), oneof(x)))));
    }
    let ends = |range: (i32, i32)| json!([range.0, range.1 - 1]);
    insert_list(
        &mut facts,
        "reserved",
        proto.reserved_range.iter().map(|r| ends((r.start(), r.end()))).collect(),
    );
    insert_list(&mut facts, "reserved_names", proto.reserved_name.clone());
    insert_list(
        &mut facts,
        "extension_ranges",
        proto.extension_range.iter().map(|r| ends((r.start(), r.end()))).collect(),
    );
    facts.into()
}

fn oneof(oneof: &OneofDescriptor) -> Value {
    let mut facts = options(&oneof.options());
    let mut fields: Vec<_> = oneof.fields().collect();
    fields.sort_by_key(position);
    let fields: Value = fields.iter().map(|field| field.name().to_owned()).collect();
    if facts.is_empty() {
        return fields;
    }
    facts.insert("fields".into(), fields);
    facts.into()
}

/// Where the field stands in its message, which is the last step of its path.
fn position(field: &FieldDescriptor) -> Option<i32> {
    field.path().last().copied()
}

fn field(field: &FieldDescriptor) -> Value {
    let proto = field.field_descriptor_proto();
    let mut facts = typed(proto, &options(&field.options()), &field.kind(), field.is_map());
    if let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
        facts.insert("oneof".into(), oneof.name().into());
        facts.remove("label");
    }
    if matches!(field.kind(), Kind::Enum(_)) {
        facts.insert("enum".into(), true.into());
    }
    if field.json_name() != json_name(field.name()) {
        facts.insert("json_name".into(), field.json_name().into());
    }
    let default = field.parent_file().syntax() == Syntax::Proto3;
    facts.remove("packed");
    if let Some(packed) = packed(proto, &field.options(), &field.kind(), default).filter(|x| *x != default) {
        facts.insert("packed".into(), packed.into());
    }
    facts.into()
}

fn extension(extension: &ExtensionDescriptor) -> Value {
    let proto = extension.field_descriptor_proto();
    let mut facts = typed(proto, &options(&extension.options()), &extension.kind(), false);
    facts.insert("extendee".into(), extension.containing_message().full_name().into());
    let default = extension.parent_file().syntax() == Syntax::Proto3;
    if let Some(packed) = packed(proto, &extension.options(), &extension.kind(), default) {
        facts.insert("packed".into(), packed.into());
    }
    facts.into()
}

/// What a field and an extension have in common.
fn typed(proto: &FieldDescriptorProto, options: &Facts, kind: &Kind, is_map: bool) -> Facts {
    let mut facts = options.clone();
    facts.insert("n".into(), proto.number().into());
    match kind {
        Kind::Message(entry) if is_map => {
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            facts.insert("t".into(), "map".into());
            facts.insert("map".into(), json!({ "k": type_name(&key.kind()), "v": type_name(&value.kind()) }));
        }
        _ => {
            facts.insert("t".into(), type_name(kind).into());
            if let Some(label) = label(proto) {
                facts.insert("label".into(), label.into());
            }
        }
    }
    if proto.r#type() == Type::Group {
        facts.insert("group".into(), true.into());
    }
    if let Some(default) = &proto.default_value {
        facts.insert("default".into(), default.as_str().into());
    }
    facts
}

/// The label as the source has it. In proto2 every field has one; the tables leave out `optional` there.
fn label(proto: &FieldDescriptorProto) -> Option<&'static str> {
    match proto.label() {
        Label::Repeated => Some("repeated"),
        Label::Required => Some("required"),
        Label::Optional => proto.proto3_optional().then_some("optional"),
    }
}

fn enumeration(descriptor: &EnumDescriptor) -> Value {
    let mut facts = options(&descriptor.options());
    let EnumDescriptorProto { reserved_range, reserved_name, .. } = descriptor.enum_descriptor_proto();
    facts.insert(
        "values".into(),
        by_name(descriptor.values().map(|value| (value.name().to_owned(), value.number().into()))),
    );
    for value in descriptor.values() {
        let options = options(&value.options());
        if !options.is_empty() {
            facts.insert(format!("options of {}", value.name()), options.into());
        }
    }
    insert_list(&mut facts, "reserved", reserved_range.iter().map(|r| json!([r.start(), r.end()])).collect());
    insert_list(&mut facts, "reserved_names", reserved_name.clone());
    facts.into()
}

/// The options that are set, each under the word that the tables have for it.
fn options(options: &DynamicMessage) -> Facts {
    let known = options.fields().map(|(field, value)| (field.name().to_owned(), plain(&field.kind(), value)));
    let custom = options
        .extensions()
        .map(|(extension, value)| custom_option(extension.full_name(), plain(&extension.kind(), value)));
    let lost =
        options.unknown_fields().map(|field| (format!("unknown option {}", field.number()), Value::Null));
    known.filter(|(name, _)| name != "map_entry").chain(custom).chain(lost).collect()
}

fn custom_option(name: &str, value: Value) -> (String, Value) {
    match name {
        "google.api.http" => ("http".into(), http_rule(value)),
        "buf.validate.field" | "buf.validate.message" | "buf.validate.oneof" => ("v".into(), value),
        "qdrant.cloud.common.v1.api_version" => ("api_version".into(), version(&value)),
        "qdrant.cloud.common.v1.log_fields" => ("log_fields".into(), log_fields(&value)),
        _ => {
            match name.strip_prefix("qdrant.cloud.common.v1.").or(name.strip_prefix("qdrant.cloud.event.v1."))
            {
                Some(word) => (word.to_owned(), value),
                None => (name.to_owned(), value),
            }
        }
    }
}

/// An HTTP rule with the verb as a value, its other fields as they are.
fn http_rule(mut rule: Value) -> Value {
    if let Some(fields) = rule.as_object_mut() {
        for verb in ["get", "put", "post", "delete", "patch"] {
            if let Some(path) = fields.remove(verb) {
                fields.insert("verb".into(), verb.to_uppercase().into());
                fields.insert("path".into(), path);
            }
        }
    }
    rule
}

fn version(version: &Value) -> Value {
    let part = |name: &str| version.get(name).and_then(Value::as_u64).unwrap_or_default();
    format!("{}.{}.{}", part("major"), part("minor"), part("patch")).into()
}

fn log_fields(list: &Value) -> Value {
    let text =
        |field: &Value, name: &str| field.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    by_name(
        list.as_array()
            .into_iter()
            .flatten()
            .map(|field| (text(field, "name"), text(field, "field_expression").into())),
    )
}

/// The value of an option as JSON, with the names of the source.
fn plain(kind: &Kind, value: &Reflected) -> Value {
    match value {
        Reflected::Bool(value) => (*value).into(),
        Reflected::I32(value) => (*value).into(),
        Reflected::U32(value) => (*value).into(),
        Reflected::I64(value) => value.to_string().into(),
        Reflected::U64(value) => value.to_string().into(),
        Reflected::F32(value) => (*value).into(),
        Reflected::F64(value) => (*value).into(),
        Reflected::String(value) => value.as_str().into(),
        Reflected::Bytes(value) => value.to_vec().into(),
        Reflected::EnumNumber(number) => kind
            .as_enum()
            .and_then(|descriptor| descriptor.get_value(*number))
            .map_or_else(|| (*number).into(), |value| value.name().into()),
        Reflected::Message(value) => plain_message(value),
        Reflected::List(list) => list.iter().map(|item| plain(kind, item)).collect(),
        Reflected::Map(map) => by_name(map.iter().map(|(key, value)| (map_key(key), plain(kind, value)))),
    }
}

fn plain_message(message: &DynamicMessage) -> Value {
    if message.descriptor().full_name() == "google.protobuf.Duration" {
        let seconds =
            message.get_field_by_name("seconds").and_then(|value| value.as_i64()).unwrap_or_default();
        return format!("{seconds}s").into();
    }
    by_name(message.fields().map(|(field, value)| (field.name().to_owned(), plain(&field.kind(), value))))
}

fn map_key(key: &prost_reflect::MapKey) -> String {
    key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned)
}

fn type_name(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(descriptor) => descriptor.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    }
}

/// How a list of numbers is sent. Read from the option, because a pool that a compiler fills as it goes has fixed
/// its own answer before the options are known.
fn packed(
    proto: &FieldDescriptorProto,
    options: &DynamicMessage,
    kind: &Kind,
    default: bool,
) -> Option<bool> {
    let packable = !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_));
    (proto.label() == Label::Repeated && packable).then(|| match options.get_field_by_name("packed") {
        Some(packed) if options.has_field_by_name("packed") => packed.as_bool().unwrap_or(default),
        _ => default,
    })
}

/// The JSON name that a field has if its file says nothing else.
fn json_name(name: &str) -> String {
    let mut json_name = String::new();
    let mut upper = false;
    for letter in name.chars() {
        match letter {
            '_' => upper = true,
            _ if upper => {
                json_name.push(letter.to_ascii_uppercase());
                upper = false;
            }
            _ => json_name.push(letter),
        }
    }
    json_name
}

/// An object; a name that occurs twice is kept twice, so that it shows.
fn by_name(entries: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut facts = Facts::new();
    for (name, value) in entries {
        let name = if facts.contains_key(&name) { format!("{name} (again)") } else { name };
        facts.insert(name, value);
    }
    facts.into()
}

fn insert_list<T: Into<Value>>(facts: &mut Facts, name: &str, list: Vec<T>) {
    if !list.is_empty() {
        facts.insert(name.to_owned(), list.into());
    }
}
