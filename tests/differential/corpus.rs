//! Writes random messages of every type of the given sources, for other programs to read.
//!
//! Arguments: how many messages of each type, then `.proto` files, descriptor sets, and folders to import from.
//! Standard output gets one record a message: the length of the type's name, the name, the length of the wire bytes,
//! the wire bytes; lengths are 32 bits, little-endian. The same arguments give the same bytes.

#[path = "../support/random.rs"]
mod random;
#[path = "../support/sources.rs"]
mod sources;

use std::error::Error;
use std::io::{self, BufWriter, Write};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use prost_reflect::MessageDescriptor;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let each: usize =
        arguments.next().and_then(|each| each.to_str()?.parse().ok()).ok_or("how many of each?")?;
    let schema = sources::load(arguments)?;

    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut choices = Vec::new();
    let mut output = BufWriter::new(io::stdout().lock());
    for desc in schema.pool().all_messages().filter(|desc| !desc.is_map_entry() && !is_of_descriptors(desc)) {
        for index in 0..each {
            // From almost nothing to a few hundred fields.
            choices.resize(16 << (index % 7), 0);
            rng.fill_bytes(&mut choices);
            record(desc.full_name().as_bytes(), &mut output)?;
            record(&random::message(&desc, &mut random::Choices::new(&choices)), &mut output)?;
        }
    }
    Ok(output.flush()?)
}

/// The types that describe types differ from one compiler to the other.
fn is_of_descriptors(desc: &MessageDescriptor) -> bool {
    desc.parent_file().name() == "google/protobuf/descriptor.proto"
}

fn record(content: &[u8], output: &mut impl Write) -> Result<(), Box<dyn Error>> {
    output.write_all(&u32::try_from(content.len())?.to_le_bytes())?;
    Ok(output.write_all(content)?)
}
