//! The program under the official protobuf conformance runner: answers every test whose input or output is
//! JSON with transom's own code, and skips the rest with a reason.
//!
//! Arguments: `.proto` files, descriptor sets, and folders to import from; `--zeros` before them has fields
//! without presence written even when they are zero or empty. Not started by hand: see `run` beside this file.
//! At the end of its input it tells on standard error how many tests were skipped and why.

mod protocol;
#[path = "../support/sources.rs"]
mod sources;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::{self, BufReader};

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use protocol::{Answer, Category, Format, Payload, Request};
use transom::transcode::{MessagePlan, Settings, UnsetFields};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let unset_fields = match arguments.next_if(|argument| argument == "--zeros") {
        Some(_) => UnsetFields::Zero,
        None => UnsetFields::Omit,
    };
    let schema = sources::load(arguments)?;
    Ok(Testee::new(schema.pool().clone(), unset_fields).serve()?)
}

struct Testee {
    pool: DescriptorPool,
    unset_fields: UnsetFields,
    /// Plans by message type and by whether unknown fields are ignored, compiled when first asked for.
    plans: HashMap<(String, bool), MessagePlan>,
    skipped: BTreeMap<&'static str, usize>,
    answered: usize,
}

impl Testee {
    fn new(pool: DescriptorPool, unset_fields: UnsetFields) -> Self {
        Self { pool, unset_fields, plans: HashMap::new(), skipped: BTreeMap::new(), answered: 0 }
    }

    fn serve(mut self) -> io::Result<()> {
        let (mut input, mut output) = (BufReader::new(io::stdin().lock()), io::stdout().lock());
        while let Some(request) = protocol::read(&mut input)? {
            let answer = self.answer(&request).unwrap_or_else(|reason| {
                *self.skipped.entry(reason).or_default() += 1;
                Answer::Skipped(reason.to_owned())
            });
            protocol::write(&mut output, answer)?;
        }
        eprintln!("testee: {} answered", self.answered);
        for (reason, count) in &self.skipped {
            eprintln!("testee: {count} skipped: {reason}");
        }
        Ok(())
    }

    /// The answer, or the reason why the test is skipped.
    fn answer(&mut self, request: &Request) -> Result<Answer, &'static str> {
        if request.message_type == "conformance.FailureSet" {
            // The runner asks for a list of known failures; they are given to it as a file, if there are any.
            return Ok(Answer::Protobuf(Vec::new()));
        }
        let (payload, output) = in_scope(request)?;
        let Some(desc) = self.pool.get_message_by_name(&request.message_type) else {
            return Err("the message type is not in the descriptors that the testee was given");
        };
        let ignore_unknown = request.test_category() == Category::JsonIgnoreUnknown;
        self.answered += 1;
        let plan = self
            .plans
            .entry((request.message_type.clone(), ignore_unknown))
            .or_insert_with(|| MessagePlan::compile(&desc, &settings(self.unset_fields, ignore_unknown)));
        Ok(transcode(plan, &desc, payload, output).unwrap_or_else(|fault| fault))
    }
}

/// Payload and output format of a test that has JSON on either side.
fn in_scope(request: &Request) -> Result<(&Payload, Format), &'static str> {
    let payload = request.payload.as_ref().ok_or("the test has no payload")?;
    match (payload, request.requested_output_format()) {
        (Payload::Text(_), _) | (_, Format::Text) => {
            Err("text format is not something that transom reads or writes")
        }
        (Payload::Jspb(_), _) | (_, Format::Jspb) => {
            Err("JSPB is not something that transom reads or writes")
        }
        (Payload::Protobuf(_), Format::Protobuf) => {
            Err("binary to binary: transom passes such bytes on without reading them")
        }
        (_, Format::Unspecified) => Err("the test names no output format"),
        (payload, output) => Ok((payload, output)),
    }
}

/// The strictest reading that the test allows.
fn settings(unset_fields: UnsetFields, ignore_unknown: bool) -> Settings {
    Settings {
        unset_fields,
        refuse_unknown_fields: !ignore_unknown,
        // An enum name that is not known is to be passed over like a field that is not known.
        refuse_unknown_enums: !ignore_unknown,
        any_mask_spelling: false,
        ..Settings::default()
    }
}

fn transcode(
    plan: &MessagePlan,
    desc: &MessageDescriptor,
    payload: &Payload,
    output: Format,
) -> Result<Answer, Answer> {
    let wire = match payload {
        Payload::Json(json) => {
            let mut wire = Vec::new();
            plan.write_wire(json, &mut wire).map_err(|status| Answer::ParseError(status.message))?;
            wire
        }
        Payload::Protobuf(wire) | Payload::Jspb(wire) | Payload::Text(wire) => wire.clone(),
    };
    if output == Format::Protobuf {
        return Ok(Answer::Protobuf(wire));
    }
    let mut json = Vec::new();
    match plan.write_json(&wire, &mut json) {
        Ok(()) => Ok(Answer::Json(json)),
        // transom tells a message that cannot be read from one that cannot be written by words only; the
        // runner wants to know which it is.
        Err(status) if DynamicMessage::decode(desc.clone(), wire.as_slice()).is_ok() => {
            Err(Answer::SerializeError(status.message))
        }
        Err(status) => Err(Answer::ParseError(status.message)),
    }
}
