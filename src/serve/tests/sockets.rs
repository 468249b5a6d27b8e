//! Opening listeners: what works, and how what does not is told.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use tokio::net::UnixStream;

use super::support::*;
use crate::problem::Problems;
use crate::serve::{ListenAddress, ListenerTls, Stop, bind};

fn told(setup: &Setup) -> String {
    let mut problems = Problems::new();
    assert!(bind(&setup.settings(), &mut problems).is_none());
    problems.to_string()
}

#[tokio::test]
async fn a_unix_socket_serves_and_is_removed_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("transom.sock");
    drop(UnixListener::bind(&path).expect("a stale socket"));
    assert!(path.exists());

    let server = Setup { listen: ListenAddress::Unix(path.clone()), ..Setup::default() }.start();
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut client = http1(UnixStream::connect(&path).await.expect("a connection")).await;
    assert_eq!(client.send(get("/bytes/2")).await.text(), "11");
    assert_eq!(server.log()[0].get("peer"), None);
    server.stop.send(Stop::Drain).expect("running");
    within(server.running).await.expect("no panic");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_in_use_or_a_file_in_its_place_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let used = folder.path().join("used.sock");
    let _listener = UnixListener::bind(&used).expect("a socket");
    let told_used = told(&Setup { listen: ListenAddress::Unix(used.clone()), ..Setup::default() });
    assert!(told_used.contains("another program listens there"), "{told_used}");
    assert!(used.exists());

    let file = folder.path().join("file");
    std::fs::write(&file, "precious").expect("written");
    let told_file = told(&Setup { listen: ListenAddress::Unix(file.clone()), ..Setup::default() });
    assert!(told_file.contains("exists and is not a socket"), "{told_file}");
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "precious");

    let nowhere = ListenAddress::Unix(folder.path().join("no/such.sock"));
    let told_nowhere = told(&Setup { listen: nowhere, ..Setup::default() });
    assert!(told_nowhere.contains("the directory does not exist"), "{told_nowhere}");
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let setup = Setup {
        listen: ListenAddress::Tcp(address),
        tls: Some(ListenerTls {
            certificate: "/no/cert.pem".into(),
            key: "/no/key.pem".into(),
            clients: None,
        }),
        limits: crate::serve::ConnectionLimits { header_bytes: 100, connections: 0, ..limits() },
        ..Setup::default()
    };
    let told = told(&setup);
    for part in [
        format!("cannot listen on `{address}`: another program listens there"),
        "`/no/cert.pem` cannot be read: there is no such file".into(),
        "`/no/key.pem` cannot be read: there is no such file".into(),
        "a limit of 100 bytes on headers is too small".into(),
        "a limit of 0 would serve nobody".into(),
    ] {
        assert!(told.contains(&part), "{part}\nnot in\n{told}");
    }
}
