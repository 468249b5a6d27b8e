//! `transom key`: make a management key, hash one, or look up whose one is. Keys are read from the standard input
//! where they are not typed: what is typed stays in the shell's history.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::config::{self, Sources};
use crate::policy::{self, KeyHash, KeySettings};
use crate::problem::{Place, Problem, Problems};
use crate::units::Moment;

use super::args::{HashKeyArgs, KeyCommand, NewKeyArgs, VerifyKeyArgs};
use super::paint::Ink;
use super::{FINE, PROBLEMS, Terminal};

pub(super) fn run(command: &KeyCommand, terminal: &mut Terminal) -> io::Result<u8> {
    match command {
        KeyCommand::New(args) => new(args, terminal),
        KeyCommand::Hash(args) => hash(args, terminal),
        KeyCommand::Verify(args) => verify(args, terminal),
    }
}

/// The key on the first line, then its entry: what is printed as the entry is what a config takes.
fn new(args: &NewKeyArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let key = policy::new_key();
    let out = &mut terminal.out.to;
    writeln!(out, "{key}\n\n- hash: {}", KeyHash::of(&key))?;
    // JSON is YAML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    if let Some(name) = &args.name {
        writeln!(out, "  name: {}", quoted(name))?;
    }
    let actor_id = args.actor_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    writeln!(out, "  actor_id: {}", quoted(&actor_id))?;
    if let Some(actor_type) = &args.actor_type {
        writeln!(out, "  actor_type: {}", quoted(actor_type))?;
    }
    for (key, names) in [("accounts", &args.account), ("permissions", &args.permission)] {
        writeln!(out, "  {key}: {}", serde_json::Value::from(names.as_slice()))?;
    }
    if let Some(expires) = args.expires {
        writeln!(out, "  expires: {expires}")?;
    }
    out.flush()?;
    let told = "the first line is the key and is shown this once; the rest is its entry for `identity.keys`";
    writeln!(terminal.err.to, "{told}")?;
    Ok(FINE)
}

fn hash(args: &HashKeyArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let Some(key) = given(args.key.as_deref(), terminal)? else { return Ok(PROBLEMS) };
    writeln!(terminal.out.to, "{}", KeyHash::of(&key))?;
    Ok(FINE)
}

fn verify(args: &VerifyKeyArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let Some(key) = given(args.key.as_deref(), terminal)? else { return Ok(PROBLEMS) };
    let mut problems = Problems::new();
    let mut keys = args.config.as_deref().map_or(Vec::new(), |file| configured(file, &mut problems));
    for file in &args.key_file {
        keys.extend(config::keys(file, &mut problems));
    }
    terminal.tell(&problems)?;
    let hash = KeyHash::of(&key);
    let Some(one) = keys.iter().find(|one| one.hash == hash) else {
        let what = format!("none of {} has this key", super::check::plural(keys.len(), "entry", "entries"));
        terminal.tell(&Problem::error(Place::default(), what).into())?;
        return Ok(PROBLEMS);
    };
    show(one, terminal)
}

/// The keys of a whole configuration, be the rest of it faulty.
fn configured(file: &Path, problems: &mut Problems) -> Vec<KeySettings> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let sources = Sources {
        file: Some(file.to_owned()),
        environment: environment.collect(),
        flags: Vec::new(),
        without_backend: true,
    };
    let settings = config::examine(&sources, problems);
    settings.and_then(|settings| settings.gateway.policy).map_or(Vec::new(), |policy| policy.keys)
}

/// Whose key it is; a key that has expired is found, but no good.
fn show(key: &KeySettings, terminal: &mut Terminal) -> io::Result<u8> {
    let actor = &key.actor;
    let expired = actor.expires.is_some_and(Moment::is_past);
    let (ink, word) = if expired { (Ink::Error, "expired") } else { (Ink::Good, "good") };
    let out = &mut terminal.out;
    let listed = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let expires = actor.expires.map_or_else(|| "never".to_owned(), |expires| expires.to_string());
    writeln!(out.to, "{}: {}", out.paint.text(ink, word), key.place)?;
    for (what, value) in [
        ("name", actor.name.as_deref().unwrap_or("none")),
        ("actor", &format!("{} ({})", actor.actor_id, actor.actor_type)),
        ("accounts", &listed(&actor.accounts)),
        ("permissions", &listed(&actor.permissions)),
        (if expired { "expired" } else { "expires" }, &expires),
    ] {
        writeln!(out.to, "  {what:<12} {value}")?;
    }
    Ok(if expired { PROBLEMS } else { FINE })
}

/// The key that was typed, or else the first line of the standard input; told when it cannot be one.
fn given(typed: Option<&str>, terminal: &mut Terminal) -> io::Result<Option<String>> {
    let text = if let Some(text) = typed {
        text.to_owned()
    } else {
        let mut text = String::new();
        io::stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text)?;
        text.lines().next().unwrap_or_default().to_owned()
    };
    let key = text.trim();
    let fault = if !policy::is_key(key) {
        ("this cannot be a key", "a key is 1 to 512 visible ASCII characters without spaces")
    } else if policy::is_mistyped(key) {
        (
            "this is not the whole key, or not as it was made: its checksum is wrong",
            "copy all of it, from `tsm_` on",
        )
    } else {
        return Ok(Some(key.to_owned()));
    };
    let problem = Problem::error(Place::default(), fault.0).help(fault.1);
    terminal.tell(&problem.into())?;
    Ok(None)
}

/// More is not read.
const LONGEST_INPUT: u64 = 64 * 1024;
