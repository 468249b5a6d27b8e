//! Input made to cost more than its length. Nothing here is timed: each case is of a size at which anything but
//! work in proportion would not come to an end.

use super::answers::field_wire;
use super::*;

/// The answer for wire bytes, or its complaint.
fn answer(desc: &MessageDescriptor, wire: &[u8]) -> Result<String, String> {
    let mut json = Vec::new();
    match Echo::new(desc, sparse()).plan().write_response(wire, &mut json) {
        Ok(()) => Ok(String::from_utf8(json).expect("UTF-8")),
        Err(status) => Err(status.message),
    }
}

/// Each message is found to be out of order only after the one inside it was written: a writer that begins each
/// again the quick way takes twice as long for every level.
#[test]
fn nested_disorder_is_not_exponential() {
    let mut wire = Vec::new();
    for _ in 0..17 {
        wire = [field_wire(17, &wire), vec![0x10, 1]].concat();
    }
    assert!(wire.len() < 116, "{}", wire.len());
    let json = answer(&kinds(), &wire).expect("an answer");
    assert_eq!(json.matches("\"child\"").count(), 17);
    for _ in 17..99 {
        wire = [field_wire(17, &wire), vec![0x10, 1]].concat();
    }
    let json = answer(&kinds(), &wire).expect("an answer");
    assert_eq!((json.matches("\"child\"").count(), json.matches("\"int32Value\":1").count()), (99, 99));
}

#[test]
fn messages_in_pieces_are_merged_level_by_level() {
    // Two pieces at each level, the first of which has all levels below.
    let mut wire = vec![0x10, 1];
    for level in 0..90 {
        let text = field_wire(14, &[b'a' + level % 26; 40]);
        wire = [field_wire(17, &wire), field_wire(17, &text)].concat();
    }
    let json = answer(&kinds(), &wire).expect("an answer");
    assert_eq!(json.matches("\"stringValue\"").count(), 90);
    // Very many pieces of one message.
    let json = answer(&kinds(), &field_wire(17, &[0x10, 7]).repeat(300_000)).expect("an answer");
    assert_eq!(json, r#"{"child":{"int32Value":7}}"#);
    // Oneof members that push each other out.
    let text = field_wire(30, b"x");
    let number = [0xf8, 0x01, 5];
    let json = answer(&kinds(), &[&text[..], &number].concat().repeat(300_000)).expect("an answer");
    assert_eq!(json, r#"{"markNumber":"5"}"#);
}

#[test]
fn maps_and_lists_of_any_size_are_in_proportion() {
    let entry = |key: usize| {
        field_wire(65, &[field_wire(1, format!("{key:06}").as_bytes()), field_wire(2, b"v")].concat())
    };
    let backwards: Vec<u8> = (0..100_000).rev().flat_map(entry).collect();
    let json = answer(&kinds(), &backwards).expect("an answer");
    assert!(json.starts_with(r#"{"labels":{"000000":"v","000001":"v""#), "{}", &json[..60]);
    let same = entry(1).repeat(300_000);
    assert_eq!(answer(&kinds(), &same).expect("an answer"), r#"{"labels":{"000001":"v"}}"#);
    let quotes = field_wire(14, &b"\"".repeat(4 << 20));
    assert_eq!(answer(&kinds(), &quotes).expect("an answer").len(), 8 * (1 << 20) + 18);
    // A list that other fields cut into 200,000 stretches.
    let cut = [&[0xca, 0x02, 1, 7][..], &[0x10, 1]].concat().repeat(200_000);
    let json = answer(&kinds(), &cut).expect("an answer");
    assert_eq!(json.matches('7').count(), 200_000);
}

/// Sixteen million bytes could become four milliards.
#[test]
fn an_answer_that_grows_without_end_is_refused() {
    let settings = Settings { max_json: 1 << 20, ..Settings::default() };
    let plan = Echo::new(&kinds(), settings).plan();
    for wire in [
        field_wire(50, b"").repeat(1 << 20),
        field_wire(40, &vec![0; 1 << 20]),
        field_wire(14, &vec![1; 1 << 18]),
    ] {
        let mut json = b"before".to_vec();
        let status = plan.write_response(&wire, &mut json).expect_err("too much");
        assert!(status.message.contains("longer than the limit of 1MiB"), "{}", status.message);
        assert_eq!((status.http_status().as_u16(), &*json), (502, &b"before"[..]));
        assert!(json.capacity() < 16 << 20, "{} bytes were taken", json.capacity());
    }
}

#[test]
fn bodies_of_any_size_are_in_proportion() {
    let echo = Echo::new(&kinds(), sparse()).body("*");
    let members = |count: usize, member: fn(usize) -> String| {
        format!("{{{}}}", (0..count).map(member).collect::<Vec<_>>().join(","))
    };
    let unknown = members(100_000, |index| format!("\"nothing{index}\":[{{}}]"));
    assert_eq!(echo.call(None, &unknown), Ok("{}".to_owned()));
    let labels = members(100_000, |index| format!("\"{:06}\":\"v\"", 99_999 - index));
    let wire = echo.wire(None, &format!("{{\"labels\":{labels}}}")).expect("a map");
    assert_eq!(answer(&kinds(), &wire).expect("an answer").len(), labels.len() + "{\"labels\":}".len());
    let doubled = labels.replacen("099999", "000000", 1);
    let message = echo.call(None, &format!("{{\"labels\":{doubled}}}")).expect_err("a key twice");
    assert!(
        message.starts_with("labels[\"000000\"]: the map has this key twice (line 1, column 1"),
        "{message}"
    );
    let empties = format!("{{\"children\":[{}{{}}]}}", "{},".repeat(1_000_000));
    assert_eq!(echo.wire(None, &empties).expect("a list").len(), 3 * 1_000_001);
    // Lengths that turn out longer than the room left for them, at every level.
    let mut nested = "{}".to_owned();
    for level in 0..90 {
        nested = format!("{{\"child\":{nested},\"stringValue\":\"{}\"}}", "x".repeat(level * 300));
    }
    assert!(echo.call(None, &nested).is_ok());
}

#[test]
fn queries_of_any_size_are_in_proportion() {
    let echo = Echo::new(&kinds(), sparse());
    let pairs = |count: usize, pair: fn(usize) -> String| (0..count).map(pair).collect::<Vec<_>>().join("&");
    let query = pairs(100_000, |index| format!("labels[{index}]=v&string_list=a"));
    assert!(echo.wire(Some(&query), "").is_ok());
    let query = pairs(100_000, |_| "child.child.child.child.child.int32_list=1".to_owned());
    assert!(echo.wire(Some(&query), "").is_ok());
    let query = pairs(100_000, |index| format!("labels[{}]=v", index % 99_999));
    let message = echo.call(Some(&query), "").expect_err("a key twice");
    assert!(message.contains("the map has this key twice"), "{message}");
}

/// Entries of one key take the memory of one; text that is indented is measured as it is written.
#[test]
fn what_is_overridden_takes_no_memory_and_indentation_counts() {
    let wire = field_wire(65, b"").repeat(2_000_000);
    let plan = Echo::new(&kinds(), sparse()).plan();
    let mut json = Vec::with_capacity(16 << 20);
    plan.write_response(&wire, &mut json).expect("an answer");
    assert_eq!(json, br#"{"labels":{"":""}}"#);
    let nested =
        (0..45).fold(field_wire(1, b"").repeat(20_000), |wire, _| field_wire(1, &field_wire(6, &wire)));
    let settings = Settings { indent: true, max_json: 1 << 20, ..sparse() };
    let status = Echo::new(&kinds(), settings).plan().write_response(&field_wire(85, &nested), &mut json);
    assert!(status.expect_err("too much").message.contains("longer than the limit"));
}
