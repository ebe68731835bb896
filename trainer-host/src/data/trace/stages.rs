//! What each stage did with a row, from the first dataset of the family to the last.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::super::dataset::{Dataset, Lines};
use super::super::ledger::Skipped;
use super::super::lineage::Member;
use super::super::manifest::{CHUNKS, ORIGINS, RATINGS, RECORDS, ROWS, SKIPPED, TEMPLATES};
use super::super::places::FoundParent;
use super::super::row::Row;

/// What a stage did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its file, or a chunk of it, was read here.
    Read,
    /// It was made here.
    Made,
    /// It stayed.
    Kept,
    /// A row that it was made from stood here.
    EarlierForm,
    /// It was left out here.
    LeftOut,
    /// It had been left out before.
    Gone,
    /// This dataset has nothing of it.
    NotHere,
    /// The dataset was not found, so nothing is known.
    Unknown,
}

/// A dataset that the thing went through.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Verb that made the dataset.
    pub stage: String,
    /// Its recorded path.
    pub dataset: String,
    /// Its version.
    pub version: String,
    /// Where it lies; absent where it was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// What was done here.
    pub fate: Fate,
    /// File and line of the thing in this dataset, such as `train.jsonl:17`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
    /// Why, or how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Seed of the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Words that make the dataset again.
    pub recipe: Vec<String>,
}

/// What the stages did with a row, and the rows that it was made from.
///
/// # Errors
/// A record that cannot be read.
pub fn row_stages(members: &[Member], row: &Row) -> anyhow::Result<(Vec<Stage>, Vec<Row>)> {
    let mut wanted: HashSet<String> = row.was.iter().cloned().chain([row.id.clone()]).collect();
    let mut earlier: BTreeMap<String, Row> = BTreeMap::new();
    let mut looks: Vec<Option<Look>> = Vec::new();
    for member in members.iter().rev() {
        let Some(dataset) = member.dataset() else {
            looks.push(None);
            continue;
        };
        // A row that is found may name one that it was made from, in this dataset or in an older one.
        let look = loop {
            let look = look(dataset, &wanted)?;
            let found: Vec<&Row> = look.rows.values().chain(look.skipped_rows.values()).collect();
            let named: Vec<String> = found.iter().flat_map(|row| row.was.iter().cloned()).collect();
            for found in found.into_iter().filter(|found| found.id != row.id) {
                earlier.insert(found.id.clone(), found.clone());
            }
            let before = wanted.len();
            wanted.extend(named);
            if wanted.len() == before {
                break look;
            }
        };
        looks.push(Some(look));
    }
    looks.reverse();
    let sources: HashSet<&str> = row.sources.iter().map(String::as_str).collect();
    let mut born = false;
    let mut stages = Vec::new();
    for (member, look) in members.iter().zip(looks) {
        let mut stage = Stage::of(member);
        if let (Some(dataset), Some(look)) = (member.dataset(), look) {
            tell(&mut stage, dataset, &look, row, &mut born, &sources);
        }
        stages.push(stage);
    }
    let mut was = Vec::new();
    let mut next: Vec<String> = row.was.clone();
    while let Some(id) = next.pop() {
        if let Some(found) = earlier.remove(&id) {
            next.extend(found.was.iter().cloned());
            was.push(found);
        }
    }
    Ok((stages, was))
}

fn tell(stage: &mut Stage, dataset: &Dataset, look: &Look, row: &Row, born: &mut bool, sources: &HashSet<&str>) {
    let skipped = look.skipped.get(&row.id);
    let own = skipped.filter(|(_, skipped)| skipped.stage == stage.stage);
    stage.at = look.at.get(&row.id).cloned().unwrap_or_default();
    if look.rows.contains_key(&row.id) {
        stage.fate = if std::mem::replace(born, true) { Fate::Kept } else { Fate::Made };
        if stage.fate == Fate::Made && !row.was.is_empty() {
            stage.detail = Some(format!("from row {}", row.was.join(", ")));
        }
    } else if let Some((line, skipped)) = own.or(skipped) {
        stage.fate = if own.is_some() { Fate::LeftOut } else { Fate::Gone };
        stage.at = vec![format!("{SKIPPED}:{line}")];
        stage.detail = own.map(|_| format!("{}: {}", skipped.reason, skipped.detail));
        // A row may be made and left out by the same stage.
        *born = true;
    } else if let Some((id, was)) = look.rows.iter().find(|(id, _)| **id != row.id) {
        stage.fate = Fate::EarlierForm;
        stage.at = look.at.get(id).cloned().unwrap_or_default();
        stage.detail = Some(format!("row {}", was.id));
    } else if dataset.manifest.sources.iter().any(|source| sources.contains(source.id.as_str())) {
        stage.fate = Fate::Read;
    } else {
        stage.fate = Fate::NotHere;
    }
}

impl Stage {
    fn of(member: &Member) -> Self {
        let dataset = member.dataset();
        let detail = match &member.found {
            FoundParent::Here(_) => None,
            FoundParent::Missing => Some(format!("not found; say where it is with --moved {}=DIR", member.named.path)),
            FoundParent::Other(place) => Some(format!(
                "{} holds another edition; say where this one is with --moved {}=DIR",
                place.display(),
                member.named.path
            )),
        };
        Self {
            stage: member.named.stage.clone(),
            dataset: member.named.path.clone(),
            version: member.named.version.clone(),
            folder: dataset.map(|dataset| dataset.folder.display().to_string()),
            fate: Fate::Unknown,
            at: Vec::new(),
            detail,
            seed: dataset.and_then(|dataset| dataset.manifest.seed),
            recipe: member.named.recipe.clone(),
        }
    }
}

/// What a dataset has of some rows.
#[derive(Default)]
struct Look {
    rows: BTreeMap<String, Row>,
    skipped: BTreeMap<String, (usize, Skipped)>,
    skipped_rows: BTreeMap<String, Row>,
    /// File and line of each row.
    at: BTreeMap<String, Vec<String>>,
}

fn look(dataset: &Dataset, wanted: &HashSet<String>) -> anyhow::Result<Look> {
    const NO_ROWS: [&str; 6] = [CHUNKS, ORIGINS, RATINGS, RECORDS, SKIPPED, TEMPLATES];
    let mut look = Look::default();
    let rows = dataset.manifest.files.keys().filter(|name| !NO_ROWS.contains(&name.as_str()));
    for name in rows {
        for_lines(dataset, name, wanted, |line, bytes| {
            if let Ok(row) = serde_json::from_slice::<Row>(bytes)
                && wanted.contains(&row.id)
            {
                look.at.entry(row.id.clone()).or_default().push(format!("{name}:{line}"));
                if name == ROWS {
                    look.rows.insert(row.id.clone(), row);
                }
            }
        })?;
    }
    for_lines(dataset, SKIPPED, wanted, |line, bytes| {
        let Ok(mut skipped) = serde_json::from_slice::<Skipped>(bytes) else { return };
        if wanted.contains(&skipped.id) {
            let content = skipped.content.take().and_then(|content| serde_json::from_value::<Row>(content).ok());
            if let Some(row) = content {
                look.skipped_rows.insert(row.id.clone(), row);
            }
            // The last stage that left it out decides.
            look.skipped.insert(skipped.id.clone(), (line, skipped));
        }
    })?;
    Ok(look)
}

/// Gives each line that holds one of the ids to `each`.
fn for_lines(
    dataset: &Dataset,
    file: &str,
    ids: &HashSet<String>,
    mut each: impl FnMut(usize, &[u8]),
) -> anyhow::Result<()> {
    if !dataset.manifest.files.contains_key(file) {
        return Ok(());
    }
    let mut lines = Lines::open(&dataset.folder.join(file))?;
    while let Some((line, bytes)) = lines.next_line()? {
        let text = String::from_utf8_lossy(&bytes);
        if ids.iter().any(|id| text.contains(id.as_str())) {
            each(line, &bytes);
        }
    }
    Ok(())
}

/// What the stages did with a record of `file`: the first that has it made it.
///
/// # Errors
/// A file that cannot be read.
pub fn simple_stages(members: &[Member], file: &str, id: &str) -> anyhow::Result<Vec<Stage>> {
    let ids = HashSet::from([id.to_owned()]);
    let mut born = false;
    let mut stages = Vec::new();
    for member in members {
        let mut stage = Stage::of(member);
        if let Some(dataset) = member.dataset() {
            for_lines(dataset, file, &ids, |line, bytes| {
                let record = serde_json::from_slice::<Value>(bytes).unwrap_or_default();
                if record.get("id").and_then(Value::as_str) == Some(id) {
                    stage.at.push(format!("{file}:{line}"));
                }
            })?;
            stage.fate = match (stage.at.is_empty(), born) {
                (true, _) => Fate::NotHere,
                (false, false) => Fate::Made,
                (false, true) => Fate::Kept,
            };
            born |= !stage.at.is_empty();
        }
        stages.push(stage);
    }
    Ok(stages)
}

/// What the stages did with a source.
pub fn source_stages(members: &[Member], id: &str) -> Vec<Stage> {
    let mut read = false;
    let mut stages = Vec::new();
    for member in members {
        let mut stage = Stage::of(member);
        if let Some(dataset) = member.dataset() {
            let known = dataset.manifest.sources.iter().any(|source| source.id == id);
            stage.fate = match (known, read) {
                (false, _) => Fate::NotHere,
                (true, false) => Fate::Read,
                (true, true) => Fate::Kept,
            };
            read |= known;
        }
        stages.push(stage);
    }
    stages
}
