//! The backend's side: deadlines, cancellation, several backends, restarts.

use std::time::Duration;

use http::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use transom::demo::{Backend, Outcome};

use crate::support::{GatewayBuilder, SHOP, pool, shop, until};

#[tokio::test]
async fn deadlines_reach_the_backend_and_end_the_call() {
    let methods = "methods: [{methods: shop.v1.Shop/Me, timeout: 100ms}]";
    let (gateway, backend) =
        shop(&format!("{methods}\nupstream_timeout: 30s\nupstream_max_timeout: 60s")).await;
    let slow = ("grpc-metadata-transom-fault", "delay=20s");
    let deadline_of_last = || backend.calls().pop().expect("a call").timeout.expect("a deadline");

    assert_eq!(gateway.get("/v1/look/7").await.status, 200);
    let default = deadline_of_last();
    assert!(default > Duration::from_secs(25) && default <= Duration::from_secs(30), "{default:?}");

    gateway.request(Method::GET, "/v1/look/7", &[("grpc-timeout", "2H")], "").await;
    let longest = deadline_of_last();
    assert!(longest > Duration::from_secs(55) && longest <= Duration::from_mins(1), "{longest:?}");

    let asked = gateway.request(Method::GET, "/v1/look/7", &[slow, ("grpc-timeout", "50m")], "").await;
    assert_eq!((asked.status.as_u16(), asked.json()["code"].as_i64()), (504, Some(4)));

    let own = gateway.request(Method::GET, "/v1/items/me", &[slow], "").await;
    assert_eq!(own.status, 504);
}

#[tokio::test]
async fn a_method_may_be_given_longer_than_its_upstream() {
    let methods = "methods: [{methods: shop.v1.Shop/Me, max_timeout: 2h}]";
    let (gateway, backend) = shop(&format!("{methods}\nupstream_max_timeout: 60s")).await;
    for (target, asked, seconds) in
        [("/v1/items/me", "1H", 3600), ("/v1/items/me", "5H", 7200), ("/v1/look/7", "1H", 60)]
    {
        gateway.request(Method::GET, target, &[("grpc-timeout", asked)], "").await;
        let seen = backend.calls().pop().expect("a call").timeout.expect("a deadline");
        let longest = Duration::from_secs(seconds);
        assert!(seen <= longest && seen + Duration::from_secs(5) > longest, "{target} {asked}: {seen:?}");
    }
    // Without a wish it is the upstream's default, which the method does not speak of.
    assert_eq!(gateway.get("/v1/items/me").await.status, 200);
    let seen = backend.calls().pop().expect("a call").timeout.expect("a deadline");
    assert!(seen <= Duration::from_secs(30), "{seen:?}");
}

#[tokio::test]
async fn a_request_message_over_the_upstreams_limit_is_413() {
    let (gateway, backend) = shop("upstream_max_request_message: 1KiB").await;
    let put = |body: String| {
        let gateway = &gateway;
        async move { gateway.request(Method::PUT, "/v1/items/7", &[], body).await }
    };
    let over = put(format!(r#"{{"note": "{}"}}"#, "x".repeat(1100))).await;
    assert_eq!(over.error(), (413, "the request message is larger than the limit of 1KiB".into()));
    assert_eq!(over.json()["code"], 8, "RESOURCE_EXHAUSTED");
    // A number takes fewer bytes on the wire than in JSON, and it is those that count.
    let numbers = format!(r#"{{"colors": [{}"GREEN"]}}"#, "\"GREEN\",".repeat(500));
    assert!(numbers.len() > 4000);
    assert_eq!(put(numbers).await.status, 200);
    assert_eq!(backend.calls().len(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_call_at_the_backend() {
    let (gateway, backend) = shop("").await;
    let mut client = TcpStream::connect(gateway.address()).await.expect("connected");
    let request = "GET /v1/look/gone HTTP/1.1\r\nhost: x\r\ngrpc-metadata-transom-fault: delay=60s\r\n\r\n";
    client.write_all(request.as_bytes()).await.expect("sent");
    until("the call to reach the backend", async || (!backend.calls().is_empty()).then_some(())).await;
    drop(client);
    let gone = std::time::Instant::now();
    until("the backend to see the cancellation", async || {
        backend.calls().iter().any(|call| call.outcome == Outcome::Cancelled).then_some(())
    })
    .await;
    assert!(gone.elapsed() < Duration::from_secs(1), "took {:?}", gone.elapsed());
}

#[tokio::test]
async fn services_go_to_their_own_backends() {
    let stock = SHOP.replace("package shop.v1", "package stock.v1").replace("\"/v1/", "\"/stock/");
    let shop_backend = Backend::start(pool(SHOP), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let stock_backend = Backend::start(pool(&stock), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = GatewayBuilder::new()
        .file("protos/shop.proto", SHOP)
        .file("protos/stock.proto", &stock)
        .config(&format!(
            "schema: {{protos: [protos]}}\nupstreams:\n  - {{name: stock, url: 'http://{}', services: ['stock.*']}}\n  - {{name: rest, url: 'http://{}'}}",
            stock_backend.address(),
            shop_backend.address()
        ))
        .start()
        .await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 200);
    assert_eq!((shop_backend.calls().len(), stock_backend.calls().len()), (1, 0));
    assert_eq!(gateway.get("/stock/look/7").await.status, 200);
    assert_eq!((shop_backend.calls().len(), stock_backend.calls().len()), (1, 1));
}

#[tokio::test]
async fn a_restarted_backend_is_found_again() {
    let (gateway, backend) = shop("").await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 200);
    let address = backend.address();
    drop(backend);
    until("the backend to be missed", async || (gateway.get("/v1/look/7").await.status == 503).then_some(()))
        .await;
    let again = until("the port to be free", async || Backend::start(pool(SHOP), address).await.ok()).await;
    until("the backend to be found again", async || {
        (gateway.get("/v1/look/7").await.status == 200).then_some(())
    })
    .await;
    assert!(!again.calls().is_empty());
}
