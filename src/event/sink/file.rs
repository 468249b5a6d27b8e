//! A file of JSON lines, one event a line. When it has grown to its size it is renamed to `NAME.1`, which pushes
//! `NAME.1` to `NAME.2` and so on; the oldest is removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::record::Record;
use super::{Delivered, Fault};

/// A file of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The file.
    pub path: PathBuf,
    /// It is rotated before it grows beyond this.
    pub max_size: u64,
    /// How many rotated files are kept.
    pub keep: u32,
}

/// The file, opened when the first event comes.
pub(in super::super) struct FileSink {
    settings: FileSettings,
    open: Arc<Mutex<Option<Open>>>,
}

struct Open {
    file: File,
    length: u64,
}

impl FileSink {
    pub fn new(settings: FileSettings) -> Self {
        Self { settings, open: Arc::default() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Writes a batch on a thread where blocking is no harm, and waits until it is on the disk.
    pub async fn deliver(&mut self, events: &[Record]) -> Delivered {
        let lines: Vec<Vec<u8>> = events.iter().map(line).collect();
        let (settings, open) = (self.settings.clone(), Arc::clone(&self.open));
        let written = tokio::task::spawn_blocking(move || {
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            write(&settings, &mut open, &lines)
        });
        match written.await {
            Ok((taken, Ok(()))) => Delivered { taken, fault: None },
            Ok((taken, Err(fault))) => Delivered { taken, fault: Some(Fault::of(fault.to_string())) },
            Err(_) => Delivered { taken: 0, fault: Some(Fault::of("writing broke off")) },
        }
    }
}

/// An event's JSON has no line break, since it is not indented; one would be white space all the same.
fn line(event: &Record) -> Vec<u8> {
    let mut line = event.json.clone();
    for byte in &mut line {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    line
}

/// Writes lines as long as it goes well; how many are on the disk, and why not the next.
fn write(settings: &FileSettings, open: &mut Option<Open>, lines: &[Vec<u8>]) -> (usize, io::Result<()>) {
    let mut taken = 0;
    while taken < lines.len() {
        let written = write_some(settings, open, lines.get(taken..).unwrap_or_default());
        match written {
            Ok(some) => taken += some,
            Err(fault) => {
                // What is wrong with the file may be mended by opening it again.
                *open = None;
                return (taken, Err(fault));
            }
        }
    }
    (taken, Ok(()))
}

/// Writes as many lines as the file has room for, at least one, in one write; a part of a line that was written
/// before a fault is cut off again.
fn write_some(settings: &FileSettings, open: &mut Option<Open>, lines: &[Vec<u8>]) -> io::Result<usize> {
    let first = lines.first().map_or(0, |line| length(line));
    let mut held = match open.take() {
        Some(held) if is_in_place(&held.file, &settings.path) => held,
        _ => opened(&settings.path)?,
    };
    if held.length > 0 && held.length + first > settings.max_size {
        drop(held);
        rotate(settings)?;
        held = opened(&settings.path)?;
    }
    let (mut batch, mut count) = (Vec::new(), 0);
    for line in lines {
        if count > 0 && held.length + length(&batch) + length(line) > settings.max_size {
            break;
        }
        batch.extend_from_slice(line);
        count += 1;
    }
    if let Err(fault) = held.file.write_all(&batch).and_then(|()| held.file.sync_data()) {
        held.file.set_len(held.length).ok();
        return Err(fault);
    }
    held.length += length(&batch);
    *open = Some(held);
    Ok(count)
}

/// Opens the file for appending. What stands behind its last line break is a line that a kill cut short: its event
/// will come again.
fn opened(path: &Path) -> io::Result<Open> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().append(true).create(true).read(true).open(path)?;
    let mut length = file.metadata()?.len();
    if length > 0 && !ends_a_line(&file, length)? {
        file.write_all(b"\n")?;
        length += 1;
    }
    Ok(Open { file, length })
}

fn ends_a_line(file: &File, length: u64) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    Ok(last == *b"\n")
}

/// Whether the file is still the one with this name: somebody else may rotate it too.
fn is_in_place(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Makes room for a new file; with none to keep, the old one goes.
fn rotate(settings: &FileSettings) -> io::Result<()> {
    if settings.keep == 0 {
        return std::fs::remove_file(&settings.path);
    }
    for number in (1..settings.keep).rev() {
        match std::fs::rename(numbered(&settings.path, number), numbered(&settings.path, number + 1)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
    }
    std::fs::rename(&settings.path, numbered(&settings.path, 1))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(path: PathBuf, max_size: u64, keep: u32) -> FileSettings {
        FileSettings { path, max_size, keep }
    }

    fn event(json: &str) -> Record {
        Record { json: json.as_bytes().to_vec(), ..Record::default() }
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_file_is_rotated_by_size_and_the_oldest_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/events.jsonl");
        let mut sink = FileSink::new(settings(path.clone(), 16, 2));
        for number in 0..9 {
            let events = [event(&format!("{{\"n\":{number}}}")), event("{}")];
            let delivered = sink.deliver(&events).await;
            assert_eq!((delivered.taken, delivered.fault), (2, None));
        }
        let files: Vec<_> = (0..4)
            .map(|number| if number == 0 { path.clone() } else { numbered(&path, number) })
            .map(|path| read(&path))
            .collect();
        assert_eq!(files, ["{\"n\":8}\n{}\n", "{\"n\":7}\n{}\n", "{\"n\":6}\n{}\n", ""]);
        let mut sink = FileSink::new(settings(path.clone(), 1, 0));
        sink.deliver(&[event("{\"long\":1}"), event("{}")]).await;
        assert_eq!(read(&path), "{}\n", "a line longer than the size has a file of its own");
    }

    #[tokio::test]
    async fn a_line_cut_short_by_a_kill_stands_alone_and_a_file_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "{\"cut").expect("written");
        let mut sink = FileSink::new(settings(path.clone(), 1000, 2));
        sink.deliver(&[event("{}")]).await;
        assert_eq!(read(&path), "{\"cut\n{}\n");
        std::fs::rename(&path, folder.path().join("away")).expect("moved");
        sink.deliver(&[event("[\n1]")]).await;
        assert_eq!(read(&path), "[ 1]\n");
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_told_and_comes_later() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        std::fs::create_dir(&path).expect("in the way");
        let mut sink = FileSink::new(settings(path.clone(), 1000, 2));
        let delivered = sink.deliver(&[event("{}")]).await;
        assert!(delivered.taken == 0 && delivered.fault.is_some(), "{delivered:?}");
        std::fs::remove_dir(&path).expect("out of the way");
        assert_eq!(sink.deliver(&[event("{}")]).await.taken, 1);
        assert_eq!(read(&path), "{}\n");
    }
}
