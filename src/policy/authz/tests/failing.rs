//! An authorizer that is down, hangs or answers what is no answer; and reloads.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn what_is_no_answer_refuses_the_call_or_lets_it_go_on() {
    let contradiction = || Answer::Says(says(0, Some(HttpAnswer::Denied(denies(403, Vec::new(), "")))));
    for (what, answer) in [
        ("garbage", Answer::Bytes(b"\xff\xff\xff\xff")),
        ("half a message", Answer::Bytes(b"\x0a\x7f\x08")),
        ("a status that is text", Answer::Bytes(b"\x0a\x02\x0a\x00\x08")),
        ("UNAVAILABLE", Answer::Status("14")),
        ("UNIMPLEMENTED", Answer::Status("12")),
        ("not gRPC", Answer::Http(404)),
        ("a bad gateway", Answer::Http(502)),
        ("allowed and denied at once", contradiction()),
        ("a failure of its own", Answer::Says(says(13, Some(HttpAnswer::Error(denies(0, Vec::new(), "")))))),
    ] {
        let served = Served::start(answer).await;
        let closed = served.authorizer();
        let status = check(&closed, Some(&robot())).await.expect_err("refused");
        assert_eq!(status.http_status(), StatusCode::FORBIDDEN, "{what}");
        assert_eq!(status.message, "it could not be decided whether the call is allowed", "{what}");
        assert_eq!(closed.counts(), Counts { checks: 1, denials: 0, failures: 1 }, "{what}");

        let on_failure = OnFailure::Deny(StatusCode::SERVICE_UNAVAILABLE);
        let unavailable = prepare(&Settings { on_failure, ..served.settings() }, None);
        assert_eq!(check(&unavailable, None).await.expect_err("refused").http_status(), 503, "{what}");

        let open = prepare(&Settings { on_failure: OnFailure::Allow, ..served.settings() }, None);
        let verdict =
            check(&open, Some(&robot())).await.unwrap_or_else(|status| panic!("{what}: {status:?}"));
        assert_eq!(verdict.identity, Some(robot()), "{what}");
        assert_eq!(open.counts().failures, 1, "{what}");
        assert_eq!(served.times_asked(), 3, "{what}: nothing is asked twice");
    }
}

#[tokio::test]
async fn an_authorizer_that_hangs_costs_its_timeout_only() {
    let served = Served::start(Answer::Never).await;
    for on_failure in [OnFailure::Allow, OnFailure::Deny(StatusCode::FORBIDDEN)] {
        let timeout = Duration::from_millis(50);
        let authorizer = prepare(&Settings { timeout, on_failure, ..served.settings() }, None);
        let started = Instant::now();
        let outcome = check(&authorizer, None).await;
        assert_eq!(outcome.is_ok(), on_failure == OnFailure::Allow);
        assert!(started.elapsed() >= timeout && started.elapsed() < Duration::from_secs(5));
        assert_eq!(authorizer.counts().failures, 1);
    }
}

#[tokio::test]
async fn an_authorizer_that_is_down_refuses_at_once_and_is_asked_again_when_it_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let authorizer = prepare(&settings(address), None);
    let started = Instant::now();
    assert_eq!(check(&authorizer, None).await.expect_err("refused").http_status(), 403);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(authorizer.state().is_err());

    let listener = TcpListener::bind(address).await.expect("the same port");
    let (_answer, answers) = watch::channel(allows(OkResponse::default()));
    let accepting = tokio::spawn(accept(listener, answers, Arc::default(), Arc::default()));
    let end = Instant::now() + Duration::from_secs(10);
    while check(&authorizer, None).await.is_err() {
        assert!(Instant::now() < end, "it is still not asked");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(authorizer.state().is_ok());
    accepting.abort();
}

#[tokio::test]
async fn the_authorizers_own_failure_page_is_shown_where_calls_are_refused() {
    let page = || HttpAnswer::Error(denies(500, vec![header("retry-after", "1")], "try again"));
    let served = Served::start(Answer::Says(says(13, Some(page())))).await;
    let status = check(&served.authorizer(), None).await.expect_err("refused");
    assert_eq!(status.http_status(), 500);
    assert_eq!(status.body.expect("a body").bytes, "try again");
    assert_eq!(status.headers.expect("headers")["retry-after"], "1");
    let open = prepare(&Settings { on_failure: OnFailure::Allow, ..served.settings() }, None);
    assert!(check(&open, None).await.is_ok());
}

#[tokio::test]
async fn a_reload_keeps_the_connection_and_the_counts() {
    let served = Served::start(allows(OkResponse::default())).await;
    let first = served.authorizer();
    check(&first, None).await.expect("allowed");
    let mut moved = served.settings();
    moved.upstream.place = Place::item("elsewhere");
    moved.timeout = Duration::from_secs(3);
    let second = prepare(&moved, Some(&first));
    drop(first);
    check(&second, None).await.expect("allowed");
    assert_eq!((served.connections.load(Ordering::SeqCst), second.counts().checks), (1, 2));
    let mut other = served.settings();
    other.upstream.max_response_message = 1000;
    let third = prepare(&other, Some(&second));
    check(&third, None).await.expect("allowed");
    assert_eq!((served.connections.load(Ordering::SeqCst), third.counts().checks), (2, 1));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_none() {
    let served = Served::start(allows(OkResponse {
        headers: vec![header("x-a", &"a".repeat(4000))],
        ..OkResponse::default()
    }))
    .await;
    let mut settings = served.settings();
    settings.upstream.max_response_message = 1000;
    let authorizer = prepare(&settings, None);
    assert!(check(&authorizer, None).await.is_err());
    assert_eq!(authorizer.counts().failures, 1);
}

#[tokio::test]
async fn a_status_that_refuses_nothing_is_a_problem() {
    let served = Served::start(Answer::Never).await;
    let settings = Settings { on_failure: OnFailure::Deny(StatusCode::OK), ..served.settings() };
    let mut problems = Problems::new();
    assert!(Authorizer::prepare(&settings, &MetadataNames::default(), None, &mut problems).is_none());
    assert!(problems.to_string().contains("`failure_status` is 200 OK"), "{problems}");
}
