//! Names made of an event: a CloudEvents type, a NATS subject. A template over a few words, checked at load.

use super::record::Record;

/// A template such as `{resource_type}.{action}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Each word with the text before it.
    pieces: Vec<(String, Word)>,
    rest: String,
}

/// A word of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    EventType,
    ResourceType,
    Action,
    AccountId,
    Service,
    Method,
}

/// The words by the names that a template has for them.
const WORDS: [(&str, Word); 6] = [
    ("event_type", Word::EventType),
    ("resource_type", Word::ResourceType),
    ("action", Word::Action),
    ("account_id", Word::AccountId),
    ("service", Word::Service),
    ("method", Word::Method),
];

impl Naming {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` without a `}}`"))?;
            let Some((_, word)) = WORDS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<_> = WORDS.iter().map(|(name, _)| format!("`{{{name}}}`")).collect();
                return Err(format!("`{{{name}}}` is not known; there are {}", known.join(", ")));
            };
            pieces.push((before.to_owned(), *word));
            rest = behind;
        }
        Ok(Self { pieces, rest: rest.to_owned() })
    }

    /// The name of an event. `-` stands for a word that it does not have.
    pub(super) fn of(&self, event: &Record) -> String {
        self.with(event, str::to_owned)
    }

    /// The same as a NATS subject: what would divide a token, or stand for others, is `_` in a word.
    pub(super) fn subject(&self, event: &Record) -> String {
        self.with(event, |word| {
            word.replace(|c: char| matches!(c, '.' | '*' | '>') || c.is_whitespace(), "_")
        })
    }

    fn with(&self, event: &Record, write: impl Fn(&str) -> String) -> String {
        let mut name = String::new();
        for (before, word) in &self.pieces {
            name.push_str(before);
            let word = word.of(event);
            name.push_str(&if word.is_empty() { "-".to_owned() } else { write(word) });
        }
        name.push_str(&self.rest);
        name
    }
}

impl Word {
    fn of(self, event: &Record) -> &str {
        match self {
            Self::EventType => &event.event_type,
            Self::ResourceType => &event.resource_type,
            Self::Action => &event.action,
            Self::AccountId => &event.account,
            Self::Service => event.rpc.split_once('/').map_or("", |(service, _)| service),
            Self::Method => event.rpc.split_once('/').map_or("", |(_, method)| method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_in_and_a_subject_keeps_its_tokens() {
        let event = Record {
            rpc: "a.v1.S/Do".into(),
            event_type: "action".into(),
            resource_type: "big cluster.x".into(),
            action: "restart".into(),
            ..Record::default()
        };
        let all = Naming::parse("e.{resource_type}.{action}.{event_type}.{account_id}.{service}.{method}!")
            .expect("one");
        assert_eq!(all.of(&event), "e.big cluster.x.restart.action.-.a.v1.S.Do!");
        assert_eq!(all.subject(&event), "e.big_cluster_x.restart.action.-.a_v1_S.Do!");
        assert_eq!(Naming::parse("plain").expect("one").of(&event), "plain");
    }

    #[test]
    fn a_word_that_is_not_known_is_told() {
        assert!(
            Naming::parse("{colour}")
                .is_err_and(|what| what.contains("`{colour}` is not known; there are `{event_type}`"))
        );
        assert!(Naming::parse("{action").is_err());
    }
}
