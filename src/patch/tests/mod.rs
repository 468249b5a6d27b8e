//! Partial updates as tables, against a plain merge of whole messages, and on hostile bytes.

mod against_plain;
mod faults;
mod hostile;
mod paths;
mod plain;
mod rules;

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};

use super::*;
use crate::schema;

/// Things to update: an order, and the messages of the transcoding tests.
const THINGS: &str = r#"
syntax = "proto3";
package t;
import "google/protobuf/field_mask.proto";
import "kinds.proto";
import "legacy.proto";

message Address { string street = 1; string city = 2; Address billing = 3; }
message Item { string sku = 1; int32 count = 2; }
message Pickup { string shop = 1; string hour = 2; }
message Order {
  string id = 1;
  string etag = 2;
  string display_name = 3;
  Address address = 4;
  repeated Item items = 5;
  map<string, string> labels = 6;
  oneof delivery {
    string courier = 7;
    Pickup pickup = 8;
    int32 locker = 9;
  }
  optional int32 priority = 10;
  string note = 11 [json_name = "REMARK"];
  bytes resource_version = 12;
  Owner owner = 13;
  int64 generation = 14;
  string reason = 15;
}
message Owner { string account_id = 1; string name = 2; }
message GetOrderRequest { string order_id = 1; Where where = 2; }
message Where { string account_id = 1; }
message GetOrderResponse { string when = 1; Order order = 2; }
message UpdateOrderRequest { bool dry_run = 1; Order order = 2; google.protobuf.FieldMask update_mask = 3; string reason = 4; }
message GetKindsRequest { string id = 1; }
message GetKindsResponse { int32 x = 1; transcode.test.Kinds kinds = 2; }
message UpdateKindsRequest { string note = 1; transcode.test.Kinds kinds = 5; google.protobuf.FieldMask update_mask = 9; }
message GetLegacyResponse { Envelope envelope = 1; }
message Envelope { string seal = 1; transcode.legacy.Legacy legacy = 3; }
message UpdateLegacyRequest { Envelope envelope = 2; google.protobuf.FieldMask what = 1; }
message NoMask { Order order = 1; }
message TwoMasks { Order order = 1; google.protobuf.FieldMask a = 2; google.protobuf.FieldMask b = 3; }
service Things {
  rpc GetOrder(GetOrderRequest) returns (GetOrderResponse);
  rpc WatchOrder(GetOrderRequest) returns (stream GetOrderResponse);
  rpc UpdateOrder(UpdateOrderRequest) returns (Order);
  rpc UpdateOrders(stream UpdateOrderRequest) returns (Order);
  rpc UpdateUnmasked(NoMask) returns (Order);
  rpc UpdateTwice(TwoMasks) returns (Order);
  rpc GetKinds(GetKindsRequest) returns (GetKindsResponse);
  rpc UpdateKinds(UpdateKindsRequest) returns (GetKindsResponse);
  rpc GetLegacy(GetKindsRequest) returns (GetLegacyResponse);
  rpc UpdateLegacy(UpdateLegacyRequest) returns (GetLegacyResponse);
}
"#;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("things.proto"), THINGS).expect("written");
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/transcode").into();
    let settings =
        schema::Settings { protos: vec![folder.path().to_owned(), fixtures], ..schema::Settings::default() };
    let mut problems = Problems::new();
    let schema = schema::load(&settings, &mut problems);
    schema.unwrap_or_else(|| panic!("{problems}")).pool().clone()
});

fn desc(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(name).expect("declared above")
}

fn method(name: &str) -> MethodDescriptor {
    let service = POOL.get_service_by_name("t.Things").expect("declared above");
    service.methods().find(|method| method.name() == name).expect("declared above")
}

fn source(get: &str, mapping: &[(&str, &str)], response: &str, request: &str) -> PatchSource {
    PatchSource {
        get_method: get.to_owned(),
        field_mapping: mapping.iter().map(|(to, from)| ((*to).to_owned(), (*from).to_owned())).collect(),
        response_field: response.to_owned(),
        request_field: request.to_owned(),
    }
}

fn order_source() -> PatchSource {
    let mapping = [("order_id", "order.id"), ("where.account_id", "order.owner.account_id")];
    source("/t.Things/GetOrder", &mapping, "order", "order")
}

fn kinds_source() -> PatchSource {
    source("/t.Things/GetKinds", &[("id", "kinds.string_value")], "kinds", "kinds")
}

fn legacy_source() -> PatchSource {
    source("t.Things/GetLegacy", &[("id", "envelope.legacy.name")], "envelope.legacy", "envelope.legacy")
}

fn compiled(source: &PatchSource, method: &MethodDescriptor) -> PatchPlan {
    let mut problems = Problems::new();
    let plan =
        PatchPlan::compile(source, None, method, &Settings::default(), &Place::item("t"), &mut problems);
    plan.unwrap_or_else(|| panic!("{problems}"))
}

fn orders() -> PatchPlan {
    compiled(&order_source(), &method("UpdateOrder"))
}

fn decoded(desc: &MessageDescriptor, wire: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(desc.clone(), wire).expect("sound bytes")
}
