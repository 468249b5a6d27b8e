//! The paths of a `google.protobuf.FieldMask`: lowerCamel in JSON, `snake_case` on the wire.

/// Reads one path of a JSON mask; `None` when it is no lowerCamel field path, nor one of any spelling where that is
/// allowed.
pub(super) fn read_path(path: &str, any_spelling: bool) -> Option<String> {
    let wire = snake(path);
    if any_spelling {
        return write_path(&wire).map(|_| wire);
    }
    (!path.contains('_') && is_field_path(path)).then_some(wire)
}

/// Writes one path for JSON; `None` when reading it back would not give the same.
pub(super) fn write_path(path: &str) -> Option<String> {
    let camel = camel(path);
    (path == EVERYTHING || is_field_path(path) && snake(&camel) == path).then_some(camel)
}

/// The path with every capital as an underscore and its small letter; snake case stays as it is.
pub(super) fn snake(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for character in path.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

fn camel(path: &str) -> String {
    let mut camel = String::with_capacity(path.len());
    let mut after_underscore = false;
    for character in path.chars() {
        if character != '_' {
            camel.push(if after_underscore { character.to_ascii_uppercase() } else { character });
        }
        after_underscore = character == '_';
    }
    camel
}

/// The path that stands for all fields.
const EVERYTHING: &str = "*";

fn is_field_path(path: &str) -> bool {
    path.split('.').all(|name| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_change_their_spelling_both_ways() {
        for (json, wire) in [("a", "a"), ("fooBar", "foo_bar"), ("a.fooBarBaz.c", "a.foo_bar_baz.c")] {
            assert_eq!(read_path(json, false).as_deref(), Some(wire));
            assert_eq!(read_path(json, true).as_deref(), Some(wire));
            assert_eq!(read_path(wire, true).as_deref(), Some(wire));
            assert_eq!(write_path(wire).as_deref(), Some(json));
        }
    }

    #[test]
    fn what_does_not_come_back_is_refused() {
        for wire in ["fooBar", "foo__bar", "foo_3_bar", "foo_", "", "a..b", "a b", "1a", "a.*"] {
            assert_eq!(write_path(wire), None, "{wire:?}");
        }
        for json in ["foo_bar", "", "a,b", "a.", "*", "a b"] {
            assert_eq!(read_path(json, false), None, "{json:?}");
        }
        for json in ["foo__bar", "foo_3", "fooBar_", "", "a,b", "a.", "a.*", "a b"] {
            assert_eq!(read_path(json, true), None, "{json:?}");
        }
        assert_eq!(read_path("*", true).as_deref(), Some("*"));
        assert_eq!(write_path("*").as_deref(), Some("*"));
    }
}
