//! From one start to the next: reloads, shutdowns, and what is on the disk between them.

use super::receiver::{Answer, Receiver};
use super::*;

#[tokio::test]
async fn what_a_shutdown_leaves_is_delivered_by_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[Answer::Status(503)]).await;
    let settings = settings(folder.path(), vec![sink("hook", webhook(&receiver.url))]);
    let events = started(&settings, None);
    push_all(&events, 0..3);
    until("an attempt", || events.figures().sinks.first().is_some_and(|sink| sink.failed > 0)).await;
    let begun = Instant::now();
    events.finish(tokio::time::Instant::now() + Duration::from_mins(1)).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "a sink that is down is not waited for");
    events.push(event("late"));
    assert_eq!(events.figures().lost[3], ("closed", 1));
    drop(events);

    receiver.answers(&[Answer::Status(200)]);
    let events = started(&settings, None);
    push_all(&events, 3..5);
    until("all events", || receiver.taken().len() == 5).await;
    assert_eq!(receiver.taken(), numbers(0..5));
}

#[tokio::test]
async fn a_shutdown_delivers_what_it_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("e.jsonl");
    let events = started(&settings(folder.path(), vec![sink("file", file(&path))]), None);
    push_all(&events, 0..300);
    finish(&events).await;
    assert_eq!(clusters(&path), numbers(0..300));
}

#[tokio::test]
async fn the_same_settings_are_the_same_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), vec![sink("file", file(&folder.path().join("e.jsonl")))]);
    let events = started(&settings, None);
    let again = Events::prepare(&settings, Some(&events), &mut Problems::new()).expect("prepared");
    assert!(Arc::ptr_eq(&events, &again));
    again.begin();
    push_all(&again, 0..2);
    finish(&events).await;
    assert_eq!(clusters(&folder.path().join("e.jsonl")), numbers(0..2), "begun once");
}

#[tokio::test]
async fn files_with_another_content_are_another_room_on_the_same_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let pem = || rcgen::generate_simple_self_signed(["x".to_owned()]).expect("a certificate").cert.pem();
    let of = |name: &str| folder.path().join(name);
    let names = ["webhook.roots", "nats.roots", "nats.certificate", "nats.key"];
    for name in names {
        std::fs::write(of(name), pem()).expect("written");
    }
    let hook = WebhookSettings {
        url: units::Secret::new("https://127.0.0.1:1/"),
        headers: Vec::new(),
        roots: Some(of("webhook.roots")),
        timeout: Duration::from_secs(1),
    };
    let nats = NatsSettings {
        url: "tls://127.0.0.1:1".to_owned(),
        subject: Naming::parse("e").expect("one"),
        stream: None,
        access: NatsAccess::Open,
        roots: Some(of("nats.roots")),
        certificate: Some((of("nats.certificate"), of("nats.key"))),
        timeout: Duration::from_secs(1),
    };
    let sinks = vec![sink("hook", Target::Webhook(hook)), sink("nats", Target::Nats(nats))];
    let settings = settings(folder.path(), sinks);
    let mut before = started(&settings, None);
    for name in names {
        let again = started(&settings, Some(&before));
        assert!(Arc::ptr_eq(&before, &again), "{name}: nothing was changed");
        std::fs::write(of(name), pem()).expect("written");
        let after = started(&settings, Some(&before));
        assert!(!Arc::ptr_eq(&before, &after), "{name}: its new content is not applied");
        before = after;
    }
    push_all(&before, 0..1);
    until("the event to be counted", || before.figures().queued == 1).await;
}

/// A pipe that is full, so that writing into it hangs until this is dropped: then all of it is read.
struct FullPipe(std::path::PathBuf);

impl FullPipe {
    fn new(path: std::path::PathBuf) -> Self {
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        let pipe = std::fs::File::options().read(true).write(true).open(&path);
        let mut pipe = pipe.expect("opened without waiting for anyone");
        // More than any pipe takes.
        let mut much = std::io::Read::take(std::io::repeat(b'\n'), 4 << 20);
        std::thread::spawn(move || std::io::copy(&mut much, &mut pipe));
        Self(path)
    }
}

impl Drop for FullPipe {
    fn drop(&mut self) {
        let path = self.0.clone();
        std::thread::spawn(move || {
            let mut pipe = std::fs::File::open(path).expect("the pipe");
            std::io::copy(&mut pipe, &mut std::io::sink()).expect("read");
        });
    }
}

#[tokio::test]
async fn a_sink_that_hangs_holds_up_no_other_after_a_reload() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = FullPipe::new(folder.path().join("pipe"));
    let path = folder.path().join("e.jsonl");
    let first = Receiver::start(&[Answer::Status(200)]).await;
    let second = Receiver::start(&[Answer::Status(200)]).await;
    let sinks = vec![sink("stuck", file(&pipe.0)), sink("hook", webhook(&first.url))];
    let old = started(&settings(folder.path(), sinks), None);
    push_all(&old, 0..3);
    until("the webhook to have all", || old.figures().sinks[1].delivered == 3).await;

    let sinks = vec![sink("stuck", file(&path)), sink("hook", webhook(&second.url))];
    let new = started(&settings(folder.path(), sinks), Some(&old));
    push_all(&new, 3..6);
    until("the webhook to go on", || second.taken().len() == 3).await;
    assert_eq!(second.taken(), numbers(3..6));
    assert!(clusters(&path).is_empty(), "a sink has one task at a time");
    drop(pipe);
    until("the file to have all", || clusters(&path).len() == 6).await;
    assert_eq!(clusters(&path), numbers(0..6));
    finish(&new).await;
}

#[tokio::test]
async fn a_reload_goes_on_with_the_queue_under_new_settings_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let down = Receiver::start(&[Answer::Hang]).await;
    let up = Receiver::start(&[Answer::Status(200)]).await;
    let path = folder.path().join("e.jsonl");
    let before = settings(folder.path(), vec![sink("hook", webhook(&down.url)), sink("file", file(&path))]);
    let old = started(&before, None);
    push_all(&old, 0..10);
    until("the file to have all", || clusters(&path).len() == 10).await;

    let mut after = settings(folder.path(), vec![sink("file", file(&path)), sink("hook", webhook(&up.url))]);
    after.queue.limits.events = 500;
    let new = Events::prepare(&after, Some(&old), &mut Problems::new()).expect("prepared");
    // Refused for other reasons: the old one goes on.
    drop(new);
    push_all(&old, 10..12);
    until("the file to go on", || clusters(&path).len() == 12).await;

    let new = started(&after, Some(&old));
    // A call that began before the reload still hands its event to the old room.
    push_all(&old, 12..13);
    push_all(&new, 13..15);
    drop(old);
    until("the webhook to have all", || up.taken().len() == 15).await;
    assert_eq!(up.taken(), numbers(0..15));
    until("the file to have all", || clusters(&path).len() == 15).await;
    assert_eq!(clusters(&path), numbers(0..15), "nothing twice");
    assert!(down.taken().is_empty());
    assert_eq!(new.figures().made, 15, "counts go on");
    finish(&new).await;
}

#[tokio::test]
async fn another_path_is_another_queue() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("e.jsonl");
    let old = started(&settings(folder.path(), vec![sink("file", file(&path))]), None);
    push_all(&old, 0..2);
    let new = started(&settings(other.path(), vec![sink("file", file(&path))]), Some(&old));
    push_all(&new, 2..4);
    until("both queues", || clusters(&path).len() == 4).await;
    assert_eq!(new.figures().made, 2);
}

#[tokio::test]
async fn a_queue_that_cannot_be_opened_is_a_problem_and_a_rehearsal_opens_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(folder.path(), vec![sink("file", file(&folder.path().join("e.jsonl")))]);
    settings.queue.path = folder.path().join("none/events.redb");
    let mut problems = Problems::new();
    assert!(Events::prepare(&settings, None, &mut problems).is_none());
    let told = problems.to_string();
    assert!(told.contains("none/events.redb` cannot be opened: No such file"), "{told}");

    settings.rehearsal = true;
    let events = Events::prepare(&settings, None, &mut Problems::new()).expect("prepared");
    events.begin();
    events.push(event("1"));
    assert_eq!(events.figures(), Figures::default());
    finish(&events).await;
}

#[tokio::test]
async fn a_queue_whose_file_failed_is_opened_again_and_what_came_meanwhile_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("e.jsonl");
    let events = started(&settings(folder.path(), vec![sink("file", file(&path))]), None);
    push_all(&events, 0..3);
    until("the first events", || clusters(&path).len() == 3).await;
    let store = Arc::clone(events.queue.as_ref().expect("a queue").store());
    let blocking = tokio::task::spawn_blocking(move || store.close());
    blocking.await.expect("closed");
    push_all(&events, 3..200);
    until("the other events", || clusters(&path).len() == 200).await;
    assert_eq!(clusters(&path), numbers(0..200));
    finish(&events).await;
    assert!(events.figures().lost.iter().all(|(_, count)| *count == 0), "{:?}", events.figures());
}
