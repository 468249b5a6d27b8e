//! The settings of streams.

use http::HeaderName;

use crate::protocol;

use super::super::file::{StreamForm, Streams};
use super::Check;

impl Check<'_> {
    pub(super) fn streams(&mut self, file: &Streams) -> protocol::StreamSettings {
        self.positive("streams.head_wait", file.head_wait.0);
        let trailers = self.header_names("streams.trailers", &file.trailers);
        let announced = trailers.iter().filter_map(|name| format!("grpc-trailer-{name}").parse().ok());
        settings(file, announced.collect())
    }
}

fn settings(file: &Streams, trailers: Vec<HeaderName>) -> protocol::StreamSettings {
    protocol::StreamSettings {
        form: match file.form {
            StreamForm::ResultLines => protocol::StreamForm::ResultLines,
            StreamForm::Lines => protocol::StreamForm::Lines,
            StreamForm::Events => protocol::StreamForm::Events,
            StreamForm::Array => protocol::StreamForm::Array,
            StreamForm::Sequence => protocol::StreamForm::Sequence,
        },
        newline_after_chunks: file.newline_after_chunks,
        head_wait: file.head_wait.0,
        keep_alive: file.keep_alive.map(|period| period.0).filter(|period| !period.is_zero()),
        trailers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_room() {
        assert_eq!(settings(&Streams::default(), Vec::new()), protocol::StreamSettings::default());
    }
}
