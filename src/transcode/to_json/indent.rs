//! Compact JSON spread over lines, indented by two spaces.

/// Indents the compact JSON that begins at `start`; false, and not all of it, when that takes more than `limit` bytes.
pub(super) fn from(start: usize, limit: usize, out: &mut Vec<u8>) -> bool {
    let compact = out.split_off(start);
    let mut level = 0_usize;
    let mut rest = &*compact;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if out.len() - start > limit {
            return false;
        }
        match byte {
            b'"' => {
                let (text, behind) = after.split_at_checked(string_end(after)).unwrap_or((after, &[]));
                out.push(b'"');
                out.extend_from_slice(text);
                rest = behind;
            }
            b'{' | b'[' => {
                out.push(*byte);
                if let Some((closing @ (b'}' | b']'), behind)) = after.split_first() {
                    out.push(*closing);
                    rest = behind;
                } else {
                    level += 1;
                    new_line(level, out);
                }
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                new_line(level, out);
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                new_line(level, out);
            }
            b':' => out.extend_from_slice(b": "),
            _ => out.push(*byte),
        }
    }
    out.len() - start <= limit
}

fn new_line(level: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', 2 * level));
}

/// Where a string ends, after its closing quote.
fn string_end(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_inside_a_string_is_taken_for_structure() {
        let mut out = br#"[]{"a\"{":[1,{}],"b":"\\","c":[],"d":{"e":null}}"#.to_vec();
        let whole = out.clone();
        assert!(!from(2, 20, &mut out));
        out = whole;
        assert!(from(2, 1000, &mut out));
        let expected = "[]{\n  \"a\\\"{\": [\n    1,\n    {}\n  ],\n  \"b\": \"\\\\\",\n  \"c\": [],\n  \"d\": {\n    \"e\": null\n  }\n}";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
