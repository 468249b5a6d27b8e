//! The settings of streams.

use crate::protocol;

use super::super::file::{StreamForm, Streams};

pub(super) fn settings(file: &Streams) -> protocol::StreamSettings {
    protocol::StreamSettings {
        form: match file.form {
            StreamForm::ResultLines => protocol::StreamForm::ResultLines,
            StreamForm::Lines => protocol::StreamForm::Lines,
            StreamForm::Events => protocol::StreamForm::Events,
            StreamForm::Array => protocol::StreamForm::Array,
        },
        newline_after_chunks: file.newline_after_chunks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_room() {
        assert_eq!(settings(&Streams::default()), protocol::StreamSettings::default());
    }
}
