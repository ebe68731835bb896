//! A table of ratings: who gave which item which label.
//!
//! Kept sparse, as ratings per item, because real tables have gaps: not every expert sees every row. Labels
//! are ordered by value when all of them are numbers, by text otherwise.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use super::quotes::{Quotes, Stray};

/// Most raters of one table; pairs of raters grow with the square.
pub const RATERS_MAX: usize = 1_000;

/// Longest cell in bytes; a label or a name longer than this is a mistake in the file.
const CELL_BYTES_MAX: usize = 4_096;

/// Longest header line in bytes.
const HEADER_BYTES_MAX: u64 = 64 << 10;

/// Why a table of ratings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RatingsError {
    /// The file cannot be read.
    #[error("{path}: cannot read the ratings ({source}); check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No rating at all.
    #[error("{path}: there are no ratings; give a CSV with the columns item, rater, label")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A needed column is missing.
    #[error(
        "{path}:1: there is no column `{missing}`; the columns are {found}: give item, rater and label, separated by commas"
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The column that was looked for.
        missing: &'static str,
        /// The columns of the file.
        found: String,
    },
    /// A line that is no rating.
    #[error("{path}:{line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong and what to do.
        reason: String,
    },
    /// More raters than pairs can be formed of.
    #[error("{path}:{line}: more than {RATERS_MAX} raters; check that `rater` and `item` are not exchanged")]
    TooManyRaters {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
    },
}

/// Ratings of one table. Items and raters are numbered in the order in which they first appear.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratings {
    /// Names of items.
    pub items: Vec<String>,
    /// Names of raters.
    pub raters: Vec<String>,
    /// The labels in order: by value when they are numbers, by text otherwise.
    pub labels: Vec<String>,
    /// The labels as numbers, in the same order; `None` when one of them is no number.
    pub values: Option<Vec<f64>>,
    /// For each item its ratings as (rater, label), by rater.
    pub cells: Vec<Vec<(usize, usize)>>,
    /// Labels of a file that say beside numbers that a rating is missing, such as NA; they are in no cell.
    pub missing: usize,
    /// The first label of a file that is no number, with its line, where others are numbers.
    pub not_a_number: Option<String>,
}

impl Ratings {
    /// Builds the table; the last rating of an item by a rater counts.
    pub fn new<'a>(ratings: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        let (mut items, mut raters, mut names) = (Numbered::default(), Numbered::default(), Numbered::default());
        let mut cells: Vec<BTreeMap<usize, usize>> = Vec::new();
        for (item, rater, label) in ratings {
            let item = items.number(item);
            cells.resize_with(cells.len().max(item + 1), BTreeMap::new);
            cells[item].insert(raters.number(rater), names.number(label));
        }
        let (labels, values, place) = ordered(names.names);
        let cells = cells.into_iter().map(|row| row.into_iter().map(|(rater, label)| (rater, place[label])).collect());
        let cells = cells.collect();
        Self { items: items.names, raters: raters.names, labels, values, cells, missing: 0, not_a_number: None }
    }

    /// Ratings in the table.
    pub fn count(&self) -> usize {
        self.cells.iter().map(Vec::len).sum()
    }

    /// How often each label was given to an item.
    pub fn label_counts(&self, item: usize) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        for (_, label) in &self.cells[item] {
            counts[*label] += 1;
        }
        counts
    }
}

/// Words that tables of numbers have where there is no number.
const MISSING: [&str; 4] = ["na", "n/a", "nan", "null"];

fn number(label: &str) -> Option<f64> {
    label.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Orders labels; also gives the new place of each.
fn ordered(names: Vec<String>) -> (Vec<String>, Option<Vec<f64>>, Vec<usize>) {
    let Some(values) = names.iter().map(|name| number(name)).collect::<Option<Vec<f64>>>() else {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&a, &b| names[a].cmp(&names[b]));
        let mut place = vec![0; names.len()];
        order.iter().enumerate().for_each(|(at, &old)| place[old] = at);
        return (order.iter().map(|&old| names[old].clone()).collect(), None, place);
    };
    // `1` and `1.0` are one label.
    let mut distinct = values.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let place = values.iter().map(|value| distinct.partition_point(|other| other < value)).collect();
    (distinct.iter().map(f64::to_string).collect(), Some(distinct), place)
}

#[derive(Default)]
struct Numbered {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Numbered {
    fn number(&mut self, name: &str) -> usize {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        self.numbers.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.names.len() - 1
    }
}

/// Reads a CSV file with a header line; the columns `item`, `rater` and `label` may stand in any order among
/// others. An empty label is a rating that was not given, and so is NA or NaN where all other labels are numbers.
///
/// # Errors
/// What the file lacks, with the line; two ratings of one item by one rater are refused.
pub fn read_csv(path: &Path) -> Result<Ratings, RatingsError> {
    let io = |source| RatingsError::Io { path: path.to_path_buf(), source };
    let mut file = BufReader::new(std::fs::File::open(path).map_err(io)?);
    let mut head = Vec::new();
    (&mut file).take(HEADER_BYTES_MAX + 1).read_until(b'\n', &mut head).map_err(io)?;
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(RatingsError::Empty { path: path.to_path_buf() });
    }
    if head.len() as u64 > HEADER_BYTES_MAX {
        let reason = format!("the header line is longer than {HEADER_BYTES_MAX} bytes; this is no CSV of ratings");
        return Err(RatingsError::Line { path: path.to_path_buf(), line: 1, reason });
    }
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head).to_vec();
    // With `\r\n` as one end, csv counts the line of a record from its `\n`, one too low; cells are trimmed anyway.
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(Quotes::new(head.chain(file)));
    read_records(path, &mut reader)
}

fn read_records<R: Read>(path: &Path, reader: &mut csv::Reader<R>) -> Result<Ratings, RatingsError> {
    let header = reader.headers().map_err(|error| broken(path, &error))?.clone();
    let column = |name: &'static str| {
        let found = || header.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ");
        header.iter().position(|column| column.trim().eq_ignore_ascii_case(name)).ok_or_else(|| RatingsError::Column {
            path: path.to_path_buf(),
            missing: name,
            found: found(),
        })
    };
    let columns = [column("item")?, column("rater")?, column("label")?];
    let mut seen: HashMap<(String, String), u64> = HashMap::new();
    let mut raters: HashMap<String, ()> = HashMap::new();
    let mut ratings: Vec<([String; 3], u64)> = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(|error| broken(path, &error))?;
        if !more {
            break;
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let refused = |reason: String| RatingsError::Line { path: path.to_path_buf(), line, reason };
        let mut cells = [const { String::new() }; 3];
        for (cell, (column, name)) in cells.iter_mut().zip(columns.into_iter().zip(["item", "rater", "label"])) {
            let text = record.get(column).ok_or_else(|| {
                refused(format!("{} cells, but `{name}` is column {}; complete the line", record.len(), column + 1))
            })?;
            if text.len() > CELL_BYTES_MAX {
                return Err(refused(format!("`{name}` is longer than {CELL_BYTES_MAX} bytes; check the quotes")));
            }
            text.trim().clone_into(cell);
        }
        if cells[2].is_empty() {
            continue;
        }
        if cells[0].is_empty() || cells[1].is_empty() {
            return Err(refused("item or rater is empty; name both".to_owned()));
        }
        raters.insert(cells[1].clone(), ());
        if raters.len() > RATERS_MAX {
            return Err(RatingsError::TooManyRaters { path: path.to_path_buf(), line });
        }
        if let Some(earlier) = seen.insert((cells[0].clone(), cells[1].clone()), line) {
            return Err(refused(format!(
                "{} has already rated {} on line {earlier}; keep one of the two",
                cells[1], cells[0]
            )));
        }
        ratings.push((cells, line));
    }
    let rated = ratings.len();
    let labels = ratings.iter().map(|([.., label], _)| label);
    let missing = |label: &str| MISSING.contains(&label.to_lowercase().as_str());
    let numbers = labels.clone().filter(|label| number(label).is_some()).count();
    if numbers > 0 && labels.clone().all(|label| number(label).is_some() || missing(label)) {
        ratings.retain(|([.., label], _)| !missing(label));
    }
    let word = ratings.iter().find(|([.., label], _)| numbers > 0 && number(label).is_none());
    let not_a_number = word.map(|([.., label], line)| format!("`{label}` on line {line}"));
    if ratings.is_empty() {
        return Err(RatingsError::Empty { path: path.to_path_buf() });
    }
    let missing = rated - ratings.len();
    let cells = ratings.iter().map(|([item, rater, label], _)| (item.as_str(), rater.as_str(), label.as_str()));
    Ok(Ratings { missing, not_a_number, ..Ratings::new(cells) })
}

fn broken(path: &Path, error: &csv::Error) -> RatingsError {
    let (line, reason) = problem(error);
    RatingsError::Line { path: path.to_path_buf(), line, reason }
}

/// What is wrong with a table that cannot be read, and on which line.
pub fn problem(error: &csv::Error) -> (u64, String) {
    let line = error.position().map_or(1, csv::Position::line);
    match (Stray::of(error), error.kind()) {
        (Some(stray), _) => (stray.line(), stray.to_string()),
        (None, csv::ErrorKind::Utf8 { .. }) => (line, "this is no UTF-8; save the table as CSV in UTF-8".to_owned()),
        (None, _) => (line, format!("{error}; save the table as CSV in UTF-8")),
    }
}
