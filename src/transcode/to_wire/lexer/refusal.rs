//! What is said when something else comes than what should.

use super::{Lexer, Next};
use crate::transcode::fault::{Fault, clip, quoted};

impl Lexer<'_> {
    /// The fault of a value that is not `expected`, or the fault in that value's own text.
    pub(in crate::transcode) fn mismatch(&mut self, expected: &str) -> Fault {
        match self.describe() {
            Ok((at, found)) => Fault::at(at, format!("expected {expected}, found {found}")),
            Err(fault) => fault,
        }
    }

    fn describe(&mut self) -> Result<(usize, String), Fault> {
        let found = match self.peek()? {
            Next::Object => "an object".to_owned(),
            Next::List => "a list".to_owned(),
            Next::String => format!("string {}", quoted(&self.clone().string()?)),
            Next::Number => format!("number {}", clip(self.clone().number()?)),
            Next::True => "true".to_owned(),
            Next::False => "false".to_owned(),
            Next::Null => "null".to_owned(),
        };
        Ok((self.token, found))
    }

    #[cold]
    pub(super) fn unexpected(&self, expected: &str) -> Fault {
        match String::from_utf8_lossy(self.rest().get(..4).unwrap_or(self.rest())).chars().next() {
            None => Fault::at(self.at, format!("expected {expected}, found the end of the JSON text")),
            Some(found) => {
                let found = quoted(found.encode_utf8(&mut [0; 4]));
                Fault::at(self.at, format!("expected {expected}, found unexpected character {found}"))
            }
        }
    }
}
