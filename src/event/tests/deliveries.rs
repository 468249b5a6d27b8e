//! Sinks that fail, hang, ask to wait, refuse, and come back.

use super::receiver::{Answer, Receiver};
use super::*;

#[tokio::test]
async fn a_webhook_gets_cloudevents_in_order_through_failures_of_every_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[
        Answer::Status(500),
        Answer::Close,
        Answer::Status(202),
        Answer::Hang,
        Answer::Status(429),
        Answer::Status(408),
        Answer::Status(200),
    ])
    .await;
    let events = started(&settings(folder.path(), vec![sink("hook", webhook(&receiver.url))]), None);
    push_all(&events, 0..5);
    until("five events", || receiver.taken().len() == 5).await;
    assert_eq!(receiver.taken(), numbers(0..5));

    let came = receiver.came();
    for one in &came {
        assert!(one.head.starts_with("post /events?token=hunter2 http/1.1\r\n"), "{}", one.head);
        for line in
            ["authorization: bearer hunter2", "content-type: application/cloudevents+json; charset=utf-8"]
        {
            assert!(one.head.lines().any(|head| head == line), "{line} in {}", one.head);
        }
        let body = &one.body;
        assert_eq!((&body["specversion"], &body["source"]), (&"1.0".into(), &"test".into()));
        assert_eq!((&body["type"], &body["id"]), (&"cluster.deleted".into(), &body["data"]["id"]));
        assert_eq!((&body["subject"], &body["time"]), (&body["data"]["resourceUrl"], &body["time"]));
        assert_eq!(body["datacontenttype"], "application/json");
    }
    // The same event comes again, with the same id.
    assert_eq!(came[0].body, came[1].body);
    until("what was counted", || events.figures().sinks[0].waiting == 0).await;
    let figures = events.figures();
    let hook = &figures.sinks[0];
    assert_eq!((figures.made, figures.queued, hook.delivered), (5, 5, 5));
    assert_eq!((hook.failed, hook.refused, hook.lost), (5, 0, 0));
    finish(&events).await;
}

#[tokio::test]
async fn a_sink_that_asks_to_wait_is_not_asked_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[Answer::Wait(429, 1), Answer::Status(200)]).await;
    let events = started(&settings(folder.path(), vec![sink("hook", webhook(&receiver.url))]), None);
    push_all(&events, 0..1);
    until("the event", || receiver.taken().len() == 1).await;
    let came = receiver.came();
    assert_eq!(came.len(), 2);
    assert!(came[1].at - came[0].at >= Duration::from_secs(1), "{:?}", came[1].at - came[0].at);
}

#[tokio::test]
async fn what_a_sink_refuses_is_given_up_after_its_attempts_and_the_next_event_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let refusals = [Answer::Status(400), Answer::Status(400), Answer::Status(400), Answer::Status(204)];
    let receiver = Receiver::start(&refusals).await;
    let events = started(&settings(folder.path(), vec![sink("hook", webhook(&receiver.url))]), None);
    push_all(&events, 0..3);
    until("the other events", || receiver.taken().len() == 2).await;
    assert_eq!(receiver.taken(), ["1", "2"]);
    until("nothing to wait", || events.figures().sinks[0].waiting == 0).await;
    let hook = &events.figures().sinks[0];
    assert_eq!((hook.delivered, hook.failed, hook.refused), (2, 3, 1));
}

#[tokio::test]
async fn a_sink_that_is_down_does_not_hold_up_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[Answer::Hang]).await;
    let path = folder.path().join("events.jsonl");
    let sinks = vec![sink("hook", webhook(&receiver.url)), sink("file", file(&path))];
    let events = started(&settings(folder.path(), sinks), None);
    push_all(&events, 0..50);
    until("the file to have all", || clusters(&path).len() == 50).await;
    assert_eq!(clusters(&path), numbers(0..50));
    let figures = events.figures();
    assert_eq!((figures.sinks[0].delivered, figures.sinks[0].waiting), (0, 50));
    receiver.answers(&[Answer::Status(200)]);
    until("the webhook to have all", || receiver.taken().len() == 50).await;
    assert_eq!(receiver.taken(), numbers(0..50));
}

#[tokio::test]
async fn a_full_queue_loses_the_oldest_of_a_sink_that_is_down_and_counts_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[Answer::Status(503)]).await;
    let path = folder.path().join("events.jsonl");
    let sinks = vec![sink("hook", webhook(&receiver.url)), sink("file", file(&path))];
    let mut settings = settings(folder.path(), sinks);
    settings.queue.limits.events = 10;
    let events = started(&settings, None);
    for part in 0..5 {
        push_all(&events, part * 5..part * 5 + 5);
        until("the file to follow", || clusters(&path).len() == part as usize * 5 + 5).await;
    }
    until("the loss to be counted", || events.figures().sinks[0].lost == 15).await;
    receiver.answers(&[Answer::Status(200)]);
    until("what is left", || receiver.taken().len() == 10).await;
    assert_eq!(receiver.taken(), numbers(15..25), "the newest, in order");
    let figures = events.figures();
    assert_eq!((figures.sinks[1].lost, figures.sinks[1].delivered), (0, 25), "the other sink lost nothing");
    assert_eq!(figures.lost.iter().map(|(_, count)| count).sum::<u64>(), 0);
}

#[tokio::test]
async fn a_full_queue_may_lose_the_newest_instead() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[Answer::Status(503)]).await;
    let mut settings = settings(folder.path(), vec![sink("hook", webhook(&receiver.url))]);
    settings.queue.limits = Limits { events: 4, bytes: 1 << 20, when_full: WhenFull::DropNewest };
    let events = started(&settings, None);
    push_all(&events, 0..10);
    until("the loss to be counted", || events.figures().lost[1] == ("full", 6)).await;
    receiver.answers(&[Answer::Status(200)]);
    until("what is left", || receiver.taken().len() == 4).await;
    assert_eq!(receiver.taken(), numbers(0..4));
}

#[tokio::test]
async fn more_than_may_wait_in_memory_is_lost_and_counted_without_a_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(folder.path(), vec![sink("file", file(&folder.path().join("e.jsonl")))]);
    settings.queue.memory = 4;
    settings.queue.limits.events = 100_000;
    settings.queue.limits.bytes = 1 << 30;
    let events = started(&settings, None);
    let begun = Instant::now();
    // While one commit waits for the disk, far more come than may wait.
    push_all(&events, 0..20_000);
    let took = begun.elapsed();
    finish(&events).await;
    let figures = events.figures();
    let lost = figures.lost[0].1;
    assert!(lost > 0, "{figures:?}");
    assert_eq!(figures.queued + lost, 20_000);
    assert_eq!(figures.sinks[0].delivered, figures.queued);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_webhook_that_is_not_there_gets_what_waited_when_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let url = format!("http://{address}/");
    let events = started(&settings(folder.path(), vec![sink("hook", webhook(&url))]), None);
    push_all(&events, 0..3);
    until("attempts", || events.figures().sinks[0].failed >= 3).await;
    let figures = events.figures();
    assert_eq!((figures.sinks[0].delivered, figures.sinks[0].waiting), (0, 3));
}
