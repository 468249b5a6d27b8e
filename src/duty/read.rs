//! Reads options and config into [`Duties`], telling what does not fit.
//!
//! Options are read by their shape: of a message, the fields with the names that are known; so that the options of
//! any API with the same shapes can be named.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use prost_reflect::{DynamicMessage, ExtensionDescriptor, Kind, MapKey, MethodDescriptor, Value};

use super::{Duties, EventOptions, MethodSettings, Options, PatchSource, Settings};
use crate::problem::{Place, Problem, Problems};
use crate::rule::{Binding, FieldPath};
use crate::schema::Schema;
use crate::units::Glob;

pub(super) fn all(
    schema: &Schema,
    bindings: &[Binding],
    settings: &Settings,
    problems: &mut Problems,
) -> Vec<Arc<Duties>> {
    let found = Found::of(schema, settings, problems);
    tell_unused_account(bindings, settings, problems);
    let methods: Vec<_> = settings.methods.iter().map(|one| (Glob::new(&one.methods), one)).collect();
    let mut known: BTreeMap<String, Arc<Duties>> = BTreeMap::new();
    let duties = bindings.iter().map(|binding| {
        let rpc = &binding.rpc;
        let name = format!("{}/{}", rpc.parent_service().full_name(), rpc.name());
        if let Some(duties) = known.get(&name) {
            return Arc::clone(duties);
        }
        let own: Vec<_> =
            methods.iter().filter(|(glob, _)| glob.matches(&name)).map(|(_, one)| *one).collect();
        let mut reader = Reader { schema, rpc, found: &found, settings, own, problems };
        let duties = Arc::new(reader.duties());
        known.insert(name, Arc::clone(&duties));
        duties
    });
    duties.collect()
}

/// Warns of a path of the account that no request has: nothing would be held to an account.
fn tell_unused_account(bindings: &[Binding], settings: &Settings, problems: &mut Problems) {
    let Some(path) = &settings.options.default_account else { return };
    if !bindings.iter().any(|binding| FieldPath::resolve(&binding.rpc.input(), path).is_ok()) {
        let what = format!("no request has the field `{path}`, which `options.default_account` names");
        let problem = Problem::warning(Place::item("options.default_account"), what);
        problems.push(problem.help("write the path of the field that holds the account, with proto names"));
    }
}

/// The options that the settings name, as the pool has them.
struct Found {
    permissions: Option<ExtensionDescriptor>,
    all_permissions: Option<ExtensionDescriptor>,
    account: Option<ExtensionDescriptor>,
    authentication: Option<ExtensionDescriptor>,
    actor_types: Option<ExtensionDescriptor>,
    max_message: Option<ExtensionDescriptor>,
    log_fields: Option<ExtensionDescriptor>,
    api_version: Option<ExtensionDescriptor>,
    patch: Option<ExtensionDescriptor>,
    event: Option<ExtensionDescriptor>,
}

impl Found {
    fn of(schema: &Schema, settings: &Settings, problems: &mut Problems) -> Self {
        let options = &settings.options;
        // A contract need not have all options of a preset.
        let preset = Options::qdrant_cloud();
        let mut find =
            |key: &str, name: Option<&String>, of: &str, fits: fn(&ExtensionDescriptor) -> bool| {
                let name = name?;
                let Some(option) = schema.pool().get_extension_by_name(name) else {
                    let what = format!("the contract has no option `{name}`, which `options.{key}` names");
                    let place = Place::item(format!("options.{key}"));
                    if !preset.names().contains(&Some(name)) {
                        let help = "write the full name of an extension of the method or service options";
                        problems.push(Problem::error(place, what).help(help));
                    } else if key == "permissions" {
                        let help = "the preset is for another API: name the options of this one";
                        problems.push(Problem::warning(place, what).help(help));
                    }
                    return None;
                };
                if option.containing_message().full_name() == of && fits(&option) {
                    return Some(option);
                }
                let what = format!("the option `{name}` does not have the shape of `{key}`");
                let help = "docs/configuration.md says what each option of `options` looks like";
                problems.push(Problem::error(schema.place(name), what).help(help));
                None
            };
        let (method, service) = ("google.protobuf.MethodOptions", "google.protobuf.ServiceOptions");
        Self {
            permissions: find("permissions", options.permissions.as_ref(), method, |option| {
                option.is_list() && option.kind() == Kind::String
            }),
            all_permissions: find("all_permissions", options.all_permissions.as_ref(), method, is_bool),
            account: find("account", options.account.as_ref(), method, |option| {
                !option.is_list() && option.kind() == Kind::String
            }),
            authentication: find("authentication", options.authentication.as_ref(), method, is_bool),
            actor_types: find("actor_types", options.actor_types.as_ref(), method, |option| {
                option.is_list() && matches!(option.kind(), Kind::Enum(_))
            }),
            max_message: find("max_request_message", options.max_message.as_ref(), method, |option| {
                let kinds = [Kind::Int32, Kind::Uint32, Kind::Int64, Kind::Uint64];
                !option.is_list() && kinds.contains(&option.kind())
            }),
            log_fields: find("log_fields", options.log_fields.as_ref(), method, |option| {
                option.is_list() && has_texts(option, &["name", "field_expression"])
            }),
            api_version: find("api_version", options.api_version.as_ref(), service, |option| {
                !option.is_list() && matches!(option.kind(), Kind::String | Kind::Message(_))
            }),
            patch: find("patch", options.patch.as_ref(), method, |option| {
                let texts = ["get_method", "response_resource_field", "request_resource_field"];
                !option.is_list() && has_texts(option, &texts)
            }),
            event: find("event", options.event.as_ref(), method, |option| {
                let texts = ["resource_type", "resource_id_field", "resource_url_template"];
                !option.is_list() && has_texts(option, &texts)
            }),
        }
    }
}

fn is_bool(option: &ExtensionDescriptor) -> bool {
    !option.is_list() && option.kind() == Kind::Bool
}

/// Whether the option is a message with these fields, each a single string.
fn has_texts(option: &ExtensionDescriptor, names: &[&str]) -> bool {
    let Kind::Message(message) = option.kind() else { return false };
    names.iter().all(|name| {
        message.get_field_by_name(name).is_some_and(|field| !field.is_list() && field.kind() == Kind::String)
    })
}

/// Reads the duties of one method.
struct Reader<'r> {
    schema: &'r Schema,
    rpc: &'r MethodDescriptor,
    found: &'r Found,
    settings: &'r Settings,
    /// What the config says of the method, the first entry first.
    own: Vec<&'r MethodSettings>,
    problems: &'r mut Problems,
}

impl Reader<'_> {
    fn duties(&mut self) -> Duties {
        let options = self.rpc.options();
        let found = self.found;
        let text = |option: &Option<ExtensionDescriptor>| set(&options, option.as_ref());
        let authentication = text(&found.authentication).and_then(|value| value.as_bool());
        let permissions = text(&found.permissions).map(|value| texts(&value));
        let all_permissions = text(&found.all_permissions).and_then(|value| value.as_bool());
        let actor_types = text(&found.actor_types)
            .map(|value| enum_names(found.actor_types.as_ref(), &value))
            .unwrap_or_default();
        let mut permissions = self.own(|own| own.permissions.clone()).or(permissions).unwrap_or_default();
        permissions.retain(|permission| !permission.is_empty());
        Duties {
            authentication: self.own(|own| own.authentication).or(authentication).unwrap_or(true),
            permissions,
            all_permissions: self.own(|own| own.all_permissions).or(all_permissions).unwrap_or(false),
            account: self.account(&options),
            actor_types: self.own(|own| own.actor_types.clone()).unwrap_or(actor_types),
            max_message: self
                .own(|own| own.max_message)
                .or_else(|| text(&found.max_message).and_then(|size| mebibytes(&size))),
            log_fields: self.log_fields(&options),
            api_version: self.own(|own| own.api_version.clone()).or_else(|| self.api_version()),
            patch: text(&found.patch).and_then(|value| value.as_message().map(patch)),
            event: text(&found.event).and_then(|value| value.as_message().map(event)),
        }
    }

    /// What the config says, from the first entry that says anything.
    fn own<T>(&self, key: impl Fn(&MethodSettings) -> Option<T>) -> Option<T> {
        self.own.iter().find_map(|own| key(own))
    }

    fn account(&mut self, options: &DynamicMessage) -> Option<FieldPath> {
        if let Some(own) = self.own.iter().find(|own| own.account.is_some()) {
            let (path, place) = (own.account.clone().unwrap_or_default(), own.place.clone());
            return self.path("account", &path, &|_| place.clone());
        }
        if let Some(Value::String(path)) = set(options, self.found.account.as_ref()).as_deref() {
            let option = self.settings.options.account.as_deref();
            return self.path("account", path, &|reader| reader.place(option));
        }
        let path = self.settings.options.default_account.as_deref()?;
        FieldPath::resolve(&self.rpc.input(), path).ok()
    }

    fn log_fields(&mut self, options: &DynamicMessage) -> Vec<(String, FieldPath)> {
        let own = self.own.iter().find_map(|own| Some((own.log_fields.clone()?, own.place.clone())));
        let (fields, place): (Vec<(String, String)>, Option<Place>) = if let Some((fields, place)) = own {
            (fields.into_iter().collect(), Some(place))
        } else {
            let value = set(options, self.found.log_fields.as_ref());
            let fields = value.as_deref().and_then(Value::as_list).unwrap_or_default();
            let fields = fields.iter().filter_map(Value::as_message).map(|field| {
                let (name, path) = (text_of(field, "name"), text_of(field, "field_expression"));
                let path = if path.is_empty() { name.clone() } else { path };
                (name, path)
            });
            (fields.collect(), None)
        };
        let option = self.settings.options.log_fields.as_deref();
        let place = |reader: &Self| place.clone().unwrap_or_else(|| reader.place(option));
        let paths = fields
            .into_iter()
            .filter_map(|(name, path)| Some((name, self.path("log_fields", &path, &place)?)));
        paths.collect()
    }

    /// The field that a path leads to, which must be one with a text.
    fn path(&mut self, key: &str, path: &str, place: &dyn Fn(&Self) -> Place) -> Option<FieldPath> {
        if path.is_empty() {
            return None;
        }
        let name = self.rpc.full_name();
        let told = match FieldPath::resolve(&self.rpc.input(), path) {
            Ok(found)
                if !matches!(
                    found.last().map(prost_reflect::FieldDescriptor::kind),
                    Some(Kind::Message(_))
                ) =>
            {
                return Some(found);
            }
            Ok(_) => format!("`{path}` is a message, which has no text"),
            Err(told) => told,
        };
        let place = place(self);
        self.problems.error(place, format!("`{key}` of `{name}`: {told}"));
        None
    }

    fn place(&self, option: Option<&str>) -> Place {
        match option {
            Some(option) => self.schema.place_of_option(self.rpc.full_name(), option),
            None => self.schema.place(self.rpc.full_name()),
        }
    }

    fn api_version(&self) -> Option<String> {
        let options = self.rpc.parent_service().options();
        let value = set(&options, self.found.api_version.as_ref())?;
        match &*value {
            Value::String(version) => Some(version.clone()),
            Value::Message(version) => {
                let part =
                    |name| version.get_field_by_name(name).and_then(|value| integer(&value)).unwrap_or(0);
                Some(format!("{}.{}.{}", part("major"), part("minor"), part("patch")))
            }
            _ => None,
        }
    }
}

/// The value of an option, if it is set.
fn set<'o>(options: &'o DynamicMessage, option: Option<&ExtensionDescriptor>) -> Option<Cow<'o, Value>> {
    let option = option.filter(|option| options.has_extension(option))?;
    Some(options.get_extension(option))
}

fn texts(value: &Value) -> Vec<String> {
    let values = value.as_list().unwrap_or_default().iter();
    values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn enum_names(option: Option<&ExtensionDescriptor>, value: &Value) -> Vec<String> {
    let Some(Kind::Enum(names)) = option.map(ExtensionDescriptor::kind) else { return Vec::new() };
    let numbers = value.as_list().unwrap_or_default().iter().filter_map(Value::as_enum_number);
    let name =
        |number| names.get_value(number).map_or_else(|| number.to_string(), |value| value.name().to_owned());
    numbers.map(name).collect()
}

fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::U32(number) => Some((*number).into()),
        Value::U64(number) => Some(*number),
        Value::I32(number) => u64::try_from(*number).ok(),
        Value::I64(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn mebibytes(value: &Value) -> Option<usize> {
    let mebibytes = usize::try_from(integer(value)?).ok().filter(|number| *number > 0)?;
    mebibytes.checked_mul(1024 * 1024)
}

fn text_of(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    value.as_deref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn map_of(message: &DynamicMessage, field: &str) -> BTreeMap<String, String> {
    let value = message.get_field_by_name(field);
    let Some(Value::Map(entries)) = value.as_deref() else { return BTreeMap::new() };
    let entries = entries.iter().filter_map(|entry| match entry {
        (MapKey::String(key), Value::String(value)) => Some((key.clone(), value.clone())),
        _ => None,
    });
    entries.collect()
}

fn patch(message: &DynamicMessage) -> PatchSource {
    PatchSource {
        get_method: text_of(message, "get_method"),
        field_mapping: map_of(message, "field_mapping"),
        response_field: text_of(message, "response_resource_field"),
        request_field: text_of(message, "request_resource_field"),
    }
}

fn event(message: &DynamicMessage) -> EventOptions {
    let action = text_of(message, "action_type");
    let field = |name| message.get_field_by_name(name);
    EventOptions {
        event_type: field("event_type").and_then(|value| value.as_enum_number()).unwrap_or_default(),
        resource_type: text_of(message, "resource_type"),
        status_only: field("status_only").and_then(|value| value.as_bool()).unwrap_or_default(),
        resource_id_field: text_of(message, "resource_id_field"),
        resource_url_template: text_of(message, "resource_url_template"),
        action_type: (!action.is_empty()).then_some(action),
        additional_context: map_of(message, "additional_context_fields"),
    }
}
