//! `transom demo`: a gateway and the embedded backend at once, and lines to paste.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::args::DemoArgs;
use super::paint::Ink;
use super::serve::{runtime, serve, start};
use super::{PROBLEMS, Terminal};
use crate::config::{Flag, FlagValue, Sources};
use crate::demo::{ACCOUNT_ID, API_KEY, Backend, Options, READER_KEY};
use crate::duty;
use crate::policy::KeyHash;
use crate::problem::Problems;
use crate::schema::{self, Schema};
use crate::serve::ListenAddress;

pub(super) fn run(args: &DemoArgs, terminal: &mut Terminal) -> io::Result<u8> {
    runtime()?.block_on(async move {
        let mut problems = Problems::new();
        let Some(schema) = schema::load(&contract(), &mut problems) else {
            terminal.tell(&problems)?;
            return Ok(PROBLEMS);
        };
        let backend = backend(&schema).await?;
        let folder = Folder::new()?;
        let sources = sources(args, &schema, &backend, &folder.0);
        let Some(running) = start(sources, terminal).await? else { return Ok(PROBLEMS) };
        if let Some(address) = running.addresses().first() {
            banner(address, &folder.0, terminal)?;
        }
        let code = serve(running, terminal).await;
        backend.stop().await;
        code
    })
}

/// A folder of this demo's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let name = format!("transom-demo-{}", uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        // Nobody else's: a folder that is there already is refused.
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is of no use to anyone.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The file that events go to.
const EVENTS: &str = "events.jsonl";

/// The model API, from the binary itself.
fn contract() -> schema::Settings {
    schema::Settings { embedded_api: true, ..schema::Settings::default() }
}

async fn backend(schema: &Schema) -> io::Result<Backend> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    // Nobody looks at the calls it saw.
    let options = Options { remembered_calls: 0, ..Options::default() };
    Backend::start_with(schema.pool().clone(), any_port, options).await
}

fn sources(args: &DemoArgs, schema: &Schema, backend: &Backend, folder: &Path) -> Sources {
    let one = |name, key, value: &str| Flag { name, key, value: FlagValue::One(value.to_owned()) };
    let demo = |key, value: &str| one("demo", key, value);
    let mut flags = vec![
        one("--listen", "listen", &args.listen),
        demo("schema.embedded_api", "true"),
        demo("upstreams.0.name", "demo"),
        demo("upstreams.0.url", backend.url()),
        demo("options.preset", "qdrant-cloud"),
        demo("validation.requests", "true"),
        demo("events.queue.path", &folder.join("queue.redb").to_string_lossy()),
        demo("events.sinks.0.name", "demo"),
        demo("events.sinks.0.file.path", &folder.join(EVENTS).to_string_lossy()),
        demo("identity.keys.0.hash", &KeyHash::of(API_KEY).to_string()),
        demo("identity.keys.0.name", "all"),
        demo("identity.keys.0.actor_id", "demo"),
        demo("identity.keys.0.accounts", "*"),
        demo("identity.keys.0.permissions", "*"),
        demo("identity.keys.1.hash", &KeyHash::of(READER_KEY).to_string()),
        demo("identity.keys.1.name", "reader"),
        demo("identity.keys.1.actor_id", "demo-reader"),
        demo("identity.keys.1.accounts", ACCOUNT_ID),
        demo("identity.keys.1.permissions", &reading(schema).join(",")),
    ];
    flags.extend(args.admin.as_deref().map(|admin| one("--admin", "admin.listen", admin)));
    Sources { flags, ..Sources::default() }
}

/// All permissions of the model API to read something.
fn reading(schema: &Schema) -> Vec<String> {
    let services = schema.pool().services();
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    let Some(option) = duty::Options::qdrant_cloud().permissions else { return Vec::new() };
    let Some(option) = schema.pool().get_extension_by_name(&option) else { return Vec::new() };
    let needed = methods.flat_map(|method| {
        let options = method.options();
        let permissions = options.get_extension(&option);
        let texts = permissions.as_list().unwrap_or_default().iter();
        texts.filter_map(|text| text.as_str().map(str::to_owned)).collect::<Vec<_>>()
    });
    let reading: BTreeSet<_> = needed.filter(|permission| permission.starts_with("read:")).collect();
    reading.into_iter().collect()
}

/// What to try, ready to be pasted.
fn banner(address: &ListenAddress, folder: &Path, terminal: &mut Terminal) -> io::Result<()> {
    let (target, socket) = match address {
        ListenAddress::Tcp(address) => (format!("http://{address}"), String::new()),
        ListenAddress::Unix(path) => {
            ("http://localhost".to_owned(), format!("--unix-socket {} ", path.display()))
        }
    };
    let curl = format!("curl {socket}-H \"Authorization: apikey {API_KEY}\"");
    let reader = format!("curl {socket}-H \"Authorization: apikey {READER_KEY}\"");
    let rename = r#"{"cluster": {"name": "renamed"}, "updateMask": "name"}"#;
    let clusters = format!("{target}/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters");
    let body = r#"{"cluster": {"name": "mine", "cloudProviderId": "aws", "cloudProviderRegionId": "eu-central-1", "configuration": {"numberOfNodes": 1, "packageId": "00000000-0000-4000-8000-000000000001"}}}"#;
    let lines = [
        ("list clusters, a page at a time", format!("{curl} '{clusters}?page_size=10'")),
        ("the next page: paste nextPageToken", format!("{curl} '{clusters}?page_size=10&page_token=TOKEN'")),
        ("create one", format!("{curl} {clusters} -d '{body}'")),
        ("look at it: paste its id", format!("{curl} {clusters}/ID")),
        (
            "rename it: what the mask does not name stays as it is",
            format!("{curl} -X PUT {clusters}/ID -d '{rename}'"),
        ),
        ("replace it", format!("{curl} -X PUT {clusters}/ID -d '{body}'")),
        ("delete it", format!("{curl} -X DELETE {clusters}/ID")),
        ("have a name suggested", format!("{curl} {clusters}/suggest-name")),
        ("a key that may only read", format!("{reader} {clusters} -d '{body}'")),
        ("no key at all", format!("curl {socket}{clusters}")),
        ("the events that these calls made", format!("cat {}", folder.join(EVENTS).display())),
    ];
    let out = &mut terminal.out;
    let name = out.paint.text(Ink::Good, "transom");
    writeln!(out.to, "{name} serves the model API on {target}; an embedded gRPC backend answers.\n")?;
    for (what, line) in lines {
        writeln!(out.to, "# {what}\n{line}\n")?;
    }
    writeln!(out.to, "Ctrl-C ends it.\n")?;
    out.to.flush()
}
