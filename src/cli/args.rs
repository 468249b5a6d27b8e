//! What the user typed, as typed: the flags of each command, and the sources that they name.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::config::{Flag, FlagValue, Sources};
use crate::policy;
use crate::units::{Moment, Period};

/// A gRPC-to-REST gateway: REST and JSON in front of any gRPC backend, without code generation.
#[derive(Debug, Parser)]
#[command(name = "transom", version, propagate_version = true, arg_required_else_help = true)]
pub(super) struct Args {
    /// When output is coloured; `NO_COLOR` is honoured.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorWhen,
    #[command(subcommand)]
    pub command: Command,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve a demo: a gateway with an embedded gRPC backend behind it.
    Demo(DemoArgs),
    /// Serve.
    Serve(ServeArgs),
    /// Load everything, print every problem, serve nothing.
    Check(CheckArgs),
    /// Print the route table.
    Routes(RoutesArgs),
    /// Show what one request would become: its route, caller, message, metadata and upstream. No backend is called.
    Explain(ExplainArgs),
    /// Make, hash and look up management keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the JSON Schema of the config file.
    ConfigSchema,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key: prints it once, with the entry for `identity.keys` that knows its hash only.
    New(NewKeyArgs),
    /// Print the hash of a key.
    Hash(HashKeyArgs),
    /// Show whose key it is; exit code 1 when it is nobody's or has expired.
    Verify(VerifyKeyArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct NewKeyArgs {
    /// The name that people know it by.
    #[arg(long)]
    pub name: Option<String>,
    /// The id by which the backend knows the caller; without it, a new UUID.
    #[arg(long, value_name = "ID", value_parser = actor_id)]
    pub actor_id: Option<String>,
    /// The kind of caller, the name of an enum value; without it, `ACTOR_TYPE_MANAGEMENT_KEY`.
    #[arg(long, value_name = "TYPE")]
    pub actor_type: Option<String>,
    /// An account that the caller may act on, `*` for all; may be repeated.
    #[arg(long)]
    pub account: Vec<String>,
    /// What the caller may do, `*` for everything; may be repeated.
    #[arg(long)]
    pub permission: Vec<String>,
    /// When the key is no longer good: `2027-01-31T00:00:00Z`, or so long from now: `90d`.
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    pub expires: Option<Moment>,
}

#[derive(Debug, clap::Args)]
pub(super) struct HashKeyArgs {
    /// The key; without it, the first line of the standard input, which no history keeps.
    pub key: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyKeyArgs {
    /// The key; without it, the first line of the standard input, which no history keeps.
    pub key: Option<String>,
    /// The config file whose keys are looked through.
    #[arg(short, long, value_name = "FILE", env = "TRANSOM_CONFIG", value_hint = ValueHint::FilePath)]
    #[arg(required_unless_present = "key_file")]
    pub config: Option<PathBuf>,
    /// A file of keys to be looked through; may be repeated.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key_file: Vec<PathBuf>,
}

fn actor_id(text: &str) -> Result<String, String> {
    if policy::is_carried(text) {
        Ok(text.to_owned())
    } else {
        Err("write visible ASCII characters: the backend is told it as metadata".to_owned())
    }
}

fn expiry(text: &str) -> Result<Moment, String> {
    match text.parse::<Period>() {
        Ok(period) => Ok(Moment::after(period.0)),
        Err(_) => {
            text.parse::<Moment>().map_err(|what| format!("{what}, or a period up to a year, like `90d`"))
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Where clients are served: IP:PORT or unix:PATH.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Where the admin listener is; none without it.
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub source: SourceArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    /// Also show what was loaded: files, listeners, upstreams and the effective configuration.
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct RoutesArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    /// As a JSON array.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The HTTP method.
    #[arg(value_parser = method)]
    pub method: Method,
    /// The path and query, as a client sends them; a whole url does too.
    #[arg(value_parser = target)]
    pub path: PathAndQuery,
    /// The body; `@FILE` reads a file.
    #[arg(short, long, value_name = "BODY")]
    pub data: Option<String>,
    /// A request header, `Name: value`; may be repeated.
    #[arg(short = 'H', long, value_name = "HEADER", value_parser = header)]
    pub header: Vec<(HeaderName, HeaderValue)>,
    #[command(flatten)]
    pub source: SourceArgs,
}

impl ExplainArgs {
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.header {
            headers.append(name, value.clone());
        }
        headers
    }

    pub fn body(&self) -> io::Result<Cow<'_, [u8]>> {
        match self.data.as_deref() {
            None => Ok(Cow::Borrowed(&[])),
            Some(data) => match data.strip_prefix('@') {
                Some(file) => std::fs::read(file).map(Cow::Owned),
                None => Ok(Cow::Borrowed(data.as_bytes())),
            },
        }
    }
}

fn method(text: &str) -> Result<Method, String> {
    Method::from_bytes(text.to_uppercase().as_bytes()).map_err(|_| "not an HTTP method".to_owned())
}

fn target(text: &str) -> Result<PathAndQuery, String> {
    let path = match text.split_once("://").filter(|_| !text.starts_with('/')) {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => text,
    };
    if !path.starts_with('/') {
        return Err("a path begins with `/`".to_owned());
    }
    path.parse().map_err(|_| "not a path and query; escape other characters as `%XX`".to_owned())
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write `Name: value`")?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is not the name of a header"))?;
    let value = value.trim().parse().map_err(|_| "the value has characters that a header may not have")?;
    Ok((name, value))
}

/// Where the configuration comes from: a file, or flags alone. Flags win over `TRANSOM_*` variables, those
/// over the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct SourceArgs {
    /// The config file (YAML).
    #[arg(short, long, value_name = "FILE", env = "TRANSOM_CONFIG", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// A folder of .proto files, or one file; may be repeated.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub proto: Vec<String>,
    /// A file of descriptors (`protoc --descriptor_set_out`); may be repeated.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub descriptor_set: Vec<String>,
    /// A google.api.Service YAML file with HTTP rules; may be repeated.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub rules: Vec<String>,
    /// The backend: http://HOST:PORT, https://HOST:PORT or unix:PATH (with a config file: the first upstream).
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// Where clients are served: IP:PORT or unix:PATH; may be repeated.
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// Where the admin listener is.
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// transom, grpc-gateway, envoy or canonical.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The least severe event that is logged.
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

impl SourceArgs {
    /// The sources that these flags and the process's environment are.
    pub fn sources(&self) -> Sources {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Sources {
            file: self.config.clone(),
            environment: environment.collect(),
            flags: self.flags(),
            without_backend: false,
        }
    }

    fn flags(&self) -> Vec<Flag> {
        let lists = [
            ("--proto", "schema.protos", &self.proto),
            ("--descriptor-set", "schema.descriptor_sets", &self.descriptor_set),
            ("--rules", "schema.rules", &self.rules),
            ("--listen", "listen", &self.listen),
        ];
        let ones = [
            ("--upstream", "upstreams.0.url", &self.upstream),
            ("--admin", "admin.listen", &self.admin),
            ("--profile", "profile", &self.profile),
            ("--log-level", "telemetry.level", &self.log_level),
        ];
        let lists = lists.into_iter().filter(|(_, _, values)| !values.is_empty());
        let lists =
            lists.map(|(name, key, values)| Flag { name, key, value: FlagValue::List(values.clone()) });
        let ones = ones.into_iter().filter_map(|(name, key, value)| {
            value.clone().map(|value| Flag { name, key, value: FlagValue::One(value) })
        });
        lists.chain(ones).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_is_no_request_is_a_usage_fault() {
        assert_eq!(target("http://a:1/v1/x?y=z").expect("a url").as_str(), "/v1/x?y=z");
        assert_eq!(method("get"), Ok(Method::GET));
        assert!(target("v1/x").is_err());
        assert!(target("/v1/a b").is_err());
        assert!(method("G T").is_err());
        assert!(header("no colon").is_err());
        assert!(header("a b: c").is_err());
        let (name, value) = header("X-Tenant:  a:b ").expect("a header");
        assert_eq!((name.as_str(), value.as_bytes()), ("x-tenant", &b"a:b"[..]));
    }

    #[test]
    fn flags_become_keys() {
        let args = Args::try_parse_from([
            "transom",
            "check",
            "--proto",
            "a",
            "--proto",
            "b",
            "--upstream",
            "http://c",
            "--listen",
            "1",
        ])
        .expect("good flags");
        let Command::Check(args) = args.command else { panic!("check") };
        let keys: Vec<_> = args.source.flags().into_iter().map(|flag| (flag.key, flag.value)).collect();
        assert_eq!(
            keys,
            [
                ("schema.protos", FlagValue::List(vec!["a".into(), "b".into()])),
                ("listen", FlagValue::List(vec!["1".into()])),
                ("upstreams.0.url", FlagValue::One("http://c".into())),
            ]
        );
    }
}
