//! The client's side of a call: request bodies read within their limit, answers and errors in the form the
//! client speaks.
//!
//! Not for connections ([`serve`](crate::serve)) and not for what JSON means
//! ([`transcode`](crate::transcode)). Speaks REST: JSON, whole or as a stream of messages, forms, and protobuf's
//! wire bytes.

mod accept;
mod answer;
mod body;
mod content;
mod error;
mod etag;
mod settings;
mod streams;

pub use accept::{Accept, Rank};
pub use answer::{Answer, no_content};
pub use body::{Body, Broken, Streamed, read};
pub use content::{AnswerForm, check_texts, is_posted_form, meant_method, request_body};
pub use error::{allow, error, of_miss};
pub use settings::{AnswerSettings, BodySettings, Settings, StreamSettings};
pub use streams::{JsonSplitter, StreamForm, StreamWriter, stream_form};
