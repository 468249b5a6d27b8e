//! The route table beside the naive matcher: for each request of the sample both must find the same binding with the
//! same captures, or miss in the same way.

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use http::Method;
use transom::problem::Problems;
use transom::route::{Miss, Precedence, RouteTable, Settings};
use transom::rule::{Binding, Segment};

use crate::{Outcome, naive, sample};

/// The binding with its captures, or the miss.
type Found = Result<(usize, Vec<String>), Miss>;

pub fn all(bindings: &[Binding], most: usize) -> Outcome {
    let started = Instant::now();
    let table = RouteTable::build(bindings, &Settings::default(), &mut Problems::new());
    println!("routes: compiled in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    let requests = sample::requests(bindings);
    // Odd, so that it does not keep step with the requests that are off, each fourth one.
    let step = requests.len().div_ceil(most.max(1)) | 1;
    let requests: Vec<_> = requests.iter().step_by(step).cloned().collect();
    let each = vec![Settings::default(); bindings.len()];
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let compared: Outcome<Vec<Vec<Found>>> = thread::scope(|scope| {
        let (table, each) = (&table, &each);
        let parts = requests.chunks(requests.len().div_ceil(threads).max(1));
        let compare = |part| scope.spawn(move || compare(table, bindings, each, part));
        let running: Vec<_> = parts.map(compare).collect();
        running.into_iter().map(|part| part.join().map_err(|_| "a thread panicked")?).collect()
    });
    tell(bindings, &compared?.concat());
    Ok(())
}

fn compare(
    table: &RouteTable,
    bindings: &[Binding],
    each: &[Settings],
    requests: &[(Method, String)],
) -> Outcome<Vec<Found>> {
    let mut all = Vec::with_capacity(requests.len());
    for (method, path) in requests {
        let expected = naive::find(bindings, Precedence::Specific, each, method, path);
        let found = found(table, method, path);
        if found != expected {
            let name = |found: &Found| {
                found
                    .as_ref()
                    .ok()
                    .map(|(index, _)| format!("{} ({})", bindings[*index], bindings[*index].rpc.full_name()))
            };
            let (one, other) = (name(&found), name(&expected));
            let what =
                format!("{method} {path}: found {found:?} {one:?}, the naive matcher {expected:?} {other:?}");
            return Err(what.into());
        }
        all.push(found);
    }
    Ok(all)
}

fn found(table: &RouteTable, method: &Method, path: &str) -> Found {
    match table.find(method, path) {
        Ok(hit) => {
            let captures: Result<_, _> =
                hit.captures().map(|text| text.map(std::borrow::Cow::into_owned)).collect();
            captures
                .map(|captures| (hit.binding, captures))
                .map_err(|_| Miss::Malformed("a capture".to_owned()))
        }
        // The text is for clients.
        Err(Miss::Malformed(_)) => Err(Miss::Malformed(String::new())),
        Err(miss) => Err(miss),
    }
}

/// What was compared, so that a sample of nothing is seen.
fn tell(bindings: &[Binding], found: &[Found]) {
    let hits: Vec<&Binding> = found.iter().flatten().map(|(index, _)| &bindings[*index]).collect();
    let with = |of: fn(&Binding) -> bool| hits.iter().filter(|binding| of(binding)).count();
    let services: BTreeSet<_> =
        hits.iter().map(|binding| binding.rpc.parent_service().full_name().to_owned()).collect();
    println!(
        "agreement: {} requests, {} hits of {} services ({} with a custom verb, {} with `**`, {} with captures of \
         several segments), {} misses",
        found.len(),
        hits.len(),
        services.len(),
        with(|binding| binding.template.verb.is_some()),
        with(|binding| binding.template.segments.contains(&Segment::Many)),
        with(|binding| binding.template.variables.iter().any(|variable| variable.end - variable.first > 1)),
        found.len() - hits.len(),
    );
}
