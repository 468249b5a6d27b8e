//! Events of successful calls: in a file, at a webhook, through a kill, a reload and a shutdown.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use transom::demo::{ACCOUNT_ID, Backend};
use transom::policy::{KeyHash, new_key};

use crate::support::{Answer, Gateway, GatewayBuilder, model_pool, until};

/// A webhook that answers what it is told to, and notes each event that it took.
struct Hook {
    url: String,
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let hook = Self { url, status: Arc::new(AtomicU16::new(status)), taken: Arc::default() };
        let (status, taken) = (Arc::clone(&hook.status), Arc::clone(&hook.taken));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (status, taken) = (Arc::clone(&status), Arc::clone(&taken));
                let service =
                    service_fn(move |request| note(request, Arc::clone(&status), Arc::clone(&taken)));
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        hook
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// The names of the clusters whose deletion it was told of.
    fn taken(&self) -> Vec<Value> {
        self.taken.lock().expect("not poisoned").clone()
    }
}

async fn note(
    request: Request<Incoming>,
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<Value>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.headers()["content-type"], "application/cloudevents+json; charset=UTF-8");
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let status = status.load(Ordering::Relaxed);
    if status == 200 {
        taken.lock().expect("not poisoned").push(serde_json::from_slice(&body).expect("JSON"));
    }
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    Ok(answer)
}

/// Where events wait and the file that they go to: they outlive the gateway.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("events.jsonl")
    }

    fn config(&self, sinks: &str) -> String {
        let queue = self.folder.path().join("queue.redb");
        format!(
            "options: {{preset: qdrant-cloud}}\nevents:\n  queue: {{path: {}}}\n  sinks: [{sinks}]",
            queue.display()
        )
    }

    fn file_sink(&self) -> String {
        format!("{{name: file, file: {{path: {}}}}}", self.file().display())
    }

    fn lines(&self) -> Vec<Value> {
        lines(&self.file())
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn hook_sink(hook: &Hook) -> String {
    format!("{{name: hook, max_backoff: 200ms, webhook: {{url: '{}', timeout: 2s}}}}", hook.url)
}

async fn start(config: &str) -> (Gateway, Backend) {
    let backend = Backend::start(model_pool(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address()).config(config).start().await;
    (gateway, backend)
}

fn clusters() -> String {
    format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters")
}

async fn create(gateway: &Gateway, name: &str) -> Answer {
    let body = json!({"cluster": {
        "name": name, "cloudProviderId": "aws", "cloudProviderRegionId": "eu-central-1",
        "configuration": {"numberOfNodes": 2, "packageId": "00000000-0000-4000-8000-00000000000a"}
    }});
    let headers = [("content-type", "application/json"), ("user-agent", "tester/1")];
    gateway.request(Method::POST, &clusters(), &headers, body.to_string()).await
}

/// A number of the admin listener's metrics.
async fn metric(gateway: &Gateway, name: &str) -> u64 {
    let answer = gateway.admin().send(crate::support::request(Method::GET, "/metrics", &[], "")).await;
    let text = answer.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and whole")]
    line.map_or(0, |count| count as u64)
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["resourceId"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_call_that_goes_well_makes_one_event_and_one_that_fails_makes_none() {
    let place = Place::new();
    let (gateway, _backend) = start(&place.config(&place.file_sink())).await;
    let created = create(&gateway, "one").await;
    assert_eq!(created.status, 200, "{}", created.text());
    assert_eq!(create(&gateway, "one").await.status, 409);
    assert_eq!(gateway.get(&clusters()).await.status, 200);
    assert_eq!(gateway.post(&clusters(), "{").await.status, 400);
    let id = created.json()["cluster"]["id"].as_str().expect("an id").to_owned();
    let one = format!("{}/{id}", clusters());
    assert_eq!(gateway.post(&format!("{one}/restart"), "").await.status, 200);
    assert_eq!(gateway.request(Method::DELETE, &one, &[], "").await.status, 200);

    let events = until("three events", async || Some(place.lines()).filter(|lines| lines.len() >= 3)).await;
    assert_eq!(events.len(), 3);
    let (made, restarted, deleted) = (&events[0], &events[1], &events[2]);
    let path = format!("/accounts/{ACCOUNT_ID}/clusters/{id}");
    let uuid = made["id"].as_str().expect("an id");
    assert_eq!(uuid.len(), 36);
    assert!(made["createdAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{made}");
    for (key, expected) in [
        ("sourceRpc", "/qdrant.cloud.cluster.v1.ClusterService/CreateCluster"),
        ("eventType", "EVENT_TYPE_CREATED"),
        ("resourceType", "cluster"),
        ("resourceId", &id),
        ("resourceUrl", &path),
        ("accountId", ACCOUNT_ID),
    ] {
        assert_eq!(made[key], expected, "{made}");
    }
    assert_eq!(made["caller"]["userAgent"], "tester/1", "{made}");
    assert_eq!(
        (&restarted["eventType"], &restarted["actionType"]),
        (&json!("EVENT_TYPE_ACTION"), &json!("restart"))
    );
    assert_eq!(
        (&deleted["eventType"], &deleted["resourceUrl"]),
        (&json!("EVENT_TYPE_DELETED"), &json!(path))
    );
    assert_eq!(metric(&gateway, "transom_events_made_total").await, 3);
    assert_eq!(metric(&gateway, "transom_events_delivered_total{sink=\"file\"}").await, 3);
}

#[tokio::test]
async fn what_a_backend_tells_for_events_is_not_told_to_clients() {
    let place = Place::new();
    let (gateway, _backend) = start(&place.config(&place.file_sink())).await;
    let created = create(&gateway, "one").await.json();
    let cluster = created["cluster"]["id"].as_str().expect("an id");
    let backups = format!("/api/cluster/backup/v1/accounts/{ACCOUNT_ID}/backups");
    let body = json!({"backup": {"clusterId": cluster, "name": "b", "accountId": ACCOUNT_ID}});
    let made = gateway.post(&backups, body.to_string()).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let backup = made.json()["backup"]["id"].as_str().expect("an id").to_owned();
    let headers = [
        ("te", "trailers"),
        ("grpc-metadata-transom-answer-header", "qc-event-cluster-id=c 1"),
        ("grpc-metadata-transom-answer-header", "qc-other=seen"),
        ("grpc-metadata-transom-answer-trailer", "qc-event-more=x"),
    ];
    let deleted = gateway.request(Method::DELETE, &format!("{backups}/{backup}"), &headers, "").await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert_eq!(deleted.header("grpc-metadata-qc-other"), "seen");
    for headers in [&deleted.headers, &deleted.trailers] {
        assert!(!headers.keys().any(|name| name.as_str().contains("qc-event")), "{headers:?}");
    }
    let events = until("the events", async || Some(place.lines()).filter(|lines| lines.len() >= 3)).await;
    let event = &events[2];
    assert_eq!(event["resourceUrl"], format!("/accounts/{ACCOUNT_ID}/clusters/c%201/backups/{backup}"));
    assert_eq!(event["additionalContext"], json!({"cluster_id": "c 1"}));
}

#[tokio::test]
async fn what_was_on_the_disk_survives_a_kill() {
    let (place, hook) = (Place::new(), Hook::start(503).await);
    let config = place.config(&hook_sink(&hook));
    let (mut gateway, _backend) = start(&config).await;
    for number in 0..20 {
        assert_eq!(create(&gateway, &format!("c-{number}")).await.status, 200);
    }
    until("the disk", async || (metric(&gateway, "transom_events_queued_total").await == 20).then_some(()))
        .await;
    gateway.signal("KILL");
    gateway.exit().await;
    assert!(hook.taken().is_empty());

    hook.answer(200);
    let (_gateway, _backend) = start(&config).await;
    let events = until("the events", async || Some(hook.taken()).filter(|events| events.len() >= 20)).await;
    let mut seen: Vec<_> = events.iter().map(|event| event["id"].as_str().expect("an id")).collect();
    assert_eq!(seen.len(), 20);
    seen.dedup();
    assert_eq!(seen.len(), 20);
    assert!(events.iter().all(|event| event["type"] == "cluster.created"), "{events:?}");
}

#[tokio::test]
async fn a_sink_that_is_down_holds_up_neither_answers_nor_other_sinks_and_gets_all_when_it_is_back() {
    let (place, hook) = (Place::new(), Hook::start(500).await);
    let sinks = format!("{}, {}", hook_sink(&hook), place.file_sink());
    let (gateway, _backend) = start(&place.config(&sinks)).await;
    for number in 0..30 {
        assert_eq!(create(&gateway, &format!("c-{number}")).await.status, 200);
    }
    let written = until("the file", async || Some(place.lines()).filter(|lines| lines.len() == 30)).await;
    until("failures", async || {
        (metric(&gateway, "transom_events_failures_total{sink=\"hook\"}").await > 0).then_some(())
    })
    .await;
    assert_eq!(metric(&gateway, "transom_events_waiting{sink=\"hook\"}").await, 30);
    assert!(gateway.events("events are not taken; they are offered again").next().is_some());
    hook.answer(200);
    let events = until("the webhook", async || Some(hook.taken()).filter(|events| events.len() >= 30)).await;
    let told: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(ids(&told), ids(&written), "all, once, in order");
}

#[tokio::test]
async fn a_reload_changes_sinks_and_a_shutdown_keeps_what_they_did_not_take() {
    let (place, hook) = (Place::new(), Hook::start(500).await);
    let (mut gateway, _backend) = start(&place.config(&place.file_sink())).await;
    assert_eq!(create(&gateway, "before").await.status, 200);
    until("the file", async || (place.lines().len() == 1).then_some(())).await;

    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    let more = format!("sinks: [{}, ", hook_sink(&hook));
    gateway.write("transom.yaml", config.replace("sinks: [", &more));
    let reload = crate::support::request(Method::POST, "/reload", &[], "");
    assert_eq!(gateway.admin().send(reload).await.status, 200);
    assert_eq!(create(&gateway, "after").await.status, 200);
    until("the file to go on", async || (place.lines().len() == 2).then_some(())).await;
    gateway.signal("TERM");
    assert_eq!(gateway.exit().await, Some(0));
    assert!(gateway.events("events stay in the queue for the next start").next().is_some());

    hook.answer(200);
    let (_gateway, _backend) = start(&place.config(&hook_sink(&hook))).await;
    let events = until("the webhook", async || Some(hook.taken()).filter(|events| !events.is_empty())).await;
    assert_eq!(events.len(), 1, "a new sink gets what comes from then on");
    assert_eq!(events[0]["data"]["resourceId"], place.lines()[1]["resourceId"]);
}

#[tokio::test]
async fn a_queue_that_another_process_has_open_keeps_a_gateway_from_starting() {
    let place = Place::new();
    let config = place.config(&place.file_sink());
    let (_gateway, backend) = start(&config).await;
    let second = GatewayBuilder::new().model_api().upstream(backend.address()).config(&config);
    let refused = second.refused().await;
    assert!(refused.output.contains("it is open already, here or in another process"), "{}", refused.output);
}

#[tokio::test]
async fn an_event_tells_who_called_and_what_the_backend_was_told_of_them() {
    let (place, key) = (Place::new(), new_key());
    let hash = KeyHash::of(&key).to_string();
    let identity = format!(
        "identity:\n  keys:\n    - {{hash: '{hash}', actor_id: the user, actor_type: ACTOR_TYPE_USER, accounts: \
         ['*'], permissions: ['*']}}\n"
    );
    let (gateway, _backend) = start(&format!("{identity}{}", place.config(&place.file_sink()))).await;
    let authorization = format!("apikey {key}");
    let headers = [("authorization", authorization.as_str()), ("grpc-metadata-qc-actor-id", "somebody else")];
    let (path, body) = ("/api/iam/v1/users/me/profile", r#"{"userProfile": {"givenName": "Grace"}}"#);
    let answer = gateway.request(Method::PUT, path, &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.request(Method::PUT, path, &[], body).await.status, 401);
    let events = until("the event", async || Some(place.lines()).filter(|lines| !lines.is_empty())).await;
    assert_eq!(events.len(), 1);
    let event = &events[0];
    let caller = json!({"actorId": "the user", "actorType": "ACTOR_TYPE_USER"});
    assert_eq!(event["caller"], caller, "{event}");
    assert_eq!(
        (&event["resourceId"], &event["resourceUrl"]),
        (&json!("the user"), &json!("/users/the%20user"))
    );
    assert_eq!((&event["resourceType"], event.get("accountId")), (&json!("user-profile"), None));
}
