//! Wrong paths: each is told, all at once.

use prost::Message as _;
use tonic_types::pb::BadRequest;

use super::*;
use crate::wire::field::put_bytes;

fn refused(paths: &[&str]) -> Status {
    let mut mask = Vec::new();
    for path in paths {
        put_bytes(PATHS, path.as_bytes(), &mut mask);
    }
    let mut request = Vec::new();
    put_bytes(3, &mask, &mut request);
    orders().wanted(&request).expect_err("wrong paths")
}

fn violations(status: &Status) -> Vec<(String, String)> {
    let [detail] = &status.details[..] else { panic!("one detail: {:?}", status.details) };
    assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.BadRequest");
    let violations = BadRequest::decode(&*detail.value).expect("a BadRequest").field_violations;
    violations.into_iter().map(|one| (one.field, one.description)).collect()
}

#[test]
fn each_kind_of_wrong_path_says_why() {
    let deep = format!("{}city", "address.".to_owned() + &"billing.".repeat(100));
    let cases = [
        ("zzz", "`zzz`: `order` has no field `zzz`"),
        ("displya_name", "`displya_name`: `order` has no field `displya_name`, did you mean `display_name`?"),
        ("order.note", "`order.note`: paths begin inside of `order`: leave its name out"),
        ("order", "`order`: paths begin inside of `order`: leave its name out"),
        ("address.town", "`address.town`: `address` has no field `town`"),
        (
            "address.billing.citty",
            "`address.billing.citty`: `billing` has no field `citty`, did you mean `city`?",
        ),
        ("items.sku", "`items.sku`: `items` is a list, which is replaced as a whole"),
        ("items.0", "`items.0`: `items` is a list, which is replaced as a whole"),
        ("items.*.sku", "`items.*.sku`: `items` is a list, which is replaced as a whole"),
        ("labels.x", "`labels.x`: `labels` is a map, which is replaced as a whole"),
        ("note.length", "`note.length`: `note` has no fields of its own"),
        ("courier.x", "`courier.x`: `courier` has no fields of its own"),
        ("delivery", "`delivery`: `order` has no field `delivery`"),
        ("delivery.courier", "`delivery.courier`: `order` has no field `delivery`"),
        ("address.*", "`address.*`: `address` is named as a whole by its own name, without `.*`"),
        ("", "``: a path is empty"),
        ("address.", "`address.`: `address` has no field ``"),
        (".", "`.`: `order` has no field ``"),
        ("note,items", "`note,items`: `order` has no field `note,items`"),
    ];
    for (path, why) in cases {
        let status = refused(&["note", path]);
        assert_eq!(
            (status.code, status.origin, status.http_status().as_u16()),
            (Code::InvalidArgument, Origin::Client, 400)
        );
        assert_eq!(status.message, format!("`update_mask` has a wrong path {why}"));
        assert_eq!(violations(&status), [("update_mask.paths[1]".to_owned(), why.to_owned())]);
    }
    let status = refused(&[&deep]);
    assert!(status.message.ends_with("it goes deeper than 100 fields"), "{}", status.message);
}

#[test]
fn all_wrong_paths_are_named() {
    let status = refused(&["zzz", "note", "labels.x", "*", "items.sku"]);
    assert_eq!(status.message, "`update_mask` has 3 wrong paths: `zzz`, `labels.x`, `items.sku`");
    let fields: Vec<_> = violations(&status).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["update_mask.paths[0]", "update_mask.paths[2]", "update_mask.paths[4]"]);
}

#[test]
fn an_answer_to_very_many_wrong_paths_has_an_end() {
    let long = "ä".repeat(100_000);
    let status = refused(&vec![&*long; 130]);
    assert!(status.message.ends_with("` and 30 more"), "{}", status.message);
    assert!(status.message.starts_with("`update_mask` has 130 wrong paths"), "{}", status.message);
    assert_eq!(violations(&status).len(), 100);
    assert!(status.message.len() < 10_000 && status.details[0].value.len() < 40_000);
}
