//! Partial updates: the resource is read, the masked fields are laid over it, the whole is sent without the mask.

use std::collections::HashMap;

use http::Method;
use prost_reflect::DescriptorPool;
use serde_json::{Value, json};
use transom::demo::{ACCOUNT_ID, Backend, SeenCall};
use transom::transcode::{MessagePlan, Settings, UnsetFields};

use crate::support::{Answer, Gateway, GatewayBuilder, model_pool, pool};

/// A contract with options of its own: notes with a version, a map, a list and a oneof.
const NOTES: &str = r#"
syntax = "proto3";
package notes;
import "google/api/annotations.proto";
import "google/protobuf/descriptor.proto";
import "google/protobuf/field_mask.proto";

message Source {
  string get_method = 1;
  map<string, string> field_mapping = 2;
  string response_resource_field = 3;
  string request_resource_field = 4;
}
extend google.protobuf.MethodOptions { Source patched_from = 60001; }

message Picture { string url = 1; string caption = 2; }
message Note {
  string id = 1;
  string etag = 2;
  string title = 3;
  map<string, string> labels = 4;
  repeated string tags = 5;
  oneof body { string text = 6; Picture picture = 7; }
}
message CreateNoteRequest { Note note = 1; }
message CreateNoteResponse { Note note = 1; }
message GetNoteRequest { string note_id = 1; }
message GetNoteResponse { Note note = 1; }
message UpdateNoteRequest { Note note = 1; google.protobuf.FieldMask update_mask = 2; }
message UpdateNoteResponse { Note note = 1; }

service Notes {
  rpc CreateNote(CreateNoteRequest) returns (CreateNoteResponse) {
    option (google.api.http) = {post: "/v1/notes" body: "note"};
  }
  // Not exposed: it is called all the same.
  rpc GetNote(GetNoteRequest) returns (GetNoteResponse);
  rpc UpdateNote(UpdateNoteRequest) returns (UpdateNoteResponse) {
    option (google.api.http) = {patch: "/v1/notes/{note.id}" body: "note"};
    option (patched_from) = {
      get_method: "/notes.Notes/GetNote"
      field_mapping: {key: "note_id" value: "note.id"}
      response_resource_field: "note"
      request_resource_field: "note"
    };
  }
}
"#;

const OPTIONS: &str = "options: {patch: notes.patched_from}";

struct Notes {
    gateway: Gateway,
    backend: Backend,
    pool: DescriptorPool,
}

impl Notes {
    async fn start(config: &str) -> Self {
        Self::start_with(NOTES, config).await
    }

    async fn start_with(proto: &str, config: &str) -> Self {
        let pool = pool(proto);
        let backend = Backend::start(pool.clone(), ([127, 0, 0, 1], 0).into()).await.expect("started");
        let builder = GatewayBuilder::new().file("protos/notes.proto", proto);
        let builder =
            builder.config("schema:\n  protos: [protos]").upstream(backend.address()).config(config);
        Self { gateway: builder.start().await, backend, pool }
    }

    /// Stores a note; its id.
    async fn create(&self, note: Value) -> String {
        let created = self.gateway.post("/v1/notes", note.to_string()).await;
        assert_eq!(created.status, 200, "{}", created.text());
        created.json()["note"]["id"].as_str().expect("an id").to_owned()
    }

    async fn patch(&self, id: &str, mask: &str, note: &Value) -> Answer {
        self.patch_with(id, mask, note, &[]).await
    }

    async fn patch_with(&self, id: &str, mask: &str, note: &Value, headers: &[(&str, &str)]) -> Answer {
        let target = format!("/v1/notes/{id}?updateMask={mask}");
        self.gateway.request(Method::PATCH, &target, headers, note.to_string()).await
    }

    /// The methods that the backend saw since it had seen `before` calls.
    fn methods(&self, before: usize) -> Vec<String> {
        let calls = self.backend.calls();
        calls[before..].iter().map(|call| call.path.rsplit('/').next().expect("a name").to_owned()).collect()
    }

    /// The last message that the backend saw, as JSON.
    fn last(&self, name: &str) -> Value {
        shown(&self.pool, name, &self.backend.calls().pop().expect("a call"))
    }
}

fn shown(pool: &DescriptorPool, name: &str, call: &SeenCall) -> Value {
    let settings = Settings { unset_fields: UnsetFields::Omit, ..Settings::default() };
    let plan = MessagePlan::compile(&pool.get_message_by_name(name).expect("a type"), &settings);
    let mut json = Vec::new();
    plan.write_json(&call.message, &mut json).expect("a message");
    serde_json::from_slice(&json).expect("JSON")
}

#[tokio::test]
async fn a_mask_changes_what_it_names_and_nothing_else() {
    let notes = Notes::start(OPTIONS).await;
    let id = notes.create(json!({
        "title": "old", "labels": {"a": "1", "b": "2"}, "tags": ["x", "y"], "picture": {"url": "u", "caption": "c"}
    })).await;
    // Each case goes on from the one before.
    let cases = [
        (
            "title",
            json!({"title": "new", "text": "not masked"}),
            json!({
                "title": "new", "labels": {"a": "1", "b": "2"}, "tags": ["x", "y"], "picture": {"url": "u", "caption": "c"}
            }),
        ),
        (
            "picture.caption,tags",
            json!({"picture": {"url": "no", "caption": "C"}, "tags": ["z"]}),
            json!({
                "title": "new", "labels": {"a": "1", "b": "2"}, "tags": ["z"], "picture": {"url": "u", "caption": "C"}
            }),
        ),
        (
            "labels,picture.caption",
            json!({"labels": {"c": "3"}}),
            json!({
                "title": "new", "labels": {"c": "3"}, "tags": ["z"], "picture": {"url": "u"}
            }),
        ),
        (
            "text",
            json!({}),
            json!({
                "title": "new", "labels": {"c": "3"}, "tags": ["z"], "picture": {"url": "u"}
            }),
        ),
        (
            "text,title",
            json!({"text": "words"}),
            json!({"labels": {"c": "3"}, "tags": ["z"], "text": "words"}),
        ),
        ("labels,tags,text", json!({}), json!({})),
    ];
    for (mask, note, mut expected) in cases {
        let before = notes.backend.calls().len();
        let answer = notes.patch(&id, mask, &note).await;
        assert_eq!(answer.status, 200, "{mask}: {}", answer.text());
        assert_eq!(notes.methods(before), ["GetNote", "UpdateNote"], "{mask}");
        expected["id"] = json!(id);
        // What the backend saw is the whole note, and no mask.
        assert_eq!(notes.last("notes.UpdateNoteRequest"), json!({"note": expected}), "{mask}");
    }
}

#[tokio::test]
async fn without_a_mask_that_names_something_nothing_is_read() {
    let notes = Notes::start(OPTIONS).await;
    let id = notes.create(json!({"title": "old", "tags": ["x"]})).await;
    for query in ["?updateMask=", "?updateMask=*", "?updateMask=title,*"] {
        let before = notes.backend.calls().len();
        let body = json!({"title": query}).to_string();
        let answer = notes.gateway.request(Method::PATCH, &format!("/v1/notes/{id}{query}"), &[], body).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(notes.methods(before), ["UpdateNote"], "{query}");
        let expected = json!({"note": {"id": id, "title": query}});
        assert_eq!(notes.last("notes.UpdateNoteRequest"), expected, "{query}");
    }
}

#[tokio::test]
async fn a_patch_without_a_mask_changes_what_its_body_names() {
    let notes = Notes::start(OPTIONS).await;
    let id =
        notes.create(json!({"title": "old", "tags": ["x"], "picture": {"url": "u", "caption": "c"}})).await;
    let target = format!("/v1/notes/{id}");
    for (body, title, tags, caption) in [
        (json!({"title": "new"}), Some("new"), json!(["x"]), Some("c")),
        (json!({}), Some("new"), json!(["x"]), Some("c")),
        (json!({"id": id, "tags": [], "picture": {"caption": "C"}}), Some("new"), Value::Null, Some("C")),
        (json!({"title": null, "picture": {"caption": ""}}), None, Value::Null, None),
    ] {
        let before = notes.backend.calls().len();
        let answer = notes.gateway.request(Method::PATCH, &target, &[], body.to_string()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(notes.methods(before), ["GetNote", "UpdateNote"], "{body}");
        let sent = notes.last("notes.UpdateNoteRequest");
        assert!(sent.get("updateMask").is_none(), "{sent}");
        let note = &sent["note"];
        let found = (note["title"].as_str(), &note["tags"], note["picture"]["caption"].as_str());
        assert_eq!(found, (title, &tags, caption), "{body}");
        assert_eq!((&note["picture"]["url"], &note["id"]), (&json!("u"), &json!(id)), "{body}");
    }
    let switched_off = Notes::start(&format!("{OPTIONS}\nbodies: {{patch_mask: false}}")).await;
    let id = switched_off.create(json!({"title": "old", "tags": ["x"]})).await;
    let whole = switched_off
        .gateway
        .request(Method::PATCH, &format!("/v1/notes/{id}"), &[], r#"{"title": "new"}"#)
        .await;
    assert_eq!(whole.status, 200);
    assert_eq!(switched_off.last("notes.UpdateNoteRequest"), json!({"note": {"id": id, "title": "new"}}));
}

#[tokio::test]
async fn wrong_paths_are_all_named_and_nothing_is_called() {
    let notes = Notes::start(OPTIONS).await;
    let before = notes.backend.calls().len();
    let answer = notes.patch("n", "title,tags.0,labels.a,body,body.text,note.title,titel", &json!({})).await;
    let told = answer.json();
    assert_eq!((answer.status.as_u16(), &told["code"]), (400, &json!(3)));
    assert_eq!(
        told["message"],
        "`update_mask` has 6 wrong paths: `tags.0`, `labels.a`, `body`, `body.text`, `note.title`, `titel`"
    );
    let violations = told["details"][0]["fieldViolations"].as_array().expect("violations").clone();
    let told: Vec<_> =
        violations.iter().map(|one| (one["field"].as_str(), one["description"].as_str())).collect();
    let expected = [
        ("update_mask.paths[1]", "`tags.0`: `tags` is a list, which is replaced as a whole"),
        ("update_mask.paths[2]", "`labels.a`: `labels` is a map, which is replaced as a whole"),
        ("update_mask.paths[3]", "`body`: `note` has no field `body`"),
        ("update_mask.paths[4]", "`body.text`: `note` has no field `body`"),
        ("update_mask.paths[5]", "`note.title`: paths begin inside of `note`: leave its name out"),
        ("update_mask.paths[6]", "`titel`: `note` has no field `titel`, did you mean `title`?"),
    ];
    assert_eq!(told, expected.map(|(field, why)| (Some(field), Some(why))));
    assert!(notes.methods(before).is_empty());
}

#[tokio::test]
async fn a_read_that_fails_is_the_answer() {
    let notes = Notes::start(OPTIONS).await;
    let before = notes.backend.calls().len();
    let unknown = notes.patch("nobody", "title", &json!({"title": "t"})).await;
    assert_eq!((unknown.status.as_u16(), &unknown.json()["code"]), (404, &json!(5)), "{}", unknown.text());
    assert_eq!(notes.methods(before), ["GetNote"]);

    let id = notes.create(json!({"title": "old"})).await;
    let before = notes.backend.calls().len();
    let fault = "status=7;message=not yours;details=bad-request;late";
    let headers =
        [("grpc-metadata-transom-fault", fault), ("grpc-metadata-transom-answer-header", "color=blue")];
    let refused = notes.patch_with(&id, "title", &json!({"title": "t"}), &headers).await;
    let told = refused.json();
    assert_eq!((refused.status.as_u16(), &told["message"]), (403, &json!("not yours")));
    assert_eq!(told["details"][0]["@type"], "type.googleapis.com/google.rpc.BadRequest");
    assert_eq!(refused.header("grpc-metadata-color"), "blue");
    assert_eq!(notes.methods(before), ["GetNote"]);

    let broken =
        notes.patch_with(&id, "title", &json!({}), &[("grpc-metadata-transom-fault", "oversize=1KiB")]).await;
    assert_eq!(broken.status, 200, "unknown fields around the resource harm nothing: {}", broken.text());
}

#[tokio::test]
async fn the_read_is_made_as_the_caller_and_within_the_deadline() {
    let notes = Notes::start(OPTIONS).await;
    let id = notes.create(json!({"title": "old"})).await;
    let headers = [
        ("authorization", "apikey mine"),
        ("grpc-metadata-color", "blue"),
        ("x-request-id", "r-1"),
        ("grpc-timeout", "20S"),
    ];
    assert_eq!(notes.patch_with(&id, "title", &json!({"title": "new"}), &headers).await.status, 200);
    let calls = notes.backend.calls();
    let [.., get, update] = &calls[..] else { panic!("two calls") };
    assert_eq!(shown(&notes.pool, "notes.GetNoteRequest", get), json!({"noteId": id}));
    let seen = |call: &SeenCall| -> HashMap<String, String> {
        let own = call.metadata.iter().filter(|(name, _)| *name != "grpc-timeout");
        own.map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned())).collect()
    };
    assert_eq!(seen(get), seen(update));
    assert_eq!(seen(get)["authorization"], "apikey mine");
    assert_eq!((&*seen(get)["color"], &*seen(get)["x-request-id"]), ("blue", "r-1"));
    assert!(update.timeout.expect("a deadline") < get.timeout.expect("a deadline"));

    // Each call alone would come in time.
    let slow = [("grpc-timeout", "600m"), ("grpc-metadata-transom-fault", "delay=400ms")];
    let late = notes.patch_with(&id, "title", &json!({"title": "late"}), &slow).await;
    assert_eq!((late.status.as_u16(), &late.json()["code"]), (504, &json!(4)), "{}", late.text());
}

#[tokio::test]
async fn a_version_is_passed_on_and_a_lost_update_is_told() {
    let notes = Notes::start(OPTIONS).await;
    let id = notes.create(json!({"title": "old", "etag": "v1"})).await;
    assert_eq!(notes.patch(&id, "title", &json!({"title": "new"})).await.status, 200);
    assert_eq!(
        notes.last("notes.UpdateNoteRequest"),
        json!({"note": {"id": id, "title": "new", "etag": "v1"}})
    );
    assert_eq!(notes.patch(&id, "tags", &json!({"etag": "v1", "tags": ["x"]})).await.status, 200);

    let before = notes.backend.calls().len();
    let stale = notes.patch(&id, "title", &json!({"title": "newer", "etag": "v0"})).await;
    assert_eq!((stale.status.as_u16(), &stale.json()["code"]), (409, &json!(10)), "{}", stale.text());
    assert!(stale.json()["message"].as_str().is_some_and(|why| why.contains("`etag`")), "{}", stale.text());
    assert_eq!(notes.methods(before), ["GetNote"]);
}

#[tokio::test]
async fn switched_off_or_without_the_option_the_mask_goes_to_the_backend() {
    for config in ["", &format!("{OPTIONS}\npartial_updates: {{enabled: false}}")] {
        let notes = Notes::start(config).await;
        let id = notes.create(json!({"title": "old"})).await;
        let before = notes.backend.calls().len();
        assert_eq!(notes.patch(&id, "title", &json!({"title": "new"})).await.status, 200, "{config}");
        assert_eq!(notes.methods(before), ["UpdateNote"], "{config}");
        let seen = notes.last("notes.UpdateNoteRequest");
        assert_eq!(seen, json!({"note": {"id": id, "title": "new"}, "updateMask": "title"}), "{config}");
    }
}

#[tokio::test]
async fn options_that_cannot_be_kept_are_told_before_serving() {
    let wrong = NOTES.replace("notes.Notes/GetNote\"", "notes.Notes/GetNoet\"");
    let builder = GatewayBuilder::new().file("protos/notes.proto", wrong);
    let builder = builder.config("schema:\n  protos: [protos]").upstream("127.0.0.1:1").config(OPTIONS);
    let refused = builder.refused().await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.output.contains("there is no method `/notes.Notes/GetNoet` that reads the resource"),
        "{}",
        refused.output
    );
    assert!(refused.output.contains("did you mean `/notes.Notes/GetNote`?"), "{}", refused.output);
}

#[tokio::test]
async fn a_cluster_is_updated_in_part() {
    let pool = model_pool();
    let backend = Backend::start(pool.clone(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let builder = GatewayBuilder::new().model_api().upstream(backend.address());
    let gateway = builder.config("options: {preset: qdrant-cloud}").start().await;
    let clusters = format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters");
    let body = json!({"cluster": {
        "name": "in-part", "cloudProviderId": "aws", "cloudProviderRegionId": "eu-central-1",
        "costAllocationLabel": "mine", "labels": [{"key": "a", "value": "1"}],
        "configuration": {"numberOfNodes": 2, "version": "v1.15.0", "packageId": "00000000-0000-4000-8000-00000000000a"}
    }});
    let created = gateway.post(&clusters, body.to_string()).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let old = created.json()["cluster"].clone();
    let one = format!("{clusters}/{}", old["id"].as_str().expect("an id"));
    // In every spelling; a label that is cleared, a list that is replaced.
    let sent = json!({
        "cluster": {"configuration": {"numberOfNodes": 3}, "labels": [{"key": "b", "value": "2"}]},
        "updateMask": "configuration.number_of_nodes,costAllocationLabel,labels"
    });
    let put = gateway.request(Method::PUT, &one, &[], sent.to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let calls = backend.calls();
    let [.., get, update] = &calls[..] else { panic!("two calls") };
    assert_eq!(get.path, "/qdrant.cloud.cluster.v1.ClusterService/GetCluster");
    assert_eq!(
        shown(&pool, "qdrant.cloud.cluster.v1.GetClusterRequest", get),
        json!({"accountId": ACCOUNT_ID, "clusterId": old["id"]})
    );
    let update = shown(&pool, "qdrant.cloud.cluster.v1.UpdateClusterRequest", update);
    assert!(update.get("updateMask").is_none(), "{update}");

    let mut expected = old.clone();
    expected["configuration"]["numberOfNodes"] = json!(3);
    expected["labels"] = json!([{"key": "b", "value": "2"}]);
    expected.as_object_mut().expect("an object").remove("costAllocationLabel");
    let mut found = gateway.get(&one).await.json()["cluster"].clone();
    // The backend's own doing.
    found["configuration"]["lastModifiedAt"] = old["configuration"]["lastModifiedAt"].clone();
    assert_eq!(found, expected);

    let gone = format!("{clusters}/00000000-0000-4000-8000-0000000000ff");
    let missing = gateway.request(Method::PUT, &gone, &[], json!({"updateMask": "name"}).to_string()).await;
    assert_eq!(missing.status, 404, "{}", missing.text());
    assert!(backend.calls().pop().is_some_and(|call| call.path.ends_with("/GetCluster")));
}

#[tokio::test]
async fn what_is_read_of_another_is_not_written() {
    // A backend that is asked for a tenant's note, and reads by the id alone.
    let owned = NOTES
        .replace("string note_id = 1;", "string note_id = 1; string tenant = 2;")
        .replace("  oneof body {", "  string owner = 8;\n  oneof body {")
        .replace(
            "value: \"note.id\"}",
            "value: \"note.id\"} field_mapping: {key: \"tenant\" value: \"note.owner\"}",
        );
    let notes = Notes::start_with(&owned, OPTIONS).await;
    let id = notes.create(json!({"title": "old", "owner": "theirs"})).await;
    for mask in ["title", "owner", "title,owner,id"] {
        let before = notes.backend.calls().len();
        let refused = notes.patch(&id, mask, &json!({"title": "new", "owner": "mine"})).await;
        let told = refused.json();
        assert_eq!((refused.status.as_u16(), &told["code"]), (404, &json!(5)), "{mask}: {}", refused.text());
        let message = told["message"].as_str().expect("a message");
        assert!(message.contains("its `owner` is not that of the request"), "{message}");
        assert!(!message.contains("theirs"), "{message}");
        assert_eq!(notes.methods(before), ["GetNote"], "{mask}");
    }
    let own = notes.patch(&id, "title", &json!({"title": "new", "owner": "theirs"})).await;
    assert_eq!(own.status, 200, "{}", own.text());
    let expected = json!({"note": {"id": id, "title": "new", "owner": "theirs"}});
    assert_eq!(notes.last("notes.UpdateNoteRequest"), expected);
}
