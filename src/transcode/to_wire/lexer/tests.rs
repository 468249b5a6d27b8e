//! Texts that are JSON and texts that are not.

use std::borrow::Cow;

use super::Lexer;
use crate::transcode::fault::Fault;

fn skip(text: &str) -> Result<(), Fault> {
    let mut lexer = Lexer::new(text, 100);
    lexer.skip()?;
    lexer.end()
}

#[test]
fn well_formed_texts_are_passed_over() {
    for good in ["1", " \t\r\n{ } ", "[]", r#"{"a":[1,-2.5e7,{"b":null}],"c":true}"#, r#""\ud83d\ude00\/\"""#]
    {
        assert_eq!(skip(good), Ok(()), "{good}");
    }
}

#[test]
fn malformed_texts_are_refused() {
    let bad = [
        "",
        " ",
        "{",
        "[",
        "[1,]",
        "{\"a\":1,}",
        "{,}",
        "[,]",
        "{a:1}",
        "{'a':1}",
        "{\"a\"}",
        "{\"a\":}",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "01",
        "1.",
        "-",
        "+1",
        "1 2",
        "{} x",
        "[]]",
        "}",
        "]",
        "\u{feff}{}",
        "// x\n1",
        "1 // x",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\t\"",
        "\"\n\"",
        "[1}",
        "{\"a\":1]",
        "\"\\u+123\"",
    ];
    for text in bad {
        assert!(skip(text).is_err(), "{text:?}");
    }
}

#[test]
fn strings_are_unescaped() {
    let text = r#""a\"\\\/\b\f\n\r\t\u0041\u00e4\ud83d\ude00é""#;
    assert_eq!(Lexer::new(text, 1).string().expect("a string"), "a\"\\/\u{8}\u{c}\n\r\tAä😀é");
}

#[test]
fn depth_is_limited_without_recursion() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(skip(&deep).is_err());
    assert_eq!(Lexer::new(&deep, usize::MAX).skip(), Ok(()));
    assert_eq!(skip(&format!("{}{}", "[".repeat(100), "]".repeat(100))), Ok(()));
}

#[test]
fn every_type_is_found_with_its_place() {
    let mut found = Vec::new();
    let text = r#"{"x":[{"@type":"b"}], "@type":"a", "y":{"@type":1}}"#;
    Lexer::new(text, 9).walk(|at, name| found.push((at, name))).expect("well-formed");
    assert_eq!(found, [(6, Cow::Borrowed("b")), (0, Cow::Borrowed("a"))]);
}
