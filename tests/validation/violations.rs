//! Writes random messages and what transom finds broken in each, for another validator to read.
//!
//! Arguments: how many messages of each type, then `.proto` files and folders to import from. Standard output gets one
//! JSON object a line: the type's name, the wire bytes in base64, and either the violations or why there is no answer.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "any number near a bound will do"
)]

#[path = "messages.rs"]
mod messages;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/sources.rs"]
mod sources;

use std::error::Error;
use std::io::{self, BufWriter, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use prost::Message as _;
use prost_reflect::MessageDescriptor;
use transom::problem::Problems;
use transom::validate::Validators;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let each: usize =
        arguments.next().and_then(|each| each.to_str()?.parse().ok()).ok_or("how many of each?")?;
    let schema = sources::load(arguments)?;
    let mut problems = Problems::new();
    let validators = Validators::compile(&schema, &mut problems);
    if problems.has_errors() {
        return Err(problems.to_string().into());
    }
    let mut bytes = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut near = messages::Random::new(1);
    let mut output = BufWriter::new(io::stdout().lock());
    for desc in schema.pool().all_messages() {
        let Some(validator) = validators.message(&desc).filter(|_| !desc.is_map_entry()) else { continue };
        // The contract that has every rule has few types.
        let times = if desc.package_name().starts_with("rules.") { 10 } else { 1 };
        for index in 0..each * times {
            let wire = if index % 4 == 3 {
                any_layout(&desc, &mut bytes, index)
            } else {
                messages::message(&desc, &mut near).encode_to_vec()
            };
            let line = match validator.violations(&wire) {
                Ok(found) => {
                    let found: Vec<_> = found.iter().map(|one| [&one.field, &one.rule, &one.text]).collect();
                    serde_json::json!({"type": desc.full_name(), "wire": STANDARD.encode(&wire), "violations": found})
                }
                Err(status) => {
                    serde_json::json!({"type": desc.full_name(), "wire": STANDARD.encode(&wire), "fault": status.message})
                }
            };
            writeln!(output, "{line}")?;
        }
    }
    Ok(output.flush()?)
}

fn any_layout(desc: &MessageDescriptor, bytes: &mut TestRng, index: usize) -> Vec<u8> {
    let mut choices = vec![0; 16 << (index % 7)];
    bytes.fill_bytes(&mut choices);
    random::message(desc, &mut random::Choices::new(&choices))
}
