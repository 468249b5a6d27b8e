//! The JSON of the messages in `protos/shapes.proto`.

/// Prices, coordinates, shares of one, and some of every size.
pub fn doubles() -> String {
    values(512, |index| {
        let place = index as f64;
        match index % 4 {
            0 => format!("{}", (place * 37.0 + 1.0) / 100.0),
            1 => format!("{}", (place * 0.734_621_984).sin() * 180.0),
            2 => format!("{}", 1.0 / (place + 3.0)),
            _ => format!("{:e}", (place * 0.31).exp()),
        }
    })
}

/// As vectors have them.
pub fn floats() -> String {
    values(512, |index| format!("{}", (index as f32 * 0.734_622).sin()))
}

/// Words.
pub fn short() -> String {
    values(512, |index| format!(r#""{}-{index}""#, ["red", "europe", "x", "database"][index % 4]))
}

/// Paragraphs of plain text.
pub fn long() -> String {
    values(32, |index| {
        format!(r#""{index} {}""#, "Every request that comes in is read once and written once. ".repeat(20))
    })
}

/// Quotes and line ends every few letters.
pub fn escaped() -> String {
    values(64, |index| format!(r#""{index} {}""#, r#"he said: \"so be it\"\nC:\\dir\t"#.repeat(8)))
}

/// Text that is not ASCII.
pub fn foreign() -> String {
    values(64, |index| format!(r#""{index} {}""#, "Zürich – 東京都, naïve 😀 ".repeat(8)))
}

/// A map of 64 labels.
pub fn labels() -> String {
    let entries: Vec<_> =
        (0..64).map(|index| format!(r#""example.com/label-{index:02}":"value of {index}""#)).collect();
    format!(r#"{{"labels":{{{}}}}}"#, entries.join(","))
}

/// A map of 64 messages.
pub fn rooms() -> String {
    let room =
        |index| format!(r#""{index}":{{"name":"room {index}","seats":{},"open":true}}"#, index % 9 + 1);
    format!(r#"{{"rooms":{{{}}}}}"#, (100..164).map(room).collect::<Vec<_>>().join(","))
}

fn values(count: usize, value: impl FnMut(usize) -> String) -> String {
    format!(r#"{{"values":[{}]}}"#, (0..count).map(value).collect::<Vec<_>>().join(","))
}
