//! What a case is: what it shows, what is sent, and what must come back. The form of the files in `cases/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Cases that one gateway answers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// The profile; none is written where this is left out.
    pub profile: Option<String>,
    /// More of the config, YAML at the top level.
    pub config: String,
    /// More keys of its section `schema`.
    pub schema: String,
    /// More keys of its upstream.
    pub upstream: String,
    /// The contract instead of `rows.proto` and `streams.proto`.
    pub proto: Option<String>,
    /// A file of HTTP rules.
    pub rules: Option<String>,
    /// Nobody listens at the upstream's address.
    pub down: bool,
}

/// A file's part: a setting and its cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    #[serde(default)]
    pub setting: Setting,
    pub cases: Vec<Case>,
}

/// One behaviour.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rows that it shows, parted by spaces: `A12 P7`.
    pub row: String,
    /// What it shows, in a few words.
    pub what: String,
    /// What it shows is not built yet: it must fail, so that the mark goes when it is.
    #[serde(default)]
    pub pending: bool,
    /// grpc-gateway answers otherwise, on purpose.
    #[serde(default)]
    pub deviates: bool,
    #[serde(default)]
    pub request: Request,
    /// What is loaded, instead of a request.
    pub load: Option<Load>,
    pub expect: Option<Expect>,
    /// What is expected of each profile, instead of `expect`.
    #[serde(default)]
    pub under: BTreeMap<String, Expect>,
    /// The file that it stands in.
    #[serde(skip)]
    pub file: String,
}

/// What is sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Method and target.
    pub send: String,
    /// What is repeated behind the target.
    pub longer: Vec<Repeated>,
    pub headers: BTreeMap<String, Texts>,
    /// The body as text, ...
    pub body: Option<String>,
    /// ... in base64, ...
    pub base64: Option<String>,
    /// ... made by repeating texts, ...
    pub repeated: Vec<Repeated>,
    /// ... or piece by piece. A step waits until the answer so far holds a text.
    pub steps: Vec<Step>,
    /// The HTTP version: 1, or 2.
    pub http: Option<u8>,
    /// Bytes over a socket, read until it is closed; instead of all the above.
    pub raw: Option<String>,
    /// How the backend fails.
    pub fault: Option<String>,
    /// How the backend streams.
    pub stream: Option<String>,
    /// When the client goes away.
    pub leave: Option<Leave>,
    /// Headers of the first answer with which the same is sent again: the second answer is judged.
    pub again_with: BTreeMap<String, String>,
}

/// A text, so many times.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeated {
    pub text: String,
    #[serde(default = "once")]
    pub times: usize,
}

fn once() -> usize {
    1
}

/// A piece of a body that is sent while it is answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Sends a piece.
    Send(String),
    /// Waits until the answer's body holds this.
    Until(String),
    /// Waits for the answer's head.
    Head,
}

/// When a client goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leave {
    /// Once the backend has the call.
    Called,
    /// Once it has the answer's head.
    Head,
    /// Once it has some of the answer's body.
    Body,
}

/// One text, several, or none.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Texts {
    None(()),
    One(String),
    Several(Vec<String>),
}

impl Texts {
    pub fn all(&self) -> &[String] {
        match self {
            Self::None(()) => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(all) => all,
        }
    }
}

/// What must come back. What is not written is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// 200 where it is left out.
    pub status: Option<u16>,
    /// The code of the error body, ...
    pub code: Option<i32>,
    /// ... and what its message holds.
    pub message: Option<Texts>,
    /// The whole body as JSON.
    pub json: Option<Value>,
    /// Parts of the body: a field of the top or, with a `/`, a JSON pointer.
    pub fields: BTreeMap<String, Value>,
    /// Parts of the body that are not there.
    pub missing: Vec<String>,
    /// The whole body as text, ...
    pub text: Option<String>,
    /// ... in base64, ...
    pub base64: Option<String>,
    /// ... as JSON of one value a line, ...
    pub lines: Option<Vec<Value>>,
    /// ... or what it holds and does not hold.
    pub contains: Option<Texts>,
    pub lacks: Option<Texts>,
    /// The values of each header; `null`: it is not there; `"*"`: it is there.
    pub headers: BTreeMap<String, Texts>,
    pub trailers: BTreeMap<String, Texts>,
    /// The connection breaks off within the body.
    pub broken: bool,
    /// What the backend saw of the call.
    pub seen: Option<Seen>,
    /// What the loading tells: nothing but good, or these texts in problems.
    pub problems: Option<Texts>,
    pub warnings: Option<Texts>,
    /// As of a case: of one profile alone.
    pub pending: bool,
}

/// What the backend saw.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seen {
    /// The method's name; `none`: there was no call.
    pub call: Option<String>,
    /// The request message: its fields that are set, by their proto names.
    pub message: Option<Value>,
    /// The values of each name, as for headers.
    pub metadata: BTreeMap<String, Texts>,
    /// How it ended: `completed` or `cancelled`.
    pub outcome: Option<String>,
    /// The deadline in milliseconds, at least and at most.
    pub deadline: Option<(u64, u64)>,
}

/// What is loaded by `transom check`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// The rule of one method: `get: "/v1/{id}"`, ...
    pub rule: Option<String>,
    /// ... all of a service, ...
    pub service: Option<String>,
    /// ... or all of a file behind the imports and messages.
    pub file: Option<String>,
    /// A file of HTTP rules.
    pub rules: Option<String>,
    /// More of the config, and of its section `schema`.
    pub config: String,
    pub schema: String,
}

impl Case {
    /// The rows that it shows.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        self.row.split_whitespace()
    }
}
