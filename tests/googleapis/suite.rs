//! A checkout of googleapis as a contract: loaded from source by the built program, its route table held to the naive
//! matcher, reloaded under load. A developer's command (tests/googleapis/run), not a part of CI.
//!
//! Arguments: the checkout, the program, how many seconds loading may take, and how many requests are compared at most.

mod agree;
mod client;
mod reload;
mod sample;
mod tree;

// The naive matcher is that of the route table's own tests.
#[path = "../../src/route/tests/naive.rs"]
mod naive;
use transom::{route, rule};

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use transom::problem::Problems;
use transom::rule::Binding;
use transom::schema::{self, Schema};

use self::tree::Tree;

/// Any fault ends the run.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [checkout, program, within, most] = &arguments[..] else {
        eprintln!("googleapis CHECKOUT PROGRAM SECONDS REQUESTS");
        return ExitCode::from(2);
    };
    let within = within.to_str().and_then(|text| text.parse().ok()).unwrap_or(10.0);
    let most = most.to_str().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    match run(Path::new(checkout), Path::new(program), within, most) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(checkout: &Path, program: &Path, within: f64, most: usize) -> Outcome {
    let tree = Tree::of(checkout)?;
    load(&tree, program, within)?;
    let (schema, bindings) = read(&tree)?;
    agree::all(&bindings, most)?;
    reload::under_load(&tree, program, &schema, &bindings)
}

/// The program itself loads the tree: in time, and without an error.
fn load(tree: &Tree, program: &Path, within: f64) -> Outcome {
    let config = tree.write_config("http://127.0.0.1:1")?;
    let started = Instant::now();
    let output = Command::new(program).arg("check").arg("--config").arg(config).output()?;
    let took = started.elapsed().as_secs_f64();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("load: {} files in {took:.1} s: {}", tree.files, out.trim());
    if !output.status.success() {
        let errors: Vec<_> = err.lines().filter(|line| line.starts_with("error")).take(5).collect();
        return Err(format!("the program refuses the tree: {}", errors.join("\n")).into());
    }
    if took > within {
        return Err(format!("loading took {took:.1} s, at most {within} s are allowed").into());
    }
    Ok(())
}

/// The same in this process: no rule that is written is missing among the bindings.
fn read(tree: &Tree) -> Outcome<(Schema, Vec<Binding>)> {
    let mut problems = Problems::new();
    let settings = schema::Settings { protos: vec![tree.protos.clone()], ..schema::Settings::default() };
    let schema = schema::load(&settings, &mut problems).ok_or_else(|| problems.to_string())?;
    let bindings = rule::read(&schema, &tree::rules(), &mut problems);
    let written = tree::rules_written(&schema);
    println!("bindings: {} of {written} rules", bindings.len());
    if bindings.len() != written || problems.has_errors() {
        return Err(format!("rules were refused: {problems}").into());
    }
    Ok((schema, bindings))
}
