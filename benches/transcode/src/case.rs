//! One message, one direction, and who takes part.

/// Which way a case goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Wire bytes to JSON.
    Write,
    /// JSON to wire bytes.
    Read,
}

impl Direction {
    /// As a table shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "wire -> JSON",
            Self::Read => "JSON -> wire",
        }
    }
}

/// How many times faster than another transom shall at least be; none where it is only told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Targets {
    /// Wire to JSON, beside prost-reflect and beside pbjson.
    pub write: [Option<f64>; 2],
    /// JSON to wire, beside prost-reflect and beside pbjson.
    pub read: [Option<f64>; 2],
    /// How many times the time without unset fields writing them all may take at most.
    pub emit: Option<f64>,
}

impl Targets {
    /// For messages as real APIs have them.
    pub fn model() -> Self {
        Self { write: [Some(10.0), Some(2.3)], read: [Some(25.0), Some(5.0)], emit: Some(1.1) }
    }

    /// Both directions beside prost-reflect.
    pub fn beside_reflect(times: f64) -> Self {
        Self { write: [Some(times), None], read: [Some(times), None], emit: None }
    }

    /// Beside prost-reflect and pbjson in one direction.
    pub fn of(&self, direction: Direction) -> [Option<f64>; 2] {
        match direction {
            Direction::Write => self.write,
            Direction::Read => self.read,
        }
    }
}

/// A program that does the work once when called.
pub struct Contender {
    pub name: &'static str,
    pub work: Box<dyn FnMut()>,
}

/// One message in one direction. The first contender is transom.
pub struct Case {
    pub name: &'static str,
    pub direction: Direction,
    /// The length of the JSON in bytes.
    pub json: usize,
    pub targets: Targets,
    pub contenders: Vec<Contender>,
}
