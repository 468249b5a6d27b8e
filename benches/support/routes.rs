//! Bindings of as many routes as are asked for, in the shape of an API of many services: ten methods each, below a
//! path of the service's own. As `benches/scale/routes.py` writes them.

use http::Method;
use transom::rule::{Binding, HttpMethod};

/// The methods of a service: how its path goes on.
const METHODS: [(Method, &str); 10] = [
    (Method::GET, "clusters/{cluster_id}"),
    (Method::PUT, "clusters/{cluster_id}"),
    (Method::DELETE, "clusters/{cluster_id}"),
    (Method::POST, "clusters/{cluster_id}"),
    (Method::GET, "clusters/{cluster_id}:health"),
    (Method::POST, "clusters/{cluster_id}:restart"),
    (Method::GET, "clusters/{cluster_id}/nodes"),
    (Method::GET, "clusters/{cluster_id}/nodes/first"),
    (Method::GET, "clusters"),
    (Method::GET, "backups/of/{cluster_id}"),
];

/// So many bindings, a multiple of ten; but for method and path they are like `like`.
pub fn bindings(like: &Binding, count: usize) -> Vec<Binding> {
    let of_service = |number: usize| {
        METHODS.map(|(method, path)| {
            let template = format!("/api/area{number}/v1/accounts/{{account_id}}/{path}");
            let template = template.parse().expect("a template");
            Binding { method: HttpMethod::Exact(method), template, ..like.clone() }
        })
    };
    (0..count / METHODS.len()).flat_map(of_service).collect()
}

/// One request for each of the ten methods, those of services that lie as far apart as they can, with the index of
/// the binding that it is for.
pub fn requests(count: usize) -> [(Method, String, usize); 10] {
    const ID: &str = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";
    let mut index = 0;
    METHODS.map(|(method, path)| {
        let service = index * (count / METHODS.len() - 1) / (METHODS.len() - 1);
        let path = format!("/api/area{service}/v1/accounts/{ID}/{}", path.replace("{cluster_id}", ID));
        let binding = service * METHODS.len() + index;
        index += 1;
        (method, path, binding)
    })
}
