//! What an id stands for in a dataset: a row, a chunk, a source or another input, a template, a rating, or something
//! that was left out. The first digits of an id will do where they fit one thing only.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::super::chunk::Chunk;
use super::super::dataset::{Dataset, Lines};
use super::super::ingest::files::joined;
use super::super::ledger::{Skipped, Template};
use super::super::manifest::{CHUNKS, Input, RATINGS, ROWS, SKIPPED, Source, TEMPLATES};
use super::super::review::rating::Rating;
use super::super::row::Row;

/// Fewest digits of an id.
const DIGITS_MIN: usize = 4;
/// Things that are named when an id fits several.
const NAMED: usize = 5;

/// What an id stands for.
#[derive(Clone, Debug)]
pub enum Thing {
    /// A row that is in the dataset.
    Row(Box<Row>),
    /// A row that was left out on the way, as it was then where that is known.
    LeftOut(Box<Skipped>),
    /// A chunk.
    Chunk(Box<Chunk>),
    /// A file that was ingested.
    Source(Box<Source>),
    /// A file that was read as something else: a base, rows to import.
    Input(Box<Input>),
    /// A template.
    Template(Box<Template>),
    /// A rating.
    Rating(Box<Rating>),
}

impl Thing {
    /// Its full name.
    pub fn id(&self) -> &str {
        match self {
            Self::Row(row) => &row.id,
            Self::LeftOut(skipped) => &skipped.id,
            Self::Chunk(chunk) => &chunk.id,
            Self::Source(source) => &source.id,
            Self::Input(input) => &input.sha256,
            Self::Template(template) => &template.id,
            Self::Rating(rating) => &rating.id,
        }
    }

    /// Its whole path, where it is a file.
    fn path(&self) -> Option<String> {
        match self {
            Self::Source(source) => Some(joined(&source.root, &source.path)),
            Self::Input(input) => Some(input.path.clone()),
            _ => None,
        }
    }

    /// What it is, for readers.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Row(_) => "row",
            Self::LeftOut(_) => "left out",
            Self::Chunk(_) => "chunk",
            Self::Source(_) => "source",
            Self::Input(_) => "input",
            Self::Template(_) => "template",
            Self::Rating(_) => "rating",
        }
    }
}

/// What `asked` stands for in the dataset; `None` if it knows nothing of that name.
///
/// # Errors
/// The beginning of several names; a line that the file does not have; a record that cannot be read.
pub fn find(dataset: &Dataset, asked: &str) -> anyhow::Result<Option<Thing>> {
    if let Some((file, line)) = asked.rsplit_once(':')
        && let Ok(line) = line.parse::<usize>()
        && dataset.manifest.files.contains_key(file)
    {
        return at_line(dataset, file, line).map(Some);
    }
    let mut found: BTreeMap<(u8, String), Thing> = BTreeMap::new();
    // What is in the dataset comes before what was left out of it under the same name.
    let mut add = |rank: u8, thing: Thing| {
        found.entry((rank, thing.id().to_owned())).or_insert(thing);
    };
    for source in &dataset.manifest.sources {
        let path = joined(&source.root, &source.path);
        if fits(&source.id, asked) || fits(&source.sha256, asked) || source.path == asked || path == asked {
            add(0, Thing::Source(Box::new(source.clone())));
        }
    }
    for input in dataset.manifest.inputs.iter().filter(|input| fits(&input.sha256, asked) || input.path == asked) {
        add(1, Thing::Input(Box::new(input.clone())));
    }
    if is_hex(asked) {
        each(dataset, ROWS, asked, |row: Row| fits(&row.id, asked).then(|| Thing::Row(Box::new(row))), |t| add(0, t))?;
        each(
            dataset,
            CHUNKS,
            asked,
            |one: Chunk| fits(&one.id, asked).then(|| Thing::Chunk(Box::new(one))),
            |t| {
                add(0, t);
            },
        )?;
        each(
            dataset,
            TEMPLATES,
            asked,
            |one: Template| fits(&one.id, asked).then(|| Thing::Template(Box::new(one))),
            |t| {
                add(0, t);
            },
        )?;
        each(
            dataset,
            RATINGS,
            asked,
            |one: Rating| fits(&one.id, asked).then(|| Thing::Rating(Box::new(one))),
            |t| {
                add(0, t);
            },
        )?;
    }
    each(
        dataset,
        SKIPPED,
        asked,
        |one: Skipped| {
            let named = fits(&one.id, asked) || one.id == asked || one.id.strip_prefix("./") == Some(asked);
            named.then(|| Thing::LeftOut(Box::new(one)))
        },
        |t| add(2, t),
    )?;
    let Some(best) = found.keys().map(|(rank, _)| *rank).min() else { return Ok(None) };
    // A name that fits to the last digit is meant, whatever else begins with it.
    if let Some(exact) = found.get(&(best, asked.to_owned())) {
        return Ok(Some(exact.clone()));
    }
    let mut ids: Vec<(&String, &Thing)> =
        found.iter().filter(|((rank, _), _)| *rank == best).map(|((_, id), thing)| (id, thing)).collect();
    ids.dedup_by_key(|(id, _)| (*id).clone());
    if let [(_, thing)] = ids[..] {
        return Ok(Some(thing.clone()));
    }
    // A whole path is meant, whatever else ends with it.
    let mut whole = ids.iter().filter(|(_, thing)| thing.path().as_deref() == Some(asked));
    if let (Some((_, thing)), None) = (whole.next(), whole.next()) {
        return Ok(Some((*thing).clone()));
    }
    Err(several(asked, &ids))
}

/// Why a name that stands for several things will not do, and what will.
fn several(asked: &str, ids: &[(&String, &Thing)]) -> anyhow::Error {
    let more = if ids.len() > NAMED { ", .." } else { "" };
    let listed = |name: &dyn Fn(&Thing) -> String| {
        ids.iter().take(NAMED).map(|(_, thing)| name(thing)).collect::<Vec<_>>().join(", ") + more
    };
    let paths: BTreeSet<String> = ids.iter().filter_map(|(_, thing)| thing.path()).collect();
    let count = ids.len();
    if ids.iter().any(|(id, _)| id.starts_with(asked)) {
        let names = listed(&|thing| format!("{} {}", thing.what(), thing.id()));
        anyhow::anyhow!("{asked} is the beginning of {count} names: {names}; give more digits")
    } else if paths.len() == count {
        let names = listed(&|thing| thing.path().unwrap_or_default());
        anyhow::anyhow!("{asked} is the path of {count} files: {names}; give the path with its folder")
    } else {
        let names = listed(&|thing| format!("{} {}", thing.what(), thing.id()));
        anyhow::anyhow!("{asked} is the name of {count} things: {names}; give the id of one")
    }
}

fn is_hex(asked: &str) -> bool {
    asked.len() >= DIGITS_MIN && asked.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn fits(id: &str, asked: &str) -> bool {
    is_hex(asked) && id.starts_with(asked)
}

/// Gives each record of a file whose line holds `asked` to `look`, and what that makes of it to `add`.
fn each<T: DeserializeOwned>(
    dataset: &Dataset,
    file: &str,
    asked: &str,
    look: impl Fn(T) -> Option<Thing>,
    mut add: impl FnMut(Thing),
) -> anyhow::Result<()> {
    if !dataset.manifest.files.contains_key(file) {
        return Ok(());
    }
    let mut lines = Lines::open(&dataset.folder.join(file))?;
    while let Some((line, bytes)) = lines.next_line()? {
        if String::from_utf8_lossy(&bytes).contains(asked)
            && let Some(thing) = look(read(dataset, file, line, &bytes)?)
        {
            add(thing);
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(dataset: &Dataset, file: &str, line: usize, bytes: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let path = dataset.folder.join(file);
        anyhow::anyhow!(
            "{}:{line}: not a record of this file ({error}); see `halligan-host data verify`",
            path.display()
        )
    })
}

/// The thing on a line, as other messages name them: `train.jsonl:12`.
fn at_line(dataset: &Dataset, file: &str, line: usize) -> anyhow::Result<Thing> {
    let mut lines = Lines::open(&dataset.folder.join(file))?;
    while let Some((number, bytes)) = lines.next_line()? {
        if number == line {
            return Ok(match file {
                CHUNKS => Thing::Chunk(Box::new(read(dataset, file, line, &bytes)?)),
                TEMPLATES => Thing::Template(Box::new(read(dataset, file, line, &bytes)?)),
                RATINGS => Thing::Rating(Box::new(read(dataset, file, line, &bytes)?)),
                SKIPPED => Thing::LeftOut(Box::new(read(dataset, file, line, &bytes)?)),
                _ => Thing::Row(Box::new(read(dataset, file, line, &bytes)?)),
            });
        }
    }
    anyhow::bail!("{}: there is no line {line}", dataset.folder.join(file).display())
}
