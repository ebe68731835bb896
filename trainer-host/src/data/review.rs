//! `halligan-host data review`: experts look at rows and say what they are worth.
//!
//! A dataset folder is never changed by a review: the drawn sample and the journal of ratings lie in its
//! `.review` folder, and `data resolve` makes the next dataset from both. Experts use the screen, or a CSV table
//! in their spreadsheet.

pub mod draw;
pub mod protocol;
pub mod rating;
pub mod sample;
pub mod screen;
pub mod sheet;
pub mod terminal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::agreement::ratings::Ratings;
use super::agreement::{Agreement, agreement, describe};
use super::dataset::Dataset;
use super::row::Row;
use crate::outputs::{Place, check_apart};
use crate::progress::count;
use protocol::{Outcome, decide};
use rating::{Journal, Rating, journal_path, latest, read_journal};
use sample::sample_of;
use screen::Screen;

/// Arguments of `data review`.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Dataset folder
    #[arg(value_name = "DIR")]
    pub dataset: PathBuf,
    /// Name of the expert; opens the screen
    #[arg(long, value_name = "NAME", value_parser = rating::parse_expert)]
    pub expert: Option<String>,
    /// Share of the rows to review, drawn once for all experts [default: 0.15]
    #[arg(long, value_name = "SHARE", value_parser = super::dedup::parse_threshold)]
    pub sample: Option<f64>,
    /// Seed of the draw [default: 1]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write the rows as a table for a spreadsheet instead of opening the screen
    #[arg(long, value_name = "CSV", conflicts_with = "import")]
    pub csv: Option<PathBuf>,
    /// Read such a table back as ratings of --expert
    #[arg(long, value_name = "CSV", requires = "expert")]
    pub import: Option<PathBuf>,
    /// Only the rows about which there is no decision yet
    #[arg(long)]
    pub disputed: bool,
    /// Print the state of the review as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// A row under review with what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The row.
    pub row: Row,
    /// Texts of its chunks, each after its place.
    pub source: String,
}

impl Item {
    /// All that comes before the answer, the system's words left out.
    pub fn question(&self) -> String {
        let Some(messages) = &self.row.messages else { return self.row.text.clone().unwrap_or_default() };
        let last = messages.iter().rposition(|message| message.role == "assistant").unwrap_or(messages.len());
        let said = messages[..last].iter().filter(|message| message.role != "system");
        let said: Vec<&str> = said.map(|message| message.content.as_str()).collect();
        said.join("\n\n")
    }
}

/// Text without characters that could drive a terminal: tabs become spaces, other control characters `?`.
pub fn printable(text: &str) -> String {
    let clean = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
    clean.chars().map(|character| if character.is_control() && character != '\n' { '?' } else { character }).collect()
}

#[derive(Serialize)]
struct Report {
    /// Rows in the sample.
    sample: usize,
    /// Rows that someone has rated.
    rated: usize,
    /// Ratings that count, by expert.
    experts: BTreeMap<String, usize>,
    /// Rows about which there is no decision yet.
    disputed: usize,
    ratings: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<Agreement>,
}

/// Opens the screen, writes or reads the table, and prints how far the review is.
///
/// # Errors
/// A dataset without rows, a table with a wrong line, no terminal.
pub fn run(args: &ReviewArgs) -> anyhow::Result<ExitCode> {
    let dataset = Dataset::open(&args.dataset)?;
    let rows: Vec<Row> = dataset.rows()?.collect::<anyhow::Result<_>>()?;
    anyhow::ensure!(!rows.is_empty(), "{}: there are no rows to review", args.dataset.display());
    let sample = sample_of(&args.dataset, &rows, args.sample, args.seed)?;
    let journal = journal_path(&args.dataset);
    let said = read_journal(&journal)?;
    let items = items(&dataset, rows, &sample.rows, args.disputed.then_some(said.as_slice()))?;
    let own = own(&said, args.expert.as_deref());
    let mut code = ExitCode::SUCCESS;
    if let Some(path) = &args.csv {
        crate::outputs::check_file(path)?;
        check_apart(&Place::folder("DIR", &args.dataset), &[Place::new("--csv", path)])?;
        sheet::write(path, &items, &own)?;
        eprintln!(
            "{}: {} rows; fill in the columns from `verdict` on, then give it to --import with --expert NAME",
            path.display(),
            count(items.len())
        );
    } else if let (Some(path), Some(expert)) = (&args.import, &args.expert) {
        let mut ratings = sheet::read(path, &items, expert, &rating::now())?;
        ratings.retain(|rating| own.get(&rating.row).is_none_or(|before| !same_view(before, rating)));
        Journal::open(&args.dataset)?.add(&ratings)?;
        eprintln!("{}: {} new ratings of {expert}", path.display(), count(ratings.len()));
    } else if let Some(expert) = &args.expert {
        anyhow::ensure!(!items.is_empty(), "{}: no row waits for an expert", args.dataset.display());
        let mut journal = Journal::open(&args.dataset)?;
        code = terminal::run(&mut Screen::new(items, expert, own), &mut journal)?;
    }
    print(args, sample.rows.len(), &read_journal(&journal)?)?;
    Ok(code)
}

/// Whether two ratings say the same, whenever they were given.
fn same_view(a: &Rating, b: &Rating) -> bool {
    let bare = |rating: &Rating| Rating { id: String::new(), time: String::new(), ..rating.clone() };
    bare(a) == bare(b)
}

/// The rows of the sample with their sources, in the order of the draw; with `disputed` ratings only those rows
/// about which they give no decision.
fn items(
    dataset: &Dataset,
    rows: Vec<Row>,
    sample: &[String],
    disputed: Option<&[Rating]>,
) -> anyhow::Result<Vec<Item>> {
    let mut by_id: HashMap<String, Row> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    let waiting = disputed.map(disputed_rows);
    let chosen = sample.iter().filter(|id| waiting.as_ref().is_none_or(|waiting| waiting.contains(id.as_str())));
    let chosen: Vec<Row> = chosen.filter_map(|id| by_id.remove(id)).collect();
    let needed: BTreeSet<&str> = chosen.iter().flat_map(|row| &row.chunks).map(String::as_str).collect();
    let mut texts: HashMap<String, String> = HashMap::new();
    for chunk in dataset.chunks()? {
        let chunk = chunk?;
        if needed.contains(chunk.id.as_str()) {
            let [first, last] = chunk.place.lines;
            let page = chunk.place.page.map_or_else(String::new, |page| format!(", page {page}"));
            texts.insert(chunk.id, format!("{}, lines {first} to {last}{page}\n{}", chunk.path, chunk.text));
        }
    }
    let item = |row: Row| {
        let sources: Vec<&str> = row.chunks.iter().filter_map(|id| texts.get(id)).map(String::as_str).collect();
        Item { source: sources.join("\n\n"), row }
    };
    Ok(chosen.into_iter().map(item).collect())
}

fn disputed_rows(ratings: &[Rating]) -> BTreeSet<&str> {
    undecided(ratings).into_keys().collect()
}

/// The rows without a decision, each with the number of experts who have rated it.
fn undecided(ratings: &[Rating]) -> BTreeMap<&str, usize> {
    let undecided = |views: &BTreeMap<&str, &Rating>| {
        decide(views).is_some_and(|decision| matches!(decision.outcome, Outcome::Disputed { .. }))
    };
    let rows = latest(ratings).into_iter().filter(|(_, views)| undecided(views));
    rows.map(|(row, views)| (row, views.len())).collect()
}

fn own(ratings: &[Rating], expert: Option<&str>) -> HashMap<String, Rating> {
    let own = ratings.iter().filter(|rating| expert == Some(rating.expert.trim()));
    own.map(|rating| (rating.row.clone(), rating.clone())).collect()
}

/// Verdicts as a table for the measures of agreement.
pub fn verdicts(ratings: &[Rating]) -> Ratings {
    let latest = latest(ratings);
    let views = latest.iter().flat_map(|(row, views)| views.iter().map(|(expert, rating)| (*row, *expert, *rating)));
    Ratings::new(views.map(|(row, expert, rating)| (row, expert, rating.verdict.name())))
}

/// The verdicts of a dataset's journal, for `data agreement DIR`.
///
/// # Errors
/// No ratings there.
pub fn verdicts_of(dataset: &Path) -> anyhow::Result<Ratings> {
    let path = journal_path(dataset);
    let ratings = read_journal(&path)?;
    anyhow::ensure!(
        !ratings.is_empty(),
        "{}: there are no ratings; rate with `data review --expert NAME`",
        path.display()
    );
    Ok(verdicts(&ratings))
}

/// What the rows without a decision wait for.
fn waiting(undecided: &BTreeMap<&str, usize>) -> Vec<String> {
    let third = undecided.values().filter(|experts| **experts < 3).count();
    let more = undecided.len() - third;
    let mut lines = Vec::new();
    if third > 0 {
        lines.push(format!("{} rows wait for a third expert: --disputed --expert NAME", count(third)));
    }
    if more > 0 {
        lines.push(format!(
            "{} rows have three experts or more and no majority; let them talk and rate again: --disputed --expert NAME",
            count(more)
        ));
    }
    lines
}

fn print(args: &ReviewArgs, sample: usize, ratings: &[Rating]) -> anyhow::Result<()> {
    let table = verdicts(ratings);
    let mut experts = BTreeMap::new();
    let undecided = undecided(ratings);
    for (rater, _) in table.cells.iter().flatten() {
        *experts.entry(table.raters[*rater].clone()).or_default() += 1;
    }
    let report = Report {
        sample,
        rated: table.items.len(),
        disputed: undecided.len(),
        ratings: journal_path(&args.dataset).display().to_string(),
        agreement: (experts.len() > 1).then(|| agreement(&table)),
        experts,
    };
    if args.json {
        crate::print_data(&serde_json::to_string(&report)?);
        return Ok(());
    }
    let mut lines = vec![format!("{} of {} rows of the sample are rated", count(report.rated), count(report.sample))];
    lines.extend(report.experts.iter().map(|(expert, rows)| format!("  {expert:<20} {:>6}", count(*rows))));
    if let Some(agreement) = &report.agreement {
        lines.push(describe(agreement));
    }
    lines.extend(waiting(&undecided));
    crate::print_data(&lines.join("\n"));
    Ok(())
}
