//! The functions of expressions: the standard ones of CEL, the extension for strings, and Protovalidate's own.

#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "the interpreter calls functions of one shape: they take all of their arguments and may fail"
)]

use std::any::Any;
use std::collections::HashSet;

use cel::common::types::{
    BOOL_TYPE, BYTES_TYPE, CelBool, CelBytes, CelDouble, CelInt, CelString, CelUInt, DOUBLE_TYPE, DYN_TYPE,
    INT_TYPE, LIST_TYPE, STRING_TYPE, Type,
};
use cel::common::value::{CowVal, FromVal, StaticVal, Val};
use cel::{Env, ExecutionError, extensions};
use regex::Regex;

use super::super::known::{self, Version};
use super::super::pattern;
use super::super::rule::contains;
use super::message::Message;
use super::meter;

/// What `has(operand.field)` is turned into, because only here presence is not the same as having a value.
pub(super) const HAS: &str = "@has";
/// What `text.matches(pattern)` is turned into.
pub(super) const MATCHES: &str = "@matches";

/// All functions that an expression may call.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    // None of these is there already, so that adding them cannot fail; `tests::all_functions_are_there` tries each.
    meter::add(&mut env);
    let _ = env.add_extension(extensions::strings);
    let _ = env.add_overload(HAS, "has_field", vec![DYN_TYPE, STRING_TYPE], has);
    let _ = env.add_member_overload(MATCHES, "matches_pattern", STRING_TYPE, vec![PATTERN_TYPE], matches);
    let _ = env.add_member_overload(MATCHES, "matches_text", STRING_TYPE, vec![STRING_TYPE], matches);
    let _ = env.add_overload("getField", "get_field", vec![DYN_TYPE, STRING_TYPE], get_field);
    let members: [(&str, &str, Type, Vec<Type>, cel::common::functions::Function); 18] = [
        ("unique", "list_unique", LIST_TYPE, vec![], unique),
        ("isNan", "double_is_nan", DOUBLE_TYPE, vec![], is_nan),
        ("isInf", "double_is_inf", DOUBLE_TYPE, vec![], is_inf),
        ("isInf", "double_int_is_inf", DOUBLE_TYPE, vec![INT_TYPE], is_inf),
        ("isHostname", "is_hostname", STRING_TYPE, vec![], is_hostname),
        ("isEmail", "is_email", STRING_TYPE, vec![], is_email),
        ("isIp", "is_ip", STRING_TYPE, vec![], is_ip),
        ("isIp", "is_ip_version", STRING_TYPE, vec![INT_TYPE], is_ip),
        ("isIpPrefix", "is_ip_prefix", STRING_TYPE, vec![], is_ip_prefix),
        ("isIpPrefix", "is_ip_prefix_version", STRING_TYPE, vec![INT_TYPE], is_ip_prefix),
        ("isIpPrefix", "is_ip_prefix_strict", STRING_TYPE, vec![BOOL_TYPE], is_ip_prefix),
        ("isIpPrefix", "is_ip_prefix_version_strict", STRING_TYPE, vec![INT_TYPE, BOOL_TYPE], is_ip_prefix),
        ("isUri", "is_uri", STRING_TYPE, vec![], is_uri),
        ("isUriRef", "is_uri_ref", STRING_TYPE, vec![], is_uri_ref),
        ("isHostAndPort", "is_host_and_port", STRING_TYPE, vec![BOOL_TYPE], is_host_and_port),
        ("contains", "contains_bytes", BYTES_TYPE, vec![BYTES_TYPE], bytes_contain),
        ("startsWith", "starts_with_bytes", BYTES_TYPE, vec![BYTES_TYPE], bytes_start),
        ("endsWith", "ends_with_bytes", BYTES_TYPE, vec![BYTES_TYPE], bytes_end),
    ];
    for (name, id, target, arguments, function) in members {
        let _ = env.add_member_overload(name, id, target, arguments, function);
    }
    env
}

/// Names that may be called, for telling of one that may not.
pub(super) const NAMES: &[&str] = &[
    "all",
    "base64",
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "format",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getField",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "has",
    "hasValue",
    "indexOf",
    "int",
    "isEmail",
    "isHostAndPort",
    "isHostname",
    "isInf",
    "isIp",
    "isIpPrefix",
    "isNan",
    "isUri",
    "isUriRef",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "map",
    "matches",
    "none",
    "of",
    "ofNonZeroValue",
    "optFlatMap",
    "optMap",
    "or",
    "orValue",
    "quote",
    "replace",
    "reverse",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "timestamp",
    "trim",
    "type",
    "uint",
    "unique",
    "upperAscii",
    "value",
];

/// A regular expression, compiled at load, as a value that only [`MATCHES`] takes.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub(super) Regex);

const PATTERN_TYPE: Type = Type::new_unspecified_type("@pattern");
static PATTERN: Type = PATTERN_TYPE;

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN
    }

    fn cel_type() -> &'static Type {
        &PATTERN
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn boolean<'b, 'v>(value: bool) -> Answer<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(value)))
}

/// An argument of a type that the overload was declared for.
fn argument<'a, 'v, T: FromVal<'a, 'v>>(
    arguments: &'a [CowVal<'_, 'v>],
    index: usize,
) -> Result<&'a T, ExecutionError> {
    let found = arguments.get(index).and_then(|argument| argument.as_ref().downcast_ref::<T>());
    found.ok_or(ExecutionError::MissingArgumentOrTarget)
}

fn text_holds<'b, 'v>(arguments: &[CowVal<'b, 'v>], holds: impl Fn(&str) -> bool) -> Answer<'b, 'v> {
    boolean(holds(argument::<CelString>(arguments, 0)?.inner()))
}

fn has<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let field = argument::<CelString>(&arguments, 1)?;
    if let Ok(message) = argument::<Message>(&arguments, 0) {
        return boolean(message.has(field.inner())?);
    }
    let indexer = arguments.first().and_then(|value| value.as_ref().as_indexer());
    match indexer.ok_or(ExecutionError::MissingArgumentOrTarget)?.get(field) {
        Ok(_) => boolean(true),
        Err(ExecutionError::NoSuchKey(_)) => boolean(false),
        Err(error) => Err(error),
    }
}

fn get_field<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let field = argument::<CelString>(&arguments, 1)?;
    let indexer = arguments.first().and_then(|value| value.as_ref().as_indexer());
    let value = indexer.ok_or(ExecutionError::MissingArgumentOrTarget)?.get(field)?;
    Ok(CowVal::Owned(value.into_owned()))
}

fn matches<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    if let Ok(pattern) = argument::<Pattern>(&arguments, 1) {
        return text_holds(&arguments, |text| pattern.0.is_match(text));
    }
    let pattern = pattern::compile(argument::<CelString>(&arguments, 1)?.inner());
    let pattern = pattern.map_err(|why| ExecutionError::function_error("matches", why))?;
    text_holds(&arguments, |text| pattern.is_match(text))
}

/// By hashing, so that many items are no burden.
fn unique<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let list = arguments.first().and_then(|value| value.as_ref().as_iterable());
    let mut items = list.ok_or(ExecutionError::MissingArgumentOrTarget)?.iter();
    let mut seen = HashSet::new();
    while let Some(item) = items.next() {
        let key = if let Some(text) = item.downcast_ref::<CelString>() {
            text.inner().as_bytes().to_vec()
        } else if let Some(bytes) = item.downcast_ref::<CelBytes>() {
            bytes.inner().to_vec()
        } else if let Some(number) = item.downcast_ref::<CelInt>() {
            number.inner().to_le_bytes().to_vec()
        } else if let Some(number) = item.downcast_ref::<CelUInt>() {
            number.inner().to_le_bytes().to_vec()
        } else if let Some(value) = item.downcast_ref::<CelBool>() {
            vec![u8::from(*value.inner())]
        } else if let Some(number) = item.downcast_ref::<CelDouble>() {
            if number.inner().is_nan() {
                continue;
            }
            (number.inner() + 0.0).to_bits().to_le_bytes().to_vec()
        } else {
            return Err(ExecutionError::function_error("unique", "it takes a list of scalars"));
        };
        if !seen.insert(key) {
            return boolean(false);
        }
    }
    boolean(true)
}

fn is_nan<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    boolean(argument::<CelDouble>(&arguments, 0)?.inner().is_nan())
}

fn is_inf<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let number = *argument::<CelDouble>(&arguments, 0)?.inner();
    let sign = argument::<CelInt>(&arguments, 1).map_or(0, |sign| *sign.inner());
    boolean(match sign {
        0 => number.is_infinite(),
        1.. => number == f64::INFINITY,
        _ => number == f64::NEG_INFINITY,
    })
}

fn is_hostname<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    text_holds(&arguments, known::is_hostname)
}

fn is_email<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    text_holds(&arguments, known::is_email)
}

fn is_uri<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    text_holds(&arguments, known::is_uri)
}

fn is_uri_ref<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    text_holds(&arguments, known::is_uri_ref)
}

fn version(arguments: &[CowVal<'_, '_>]) -> Option<Version> {
    argument::<CelInt>(arguments, 1).map_or(Some(Version::Any), |number| Version::of(*number.inner()))
}

fn is_ip<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let version = version(&arguments);
    text_holds(&arguments, |text| version.is_some_and(|version| known::is_ip(text, version)))
}

fn is_ip_prefix<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let version = version(&arguments);
    let last = arguments.len().saturating_sub(1);
    let strict = argument::<CelBool>(&arguments, last).is_ok_and(|strict| *strict.inner());
    text_holds(&arguments, |text| version.is_some_and(|version| known::is_ip_prefix(text, version, strict)))
}

fn is_host_and_port<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let port_required = *argument::<CelBool>(&arguments, 1)?.inner();
    text_holds(&arguments, |text| known::is_host_and_port(text, port_required))
}

fn two_bytes<'b, 'v>(arguments: &[CowVal<'b, 'v>], holds: impl Fn(&[u8], &[u8]) -> bool) -> Answer<'b, 'v> {
    boolean(holds(argument::<CelBytes>(arguments, 0)?.inner(), argument::<CelBytes>(arguments, 1)?.inner()))
}

fn bytes_contain<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    two_bytes(&arguments, contains)
}

fn bytes_start<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    two_bytes(&arguments, <[u8]>::starts_with)
}

fn bytes_end<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    two_bytes(&arguments, <[u8]>::ends_with)
}
