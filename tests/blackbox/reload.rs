//! Reloads under load: nothing is dropped, broken configs stay out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::json;

use crate::support::{Answer, Gateway, GatewayBuilder, SHOP, Session, pool, request, shop, until};

/// Another contract: one route of the shop has moved, a field has come.
fn moved() -> String {
    SHOP.replace("/v1/items/me", "/v1/self")
        .replace("string path = 19;", "string path = 19; string extra = 21;")
}

/// How requests went beside the reloads.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    served: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Load {
    /// Calls routes that every contract has, without pause, over one connection.
    async fn run(&self, mut session: Session) {
        while !self.stop.load(Ordering::Relaxed) {
            for (method, target, body) in
                [(Method::GET, "/v1/look/7?note=n", ""), (Method::PUT, "/v1/items/7", r#"{"note": "n"}"#)]
            {
                let answer = session.send(request(method, target, &[], body)).await;
                let right = |answer: &Answer| {
                    answer.status == 200 && answer.json()["id"] == "7" && answer.json()["note"] == "n"
                };
                match answer {
                    Ok(answer) if right(&answer) => drop(self.served.fetch_add(1, Ordering::Relaxed)),
                    Ok(answer) => self.fail(format!("{target}: {} {}", answer.status, answer.text())),
                    Err(error) => return self.fail(format!("{target}: {error}")),
                }
            }
        }
    }

    fn fail(&self, what: String) {
        self.failed.lock().expect("not poisoned").push(what);
    }
}

#[tokio::test]
async fn two_hundred_reloads_between_two_contracts_fail_no_request() {
    let (gateway, _backend) = shop("reload: {watch: false}").await;
    let address = gateway.address();
    let load = Arc::new(Load::default());
    let mut clients = Vec::new();
    for _ in 0..2 {
        for session in [Session::http1(address).await, Session::http2(address).await] {
            let load = Arc::clone(&load);
            clients.push(tokio::spawn(async move { load.run(session).await }));
        }
    }
    let admin = gateway.admin();
    let contracts = [SHOP.to_owned(), moved()];
    let (mut applied, mut refused, mut current) = (0, 0, 0);
    let mut memory = 0;
    for round in 0..200 {
        if round == 60 {
            memory = resident(&gateway);
        }
        let broken = round % 4 == 3;
        let next = (applied + 1) % 2;
        let text = &contracts[next];
        let text = if broken { text.replace("string id = 1;", "strin id = 1;") } else { text.clone() };
        gateway.write("protos/shop.proto", text);
        let answer = admin.send(request(Method::POST, "/reload", &[], "")).await;
        match answer.status.as_u16() {
            200 => (applied, current) = (applied + 1, next),
            422 => {
                assert!(answer.text().contains("shop.proto"), "{}", answer.text());
                refused += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
        // From the reload's answer on, it is the new contract that serves, or still the old one.
        let only = ["/v1/items/me", "/v1/self"];
        assert_eq!(gateway.get(only[current]).await.status, 200, "round {round}");
        assert_eq!(gateway.get("/v1/self").await.status == 200, current == 1, "round {round}");
    }
    assert_eq!((applied, refused), (150, 50));
    load.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no panic");
    }
    let failed = load.failed.lock().expect("not poisoned").clone();
    assert!(failed.is_empty(), "{} requests failed: {:?}", failed.len(), failed.first());
    let served = load.served.load(Ordering::Relaxed);
    assert!(served > 400, "{served} requests ran beside the reloads");
    // A generation that is kept takes more than 150 KiB.
    let grown = resident(&gateway).saturating_sub(memory);
    assert!(grown < 12 * 1024, "what was replaced is not let go: {grown} KiB more after 140 reloads");
}

/// Resident memory in KiB.
fn resident(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
async fn a_changed_proto_is_seen_and_a_call_in_flight_stays_with_its_snapshot() {
    let (gateway, backend) = shop("reload: {debounce: 20ms}").await;
    let slow = {
        let client = gateway.client();
        let headers = [("grpc-metadata-transom-fault", "delay=1500ms")];
        tokio::spawn(async move { client.send(request(Method::GET, "/v1/look/old", &headers, "")).await })
    };
    until("the slow call to begin", async || (!backend.calls().is_empty()).then_some(())).await;
    gateway.write("protos/shop.proto", SHOP.replace("/v1/look/{id}", "/v2/look/{id}"));
    until("the new route", async || (gateway.get("/v2/look/7").await.status == 200).then_some(())).await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 404);
    let old = slow.await.expect("no panic");
    assert_eq!((old.status.as_u16(), &old.json()["id"]), (200, &json!("old")));
}

#[tokio::test]
async fn a_hangup_reloads_the_config_and_a_broken_one_changes_nothing() {
    let (gateway, _backend) = shop("reload: {watch: false}").await;
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("transom.yaml", format!("{config}\nnonsense: true\n"));
    gateway.signal("HUP");
    until("the refusal to be told", async || {
        gateway.output().iter().any(|line| line.contains("nonsense")).then_some(())
    })
    .await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 200);
    gateway.write("transom.yaml", format!("{config}\njson: {{unset_fields: omit}}\n"));
    gateway.signal("HUP");
    until("the new config", async || {
        (gateway.get("/v1/look/7").await.text() == r#"{"id":"7"}"#).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_symlink_swap_of_a_config_map_reloads() {
    let (gateway, _backend) = shop("reload: {debounce: 20ms}").await;
    // Make the config file what a ConfigMap mount has: a link through `..data` into a versioned folder.
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("..1/transom.yaml", &config);
    gateway.write("..2/transom.yaml", format!("{config}\njson: {{unset_fields: omit}}\n"));
    std::os::unix::fs::symlink("..1", gateway.file("..data")).expect("linked");
    std::fs::remove_file(gateway.file("transom.yaml")).expect("removed");
    std::os::unix::fs::symlink("..data/transom.yaml", gateway.file("transom.yaml")).expect("linked");
    std::os::unix::fs::symlink("..2", gateway.file("..next")).expect("linked");
    std::fs::rename(gateway.file("..next"), gateway.file("..data")).expect("swapped");
    until("the new config", async || {
        (gateway.get("/v1/look/7").await.text() == r#"{"id":"7"}"#).then_some(())
    })
    .await;
}

/// Waits until a route answers with this status.
async fn answers(gateway: &Gateway, target: &str, status: u16) {
    let what = format!("{target} to answer {status}");
    until(&what, async || (gateway.get(target).await.status == status).then_some(())).await;
}

/// Waits until this was printed.
async fn told(gateway: &Gateway, part: &str) {
    let has = async || gateway.output().iter().any(|line| line.contains(part)).then_some(());
    until(part, has).await;
}

#[tokio::test]
async fn a_changed_descriptor_set_reloads() {
    let set = |proto: &str| pool(proto).encode_to_vec();
    let gateway = GatewayBuilder::new()
        .file("api.pb", set(SHOP))
        .config("schema: {descriptor_sets: [api.pb]}\nreload: {debounce: 20ms}")
        .upstream("127.0.0.1:1")
        .start()
        .await;
    answers(&gateway, "/v1/self", 404).await;
    gateway.write("api.pb", set(&moved()));
    answers(&gateway, "/v1/self", 503).await;
    // Replaced, as tools do that write beside and then rename.
    gateway.write("api.pb.new", set(SHOP));
    std::fs::rename(gateway.file("api.pb.new"), gateway.file("api.pb")).expect("renamed");
    answers(&gateway, "/v1/self", 404).await;
}

#[tokio::test]
async fn a_file_that_a_refused_config_names_is_noticed_when_it_comes() {
    let (gateway, _backend) = shop("reload: {debounce: 20ms}").await;
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    let later = config.replace("protos: [protos]", "protos: [later/api/shop.proto]");
    gateway.write("transom.yaml", later);
    told(&gateway, "there is no such file").await;
    gateway.write("later/api/shop.proto", moved());
    answers(&gateway, "/v1/self", 200).await;
}

#[tokio::test]
async fn an_import_that_a_refused_contract_lacks_is_noticed_when_it_comes() {
    let (gateway, _backend) = shop("reload: {debounce: 20ms}").await;
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    let imports = moved().replace("import \"google/protobuf/any.proto\";", "import \"more.proto\";");
    gateway.write(
        "single/shop.proto",
        imports.replace("google.protobuf.Any any = 18;", "shop.v1.More any = 18;"),
    );
    gateway.write("transom.yaml", config.replace("protos: [protos]", "protos: [single/shop.proto]"));
    told(&gateway, "more.proto").await;
    gateway.write("single/more.proto", "syntax = \"proto3\";\npackage shop.v1;\nmessage More {}\n");
    answers(&gateway, "/v1/self", 200).await;
}

#[tokio::test]
async fn a_proto_folder_that_is_removed_and_made_anew_is_noticed() {
    let (gateway, _backend) = shop("reload: {debounce: 20ms}").await;
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("api/shop.proto", moved());
    gateway.write("transom.yaml", config.replace("protos: [protos]", "protos: [api/shop.proto]"));
    answers(&gateway, "/v1/self", 200).await;
    std::fs::remove_dir_all(gateway.file("api")).expect("removed");
    told(&gateway, "there is no such file").await;
    assert_eq!(gateway.get("/v1/self").await.status, 200, "what is in place stays");
    gateway.write("api/shop.proto", SHOP);
    answers(&gateway, "/v1/self", 404).await;
}

#[tokio::test]
async fn a_setting_that_needs_a_restart_is_told() {
    let (gateway, _backend) = shop("reload: {debounce: 20ms}").await;
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    let changed = config.replacen("listen: 127.0.0.1:0\n", "listen: [127.0.0.1:0, 'unix:other.sock']\n", 1);
    assert_ne!(changed, config);
    gateway
        .write("transom.yaml", format!("{changed}\nlimits: {{streams: 7}}\njson: {{unset_fields: omit}}\n"));
    until("the new config", async || {
        (gateway.get("/v1/look/7").await.text() == r#"{"id":"7"}"#).then_some(())
    })
    .await;
    for key in ["listen", "limits.streams"] {
        told(&gateway, &format!("warning: `{key}` was changed, which takes effect only at the next start"))
            .await;
    }
    assert!(!gateway.output().iter().any(|line| line.contains("`json")), "what was applied is not told");
}

/// How many things the operating system watches for a process.
#[cfg(target_os = "linux")]
fn watches(process: u32) -> usize {
    let open = std::fs::read_dir(format!("/proc/{process}/fdinfo")).expect("a process");
    let texts = open.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    texts.map(|text| text.matches("inotify wd:").count()).sum()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn folders_beside_a_single_file_and_below_an_include_are_not_watched_but_imports_are() {
    const OTHERS: usize = 1000;
    let import = |name: &str, text: &str| {
        text.replace("import \"google/protobuf/any.proto\";", &format!("import \"{name}\";"))
            .replace("google.protobuf.Any any = 18;", "shop.v1.More any = 18;")
    };
    let more = "syntax = \"proto3\";\npackage shop.v1;\nmessage More {}\n";
    let builder = GatewayBuilder::new()
        .file("repository/shop.proto", import("deep/more.proto", SHOP))
        .file("vendor/deep/more.proto", more)
        .config("schema: {protos: [repository/shop.proto], includes: [vendor]}\nreload: {debounce: 20ms}")
        .upstream("127.0.0.1:1");
    let builder = (0..OTHERS).fold(builder, |builder, number| {
        builder
            .file(&format!("repository/node_modules/{number}/other.proto"), "")
            .file(&format!("vendor/{number}/other.proto"), "")
    });
    let gateway = builder.start().await;
    // Once a change was noticed, whatever is watched is watched.
    gateway.write("vendor/deep/more.proto", format!("{more}// Once more\nmessage Other {{}}\n"));
    until("the reload", async || gateway.events("reloaded").next()).await;
    let count = watches(gateway.id());
    assert!((1..20).contains(&count), "{count} watches");
    // One that comes at a place that is searched sooner is taken, and so is what it imports.
    gateway.write("vendor/deep/most.proto", "syntax = \"proto3\";\npackage shop.v1;\nmessage Most {}\n");
    gateway
        .write("repository/shop.proto", import("deep/most.proto", &moved()).replace("shop.v1.More", "Most"));
    answers(&gateway, "/v1/self", 503).await;
}
