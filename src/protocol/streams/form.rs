//! The messages of a stream, written one by one. Whatever the form, a client can tell an error in the midst of it
//! from its end.

use http::header::{ACCEPT, CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::status::Status;

/// How the messages of a stream are written to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamForm {
    /// One line for each, in an envelope: `{"result":..}`, as grpc-gateway does. `application/json`.
    ResultLines,
    /// One line for each, bare: `application/x-ndjson`.
    Lines,
    /// Server-sent events: `text/event-stream`.
    Events,
    /// One JSON array: `application/json`.
    Array,
    /// A JSON text sequence (RFC 7464): `application/json-seq`.
    Sequence,
    /// The bytes of `google.api.HttpBody`, one message after the other.
    Raw,
}

/// Writes the messages of one stream.
#[derive(Debug, Clone)]
pub struct StreamWriter {
    form: StreamForm,
    newline_after_chunks: bool,
    written: u64,
}

impl StreamWriter {
    /// A writer that has written nothing yet. `newline_after_chunks`: whether a newline is written after each message
    /// of [`StreamForm::Raw`], as grpc-gateway does.
    #[must_use]
    pub fn new(form: StreamForm, newline_after_chunks: bool) -> Self {
        Self { form, newline_after_chunks, written: 0 }
    }

    /// The form that it writes.
    #[must_use]
    pub fn form(&self) -> StreamForm {
        self.form
    }

    /// The `Content-Type` of the form. That of [`StreamForm::Raw`] is what stands in for one that its first message
    /// does not have.
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self.form {
            StreamForm::ResultLines | StreamForm::Array => "application/json",
            StreamForm::Lines => "application/x-ndjson",
            StreamForm::Events => "text/event-stream",
            StreamForm::Sequence => "application/json-seq",
            StreamForm::Raw => "application/octet-stream",
        })
    }

    /// Adds what the form needs on its way to the client: nothing may hold messages back to gather them, nor keep
    /// one form for who wants another.
    pub fn headers(&self, headers: &mut HeaderMap) {
        if self.form == StreamForm::Raw {
            return;
        }
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        headers.append(VARY, HeaderValue::from_name(ACCEPT));
        if self.form == StreamForm::Events {
            headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        }
    }

    /// Appends one message to `out`, which stays as it was when that fails. `write` appends the message's JSON, or
    /// for [`StreamForm::Raw`] its bytes.
    ///
    /// # Errors
    /// What `write` fails with.
    pub fn message(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let start = out.len();
        self.before(out);
        let from = out.len();
        if let Err(status) = write(out) {
            out.truncate(start);
            return Err(status);
        }
        self.after(from, out);
        self.written += 1;
        Ok(())
    }

    fn before(&self, out: &mut Vec<u8>) {
        match self.form {
            StreamForm::ResultLines => out.extend_from_slice(b"{\"result\":"),
            StreamForm::Events => {
                out.extend_from_slice(b"id: ");
                out.extend_from_slice(itoa::Buffer::new().format(self.written + 1).as_bytes());
                out.extend_from_slice(b"\ndata: ");
            }
            StreamForm::Array => self.separate(out),
            StreamForm::Sequence => out.push(RECORD),
            StreamForm::Lines | StreamForm::Raw => {}
        }
    }

    fn after(&self, from: usize, out: &mut Vec<u8>) {
        match self.form {
            StreamForm::ResultLines => {
                flatten(from, out);
                out.extend_from_slice(b"}\n");
            }
            StreamForm::Lines => {
                flatten(from, out);
                out.push(b'\n');
            }
            StreamForm::Events => end_event(from, out),
            StreamForm::Array => {}
            StreamForm::Sequence => out.push(b'\n'),
            StreamForm::Raw => out.extend_from_slice(self.after_chunk()),
        }
    }

    /// What stands after the bytes of each message of [`StreamForm::Raw`], for who sends those without a copy.
    #[must_use]
    pub fn after_chunk(&self) -> &'static [u8] {
        if self.newline_after_chunks { b"\n" } else { b"" }
    }

    /// What stands before an element of an array.
    fn separate(&self, out: &mut Vec<u8>) {
        out.push(if self.written == 0 { b'[' } else { b',' });
    }

    /// Ends a stream that went well. Events end by one that says so: a browser that sees the connection close calls
    /// again, unless its page has closed the source before.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        match self.form {
            StreamForm::Array => out.extend_from_slice(if self.written == 0 { b"[]" } else { b"]" }),
            StreamForm::Events => out.extend_from_slice(b"event: end\ndata: {}\n\n"),
            _ => {}
        }
    }

    /// Ends a stream with an error, of which `write_status` appends the JSON. For [`StreamForm::Raw`] there is
    /// nothing to be written: the answer has to break off.
    pub fn error(&mut self, out: &mut Vec<u8>, write_status: impl FnOnce(&mut Vec<u8>)) {
        match self.form {
            StreamForm::Raw => return,
            StreamForm::Events => {
                out.extend_from_slice(b"event: error\ndata: ");
                let from = out.len();
                write_status(out);
                end_event(from, out);
                return;
            }
            StreamForm::Array => self.separate(out),
            StreamForm::Sequence => out.push(RECORD),
            StreamForm::ResultLines | StreamForm::Lines => {}
        }
        out.extend_from_slice(b"{\"error\":");
        let from = out.len();
        write_status(out);
        if self.form == StreamForm::Array {
            out.extend_from_slice(b"}]");
        } else {
            flatten(from, out);
            out.extend_from_slice(b"}\n");
        }
    }

    /// Appends what tells the client, and what is between, that the stream is alive: a comment among events. In the
    /// other forms nothing can stand between two messages that every reader passes over.
    pub fn keep_alive(&self, out: &mut Vec<u8>) {
        if self.form == StreamForm::Events {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }
}

/// Makes one line of the JSON behind `from`: indented text has newlines, none of them inside a string.
fn flatten(from: usize, out: &mut Vec<u8>) {
    let Some(first) = first_break(from, out) else { return };
    let (mut kept, mut indent) = (first, false);
    for at in first..out.len() {
        let Some(byte) = out.get(at).copied() else { break };
        indent = is_break(byte) || (indent && byte == b' ');
        if !indent && let Some(place) = out.get_mut(kept) {
            *place = byte;
            kept += 1;
        }
    }
    out.truncate(kept);
}

/// Ends an event whose data is the JSON behind `from`: each line of it is one of the event's, and an empty line ends
/// it (WHATWG HTML, 9.2.6).
fn end_event(from: usize, out: &mut Vec<u8>) {
    if first_break(from, out).is_some() {
        let text = out.split_off(from);
        let lines = text.split(|byte| is_break(*byte)).filter(|line| !line.is_empty());
        for (index, line) in lines.enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\ndata: ");
            }
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(b"\n\n");
}

fn first_break(from: usize, out: &[u8]) -> Option<usize> {
    let text = out.get(from..)?;
    text.iter().position(|byte| is_break(*byte)).map(|at| from + at)
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// What begins each text of a sequence.
const RECORD: u8 = 0x1e;

/// nginx, and those that copy it, gather an answer unless this says `no`.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: [StreamForm; 5] =
        [StreamForm::ResultLines, StreamForm::Lines, StreamForm::Events, StreamForm::Array, StreamForm::Raw];

    fn put(text: &str) -> impl FnOnce(&mut Vec<u8>) -> Result<(), Status> {
        move |out| {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }

    /// What a stream of these messages is, that ends with the error or well.
    fn stream(form: StreamForm, messages: &[&str], error: Option<&str>) -> String {
        let mut writer = StreamWriter::new(form, false);
        let mut out = Vec::new();
        for message in messages {
            writer.message(&mut out, put(message)).expect("written");
        }
        match error {
            Some(error) => writer.error(&mut out, |out| out.extend_from_slice(error.as_bytes())),
            None => writer.end(&mut out),
        }
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn each_form_has_its_messages_its_end_and_its_error() {
        const MESSAGES: &[&str] = &[r#"{"a":1}"#, r#"{"a":2}"#];
        const ERROR: Option<&str> = Some(r#"{"code":3}"#);
        for (form, well, broken, empty, at_once) in [
            (
                StreamForm::ResultLines,
                "{\"result\":{\"a\":1}}\n{\"result\":{\"a\":2}}\n",
                "{\"result\":{\"a\":1}}\n{\"result\":{\"a\":2}}\n{\"error\":{\"code\":3}}\n",
                "",
                "{\"error\":{\"code\":3}}\n",
            ),
            (
                StreamForm::Lines,
                "{\"a\":1}\n{\"a\":2}\n",
                "{\"a\":1}\n{\"a\":2}\n{\"error\":{\"code\":3}}\n",
                "",
                "{\"error\":{\"code\":3}}\n",
            ),
            (
                StreamForm::Events,
                "id: 1\ndata: {\"a\":1}\n\nid: 2\ndata: {\"a\":2}\n\nevent: end\ndata: {}\n\n",
                "id: 1\ndata: {\"a\":1}\n\nid: 2\ndata: {\"a\":2}\n\nevent: error\ndata: {\"code\":3}\n\n",
                "event: end\ndata: {}\n\n",
                "event: error\ndata: {\"code\":3}\n\n",
            ),
            (
                StreamForm::Array,
                "[{\"a\":1},{\"a\":2}]",
                "[{\"a\":1},{\"a\":2},{\"error\":{\"code\":3}}]",
                "[]",
                "[{\"error\":{\"code\":3}}]",
            ),
            (
                StreamForm::Sequence,
                "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n",
                "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n\u{1e}{\"error\":{\"code\":3}}\n",
                "",
                "\u{1e}{\"error\":{\"code\":3}}\n",
            ),
            (StreamForm::Raw, "{\"a\":1}{\"a\":2}", "{\"a\":1}{\"a\":2}", "", ""),
        ] {
            assert_eq!(stream(form, MESSAGES, None), well, "{form:?}");
            assert_eq!(stream(form, MESSAGES, ERROR), broken, "{form:?}");
            assert_eq!(stream(form, &[], None), empty, "{form:?}");
            assert_eq!(stream(form, &[], ERROR), at_once, "{form:?}");
        }
    }

    #[test]
    fn indented_json_stays_one_message() {
        const MESSAGE: &str = "{\n  \"a\": [\n    1,\r\n    \"x  y\\n\"\n  ]\n}";
        const FLAT: &str = "{\"a\": [1,\"x  y\\n\"]}";
        let of = |form| stream(form, &[MESSAGE], Some("{\n  \"code\": 3\n}"));
        assert_eq!(of(StreamForm::Lines), format!("{FLAT}\n{{\"error\":{{\"code\": 3}}}}\n"));
        assert_eq!(
            of(StreamForm::ResultLines),
            format!("{{\"result\":{FLAT}}}\n{{\"error\":{{\"code\": 3}}}}\n")
        );
        assert_eq!(
            of(StreamForm::Events),
            "id: 1\ndata: {\ndata:   \"a\": [\ndata:     1,\ndata:     \"x  y\\n\"\ndata:   ]\ndata: }\n\n\
             event: error\ndata: {\ndata:   \"code\": 3\ndata: }\n\n"
        );
        assert!(of(StreamForm::Array).contains("    1,\r\n"));
    }

    /// The events of a stream by the rules of WHATWG HTML, 9.2.6: type, data, last event ID.
    fn events(text: &str) -> Vec<(String, String, String)> {
        let (mut events, mut last_id) = (Vec::new(), String::new());
        let (mut kind, mut data) = (String::new(), String::new());
        for line in text.split('\n') {
            if line.is_empty() {
                if let Some(whole) = data.strip_suffix('\n') {
                    events.push((std::mem::take(&mut kind), whole.to_owned(), last_id.clone()));
                }
                (kind, data) = (String::new(), String::new());
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut kind),
                "data" => data.extend([value, "\n"]),
                "id" => value.clone_into(&mut last_id),
                _ => {}
            }
        }
        events
    }

    #[test]
    fn events_are_read_as_the_standard_reads_them() {
        let mut writer = StreamWriter::new(StreamForm::Events, false);
        let mut out = Vec::new();
        writer.keep_alive(&mut out);
        for message in ["{}", "{\n  \"a\": \"b: c\"\n}"] {
            writer.message(&mut out, put(message)).expect("written");
            writer.keep_alive(&mut out);
        }
        writer.error(&mut out, |out| out.extend_from_slice(b"{\"code\":13}"));
        let found = events(std::str::from_utf8(&out).expect("UTF-8"));
        let expected =
            [("", "{}", "1"), ("", "{\n  \"a\": \"b: c\"\n}", "2"), ("error", "{\"code\":13}", "2")];
        let expected = expected.map(|(kind, data, id)| (kind.to_owned(), data.to_owned(), id.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn only_events_have_comments() {
        for form in FORMS {
            let mut out = Vec::new();
            StreamWriter::new(form, false).keep_alive(&mut out);
            assert_eq!(out.is_empty(), form != StreamForm::Events, "{form:?}");
        }
    }

    #[test]
    fn a_message_that_fails_leaves_no_trace() {
        for form in FORMS {
            let mut writer = StreamWriter::new(form, true);
            let mut out = Vec::new();
            writer.message(&mut out, put("1")).expect("written");
            let before = out.clone();
            let refused = writer.message(&mut out, |out| {
                out.extend_from_slice(b"half\n");
                Err(Status::invalid("no"))
            });
            assert_eq!(refused.map_err(|status| status.message), Err("no".to_owned()));
            assert_eq!((&out, writer.written), (&before, 1), "{form:?}");
        }
    }

    #[test]
    fn raw_chunks_may_have_newlines_behind_them() {
        let mut writer = StreamWriter::new(StreamForm::Raw, true);
        let mut out = Vec::new();
        for chunk in ["a\n b", "c"] {
            writer.message(&mut out, put(chunk)).expect("written");
        }
        assert_eq!(out, b"a\n b\nc\n");
        assert_eq!(
            (writer.after_chunk(), StreamWriter::new(StreamForm::Raw, false).after_chunk()),
            (&b"\n"[..], &b""[..])
        );
    }

    #[test]
    fn forms_have_their_headers() {
        for (form, content_type, buffering, cache) in [
            (StreamForm::ResultLines, "application/json", true, false),
            (StreamForm::Lines, "application/x-ndjson", true, false),
            (StreamForm::Events, "text/event-stream", true, true),
            (StreamForm::Array, "application/json", true, false),
            (StreamForm::Raw, "application/octet-stream", false, false),
        ] {
            let writer = StreamWriter::new(form, false);
            let mut headers = HeaderMap::new();
            headers.insert(VARY, HeaderValue::from_static("origin"));
            writer.headers(&mut headers);
            assert_eq!(writer.content_type(), content_type);
            assert_eq!(headers.get("x-accel-buffering").is_some_and(|value| value == "no"), buffering);
            assert_eq!(headers.get(CACHE_CONTROL).is_some_and(|value| value == "no-cache"), cache);
            let vary: Vec<_> = headers.get_all(VARY).iter().collect();
            assert_eq!(vary, if buffering { vec!["origin", "accept"] } else { vec!["origin"] });
        }
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        StreamWriter::new(StreamForm::Events, false).headers(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "no-store", "the backend knows better");
    }
}
