//! What an expert says about a row, and the journal that keeps it.
//!
//! The journal is append-only JSONL in `.review/ratings.jsonl` of the dataset folder. Each rating is one write of
//! one line, synced before the next key is read: a kill at any moment leaves whole lines, and at most one that is
//! cut, which is put aside when the journal is opened again. Rating a row again adds a line; the later one counts,
//! and both stay on record.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::data::canonical::{canonical_json, content_id};

/// Folder of the review in a dataset folder; its leading dot keeps it out of the manifest.
pub const FOLDER: &str = ".review";
/// The journal in it.
pub const JOURNAL: &str = "ratings.jsonl";
/// Where a line that was cut by a kill goes.
const CUT: &str = "ratings.cut";
/// Bytes of the longest word an expert may write into one field.
pub const WORDS_MAX: usize = 64 << 10;

/// What becomes of a row if the expert alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Right as it is
    Good,
    /// Right with another answer, which the rating gives
    Fix,
    /// Right in one context and not in another; the rating gives the other context and its answer
    Context,
    /// Wrong; it must not be trained
    Bad,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Good, Self::Fix, Self::Context, Self::Bad];

    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fix => "fix",
            Self::Context => "context",
            Self::Bad => "bad",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// A word that is no verdict, with those that are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let word = text.trim().to_lowercase();
        let found = Self::ALL.into_iter().find(|verdict| verdict.name() == word);
        found.ok_or_else(|| format!("`{text}` is no verdict; write good, fix, context or bad"))
    }
}

/// One expert's view of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// The answer as the expert would give it, for `fix` and `context`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// A remark for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How sure the expert is, 0 to 1.
    pub confidence: f64,
    /// The circumstances in which the expert's answer holds, for `context`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Who.
    pub expert: String,
    /// Name: SHA-256 over all else, shortened.
    pub id: String,
    /// Name of the row.
    pub row: String,
    /// When, in UTC (RFC 3339).
    pub time: String,
    /// What becomes of the row.
    pub verdict: Verdict,
}

impl Rating {
    /// A rating of full confidence and without words, under the name that its content gives it.
    pub fn new(row: &str, expert: &str, verdict: Verdict, time: &str) -> Self {
        let rating = Self {
            answer: None,
            comment: None,
            confidence: 1.0,
            context: None,
            expert: expert.to_owned(),
            id: String::new(),
            row: row.to_owned(),
            time: time.to_owned(),
            verdict,
        };
        rating.named()
    }

    /// The rating under the name that its content gives it.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.id = String::new();
        // Texts and numbers always have a JSON form.
        self.id = content_id(&[canonical_json(&self).unwrap_or_default().as_bytes()]);
        self
    }

    /// Whether the rating has the words that its verdict needs.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self) -> Result<(), String> {
        let empty = |words: &Option<String>| words.as_ref().is_none_or(|words| words.trim().is_empty());
        if matches!(self.verdict, Verdict::Fix | Verdict::Context) && empty(&self.answer) {
            return Err(format!("`{}` needs the answer that would be right", self.verdict.name()));
        }
        if self.verdict == Verdict::Context && empty(&self.context) {
            return Err("`context` needs the circumstances in which its answer holds".to_owned());
        }
        if matches!(self.verdict, Verdict::Good | Verdict::Bad) && !empty(&self.answer) {
            return Err(format!(
                "`{}` takes no other answer, and one is given; write fix or context, or take the answer out",
                self.verdict.name()
            ));
        }
        if self.verdict != Verdict::Context && !empty(&self.context) {
            return Err(format!(
                "`{}` takes no circumstances, and some are given; write context, or take them out",
                self.verdict.name()
            ));
        }
        if !(0.0..=1.0).contains(&self.confidence) {
            return Err(format!("a confidence of {} is not between 0 and 1", self.confidence));
        }
        if self.expert.trim().is_empty() {
            return Err("the expert has no name".to_owned());
        }
        let words = [&self.answer, &self.comment, &self.context];
        if words.into_iter().flatten().any(|words| words.len() > WORDS_MAX) {
            return Err(format!("a field is longer than {WORDS_MAX} bytes; shorten it"));
        }
        Ok(())
    }
}

/// Name of an expert as ratings keep it, without spaces around: `ann` and `ann ` are one expert.
///
/// # Errors
/// No name, or one with characters that are not shown.
pub fn parse_expert(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        return Err("the expert has no name; give one".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("the name holds control characters; write it in letters".to_owned());
    }
    Ok(name.to_owned())
}

/// Now, in UTC and whole seconds.
pub fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Where the journal of a dataset folder lies.
pub fn journal_path(dataset: &Path) -> PathBuf {
    dataset.join(FOLDER).join(JOURNAL)
}

/// The journal, open for more ratings.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or makes the journal of a dataset folder. A last line that a kill has cut is moved to
    /// `.review/ratings.cut`.
    ///
    /// # Errors
    /// A folder that takes no files.
    pub fn open(dataset: &Path) -> anyhow::Result<Self> {
        let path = journal_path(dataset);
        let folder = dataset.join(FOLDER);
        let failed = |error| crate::about(&path, error);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let whole = whole_lines(&mut file, length).map_err(failed)?;
        if whole < length {
            let mut cut = Vec::new();
            file.seek(SeekFrom::Start(whole)).and_then(|_| file.read_to_end(&mut cut)).map_err(failed)?;
            let mut aside = OpenOptions::new().append(true).create(true).open(folder.join(CUT)).map_err(failed)?;
            aside
                .write_all(&cut)
                .and_then(|()| aside.write_all(b"\n"))
                .and_then(|()| aside.sync_all())
                .map_err(failed)?;
            file.set_len(whole).map_err(failed)?;
            eprintln!("{}: its last line was cut off and stands in {CUT} now; rate that row again", path.display());
        }
        Ok(Self { path, file })
    }

    /// Adds ratings: when this returns they are on the disk.
    ///
    /// # Errors
    /// A disk that takes no more.
    pub fn add(&mut self, ratings: &[Rating]) -> anyhow::Result<()> {
        let mut lines = String::new();
        for rating in ratings {
            lines += &canonical_json(rating)?;
            lines.push('\n');
        }
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| crate::about(&self.path, error))
    }
}

/// Bytes up to and with the last line end.
fn whole_lines(file: &mut File, length: u64) -> std::io::Result<u64> {
    const STEP: u64 = 4_096;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut bytes = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut bytes)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// All ratings of a journal in order; none where there is no journal.
///
/// # Errors
/// A line that is no rating, by its number.
pub fn read_journal(path: &Path) -> anyhow::Result<Vec<Rating>> {
    let mut ratings = Vec::new();
    if !path.exists() {
        return Ok(ratings);
    }
    let mut lines = crate::data::dataset::Lines::open(path)?;
    while let Some((line, bytes)) = lines.next_line()? {
        match serde_json::from_slice::<Rating>(&bytes) {
            Ok(rating) => ratings.push(rating),
            Err(error) if error.is_eof() => {
                eprintln!("{}:{line}: this line is cut off and does not count", path.display());
            }
            Err(error) => {
                anyhow::bail!("{}:{line}: not a rating ({error}); correct or remove the line", path.display())
            }
        }
    }
    Ok(ratings)
}

/// The rating that counts of each expert for each row: the last.
pub fn latest(ratings: &[Rating]) -> BTreeMap<&str, BTreeMap<&str, &Rating>> {
    let mut latest: BTreeMap<&str, BTreeMap<&str, &Rating>> = BTreeMap::new();
    for rating in ratings {
        latest.entry(&rating.row).or_default().insert(rating.expert.trim(), rating);
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(row: &str, verdict: Verdict) -> Rating {
        Rating::new(row, "ann", verdict, "2026-01-02T03:04:05Z")
    }

    #[test]
    fn journal_keeps_every_whole_line_wherever_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let all = [rating("a", Verdict::Good), rating("b", Verdict::Bad), rating("a", Verdict::Bad)];
        Journal::open(folder.path()).unwrap().add(&all).unwrap();
        let path = journal_path(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        // Every seventh byte, and the bytes around each line end.
        let ends = (0..bytes.len()).filter(|at| bytes[*at] == b'\n');
        let around: Vec<usize> = ends.flat_map(|at| [at, at + 1]).filter(|at| *at < bytes.len()).collect();
        for length in (0..bytes.len()).step_by(7).chain(around) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let whole = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
            Journal::open(folder.path()).unwrap().add(&[rating("c", Verdict::Good)]).unwrap();
            let read = read_journal(&path).unwrap();
            assert_eq!(read[..whole], all[..whole], "cut at {length}");
            assert_eq!(read[whole..], [rating("c", Verdict::Good)], "cut at {length}");
        }
    }

    #[test]
    fn later_rating_of_an_expert_counts_and_the_earlier_stays_on_record() {
        let all = [rating("a", Verdict::Good), rating("a", Verdict::Bad)];
        assert_eq!(latest(&all)["a"]["ann"].verdict, Verdict::Bad);
        assert_ne!(all[0].id, all[1].id);
    }

    #[test]
    fn spaces_around_a_name_make_no_other_expert() {
        assert_eq!(parse_expert(" ann "), Ok("ann".to_owned()));
        assert!(parse_expert(" ").is_err() && parse_expert("a\u{1b}[31mnn").is_err());
        let all = [rating("a", Verdict::Good), Rating { expert: "ann ".to_owned(), ..rating("a", Verdict::Bad) }];
        let latest = latest(&all);
        assert_eq!((latest["a"].len(), latest["a"]["ann"].verdict), (1, Verdict::Bad));
    }

    #[test]
    fn verdicts_say_which_words_they_need() {
        assert_eq!(rating("a", Verdict::Good).check(), Ok(()));
        assert!(rating("a", Verdict::Fix).check().unwrap_err().contains("needs the answer"));
        let context = Rating { answer: Some("x".to_owned()), ..rating("a", Verdict::Context) };
        assert!(context.check().unwrap_err().contains("circumstances"));
        let answered = |verdict| Rating { answer: Some("x".to_owned()), ..rating("a", verdict) };
        assert!(answered(Verdict::Good).check().unwrap_err().contains("takes no other answer"));
        assert!(answered(Verdict::Bad).check().is_err());
        let placed = Rating { context: Some("at night".to_owned()), ..answered(Verdict::Fix) };
        assert!(placed.check().unwrap_err().contains("write context"));
        assert!(Rating { confidence: 1.5, ..rating("a", Verdict::Good) }.check().is_err());
        assert!(Verdict::parse("ok").unwrap_err().contains("good, fix, context or bad"));
    }
}
