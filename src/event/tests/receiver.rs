//! A real HTTP server that answers what the test says: one answer after the other, the last one for ever.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// A status.
    Status(u16),
    /// A status and how many seconds to wait.
    Wait(u16, u32),
    /// Nothing, ever.
    Hang,
    /// The connection is closed.
    Close,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub head: String,
    pub body: serde_json::Value,
    pub answered: Option<u16>,
    pub at: std::time::Instant,
}

pub(super) struct Receiver {
    pub url: String,
    answers: Arc<Mutex<Vec<Answer>>>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Receiver {
    pub async fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/events?token=hunter2", listener.local_addr().expect("an address"));
        let answers = Arc::new(Mutex::new(answers.to_vec()));
        let came = Arc::default();
        let (given, noted) = (Arc::clone(&answers), Arc::clone(&came));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&given), Arc::clone(&noted)));
            }
        });
        Self { url, answers, came }
    }

    /// From now on it answers so.
    pub fn answers(&self, answers: &[Answer]) {
        *self.answers.lock().expect("not poisoned") = answers.to_vec();
    }

    /// What came so far.
    pub fn came(&self) -> Vec<Came> {
        self.came.lock().expect("not poisoned").clone()
    }

    /// The clusters of the events that it took.
    pub fn taken(&self) -> Vec<String> {
        let came = self.came().into_iter();
        let taken = came.filter(|one| one.answered.is_some_and(|status| (200..300).contains(&status)));
        taken.map(|one| super::resource(&one.body["data"])).collect()
    }
}

async fn serve(mut stream: TcpStream, answers: Arc<Mutex<Vec<Answer>>>, came: Arc<Mutex<Vec<Came>>>) {
    while let Some((head, body)) = request(&mut stream).await {
        let answer = {
            let mut answers = answers.lock().expect("not poisoned");
            if answers.len() > 1 { answers.remove(0) } else { answers[0] }
        };
        let answered = match answer {
            Answer::Status(status) | Answer::Wait(status, _) => Some(status),
            Answer::Hang | Answer::Close => None,
        };
        let body = serde_json::from_slice(&body).expect("JSON");
        let at = std::time::Instant::now();
        came.lock().expect("not poisoned").push(Came { head, body, answered, at });
        let text = match answer {
            Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
            Answer::Wait(status, seconds) => {
                format!("HTTP/1.1 {status} X\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n")
            }
            Answer::Hang => std::future::pending().await,
            Answer::Close => return,
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The head and the body of the next request.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            let length: usize = length.parse().ok()?;
            if read.len() >= end + 4 + length {
                return Some((head, read[end + 4..end + 4 + length].to_vec()));
            }
        }
        match stream.read(&mut part).await {
            Ok(some) if some > 0 => read.extend_from_slice(&part[..some]),
            _ => return None,
        }
    }
}
