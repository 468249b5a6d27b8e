//! An event as a CloudEvent in structured mode (CloudEvents 1.0, JSON event format).

use super::naming::Naming;
use super::record::Record;

/// The media type of a CloudEvent in structured mode.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

/// What all events of a gateway are wrapped in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `source`: what made the events.
    pub source: String,
    /// `type`.
    pub kind: Naming,
}

impl Envelope {
    /// The CloudEvent of an event.
    pub(super) fn wrap(&self, event: &Record) -> Vec<u8> {
        let mut out = Vec::with_capacity(event.json.len() + 384);
        out.extend_from_slice(b"{\"specversion\":\"1.0\"");
        let kind = self.kind.of(event);
        for (name, value) in [
            ("id", &event.id),
            ("source", &self.source),
            ("type", &kind),
            ("subject", &event.resource),
            ("time", &event.time),
        ] {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            // Writing a text into memory does not fail.
            serde_json::to_writer(&mut out, value).ok();
        }
        out.extend_from_slice(b",\"datacontenttype\":\"application/json\",\"data\":");
        out.extend_from_slice(&event.json);
        out.push(b'}');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_the_data_and_texts_are_escaped() {
        let envelope = Envelope { source: "a \"b\"".into(), kind: Naming::parse("x.{action}").expect("one") };
        let event = Record {
            id: "1".into(),
            time: "2026-01-02T03:04:05.000006Z".into(),
            action: "created".into(),
            resource: "/a/b".into(),
            json: b"{\"id\":\"1\"}".to_vec(),
            ..Record::default()
        };
        let wrapped: serde_json::Value = serde_json::from_slice(&envelope.wrap(&event)).expect("JSON");
        let expected = serde_json::json!({
            "specversion": "1.0", "id": "1", "source": "a \"b\"", "type": "x.created", "subject": "/a/b",
            "time": "2026-01-02T03:04:05.000006Z", "datacontenttype": "application/json", "data": {"id": "1"},
        });
        assert_eq!(wrapped, expected);
    }
}
