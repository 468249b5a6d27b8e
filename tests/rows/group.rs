//! Cases that share a gateway: read from the files, joined by their setting, asked one after another.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::timeout;
use transom::demo::{Backend, Options};

use crate::case::{Case, Expect, Part, Request, Setting};
use crate::contract::Contract;
use crate::support::{Gateway, GatewayBuilder};
use crate::{ask, expect, load};

/// How long a case may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The cases of one setting.
#[derive(Debug, Clone)]
pub struct Group {
    pub setting: Setting,
    pub cases: Vec<Case>,
}

/// All cases of all files, or of the rows that the environment asks for.
pub fn read() -> Vec<Group> {
    let chosen = std::env::var("ROWS").ok();
    let chosen = |case: &Case| match &chosen {
        None => true,
        Some(rows) => rows.split(',').any(|row| case.rows().any(|one| is_of(one, row))),
    };
    let mut groups: Vec<Group> = Vec::new();
    for (setting, case) in files().into_iter().filter(|(_, case)| chosen(case)) {
        match groups.iter_mut().find(|group| group.setting == setting) {
            Some(group) => group.cases.push(case),
            None => groups.push(Group { setting, cases: vec![case] }),
        }
    }
    // The largest first, so that it is not the last to end.
    groups.sort_by_key(|group| std::cmp::Reverse(group.cases.len()));
    groups
}

/// Whether a row is the one asked for, or one of its section: `A12` of `A12` and of `A`.
fn is_of(row: &str, asked: &str) -> bool {
    row == asked || (asked.len() == 1 && row.starts_with(asked))
}

/// All cases with their settings, in the order of files and lines. One with several profiles is one for each.
pub fn files() -> Vec<(Setting, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows/cases");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("readable");
        let parts: Vec<Part> = read_yaml(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for Part { setting, cases } in parts {
            for case in cases {
                let case = Case { file: name.clone(), ..case };
                all.extend(by_profile(&setting, case));
            }
        }
    }
    all
}

/// YAML by way of JSON, whose reader takes what is untyped.
pub fn read_yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    // `n` is a text.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let value: serde_json::Value =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    serde_path(&value)
}

/// Tells which element of a list is at fault, where it is one.
fn serde_path<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> Result<T, String> {
    let whole = serde_json::from_value(value.clone());
    whole.map_err(|error| {
        let cases =
            value.as_array().into_iter().flatten().filter_map(|part| part["cases"].as_array()).flatten();
        let culprit = cases.filter_map(|case| {
            serde_json::from_value::<Case>(case.clone()).err().map(|error| format!("{case}: {error}"))
        });
        culprit.map(|told| format!("\n{told}")).next().unwrap_or_else(|| error.to_string())
    })
}

fn by_profile(setting: &Setting, mut case: Case) -> Vec<(Setting, Case)> {
    let under = std::mem::take(&mut case.under);
    if under.is_empty() {
        return vec![(setting.clone(), case)];
    }
    let of = |(profile, expect): (String, Expect)| {
        let profile = Some(profile).filter(|profile| profile != "transom");
        let what = format!("{} ({})", case.what, profile.as_deref().unwrap_or("transom"));
        let pending = case.pending || expect.pending;
        let case = Case { expect: Some(expect), what, pending, ..case.clone() };
        (Setting { profile, ..setting.clone() }, case)
    };
    under.into_iter().map(of).collect()
}

impl Group {
    /// Asks all cases; what is told of those that are not as expected.
    pub async fn run(self) -> Vec<String> {
        let (loading, asking): (Vec<_>, Vec<_>) = self.cases.iter().partition(|case| case.load.is_some());
        let mut faults = Vec::new();
        for case in loading {
            faults.extend(judged(case, load::run(case).await));
        }
        if asking.is_empty() {
            return faults;
        }
        let contract = Contract::of(&self.setting);
        let options = Options { remembered_calls: 4000, ..Options::default() };
        let backend = Backend::start_with(contract.pool.clone(), ([127, 0, 0, 1], 0).into(), options);
        let backend = backend.await.expect("a backend");
        match self.gateway(&contract, &backend).try_start().await {
            Ok(gateway) => {
                for case in asking {
                    faults.extend(judged(case, asked(case, &gateway, &backend, &contract).await));
                    if let Some(case) = over_http2(case) {
                        faults.extend(judged(&case, asked(&case, &gateway, &backend, &contract).await));
                    }
                }
                faults.extend(panics(&gateway));
            }
            Err(refused) => {
                let told = format!("the gateway does not start:\n{}", refused.output);
                faults.extend(asking.iter().filter_map(|case| judged(case, vec![told.clone()])));
            }
        }
        faults
    }

    fn gateway(&self, contract: &Contract, backend: &Backend) -> GatewayBuilder {
        let Setting { profile, config, schema, upstream, rules, down, .. } = &self.setting;
        let mut builder = GatewayBuilder::new();
        for (name, text) in &contract.files {
            builder = builder.file(&format!("protos/{name}"), text);
        }
        let mut schema = format!("schema:\n  protos: [protos]\n{}", indented("  ", schema));
        if let Some(rules) = rules {
            builder = builder.file("rules.yaml", rules);
            schema.push_str("  rules: [rules.yaml]\n");
        }
        if let Some(profile) = profile {
            builder = builder.config(&format!("profile: {profile}"));
        }
        let upstream = indented("    ", upstream);
        let address = if *down { ([127, 0, 0, 1], 1).into() } else { backend.address() };
        let upstream = format!("upstreams:\n  - url: http://{address}\n{upstream}");
        builder.config(&schema).config(&upstream).config(config)
    }
}

fn indented(by: &str, text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| [by, line, "\n"].concat()).collect();
    lines.concat()
}

/// The same over HTTP/2, where the case says nothing of HTTP's version and of no connection.
fn over_http2(case: &Case) -> Option<Case> {
    let Request { raw, http, headers, .. } = &case.request;
    if raw.is_some() || http.is_some() || headers.contains_key("host") {
        return None;
    }
    let mut case = Case { what: format!("{} (over HTTP/2)", case.what), ..case.clone() };
    case.request.http = Some(2);
    Some(case)
}

async fn asked(case: &Case, gateway: &Gateway, backend: &Backend, contract: &Contract) -> Vec<String> {
    let asking = async {
        let answer = ask::ask(&case.request, gateway.address(), backend).await;
        match &case.expect {
            Some(wanted) => expect::judge(wanted, &answer, contract, backend).await,
            None => vec!["the case expects nothing".to_owned()],
        }
    };
    match timeout(PATIENCE, AssertUnwindSafe(asking).catch_unwind()).await {
        Ok(Ok(faults)) => faults,
        Ok(Err(_)) => vec!["asking it panics, as is told above".to_owned()],
        Err(_) => vec![format!("no answer within {PATIENCE:?}")],
    }
}

/// What is told of a case: its faults, or that it may no longer be marked.
fn judged(case: &Case, faults: Vec<String>) -> Option<String> {
    let faults = match (case.pending, faults.is_empty()) {
        (false, true) | (true, false) => return None,
        (true, true) => vec!["it is marked `pending`, and all is as expected: remove the mark".to_owned()],
        (false, false) => faults,
    };
    let sent = case.request.raw.as_ref().unwrap_or(&case.request.send);
    let faults = indented("    ", &faults.join("\n"));
    Some(format!("{} ({}): {}\n  {sent}\n{faults}", case.row, case.file, case.what))
}

/// A panic is a fault whatever the client was told.
fn panics(gateway: &Gateway) -> Option<String> {
    let lines = gateway.output();
    let panic = lines.iter().find(|line| line.contains("panicked"))?;
    Some(format!("the gateway panicked: {panic}"))
}
