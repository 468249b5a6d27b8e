//! `transom demo`: a gateway and the embedded backend at once, and lines to paste.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use super::args::DemoArgs;
use super::paint::Ink;
use super::serve::{runtime, serve, start};
use super::{PROBLEMS, Terminal};
use crate::config::{Flag, FlagValue, Sources};
use crate::demo::{ACCOUNT_ID, API_KEY, Backend, Options};
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
        let sources = sources(args, &backend);
        let Some(running) = start(sources, terminal)? else { return Ok(PROBLEMS) };
        if let Some(address) = running.addresses().first() {
            banner(address, terminal)?;
        }
        let code = serve(running, terminal).await;
        backend.stop().await;
        code
    })
}

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

fn sources(args: &DemoArgs, backend: &Backend) -> Sources {
    let one = |name, key, value: &str| Flag { name, key, value: FlagValue::One(value.to_owned()) };
    let mut flags = vec![
        one("--listen", "listen", &args.listen),
        one("demo", "schema.embedded_api", "true"),
        one("demo", "upstreams.0.name", "demo"),
        one("demo", "upstreams.0.url", backend.url()),
    ];
    flags.extend(args.admin.as_deref().map(|admin| one("--admin", "admin.listen", admin)));
    Sources { flags, ..Sources::default() }
}

/// What to try, ready to be pasted.
fn banner(address: &ListenAddress, terminal: &mut Terminal) -> io::Result<()> {
    let (target, socket) = match address {
        ListenAddress::Tcp(address) => (format!("http://{address}"), String::new()),
        ListenAddress::Unix(path) => {
            ("http://localhost".to_owned(), format!("--unix-socket {} ", path.display()))
        }
    };
    let curl = format!("curl {socket}-H \"Authorization: apikey {API_KEY}\"");
    let clusters = format!("{target}/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters");
    let body = r#"{"cluster": {"name": "mine", "cloudProviderId": "aws", "cloudProviderRegionId": "eu-central-1", "configuration": {"numberOfNodes": 1, "packageId": "00000000-0000-4000-8000-000000000001"}}}"#;
    let lines = [
        ("list clusters, a page at a time", format!("{curl} '{clusters}?page_size=10'")),
        ("the next page: paste nextPageToken", format!("{curl} '{clusters}?page_size=10&page_token=TOKEN'")),
        ("create one", format!("{curl} {clusters} -d '{body}'")),
        ("look at it: paste its id", format!("{curl} {clusters}/ID")),
        ("replace it", format!("{curl} -X PUT {clusters}/ID -d '{body}'")),
        ("delete it", format!("{curl} -X DELETE {clusters}/ID")),
        ("have a name suggested", format!("{curl} {clusters}/suggest-name")),
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
