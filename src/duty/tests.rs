//! The duties of the model API against its table of facts, and those of a foreign API by its own options and config.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::*;
use crate::rule::{self, tests::schema};
use crate::schema::{self, Schema};

fn bindings(schema: &Schema) -> Vec<Binding> {
    let every = rule::Settings { unbound_methods: true, ..rule::Settings::default() };
    let mut problems = Problems::new();
    let bindings = rule::read(schema, &every, &mut problems);
    assert!(!problems.has_errors(), "{problems}");
    bindings
}

fn texts(list: &Json) -> Vec<String> {
    let texts = list.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    texts.filter_map(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn map(object: &Json) -> BTreeMap<String, String> {
    let entries = object.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().expect("text").to_owned())).collect()
}

#[test]
fn the_model_api_is_read_as_its_facts_have_it() {
    let facts: Json =
        serde_json::from_str(include_str!("../../tests/facts/qdrant-cloud-api.json")).expect("JSON");
    let mut problems = Problems::new();
    let settings = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    let schema = schema::load(&settings, &mut problems).expect("the model API");
    let bindings = bindings(&schema);
    let settings = Settings { options: Options::qdrant_cloud(), methods: Vec::new() };
    let duties = read(&schema, &bindings, &settings, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(duties.len(), bindings.len());

    let mut seen = BTreeSet::new();
    for (binding, duties) in bindings.iter().zip(&duties) {
        let service = binding.rpc.parent_service().full_name().to_owned();
        let name = format!("{service}/{}", binding.rpc.name());
        let about = &facts["services"][&service];
        let fact = &about["methods"][binding.rpc.name()];
        assert!(fact.is_object(), "{name} is not in the table");
        assert_eq!(duties.authentication, fact["requires_authentication"] != false, "{name}");
        assert_eq!(duties.permissions, texts(&fact["permissions"]), "{name}");
        assert_eq!(duties.all_permissions, fact["requires_all_permissions"] == true, "{name}");
        assert_eq!(duties.actor_types, texts(&fact["supported_actor_types"]), "{name}");
        let account = duties.account.as_ref().map(ToString::to_string);
        let has_field = binding.rpc.input().get_field_by_name("account_id").is_some();
        let expected = match fact["account_id_expression"].as_str() {
            Some(path) => Some(path.to_owned()).filter(|path| !path.is_empty()),
            None => has_field.then(|| "account_id".to_owned()),
        };
        assert_eq!(account, expected, "{name}");
        let shown: BTreeMap<_, _> =
            duties.log_fields.iter().map(|(name, path)| (name.clone(), path.to_string())).collect();
        let mut expected = map(&fact["log_fields"]);
        for (name, path) in &mut expected {
            if path.is_empty() {
                path.clone_from(name);
            }
        }
        assert_eq!(shown, expected, "{name}");
        assert_eq!(duties.api_version.as_deref(), about["api_version"].as_str(), "{name}");
        let source = &fact["patch_source"];
        assert_eq!(duties.patch.is_some(), source.is_object(), "{name}");
        if let Some(patch) = &duties.patch {
            assert_eq!(patch.get_method, source["get_method"]);
            assert_eq!(patch.field_mapping, map(&source["field_mapping"]));
            assert_eq!(patch.response_field, source["response_resource_field"]);
            assert_eq!(patch.request_field, source["request_resource_field"]);
        }
        let options = &fact["event_options"];
        assert_eq!(duties.event.is_some(), options.is_object(), "{name}");
        if let Some(event) = &duties.event {
            let types = &facts["enums"]["qdrant.cloud.event.v1.EventType"]["values"];
            assert_eq!(types[options["event_type"].as_str().expect("a type")], event.event_type, "{name}");
            assert_eq!(event.resource_type, options["resource_type"]);
            assert_eq!(event.status_only, options["status_only"] == true);
            assert_eq!(event.resource_id_field, options["resource_id_field"]);
            assert_eq!(event.resource_url_template, options["resource_url_template"]);
            assert_eq!(event.action_type.as_deref(), options["action_type"].as_str());
            assert_eq!(event.additional_context, map(&options["additional_context_fields"]));
        }
        seen.insert(name);
    }
    assert_eq!(seen.len(), 152);
    let count = |fits: fn(&Duties) -> bool| {
        let fitting = bindings.iter().zip(&duties).filter(|(_, duties)| fits(duties));
        fitting.map(|(binding, _)| binding.rpc.full_name().to_owned()).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(count(|duties| !duties.authentication), 7);
    assert_eq!(count(|duties| duties.patch.is_some()), 10);
    assert_eq!(count(|duties| duties.event.is_some()), 65);
}

const FOREIGN: &str = "
    import \"google/protobuf/descriptor.proto\";
    extend google.protobuf.MethodOptions {
      repeated string scopes = 60001;
      bool open = 60002;
      int32 wrong = 60003;
    }
    message Req { string tenant = 1; Inner inner = 2; }
    message Inner { string id = 1; }
    service S {
      rpc Get(Req) returns (Req) { option (scopes) = \"a\"; option (scopes) = \"b\"; option (open) = false; }
      rpc Put(Req) returns (Req);
    }";

fn foreign(settings: &Settings) -> (Vec<Arc<Duties>>, Problems) {
    let schema = schema(FOREIGN);
    let mut problems = Problems::new();
    let duties = read(&schema, &bindings(&schema), settings, &mut problems);
    (duties, problems)
}

#[test]
fn nothing_is_asked_where_nothing_is_configured() {
    let (duties, problems) = foreign(&Settings::default());
    assert!(problems.is_empty(), "{problems}");
    assert!(duties.iter().all(|duties| **duties == Duties::default()));
}

#[test]
fn a_foreign_api_names_its_own_options_and_config_wins() {
    let options = Options {
        permissions: Some("t.scopes".into()),
        authentication: Some("t.open".into()),
        default_account: Some("tenant".into()),
        ..Options::default()
    };
    let put = MethodSettings {
        methods: "t.S/Put".into(),
        permissions: Some(vec!["c".into(), String::new()]),
        account: Some("inner.id".into()),
        max_message: Some(10),
        ..MethodSettings::default()
    };
    let all = MethodSettings {
        methods: "*".into(),
        permissions: None,
        authentication: Some(true),
        actor_types: Some(vec!["ROBOT".into()]),
        log_fields: Some([("who".to_owned(), "tenant".to_owned())].into()),
        api_version: Some("3".into()),
        ..MethodSettings::default()
    };
    let (duties, problems) = foreign(&Settings { options, methods: vec![put, all] });
    assert!(problems.is_empty(), "{problems}");
    let [get, put] = &duties[..] else { panic!("two methods") };
    assert_eq!(get.permissions, ["a", "b"]);
    assert!(get.authentication, "the config wins over the option");
    assert_eq!(get.account.as_ref().map(ToString::to_string).as_deref(), Some("tenant"));
    assert_eq!(put.permissions, ["c"]);
    assert_eq!(put.account.as_ref().map(ToString::to_string).as_deref(), Some("inner.id"));
    assert_eq!((put.max_message, get.max_message), (Some(10), None));
    for one in &duties {
        assert_eq!(one.actor_types, ["ROBOT"]);
        assert_eq!(one.api_version.as_deref(), Some("3"));
        assert_eq!(one.log_fields.len(), 1);
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let options = Options {
        permissions: Some("t.wrong".into()),
        event: Some("t.none".into()),
        patch: Options::qdrant_cloud().patch,
        ..Options::default()
    };
    let one = MethodSettings {
        methods: "*".into(),
        account: Some("tenan".into()),
        log_fields: Some([("a".to_owned(), "inner".to_owned())].into()),
        ..MethodSettings::default()
    };
    let (_, problems) = foreign(&Settings { options, methods: vec![one] });
    let told: Vec<_> = problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "the option `t.wrong` does not have the shape of `permissions`",
            "the contract has no option `t.none`, which `options.event` names",
            "`account` of `t.S.Get`: `t.Req` has no field `tenan`; did you mean `tenant`?",
            "`log_fields` of `t.S.Get`: `inner` is a message, which has no text",
            "`account` of `t.S.Put`: `t.Req` has no field `tenan`; did you mean `tenant`?",
            "`log_fields` of `t.S.Put`: `inner` is a message, which has no text",
        ]
    );
}
