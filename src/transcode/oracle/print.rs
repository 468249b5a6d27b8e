//! JSON text, appended to a buffer: punctuation, indentation, strings. It knows no messages.

/// Appends one JSON value, compact or indented by two spaces.
#[derive(Debug)]
pub(in crate::transcode) struct Printer<'a> {
    out: &'a mut Vec<u8>,
    indent: bool,
    level: usize,
    /// Whether nothing has been written into the innermost object or list.
    empty: bool,
}

impl<'a> Printer<'a> {
    pub(in crate::transcode) fn new(out: &'a mut Vec<u8>, indent: bool) -> Self {
        Self { out, indent, level: 0, empty: true }
    }

    /// Begins an object (`{`) or list (`[`).
    pub(in crate::transcode) fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.level += 1;
        self.empty = true;
    }

    /// Ends an object (`}`) or list (`]`).
    pub(in crate::transcode) fn close(&mut self, bracket: u8) {
        self.level = self.level.saturating_sub(1);
        if !self.empty {
            self.new_line();
        }
        self.out.push(bracket);
        self.empty = false;
    }

    /// Goes on to the next element of a list, whose value comes next.
    pub(in crate::transcode) fn element(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.new_line();
    }

    /// Goes on to the next member of an object, whose value comes next.
    pub(in crate::transcode) fn key(&mut self, name: &str) {
        self.element();
        self.string(name);
        self.out.extend_from_slice(if self.indent { b": " } else { b":" });
    }

    /// Writes a text that is JSON as it is.
    pub(in crate::transcode) fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Writes a string, escaping no more than JSON asks for.
    pub(in crate::transcode) fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
            let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.out.extend_from_slice(plain);
            let Some((byte, after)) = special.split_first() else { break };
            self.escape(*byte);
            rest = after;
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    /// Where the text ends now, to come [`back_to`](Self::back_to).
    pub(in crate::transcode) fn mark(&self) -> Mark {
        Mark { length: self.out.len(), level: self.level, empty: self.empty }
    }

    /// Takes back what was written since the mark.
    pub(in crate::transcode) fn back_to(&mut self, mark: Mark) {
        self.out.truncate(mark.length);
        self.level = mark.level;
        self.empty = mark.empty;
    }

    fn new_line(&mut self) {
        if self.indent {
            self.out.push(b'\n');
            self.out.extend(std::iter::repeat_n(b' ', 2 * self.level));
        }
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            0x8 => b'b',
            0xc => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                self.out.extend_from_slice(b"\\u00");
                for digit in [byte >> 4, byte & 0xf] {
                    self.out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
                }
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }
}

/// A place in the text that is being written.
#[derive(Debug, Clone, Copy)]
pub(in crate::transcode) struct Mark {
    length: usize,
    level: usize,
    empty: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(indent: bool) -> String {
        let mut out = Vec::new();
        let mut json = Printer::new(&mut out, indent);
        json.open(b'{');
        json.key("a");
        json.open(b'[');
        json.element();
        json.raw("1");
        json.element();
        json.open(b'{');
        json.close(b'}');
        json.close(b']');
        let mark = json.mark();
        json.key("gone");
        json.open(b'[');
        json.back_to(mark);
        json.key("b");
        json.string("\"\\\u{8}\u{c}\n\r\t\u{1f}<ä>\u{2028}");
        json.close(b'}');
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn texts_are_compact_or_indented() {
        let string = r#""\"\\\b\f\n\r\t\u001f<ä>"#.to_owned() + "\u{2028}\"";
        assert_eq!(print(false), format!(r#"{{"a":[1,{{}}],"b":{string}}}"#));
        assert_eq!(print(true), format!("{{\n  \"a\": [\n    1,\n    {{}}\n  ],\n  \"b\": {string}\n}}"));
    }
}
