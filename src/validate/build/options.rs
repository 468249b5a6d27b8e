//! Reading `buf.validate` options out of descriptors.

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, OneofDescriptor,
    Value,
};

pub(super) const FIELD: &str = "buf.validate.field";
pub(super) const MESSAGE: &str = "buf.validate.message";
const ONEOF: &str = "buf.validate.oneof";
const PREDEFINED: &str = "buf.validate.predefined";

/// The extensions that rules stand in, as far as the pool has them.
pub(super) struct Options {
    field: Option<ExtensionDescriptor>,
    message: Option<ExtensionDescriptor>,
    oneof: Option<ExtensionDescriptor>,
    predefined: Option<ExtensionDescriptor>,
}

impl Options {
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let find = |name| pool.get_extension_by_name(name);
        Self { field: find(FIELD), message: find(MESSAGE), oneof: find(ONEOF), predefined: find(PREDEFINED) }
    }

    pub(super) fn of_field(&self, desc: &FieldDescriptor) -> Option<DynamicMessage> {
        desc.field_descriptor_proto().options.as_ref()?;
        extension(&desc.options(), self.field.as_ref())
    }

    pub(super) fn of_message(&self, desc: &MessageDescriptor) -> Option<DynamicMessage> {
        desc.descriptor_proto().options.as_ref()?;
        extension(&desc.options(), self.message.as_ref())
    }

    /// Whether one member of a oneof has to be set.
    pub(super) fn requires(&self, desc: &OneofDescriptor) -> bool {
        let options = desc.oneof_descriptor_proto().options.as_ref().map(|_| desc.options());
        let rules = options.and_then(|options| extension(&options, self.oneof.as_ref()));
        rules.is_some_and(|rules| is_true(&rules, "required"))
    }

    /// The CEL rules that come with a rule of a name of its own: an extension of a rule message, or a field that is
    /// newer than these lines.
    pub(super) fn predefined(
        &self,
        options: &DynamicMessage,
        rules: &Value,
        rule: &Value,
    ) -> Vec<Expression> {
        let Some(found) = extension(options, self.predefined.as_ref()) else { return Vec::new() };
        let mut all = expressions(&found);
        for one in &mut all {
            one.given = Some((rules.clone(), rule.clone()));
        }
        all
    }
}

fn extension(options: &DynamicMessage, extension: Option<&ExtensionDescriptor>) -> Option<DynamicMessage> {
    let extension = extension.filter(|extension| options.has_extension(extension))?;
    options.get_extension(extension).as_message().cloned()
}

/// When the rules of a field are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ignore {
    #[default]
    Unspecified,
    IfZero,
    Always,
}

/// What `FieldRules` says beside the rules of the type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FieldRules {
    pub(super) required: bool,
    pub(super) ignore: Ignore,
    /// Whether `ignore` is given at all.
    pub(super) says_ignore: bool,
}

impl FieldRules {
    pub(super) fn of(rules: &DynamicMessage) -> Self {
        let ignore = match get(rules, "ignore").and_then(|value| value.as_enum_number()) {
            Some(1) => Ignore::IfZero,
            Some(3) => Ignore::Always,
            _ => Ignore::Unspecified,
        };
        let says_ignore = rules.has_field_by_name("ignore");
        Self { required: is_true(rules, "required"), ignore, says_ignore }
    }
}

/// The rules of the type that are given, and their name in `FieldRules`.
pub(super) fn typed(rules: &DynamicMessage) -> Option<(String, DynamicMessage)> {
    let in_oneof =
        |desc: &FieldDescriptor| desc.containing_oneof().is_some_and(|oneof| oneof.name() == "type");
    let (desc, value) = rules.fields().find(|(desc, _)| in_oneof(desc))?;
    Some((desc.name().to_owned(), value.as_message()?.clone()))
}

/// A CEL rule as an option has it.
pub(super) struct Expression {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) source: String,
    pub(super) given: Option<(Value, Value)>,
}

/// All CEL rules of a message that has `cel_expression` and `cel`.
pub(super) fn expressions(rules: &DynamicMessage) -> Vec<Expression> {
    let list =
        |name| get(rules, name).and_then(|value| value.as_list().map(<[Value]>::to_vec)).unwrap_or_default();
    let short = list("cel_expression").into_iter().filter_map(|value| {
        let expression = value.as_str()?.to_owned();
        Some(Expression { id: expression.clone(), text: String::new(), source: expression, given: None })
    });
    let full = list("cel").into_iter().filter_map(|value| {
        let rule = value.as_message()?;
        let text =
            |name| get(rule, name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        Some(Expression { id: text("id"), text: text("message"), source: text("expression"), given: None })
    });
    short.chain(full).collect()
}

/// The `oneof` rules of a message: names of fields, and whether one has to be set.
pub(super) fn choices(rules: &DynamicMessage) -> Vec<(Vec<String>, bool)> {
    let list =
        get(rules, "oneof").and_then(|value| value.as_list().map(<[Value]>::to_vec)).unwrap_or_default();
    let choice = |value: Value| {
        let rule = value.as_message()?;
        Some((strings(&get(rule, "fields")?), is_true(rule, "required")))
    };
    list.into_iter().filter_map(choice).collect()
}

/// The value of a field that is set.
pub(super) fn get(message: &DynamicMessage, name: &str) -> Option<Value> {
    if !message.has_field_by_name(name) {
        return None;
    }
    message.get_field_by_name(name).map(std::borrow::Cow::into_owned)
}

pub(super) fn is_true(message: &DynamicMessage, name: &str) -> bool {
    get(message, name).and_then(|value| value.as_bool()) == Some(true)
}

/// The strings of a list.
pub(super) fn strings(value: &Value) -> Vec<String> {
    let items = value.as_list().unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
