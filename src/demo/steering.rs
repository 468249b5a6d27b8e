//! How a stream is to run, as its metadata asks for. Reading it only: [`stream`](super::stream) does it.

use std::time::Duration;

use http::HeaderMap;
use tonic::Status;

use crate::units::{ByteSize, Period};

/// How a stream is to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Steering {
    /// How many answers (or requests read) end it.
    pub(super) messages: Option<usize>,
    /// The size of a chunk.
    pub(super) bytes: usize,
    /// The wait between two answers.
    pub(super) every: Duration,
    /// Whether the head comes before anything else.
    pub(super) head: bool,
    pub(super) head_wait: Duration,
    pub(super) read_wait: Duration,
    /// After how many messages faults strike.
    pub(super) fail_after: Option<usize>,
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            messages: None,
            bytes: 1024,
            every: Duration::ZERO,
            head: false,
            head_wait: Duration::ZERO,
            read_wait: Duration::ZERO,
            fail_after: None,
        }
    }
}

impl Steering {
    /// Reads the metadata of a call.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a wish that is not known, so that a test never passes by a slip of the pen.
    pub(super) fn read(metadata: &HeaderMap) -> Result<Self, Status> {
        let mut steering = Self::default();
        for value in metadata.get_all("transom-stream") {
            let text = value.to_str().map_err(|_| unknown("a value that is not ASCII"))?;
            for wish in text.split(';').map(str::trim).filter(|wish| !wish.is_empty()) {
                let (name, value) = wish.split_once('=').ok_or_else(|| unknown(wish))?;
                steering.add(name.trim(), value.trim()).ok_or_else(|| unknown(wish))?;
            }
        }
        Ok(steering)
    }

    fn add(&mut self, name: &str, value: &str) -> Option<()> {
        let period = || value.parse::<Period>().ok().map(|period| period.0);
        match (name, value) {
            ("messages", count) => self.messages = Some(count.parse().ok()?),
            ("bytes", size) => {
                self.bytes = size.parse::<ByteSize>().ok().filter(|size| size.0 <= LARGEST_CHUNK)?.bytes();
            }
            ("every", _) => self.every = period()?,
            ("head", "immediately") => self.head = true,
            ("head-wait", _) => self.head_wait = period()?,
            ("read-wait", _) => self.read_wait = period()?,
            ("fail-after", count) => self.fail_after = Some(count.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

fn unknown(wish: &str) -> Status {
    Status::invalid_argument(format!("the demo backend knows no stream `{wish}`"))
}

/// The most bytes that a chunk may be told to have.
const LARGEST_CHUNK: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(wishes: &'static str) -> Result<Steering, Status> {
        let mut metadata = HeaderMap::new();
        metadata.insert("transom-stream", HeaderValue::from_static(wishes));
        Steering::read(&metadata)
    }

    #[test]
    fn wishes_read() {
        let found =
            read("messages=7; bytes=2KiB;every=20ms;head=immediately;head-wait=1s;read-wait=2s;fail-after=3");
        let expected = Steering {
            messages: Some(7),
            bytes: 2048,
            every: Duration::from_millis(20),
            head: true,
            head_wait: Duration::from_secs(1),
            read_wait: Duration::from_secs(2),
            fail_after: Some(3),
        };
        assert_eq!(found.expect("known"), expected);
    }

    #[test]
    fn unknown_wishes_are_told() {
        for wish in ["mesages=1", "messages", "messages=-1", "bytes=9GiB", "every=soon", "head=later"] {
            let status = read(wish).expect_err(wish);
            assert_eq!(status.message(), format!("the demo backend knows no stream `{wish}`"));
        }
    }
}
