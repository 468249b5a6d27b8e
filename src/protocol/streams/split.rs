//! Messages out of a request's body, as it arrives: JSON texts one after the other, as lines or not, or the elements
//! of one JSON array. How the body is cut into chunks makes no difference.
//!
//! A text is found by its brackets and quotes alone; whether it is JSON is for who reads it to say. Every byte is
//! looked at once, and copied only when its text spans chunks.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use bytes::{Buf as _, Bytes, BytesMut};
use http::StatusCode;

use crate::status::{Code, Origin, Status};
use crate::units::ByteSize;

/// Splits a request's body into the JSON texts of its messages. Holds at most one text and one chunk.
///
/// A body that begins with `[` is one array of messages; a list as the first of several texts is not told from it.
#[derive(Debug)]
pub struct JsonSplitter {
    /// The beginning of a text, from earlier chunks.
    held: BytesMut,
    /// What was not given out of the chunk.
    chunk: Bytes,
    /// How much of it was looked at and belongs to the text.
    read: usize,
    place: Place,
    text: Option<Text>,
    /// How many texts have begun.
    begun: u64,
    /// How much white space came since the last one.
    white: usize,
    limit: usize,
}

/// Where in the body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing but white space has come.
    Start,
    /// Among texts one after the other.
    Sequence,
    /// Behind the `[` of the array.
    Opened,
    /// Behind an element, or in it.
    Element,
    /// Behind a comma.
    Comma,
    /// Behind the `]`.
    Closed,
}

/// How far a text has been read.
#[derive(Debug, Clone, Copy)]
struct Text {
    state: State,
    /// How many brackets are open.
    depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A number or a word: what comes next that is neither ends it.
    Bare,
    /// Between brackets.
    Open,
    String,
    /// Behind the backslash in a string.
    Escape,
}

impl JsonSplitter {
    /// A splitter that refuses texts longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            held: BytesMut::new(),
            chunk: Bytes::new(),
            read: 0,
            place: Place::Start,
            text: None,
            begun: 0,
            white: 0,
            limit,
        }
    }

    /// How many messages have begun: the number, from 1, of the one that was given out last, or is refused.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.begun
    }

    /// Takes the next chunk. Call [`next`](Self::next) until it gives `None` before the next `push`.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let mut both = BytesMut::from(&*self.chunk);
            both.extend_from_slice(&chunk);
            self.chunk = both.freeze();
        }
    }

    /// The next whole text, or `None` when more bytes are needed, or the end of the body
    /// ([`finish`](Self::finish)).
    ///
    /// # Errors
    /// 400 for a comma or a bracket where there is none to be, or something behind the array; 413 as soon as a text
    /// is longer than the limit. The splitter is of no use afterwards.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator would stop at None, this one goes on after push"
    )]
    pub fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(mut text) = self.text {
                let unread = self.chunk.get(self.read..).unwrap_or_default();
                let end = text.end(unread);
                self.read += end.unwrap_or(unread.len());
                if self.held.len() + self.read > self.limit {
                    return Err(self.too_large());
                }
                self.text = if end.is_some() { None } else { Some(text) };
                return Ok(self.take(end.is_some()));
            }
            let white = self.chunk.iter().take_while(|byte| is_white(**byte)).count();
            self.chunk.advance(white);
            // It costs a client nothing, least of all compressed.
            self.white += white;
            if self.white > self.limit.max(WHITE) {
                return Err(self.too_large());
            }
            let Some(byte) = self.chunk.first().copied() else { return Ok(None) };
            self.step(byte)?;
        }
    }

    /// Says whether the body may end here, and gives what is only now known to be whole: a number or a word.
    ///
    /// # Errors
    /// 400 when the body ended inside a message or an array.
    pub fn finish(&mut self) -> Result<Option<Bytes>, Status> {
        match (self.text.take(), self.place) {
            (Some(Text { state: State::Bare, .. }), Place::Sequence) => Ok(self.take(true)),
            (Some(_), _) => Err(refused(&format!("ended inside message {}", self.begun))),
            (None, Place::Start | Place::Sequence | Place::Closed) => Ok(None),
            (None, Place::Opened | Place::Element | Place::Comma) => Err(self.unexpected("its end")),
        }
    }

    /// Takes what was read of the text out of the chunk; gives the text if that is all of it.
    fn take(&mut self, whole: bool) -> Option<Bytes> {
        let part = self.chunk.split_to(std::mem::take(&mut self.read).min(self.chunk.len()));
        if whole && self.held.is_empty() {
            return Some(part);
        }
        self.held.extend_from_slice(&part);
        whole.then(|| self.held.split().freeze())
    }

    /// Goes on with a byte that is not white, between texts.
    fn step(&mut self, byte: u8) -> Result<(), Status> {
        let place = match (self.place, byte) {
            (Place::Start, b'[') => Place::Opened,
            (Place::Opened | Place::Element, b']') => Place::Closed,
            (Place::Element, b',') => Place::Comma,
            (Place::Element | Place::Closed, _) | (_, b',' | b']') => {
                return Err(self.unexpected(&shown(byte)));
            }
            (place, _) => {
                self.begin(byte);
                match place {
                    Place::Start | Place::Sequence => Place::Sequence,
                    _ => Place::Element,
                }
            }
        };
        if self.text.is_none() {
            self.chunk.advance(1);
        }
        self.place = place;
        Ok(())
    }

    fn begin(&mut self, byte: u8) {
        self.text = Some(Text::of(byte));
        self.read = 1;
        self.begun += 1;
        self.white = 0;
    }

    /// The 400 for what may not stand between texts.
    fn unexpected(&self, found: &str) -> Status {
        let next = self.begun + 1;
        refused(&match self.place {
            Place::Closed => format!("has {found} behind the `]` of its array, expected its end"),
            Place::Element => {
                format!("has {found} behind message {}, expected `,` or `]`", self.begun)
            }
            Place::Opened => format!("has {found} in place of message {next}, expected a JSON value or `]`"),
            Place::Start | Place::Sequence | Place::Comma => {
                format!("has {found} in place of message {next}, expected a JSON value")
            }
        })
    }

    fn too_large(&self) -> Status {
        let (number, limit) = (self.begun, ByteSize(self.limit as u64));
        let message = format!("message {number} of the request body is larger than the limit of {limit}");
        Status::new(Code::ResourceExhausted, message, Origin::Client).with_http(StatusCode::PAYLOAD_TOO_LARGE)
    }
}

impl Text {
    /// A text that begins with this byte, which is read by that.
    fn of(first: u8) -> Self {
        match first {
            b'{' | b'[' => Self { state: State::Open, depth: 1 },
            b'"' => Self { state: State::String, depth: 0 },
            _ => Self { state: State::Bare, depth: 0 },
        }
    }

    /// Reads on; gives the place behind the text's last byte, when that is among these.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.state == State::Bare {
            return bytes.iter().position(|byte| ends_bare(*byte));
        }
        for (byte, behind) in bytes.iter().zip(1..) {
            self.state = match (self.state, byte) {
                (State::String, b'\\') => State::Escape,
                (State::String, b'"') if self.depth == 0 => return Some(behind),
                (State::String, b'"') => State::Open,
                (State::Escape, _) | (State::Open, b'"') => State::String,
                (State::Open, b'{' | b'[') => {
                    self.depth += 1;
                    State::Open
                }
                (State::Open, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(behind);
                    }
                    State::Open
                }
                (state, _) => state,
            };
        }
        None
    }
}

/// How much white space may stand between two texts, be they shorter.
const WHITE: usize = 64 * 1024;

/// White space, and what begins each text of a sequence (RFC 7464).
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x1e)
}

fn ends_bare(byte: u8) -> bool {
    is_white(byte) || matches!(byte, b',' | b'[' | b']' | b'{' | b'}' | b'"')
}

fn refused(what: &str) -> Status {
    Status::invalid(format!("the request body {what}"))
}

/// A byte for the client to read.
fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("`{}`", char::from(byte)) } else { format!("the byte 0x{byte:02x}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The texts of a body, cut where `cuts` say, and how it ended.
    fn split(
        body: &[u8],
        cuts: impl IntoIterator<Item = usize>,
        limit: usize,
    ) -> (Vec<String>, Result<(), (u16, String)>) {
        let bytes = Bytes::copy_from_slice(body);
        let mut splitter = JsonSplitter::new(limit);
        let mut found = Vec::new();
        let mut take = |text: Bytes| found.push(String::from_utf8_lossy(&text).into_owned());
        let all = || -> Result<(), Status> {
            let (mut at, mut cuts) = (0, cuts.into_iter());
            while at < bytes.len() {
                let end = at.saturating_add(cuts.next().unwrap_or(usize::MAX)).min(bytes.len());
                splitter.push(bytes.slice(at..end));
                at = end;
                while let Some(text) = splitter.next()? {
                    take(text);
                }
            }
            splitter.finish()?.into_iter().for_each(&mut take);
            Ok(())
        };
        let ended = all().map_err(|status| (status.http_status().as_u16(), status.message));
        (found, ended)
    }

    #[track_caller]
    fn check(body: &str, texts: &[&str], ended: Result<(), &str>) {
        for size in [usize::MAX, 1, 2, 3] {
            let (found, how) = split(body.as_bytes(), std::iter::repeat(size), 64);
            assert_eq!(found, texts, "{body:?}");
            let how = how.map_err(|(code, what)| {
                assert_eq!(code, 400);
                what
            });
            let expected = ended.map_err(|what| format!("the request body {what}"));
            assert_eq!(how, expected, "{body:?}");
        }
    }

    #[test]
    fn texts_come_as_lines_or_one_behind_the_other() {
        for (body, texts) in [
            ("", &[][..]),
            (" \r\n\t", &[]),
            ("{}\n{\"a\":1}\n", &["{}", "{\"a\":1}"]),
            ("{}\r\n\r\n{\"a\":1}", &["{}", "{\"a\":1}"]),
            ("{}{\"a\":[{}]}  {}", &["{}", "{\"a\":[{}]}", "{}"]),
            ("1 2\n-3.5e1", &["1", "2", "-3.5e1"]),
            ("true null\"a\"\"b\"1\"c\"", &["true", "null", "\"a\"", "\"b\"", "1", "\"c\""]),
            ("{} [1] {}", &["{}", "[1]", "{}"]),
            (r#"{"a":"}\"]{"} "\\" "\\\"""#, &[r#"{"a":"}\"]{"}"#, r#""\\""#, r#""\\\"""#]),
        ] {
            check(body, texts, Ok(()));
        }
    }

    #[test]
    fn an_array_is_its_elements() {
        for (body, texts) in [
            ("[]", &[][..]),
            (" [ ] ", &[]),
            ("[{}]", &["{}"]),
            ("\n[{\"a\":1},\n {} , [1,[2]], 3,\"]\"]\n", &["{\"a\":1}", "{}", "[1,[2]]", "3", "\"]\""]),
            ("[1]", &["1"]),
        ] {
            check(body, texts, Ok(()));
        }
    }

    #[test]
    fn what_stands_between_texts_is_refused() {
        for (body, texts, what) in [
            (",", &[][..], "has `,` in place of message 1, expected a JSON value"),
            ("]", &[], "has `]` in place of message 1, expected a JSON value"),
            ("{},{}", &["{}"], "has `,` in place of message 2, expected a JSON value"),
            ("{}]", &["{}"], "has `]` in place of message 2, expected a JSON value"),
            ("[,", &[], "has `,` in place of message 1, expected a JSON value or `]`"),
            ("[1,]", &["1"], "has `]` in place of message 2, expected a JSON value"),
            ("[1,,2]", &["1"], "has `,` in place of message 2, expected a JSON value"),
            ("[1 2]", &["1"], "has `2` behind message 1, expected `,` or `]`"),
            ("[{}{}]", &["{}"], "has `{` behind message 1, expected `,` or `]`"),
            ("[{}]{}", &["{}"], "has `{` behind the `]` of its array, expected its end"),
            ("[]\u{e4}", &[], "has the byte 0xc3 behind the `]` of its array, expected its end"),
            ("[]]", &[], "has `]` behind the `]` of its array, expected its end"),
        ] {
            check(body, texts, Err(what));
        }
    }

    #[test]
    fn an_end_too_early_is_told() {
        for (body, texts, what) in [
            ("{}\n{\"a\":", &["{}"][..], "ended inside message 2"),
            ("\"a", &[], "ended inside message 1"),
            ("\"a\\\"", &[], "ended inside message 1"),
            ("{\"a\":\"}", &[], "ended inside message 1"),
            ("[1", &[], "ended inside message 1"),
            ("[", &[], "has its end in place of message 1, expected a JSON value or `]`"),
            ("[{} ", &["{}"], "has its end behind message 1, expected `,` or `]`"),
            ("[{},", &["{}"], "has its end in place of message 2, expected a JSON value"),
        ] {
            check(body, texts, Err(what));
        }
    }

    #[test]
    fn what_is_no_json_is_given_out_for_the_reader_to_refuse() {
        check("}{} :1 \u{feff}{}", &["}", "{}", ":1", "\u{feff}", "{}"], Ok(()));
        check("{]nope", &["{]", "nope"], Ok(()));
        check("[nope,{\"a\"}]", &["nope", "{\"a\"}"], Ok(()));
    }

    #[test]
    fn white_space_has_an_end_too() {
        let mut splitter = JsonSplitter::new(8);
        let mut read = 0;
        let refused = loop {
            splitter.push(Bytes::from(vec![b' '; 1000]));
            read += 1000;
            match splitter.next() {
                Ok(None) => assert!(read <= WHITE, "{read}"),
                Ok(Some(text)) => panic!("{text:?}"),
                Err(refused) => break refused,
            }
        };
        assert_eq!((read, refused.http_status().as_u16()), (66_000, 413));
    }

    #[test]
    fn the_limit_holds_for_each_text() {
        let whole = |body: &str, limit| split(body.as_bytes(), std::iter::repeat(2), limit);
        assert_eq!(whole("{\"a\":1}\n{\"b\":2}\n1234567", 7).1, Ok(()));
        for body in ["{} {\"a\":12}", "{} 12345678", "{} \"aaaaaaa", "{} {\"a\":[[[[["] {
            let message = "message 2 of the request body is larger than the limit of 7B".to_owned();
            for size in [usize::MAX, 1, 3] {
                let (found, ended) = split(body.as_bytes(), std::iter::repeat(size), 7);
                assert_eq!((found, ended), (vec!["{}".to_owned()], Err((413, message.clone()))), "{body}");
            }
        }
        let white = format!("{}{{}}", " ".repeat(10_000));
        assert_eq!(whole(&white, 7).0, ["{}"], "white space is no part of a text");
    }

    #[test]
    fn a_text_inside_one_chunk_is_not_copied() {
        let chunk = Bytes::from_static(b" {\"a\":1} [2] ");
        let mut splitter = JsonSplitter::new(64);
        splitter.push(chunk.clone());
        for place in [1, 9] {
            let text = splitter.next().expect("sound").expect("whole");
            assert_eq!(text.as_ptr(), chunk[place..].as_ptr());
        }
        assert_eq!(splitter.number(), 2);
    }

    #[test]
    fn a_chunk_may_come_before_the_last_was_used_up() {
        let mut splitter = JsonSplitter::new(64);
        for chunk in ["{} {\"a\"", ":1} {", "}"] {
            splitter.push(Bytes::from_static(chunk.as_bytes()));
        }
        let mut found = Vec::new();
        while let Some(text) = splitter.next().expect("sound") {
            found.push(text);
        }
        assert_eq!(found, ["{}", "{\"a\":1}", "{}"]);
        assert!(splitter.finish().expect("sound").is_none());
    }

    #[test]
    fn a_long_text_in_small_chunks_takes_linear_time() {
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(1_000_000));
        let (found, ended) = split(body.as_bytes(), std::iter::repeat(16), usize::MAX);
        assert_eq!((found.len(), ended), (1, Ok(())));
        let deep = "[".repeat(1_000_000);
        let (found, ended) = split(deep.as_bytes(), std::iter::repeat(16), usize::MAX);
        assert_eq!(found.len(), 0);
        assert_eq!(ended.map_err(|(code, _)| code), Err(400));
    }

    /// A JSON value as text, with white space in it.
    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e[+-]?[0-9])?",
            Just("true".to_owned()),
            Just("null".to_owned()),
            "[\\PC]{0,6}".prop_map(|text| serde_json::to_string(&text).expect("JSON")),
        ];
        let object = |inner: Vec<String>| {
            let members = inner.iter().enumerate().map(|(index, value)| format!("\"k{{{index}\" : {value}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(object),
                proptest::collection::vec(inner, 0..4).prop_map(|list| format!("[ {} ]", list.join(" ,\n"))),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_partition_gives_the_messages(
            texts in proptest::collection::vec(json(), 0..6),
            white in proptest::collection::vec("[ \\t\\r\\n]{1,3}", 7),
            array in any::<bool>(),
            cuts in proptest::collection::vec(1usize..9, 0..300),
        ) {
            // A list as the first of several texts would be an array.
            let array = array || texts.first().is_some_and(|first| first.starts_with('['));
            let mut body = if array { "[".to_owned() } else { String::new() };
            for (index, text) in texts.iter().enumerate() {
                if array && index > 0 {
                    body.push(',');
                }
                body.extend([&white[index], text.as_str(), &white[index + 1]]);
            }
            body.push_str(if array { "]" } else { "" });
            let (found, ended) = split(body.as_bytes(), cuts, usize::MAX);
            prop_assert_eq!((found, ended), (texts, Ok(())), "{}", body);
        }

        #[test]
        fn every_partition_of_anything_gives_the_same(
            body in "[\\[\\]{},:\"\\\\ \n1a\u{e4}]{0,40}",
            cuts in proptest::collection::vec(1usize..9, 0..40),
            limit in 0usize..20,
        ) {
            let whole = split(body.as_bytes(), [], limit);
            prop_assert_eq!(split(body.as_bytes(), cuts, limit), whole);
        }
    }
}
