//! The standard rules, from the messages that set them.
//!
//! Ids and texts are Protovalidate's own: programs and people know them.

use prost_reflect::{DynamicMessage, EnumDescriptor, Value};

use super::options::{get, is_true, strings};
use crate::validate::kind::Kind;
use crate::validate::known::{self, Version};
use crate::validate::pattern;
use crate::validate::plan::Check;
use crate::validate::rule::{
    AnyTest, Bound, BytesTest, EnumTest, MaskTest, Moment, Number, NumberTest, Range, Rule, TextTest,
    TimeTest, duration_text, timestamp_text,
};

/// The rules on a scalar or an enum, or what is wrong with them.
pub(super) fn scalar(
    kind: Kind,
    given: &DynamicMessage,
    declared: Option<&EnumDescriptor>,
) -> Result<Check, String> {
    let name = kind.rules().unwrap_or_default();
    let check = match kind {
        Kind::Bool => match get(given, "const").and_then(|value| value.as_bool()) {
            Some(one) => Check::Bool(Rule::new("bool.const", format!("must equal {one}"), one)),
            None => Check::Nothing,
        },
        Kind::Int32 | Kind::Int64 | Kind::Sint32 | Kind::Sint64 | Kind::Sfixed32 | Kind::Sfixed64 => {
            some(number::<i64>(name, given), Check::Int)
        }
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => {
            some(number::<u64>(name, given), Check::Uint)
        }
        Kind::Float | Kind::Double => some(number::<f64>(name, given), Check::Float),
        Kind::Enum => some(enumeration(given, declared), Check::Enum),
        Kind::String => some(text(given)?, Check::Text),
        Kind::Bytes => some(bytes(given)?, Check::Bytes),
        Kind::Message | Kind::Group => Check::Nothing,
    };
    Ok(check)
}

/// The rules on a message of a well-known type.
pub(super) fn message(full_name: &str, given: &DynamicMessage) -> Check {
    match full_name {
        "google.protobuf.Any" => some(any(given), Check::Any),
        "google.protobuf.FieldMask" => some(mask(given), Check::Mask),
        "google.protobuf.Duration" => some(time("duration", given, duration_text), Check::Time),
        "google.protobuf.Timestamp" => some(time("timestamp", given, timestamp_text), Check::Time),
        _ => Check::Nothing,
    }
}

/// Whether a rule of a rule message is understood here.
pub(super) fn knows(message: &str, rule: &str) -> bool {
    let common = ["const", "in", "not_in", "example", "lt", "lte", "gt", "gte"];
    let own: &[&str] = match message {
        "FloatRules" | "DoubleRules" => &["finite"],
        "StringRules" => STRING_RULES,
        "BytesRules" => &[
            "len", "min_len", "max_len", "pattern", "prefix", "suffix", "contains", "ip", "ipv4", "ipv6",
            "uuid",
        ],
        "EnumRules" => &["defined_only"],
        "RepeatedRules" => &["min_items", "max_items", "unique", "items"],
        "MapRules" => &["min_pairs", "max_pairs", "keys", "values"],
        "TimestampRules" => &["lt_now", "gt_now", "within"],
        _ => &[],
    };
    common.contains(&rule) || own.contains(&rule)
}

fn some<T>(rules: Vec<Rule<T>>, check: impl FnOnce(Box<[Rule<T>]>) -> Check) -> Check {
    if rules.is_empty() { Check::Nothing } else { check(rules.into()) }
}

fn items(given: &DynamicMessage, name: &str) -> Vec<Value> {
    get(given, name).and_then(|value| value.as_list().map(<[Value]>::to_vec)).unwrap_or_default()
}

fn listed(texts: impl Iterator<Item = String>) -> String {
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}

/// `const`, `in` and `not_in`, which most types have.
fn values<V, T>(
    name: &str,
    given: &DynamicMessage,
    of: impl Fn(&Value) -> Option<V>,
    show: impl Fn(&V) -> String,
    make: &(impl Fn(V) -> T, impl Fn(Box<[V]>) -> T, impl Fn(Box<[V]>) -> T),
) -> Vec<Rule<T>> {
    let mut rules = Vec::new();
    if let Some(one) = get(given, "const").and_then(|value| of(&value)) {
        rules.push(Rule::new(format!("{name}.const"), format!("must equal {}", show(&one)), make.0(one)));
    }
    let list = |rule| -> Box<[V]> { items(given, rule).iter().filter_map(&of).collect() };
    let (allowed, refused) = (list("in"), list("not_in"));
    if !allowed.is_empty() {
        let text = format!("must be in list {}", listed(allowed.iter().map(&show)));
        rules.push(Rule::new(format!("{name}.in"), text, make.1(allowed)));
    }
    if !refused.is_empty() {
        let text = format!("must not be in list {}", listed(refused.iter().map(&show)));
        rules.push(Rule::new(format!("{name}.not_in"), text, make.2(refused)));
    }
    rules
}

/// `lt`, `lte`, `gt` and `gte`.
fn range<N: Copy>(given: &DynamicMessage, of: impl Fn(&Value) -> Option<N>) -> Range<N> {
    let bound = |exclusive, inclusive| {
        let at = |name, inclusive| Some(Bound { at: of(&get(given, name)?)?, inclusive });
        at(exclusive, false).or_else(|| at(inclusive, true))
    };
    Range { lower: bound("gt", "gte"), upper: bound("lt", "lte") }
}

fn number<N: Number>(name: &str, given: &DynamicMessage) -> Vec<Rule<NumberTest<N>>> {
    let show = |number: &N| number.text();
    let make = (NumberTest::Const, NumberTest::In, NumberTest::NotIn);
    let mut rules = values(name, given, N::of, show, &make);
    if is_true(given, "finite") {
        rules.push(Rule::new(format!("{name}.finite"), "must be finite", NumberTest::Finite));
    }
    let range = range(given, N::of);
    // A bound that is no number bounds nothing.
    let bounds = [range.lower, range.upper];
    let numbers = bounds.iter().flatten().all(|bound| !bound.at.is_nan());
    if numbers && bounds.iter().any(Option::is_some) {
        let text = range.text(N::text);
        rules.push(Rule::new(format!("{name}.{}", range.id()), text, NumberTest::Range(range)));
    }
    rules
}

fn enumeration(given: &DynamicMessage, declared: Option<&EnumDescriptor>) -> Vec<Rule<EnumTest>> {
    let number = |value: &Value| value.as_i32().or_else(|| value.as_enum_number());
    let make = (EnumTest::Const, EnumTest::In, EnumTest::NotIn);
    let mut rules = values("enum", given, number, ToString::to_string, &make);
    if let Some(declared) = declared.filter(|_| is_true(given, "defined_only")) {
        let numbers = declared.values().map(|value| value.number()).collect();
        let text = "value must be one of the defined enum values";
        rules.push(Rule::new("enum.defined_only", text, EnumTest::In(numbers)));
    }
    rules
}

fn any(given: &DynamicMessage) -> Vec<Rule<AnyTest>> {
    let urls = |name| -> Box<[Box<str>]> {
        get(given, name)
            .map(|value| strings(&value))
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect()
    };
    let (allowed, refused) = (urls("in"), urls("not_in"));
    let mut rules = Vec::new();
    if !allowed.is_empty() {
        rules.push(Rule::new("any.in", "type URL must be in the allow list", AnyTest::In(allowed)));
    }
    if !refused.is_empty() {
        rules.push(Rule::new(
            "any.not_in",
            "type URL must not be in the block list",
            AnyTest::NotIn(refused),
        ));
    }
    rules
}

fn mask(given: &DynamicMessage) -> Vec<Rule<MaskTest>> {
    let paths =
        |value: Option<Value>| -> Vec<String> { value.map(|value| strings(&value)).unwrap_or_default() };
    let boxed = |paths: Vec<String>| -> Box<[Box<str>]> { paths.into_iter().map(Into::into).collect() };
    let mut rules = Vec::new();
    if let Some(one) = get(given, "const").and_then(|value| value.as_message().cloned()) {
        let known = paths(get(&one, "paths"));
        let text = format!("must equal paths {}", listed(known.iter().cloned()));
        rules.push(Rule::new("field_mask.const", text, MaskTest::Const(boxed(known))));
    }
    let (allowed, refused) = (paths(get(given, "in")), paths(get(given, "not_in")));
    if !allowed.is_empty() {
        let text = format!("must only contain paths in {}", listed(allowed.iter().cloned()));
        rules.push(Rule::new("field_mask.in", text, MaskTest::In(boxed(allowed))));
    }
    if !refused.is_empty() {
        let text = format!("must not contain any paths in {}", listed(refused.iter().cloned()));
        rules.push(Rule::new("field_mask.not_in", text, MaskTest::NotIn(boxed(refused))));
    }
    rules
}

fn time(name: &str, given: &DynamicMessage, show: fn(Moment) -> String) -> Vec<Rule<TimeTest>> {
    let make = (TimeTest::Const, TimeTest::In, TimeTest::NotIn);
    let mut rules = values(name, given, moment, |one| show(*one), &make);
    let range = range(given, moment);
    if range.lower.is_some() || range.upper.is_some() {
        let text = range.text(show);
        rules.push(Rule::new(format!("{name}.{}", range.id()), text, TimeTest::Range(range)));
    }
    if is_true(given, "lt_now") {
        rules.push(Rule::new("timestamp.lt_now", "must be less than now", TimeTest::BeforeNow));
    }
    if is_true(given, "gt_now") {
        rules.push(Rule::new("timestamp.gt_now", "must be greater than now", TimeTest::AfterNow));
    }
    if let Some(span) = get(given, "within").and_then(|value| moment(&value)) {
        let text = format!("must be within {} of now", duration_text(span));
        rules.push(Rule::new("timestamp.within", text, TimeTest::Within(span)));
    }
    rules
}

fn moment(value: &Value) -> Option<Moment> {
    let message = value.as_message()?;
    let seconds = get(message, "seconds").and_then(|value| value.as_i64()).unwrap_or(0);
    let nanos = get(message, "nanos").and_then(|value| value.as_i32()).unwrap_or(0);
    Some(Moment::from(seconds) * 1_000_000_000 + Moment::from(nanos))
}

fn text(given: &DynamicMessage) -> Result<Vec<Rule<TextTest>>, String> {
    let string = |value: &Value| value.as_str().map(Box::<str>::from);
    let make = (TextTest::Const, TextTest::In, TextTest::NotIn);
    let mut rules = values("string", given, string, ToString::to_string, &make);
    if let Some(one) = rules.iter_mut().find(|rule| matches!(rule.test, TextTest::Const(_))) {
        let quoted = one.text.strip_prefix("must equal ").map(|value| format!("must equal `{value}`"));
        one.text = quoted.unwrap_or_default().into();
    }
    for (name, what, make) in LENGTHS {
        if let Some(length) = get(given, name).and_then(|value| value.as_u64()) {
            let text = what.replace("{}", &length.to_string());
            rules.push(Rule::new(format!("string.{name}"), text, make(length)));
        }
    }
    if let Some(expression) = get(given, "pattern").and_then(|value| string(&value)) {
        let text = format!("does not match regex pattern `{expression}`");
        rules.push(Rule::new("string.pattern", text, TextTest::Pattern(pattern::compile(&expression)?)));
    }
    for (name, what, make) in PARTS {
        if let Some(part) = get(given, name).and_then(|value| string(&value)) {
            rules.push(Rule::new(format!("string.{name}"), format!("{what} `{part}`"), make(part)));
        }
    }
    for (name, what, format) in FORMATS {
        if is_true(given, name) {
            let text = format!("value is empty, which is not {}", shorter(what));
            rules.push(Rule::new(format!("string.{name}_empty"), text, TextTest::NotEmpty));
            let test = TextTest::KnownOrEmpty(*format);
            rules.push(Rule::new(format!("string.{name}"), format!("must be {what}"), test));
        }
    }
    if is_true(given, "uri_ref") {
        let text = "must be a valid URI Reference";
        rules.push(Rule::new("string.uri_ref", text, TextTest::Known(known::is_uri_ref)));
    }
    rules.extend(headers(given));
    Ok(rules)
}

fn headers(given: &DynamicMessage) -> Vec<Rule<TextTest>> {
    let strict = get(given, "strict").and_then(|value| value.as_bool()) != Some(false);
    match get(given, "well_known_regex").and_then(|value| value.as_enum_number()) {
        Some(1) => {
            let format = if strict { known::is_header_name } else { known::is_loose_header };
            let empty = "value is empty, which is not a valid HTTP header name";
            vec![
                Rule::new("string.well_known_regex.header_name_empty", empty, TextTest::NotEmpty),
                Rule::new(
                    "string.well_known_regex.header_name",
                    "must be a valid HTTP header name",
                    TextTest::KnownOrEmpty(format),
                ),
            ]
        }
        Some(2) => {
            let format = if strict { known::is_header_value } else { known::is_loose_header };
            let text = "must be a valid HTTP header value";
            vec![Rule::new("string.well_known_regex.header_value", text, TextTest::Known(format))]
        }
        _ => Vec::new(),
    }
}

fn bytes(given: &DynamicMessage) -> Result<Vec<Rule<BytesTest>>, String> {
    let content = |value: &Value| value.as_bytes().map(|bytes| Box::<[u8]>::from(&**bytes));
    let make = (BytesTest::Const, BytesTest::In, BytesTest::NotIn);
    let mut rules = values("bytes", given, content, |one| String::from_utf8_lossy(one).into_owned(), &make);
    for rule in &mut rules {
        if let BytesTest::Const(one) = &rule.test {
            rule.text = format!("must be {}", hex(one)).into();
        }
    }
    let lengths: [(&str, &str, BytesOfLength); 3] = [
        ("len", "must be", BytesTest::Len),
        ("min_len", "must be at least", BytesTest::MinLen),
        ("max_len", "must be at most", BytesTest::MaxLen),
    ];
    for (name, what, make) in lengths {
        if let Some(length) = get(given, name).and_then(|value| value.as_u64()) {
            rules.push(Rule::new(format!("bytes.{name}"), format!("{what} {length} bytes"), make(length)));
        }
    }
    if let Some(expression) = get(given, "pattern").and_then(|value| value.as_str().map(str::to_owned)) {
        let text = format!("must match regex pattern `{expression}`");
        rules.push(Rule::new("bytes.pattern", text, BytesTest::Pattern(pattern::compile(&expression)?)));
    }
    let parts: [(&str, &str, BytesOfPart); 3] = [
        ("prefix", "does not have prefix", BytesTest::Prefix),
        ("suffix", "does not have suffix", BytesTest::Suffix),
        ("contains", "does not contain", BytesTest::Contains),
    ];
    for (name, what, make) in parts {
        if let Some(part) = get(given, name).and_then(|value| content(&value)) {
            rules.push(Rule::new(format!("bytes.{name}"), format!("{what} {}", hex(&part)), make(part)));
        }
    }
    let known: [(&str, &str, &'static [usize]); 4] = [
        ("ip", "a valid IP address", &[4, 16]),
        ("ipv4", "a valid IPv4 address", &[4]),
        ("ipv6", "a valid IPv6 address", &[16]),
        ("uuid", "a valid UUID", &[16]),
    ];
    for (name, what, lengths) in known {
        if is_true(given, name) {
            let empty = format!("value is empty, which is not {what}");
            rules.push(Rule::new(format!("bytes.{name}_empty"), empty, BytesTest::NotEmpty));
            rules.push(Rule::new(
                format!("bytes.{name}"),
                format!("must be {what}"),
                BytesTest::Lengths(lengths),
            ));
        }
    }
    Ok(rules)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The format's description as the text for an empty string has it.
fn shorter(what: &str) -> &str {
    if what.starts_with("a valid host (") { "a valid host and port pair" } else { what }
}

type BytesOfLength = fn(u64) -> BytesTest;
type BytesOfPart = fn(Box<[u8]>) -> BytesTest;
type OfLength = fn(u64) -> TextTest;
type OfPart = fn(Box<str>) -> TextTest;
type Format = fn(&str) -> bool;

const LENGTHS: &[(&str, &str, OfLength)] = &[
    ("len", "must be {} characters", TextTest::Len),
    ("min_len", "must be at least {} characters", TextTest::MinLen),
    ("max_len", "must be at most {} characters", TextTest::MaxLen),
    ("len_bytes", "must be {} bytes", TextTest::LenBytes),
    ("min_bytes", "must be at least {} bytes", TextTest::MinBytes),
    ("max_bytes", "must be at most {} bytes", TextTest::MaxBytes),
];

const PARTS: &[(&str, &str, OfPart)] = &[
    ("prefix", "does not have prefix", TextTest::Prefix),
    ("suffix", "does not have suffix", TextTest::Suffix),
    ("contains", "does not contain substring", TextTest::Contains),
    ("not_contains", "contains substring", TextTest::NotContains),
];

/// Formats of which an empty string has a rule of its own.
const FORMATS: &[(&str, &str, Format)] = &[
    ("email", "a valid email address", known::is_email),
    ("hostname", "a valid hostname", known::is_hostname),
    ("ip", "a valid IP address", |text| known::is_ip(text, Version::Any)),
    ("ipv4", "a valid IPv4 address", |text| known::is_ip(text, Version::V4)),
    ("ipv6", "a valid IPv6 address", |text| known::is_ip(text, Version::V6)),
    ("uri", "a valid URI", known::is_uri),
    ("address", "a valid hostname, or ip address", known::is_address),
    ("uuid", "a valid UUID", known::is_uuid),
    ("tuuid", "a valid trimmed UUID", known::is_tuuid),
    ("ulid", "a valid ULID", known::is_ulid),
    ("protobuf_fqn", "a valid fully-qualified Protobuf name", known::is_protobuf_fqn),
    (
        "protobuf_dot_fqn",
        "a valid fully-qualified Protobuf name with a leading dot",
        known::is_protobuf_dot_fqn,
    ),
    ("ip_with_prefixlen", "a valid IP prefix", |text| known::is_ip_prefix(text, Version::Any, false)),
    ("ipv4_with_prefixlen", "a valid IPv4 address with prefix length", |text| {
        known::is_ip_prefix(text, Version::V4, false)
    }),
    ("ipv6_with_prefixlen", "a valid IPv6 address with prefix length", |text| {
        known::is_ip_prefix(text, Version::V6, false)
    }),
    ("ip_prefix", "a valid IP prefix", |text| known::is_ip_prefix(text, Version::Any, true)),
    ("ipv4_prefix", "a valid IPv4 prefix", |text| known::is_ip_prefix(text, Version::V4, true)),
    ("ipv6_prefix", "a valid IPv6 prefix", |text| known::is_ip_prefix(text, Version::V6, true)),
    ("host_and_port", "a valid host (hostname or IP address) and port pair", |text| {
        known::is_host_and_port(text, true)
    }),
];

const STRING_RULES: &[&str] = &[
    "len",
    "min_len",
    "max_len",
    "len_bytes",
    "min_bytes",
    "max_bytes",
    "pattern",
    "prefix",
    "suffix",
    "contains",
    "not_contains",
    "email",
    "hostname",
    "ip",
    "ipv4",
    "ipv6",
    "uri",
    "uri_ref",
    "address",
    "uuid",
    "tuuid",
    "ulid",
    "protobuf_fqn",
    "protobuf_dot_fqn",
    "ip_with_prefixlen",
    "ipv4_with_prefixlen",
    "ipv6_with_prefixlen",
    "ip_prefix",
    "ipv4_prefix",
    "ipv6_prefix",
    "host_and_port",
    "well_known_regex",
    "strict",
];
