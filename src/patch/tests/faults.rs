//! Options that cannot be kept are told at load.

use super::*;

fn told(source: &PatchSource, update: &str) -> Vec<String> {
    let mut problems = Problems::new();
    let plan = PatchPlan::compile(
        source,
        None,
        &method(update),
        &Settings::default(),
        &Place::item("t.Things/Update"),
        &mut problems,
    );
    assert!(plan.is_none());
    let told = problems.iter().map(|problem| {
        assert_eq!(problem.place.item.as_deref(), Some("t.Things/Update"));
        match &problem.help {
            Some(help) => format!("{}; {help}", problem.what),
            None => problem.what.clone(),
        }
    });
    told.collect()
}

#[test]
fn each_fault_is_told() {
    let get = "/t.Things/GetOrder";
    let cases = [
        (
            source("/t.Things/GetOrdre", &[], "order", "order"),
            "UpdateOrder",
            "there is no method `/t.Things/GetOrdre` that reads the resource; did you mean `/t.Things/GetOrder`?",
        ),
        (
            source("", &[], "order", "order"),
            "UpdateOrder",
            "there is no method `` that reads the resource; a method is written `/pkg.Service/Method`",
        ),
        (
            source("/t.Things/WatchOrder", &[], "order", "order"),
            "UpdateOrder",
            "`/t.Things/WatchOrder`, which reads the resource, streams; name a unary method",
        ),
        (
            source(get, &[], "order", "order"),
            "UpdateOrders",
            "it streams; only unary methods can update a part of a resource",
        ),
        (
            source(get, &[("order_idd", "order.id")], "order", "order"),
            "UpdateOrder",
            "`field_mapping`: `t.GetOrderRequest` has no field `order_idd`; did you mean `order_id`?",
        ),
        (
            source(get, &[("order_id", "order.idd")], "order", "order"),
            "UpdateOrder",
            "`field_mapping`: `t.Order` has no field `idd`; did you mean `id`?",
        ),
        (
            source(get, &[("order_id", "order.priority")], "order", "order"),
            "UpdateOrder",
            "`order.priority` in `field_mapping` does not fit into `order_id`; both must have the same type, and both or neither be repeated",
        ),
        (
            source(get, &[("order_id", "order.labels")], "order", "order"),
            "UpdateOrder",
            "`order.labels` in `field_mapping` does not fit into `order_id`; both must have the same type, and both or neither be repeated",
        ),
        (
            source(get, &[], "when", "order"),
            "UpdateOrder",
            "`when` in `response_resource_field` is not one message; name the field that holds the resource",
        ),
        (
            source(get, &[], "order", "order.items"),
            "UpdateOrder",
            "`order.items` in `request_resource_field` is not one message; name the field that holds the resource",
        ),
        (
            source(get, &[], "order", ""),
            "UpdateOrder",
            "`request_resource_field`: `t.UpdateOrderRequest` has no field ``; its fields are `dry_run`, `order`, `update_mask`, `reason`",
        ),
        (
            source(get, &[], "order.address", "order"),
            "UpdateOrder",
            "the resource is a `t.Order`, but read as a `t.Address`; both fields must have the same message type",
        ),
        (
            source(get, &[], "order", "order"),
            "UpdateUnmasked",
            "`t.NoMask` has no field that says which parts; it needs a field `google.protobuf.FieldMask update_mask`",
        ),
        (
            source(get, &[], "order", "order"),
            "UpdateTwice",
            "`t.TwoMasks` has no field that says which parts; it needs a field `google.protobuf.FieldMask update_mask`",
        ),
    ];
    for (source, update, expected) in cases {
        let expected = format!("`t.Things.{update}` cannot be updated in part: {expected}");
        assert_eq!(told(&source, update), [expected]);
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let source = source("/t.Things/GetOrder", &[("a", "b"), ("order_id", "c")], "d", "e");
    assert_eq!(told(&source, "UpdateUnmasked").len(), 6);
}
