//! What a mask does to each kind of field, in JSON for the eye.

use serde_json::{Value as Json, json};

use super::*;
use crate::transcode::{self, MessagePlan, UnsetFields};

fn plan_of(name: &str) -> MessagePlan {
    let settings = transcode::Settings { unset_fields: UnsetFields::Omit, ..transcode::Settings::default() };
    MessagePlan::compile(&desc(name), &settings)
}

fn wire(name: &str, json: &Json) -> Vec<u8> {
    let mut wire = Vec::new();
    plan_of(name).write_wire(json.to_string().as_bytes(), &mut wire).expect("a message");
    wire
}

fn json(name: &str, wire: &[u8]) -> Json {
    let mut json = Vec::new();
    plan_of(name).write_json(wire, &mut json).expect("a message");
    serde_json::from_slice(&json).expect("JSON")
}

/// The forwarded order, for what was fetched, what is sent, and the mask.
fn patched(plan: &PatchPlan, fetched: &Json, sent: &Json, mask: &str) -> Result<Json, Status> {
    let request =
        wire("t.UpdateOrderRequest", &json!({"order": sent, "updateMask": mask, "reason": "because"}));
    let answer = wire("t.GetOrderResponse", &json!({"when": "now", "order": fetched}));
    let Wanted::Part(patch) = plan.wanted(&request)? else { panic!("a mask: {mask}") };
    let mut forwarded = Vec::new();
    patch.merge(&request, &answer, &mut forwarded)?;
    let mut forwarded = json("t.UpdateOrderRequest", &forwarded);
    assert_eq!(forwarded["reason"], "because", "what is around the resource stays");
    assert!(forwarded.get("updateMask").is_none(), "{forwarded}");
    Ok(forwarded["order"].take())
}

#[test]
fn masked_fields_come_from_the_request_and_others_from_what_was_fetched() {
    let plan = orders();
    let fetched = json!({
        "id": "o1", "displayName": "old", "address": {"street": "s", "city": "c", "billing": {"city": "b"}},
        "items": [{"sku": "a"}, {"sku": "b", "count": 2}], "labels": {"x": "1", "y": "2"}, "courier": "fast",
        "priority": 3, "REMARK": "n", "owner": {"accountId": "acc", "name": "me"}
    });
    let with = |changes: &[(&str, Json)]| {
        let mut order = fetched.clone();
        for (pointer, value) in changes {
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            let parent = order.pointer_mut(parent).and_then(Json::as_object_mut).expect("an object");
            match value {
                Json::Null => drop(parent.remove(key)),
                value => drop(parent.insert(key.to_owned(), value.clone())),
            }
        }
        order
    };
    let null = Json::Null;
    #[allow(clippy::type_complexity, reason = "a table")]
    let cases: &[(&str, Json, &[(&str, Json)])] = &[
        (
            "displayName",
            json!({"displayName": "new", "REMARK": "not masked"}),
            &[("/displayName", json!("new"))],
        ),
        ("displayName", json!({}), &[("/displayName", null.clone())]),
        ("priority", json!({"priority": 0}), &[("/priority", json!(0))]),
        ("priority", json!({}), &[("/priority", null.clone())]),
        (
            "address.city",
            json!({"address": {"city": "new", "street": "no"}}),
            &[("/address/city", json!("new"))],
        ),
        ("address.city", json!({"address": {}}), &[("/address/city", null.clone())]),
        ("address.city", json!({}), &[("/address/city", null.clone())]),
        (
            "address.billing.city",
            json!({"address": {"billing": {"city": "B"}}}),
            &[("/address/billing/city", json!("B"))],
        ),
        ("address.billing.billing.city", json!({}), &[]),
        (
            "address.billing.billing.city",
            json!({"address": {"billing": {"billing": {}}}}),
            &[("/address/billing/billing", json!({}))],
        ),
        ("address", json!({"address": {"city": "only"}}), &[("/address", json!({"city": "only"}))]),
        ("address", json!({}), &[("/address", null.clone())]),
        (
            "address,address.city",
            json!({"address": {"street": "S"}}),
            &[("/address", json!({"street": "S"}))],
        ),
        (
            "address.city,address",
            json!({"address": {"street": "S"}}),
            &[("/address", json!({"street": "S"}))],
        ),
        ("items", json!({"items": [{"sku": "z"}]}), &[("/items", json!([{"sku": "z"}]))]),
        ("items", json!({}), &[("/items", null.clone())]),
        ("labels", json!({"labels": {"z": "9"}}), &[("/labels", json!({"z": "9"}))]),
        ("labels", json!({}), &[("/labels", null.clone())]),
        ("locker", json!({"locker": 0}), &[("/courier", null.clone()), ("/locker", json!(0))]),
        ("locker", json!({}), &[]),
        ("courier", json!({}), &[("/courier", null.clone())]),
        ("courier", json!({"locker": 7}), &[("/courier", null.clone())]),
        ("courier,locker", json!({"locker": 7}), &[("/courier", null.clone()), ("/locker", json!(7))]),
        ("pickup.shop", json!({}), &[]),
        (
            "pickup.shop",
            json!({"pickup": {"shop": "p", "hour": "9"}}),
            &[("/courier", null.clone()), ("/pickup", json!({"shop": "p"}))],
        ),
        ("note", json!({"REMARK": "N"}), &[("/REMARK", json!("N"))]),
        ("REMARK", json!({"REMARK": "N"}), &[("/REMARK", json!("N"))]),
        ("owner.name", json!({}), &[("/owner/name", null.clone())]),
        ("id,displayName", json!({"displayName": "new"}), &[("/displayName", json!("new"))]),
        ("displayName,displayName", json!({"displayName": "new"}), &[("/displayName", json!("new"))]),
        (
            "address.city",
            json!({"id": "o1", "owner": {"accountId": "acc", "name": "not masked"}}),
            &[("/address/city", null.clone())],
        ),
    ];
    for (mask, sent, changes) in cases {
        let found = patched(&plan, &fetched, sent, mask).expect("merged");
        assert_eq!(found, with(changes), "{mask} {sent}");
    }
}

#[test]
fn what_identifies_the_resource_comes_from_the_request() {
    let plan = orders();
    let fetched = json!({"owner": {"name": "n"}});
    let sent = json!({"id": "mine", "owner": {"accountId": "acc"}});
    let found = patched(&plan, &fetched, &sent, "priority").expect("merged");
    assert_eq!(found, json!({"id": "mine", "owner": {"name": "n", "accountId": "acc"}}));
    // Where nothing is fetched around it, it comes along; where nothing is sent, it stays.
    let fetched = json!({"id": "other", "owner": {"name": "n", "accountId": "theirs"}});
    assert_eq!(patched(&plan, &json!({}), &sent, "priority").expect("merged"), sent);
    assert_eq!(patched(&plan, &fetched, &json!({"owner": {}}), "priority").expect("merged"), fetched);
    assert_eq!(patched(&plan, &json!({}), &json!({"owner": {}}), "priority").expect("merged"), json!({}));
    // Masking it changes nothing.
    let found = patched(&plan, &json!({}), &json!({"owner": {}}), "owner.accountId,id").expect("merged");
    assert_eq!(found, json!({}));
}

#[test]
fn a_resource_is_not_laid_under_the_id_of_another() {
    let (upper, lower) = ("0000000A-0000-4000-8000-00000000000B", "0000000a-0000-4000-8000-00000000000b");
    for (fetched, sent, differs) in [
        (json!({"id": "o"}), json!({"id": "o"}), None),
        (json!({"id": "a"}), json!({"id": "b"}), Some("id")),
        (json!({"id": "o"}), json!({"id": "O"}), Some("id")),
        (json!({"id": lower}), json!({"id": upper}), None),
        (json!({"id": "a"}), json!({}), None),
        (json!({}), json!({"id": "b"}), None),
        (
            json!({"id": "o", "owner": {"accountId": "theirs"}}),
            json!({"id": "o", "owner": {"accountId": "mine"}}),
            Some("owner.account_id"),
        ),
    ] {
        for mask in ["priority", "id,owner", "id,owner.account_id,priority"] {
            let refused = patched(&orders(), &fetched, &sent, mask).err();
            let refused = refused.map(|status| (status.code, status.http_status().as_u16(), status.message));
            let expected = differs.map(|field| {
                let what = format!(
                    "there is no such `order` to update: the one that was read is another, its `{field}` is not \
                     that of the request"
                );
                (Code::NotFound, 404, what)
            });
            assert_eq!(refused, expected, "{fetched} {sent} {mask}");
        }
    }
}

#[test]
fn a_resource_is_not_moved_into_the_account_that_was_checked() {
    let (source, method) =
        (source("/t.Things/GetOrder", &[("order_id", "order.id")], "order", "order"), method("UpdateOrder"));
    let plan = |account: &str, problems: &mut Problems| {
        let account = FieldPath::resolve(&method.input(), account).expect("a field");
        let (settings, place) = (Settings::default(), Place::item("t"));
        PatchPlan::compile(&source, Some(&account), &method, &settings, &place, problems)
    };
    let mut problems = Problems::new();
    let inside = plan("order.owner.account_id", &mut problems).unwrap_or_else(|| panic!("{problems}"));
    let sent = json!({"id": "o", "owner": {"accountId": "mine"}});
    let theirs = json!({"id": "o", "owner": {"name": "n", "accountId": "theirs"}});
    let refused = patched(&inside, &theirs, &sent, "priority").expect_err("theirs");
    assert_eq!(refused.code, Code::NotFound, "{}", refused.message);
    let nobodys = json!({"id": "o", "owner": {"name": "n"}});
    let found = patched(&inside, &nobodys, &sent, "priority").expect("merged");
    assert_eq!(found["owner"], json!({"name": "n", "accountId": "mine"}));

    // An account beside the resource is held to the resource's field of the same name.
    let beside = plan("reason", &mut problems).unwrap_or_else(|| panic!("{problems}"));
    assert!(patched(&beside, &json!({"id": "o", "reason": "because"}), &sent, "priority").is_ok());
    let refused =
        patched(&beside, &json!({"id": "o", "reason": "theirs"}), &sent, "priority").expect_err("theirs");
    assert!(refused.message.contains("`reason`"), "{}", refused.message);
}

#[test]
fn a_version_is_passed_on_and_a_lost_update_is_told() {
    let plan = orders();
    let fetched = json!({"etag": "v1", "resourceVersion": "AQ==", "displayName": "old"});
    let found = patched(&plan, &fetched, &json!({"displayName": "new"}), "displayName").expect("merged");
    assert_eq!(found, json!({"etag": "v1", "resourceVersion": "AQ==", "displayName": "new"}));
    // Masking it does not clear it.
    assert_eq!(patched(&plan, &fetched, &json!({}), "etag").expect("merged"), fetched);
    assert_eq!(patched(&plan, &fetched, &json!({"etag": "v1"}), "etag").expect("merged"), fetched);
    // What was fetched has none: the backend judges.
    let found = patched(&plan, &json!({}), &json!({"etag": "v0"}), "displayName").expect("merged");
    assert_eq!(found, json!({"etag": "v0"}));
    for stale in [json!({"etag": "v0"}), json!({"etag": "v1", "resourceVersion": "AA=="})] {
        let status = patched(&plan, &fetched, &stale, "displayName").expect_err("refused");
        assert_eq!((status.code, status.http_status().as_u16()), (Code::Aborted, 409), "{stale}");
        let name = if stale["etag"] == "v1" { "resource_version" } else { "etag" };
        assert_eq!(
            status.message,
            format!(
                "`order` was changed in the meantime: its `{name}` is no longer the one in the request; read it again and repeat the update"
            )
        );
    }
}

#[test]
fn version_fields_are_those_of_the_settings() {
    let versions = |names: &[&str]| {
        let settings = Settings {
            version_fields: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Settings::default()
        };
        let method = method("UpdateOrder");
        let plan = PatchPlan::compile(
            &order_source(),
            None,
            &method,
            &settings,
            &Place::item("t"),
            &mut Problems::new(),
        );
        plan.expect("compiled")
    };
    let fetched = json!({"etag": "v1", "generation": "7"});
    let plan = versions(&["generation", "items", "address", "nothing"]);
    assert_eq!(plan.versions.len(), 1, "only what can be a version");
    let status = patched(&plan, &fetched, &json!({"generation": "6"}), "displayName").expect_err("refused");
    assert_eq!(status.code, Code::Aborted);
    let found = patched(&plan, &fetched, &json!({"etag": "x"}), "displayName").expect("merged");
    assert_eq!(found, fetched);
}

#[test]
fn without_a_mask_there_is_nothing_to_merge() {
    let plan = orders();
    let request = wire("t.UpdateOrderRequest", &json!({"order": {"id": "o"}, "dryRun": true}));
    assert!(matches!(plan.wanted(&request).expect("sound"), Wanted::AsItIs));
    let stripped = |mut masked: Vec<u8>, mask: &[u8]| {
        crate::wire::field::put_bytes(3, mask, &mut masked);
        assert!(matches!(plan.wanted(&masked).expect("sound"), Wanted::Whole), "{mask:?}");
        let mut out = Vec::new();
        plan.without_mask(&masked, &mut out).expect("sound");
        out
    };
    assert_eq!(stripped(request.clone(), b""), request);
    assert_eq!(stripped(request.clone(), b"\x0a\x01*"), request);
    assert_eq!(stripped(request.clone(), b"\x0a\x04note\x0a\x01*"), request);
}

#[test]
fn the_read_request_has_what_the_mapping_names() {
    let plan = orders();
    assert_eq!((plan.path().as_str(), plan.get().name()), ("/t.Things/GetOrder", "GetOrder"));
    let get = |order: Json| {
        let request = wire(
            "t.UpdateOrderRequest",
            &json!({"order": order, "updateMask": "note,address.city,address.street"}),
        );
        let Wanted::Part(patch) = plan.wanted(&request).expect("sound") else { panic!("a mask") };
        assert_eq!(patch.paths(), ["address.street", "address.city", "note"]);
        let mut wire = Vec::new();
        patch.write_get(&request, &mut wire).expect("sound");
        json("t.GetOrderRequest", &wire)
    };
    assert_eq!(
        get(json!({"id": "o1", "owner": {"accountId": "acc"}})),
        json!({"orderId": "o1", "where": {"accountId": "acc"}})
    );
    assert_eq!(get(json!({"displayName": "d"})), json!({}));
}

#[test]
fn an_answer_without_the_resource_is_404() {
    let plan = orders();
    let request = wire("t.UpdateOrderRequest", &json!({"order": {"id": "o"}, "updateMask": "note"}));
    let Wanted::Part(patch) = plan.wanted(&request).expect("sound") else { panic!("a mask") };
    let status = patch.merge(&request, &[], &mut Vec::new()).expect_err("nothing was found");
    assert_eq!(
        (status.code, status.origin, &*status.message),
        (Code::NotFound, Origin::Upstream, "there is no `order` to update")
    );
    // An empty resource is one.
    patch.merge(&request, &[0x12, 0], &mut Vec::new()).expect("merged");
}
