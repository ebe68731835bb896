//! `halligan-host data build`: datasets to what a training run reads, split, mixed and written down.
//!
//! First all rows are split without leaks ([`split`]); then the training side is cut to the shares that were
//! asked for ([`apportion`]), replay included. Rows that the shares leave out stand in `skipped.jsonl`. Beside
//! `rows.jsonl` the folder has `train.jsonl`, `validation.jsonl` and `test.jsonl`.

pub mod apportion;
mod report;
pub mod rewordings;
mod shares;
pub mod split;
mod ties;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::dataset::Dataset;
use super::dedup::parse_threshold;
use super::ledger::{Left, Skipped};
use super::manifest::RATINGS;
use super::row::Row;
use super::writer::{Closing, DatasetWriter};
use crate::outputs::{Place, check_apart};
use report::{Report, Share};
use rewordings::{REWORDING, hold_out};
use shares::{counts, unfilled};
use split::{Entry, Families, SPLITS, draw, split};
use ties::{entry, leaks, tie_similar};

/// Side of rewordings, after those of the split.
const REWORDED: usize = SPLITS.len();

/// Name of a side.
fn name_of(side: usize) -> &'static str {
    SPLITS.get(side).copied().unwrap_or(REWORDING)
}

/// Arguments of `data build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Dataset folders
    #[arg(value_name = "DIR", required = true)]
    pub datasets: Vec<PathBuf>,
    /// Dataset folder to write
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub output: PathBuf,
    /// Shares of train, validation and test
    #[arg(long, value_delimiter = ',', value_name = "A,B,C", default_value = "0.8,0.1,0.1", value_parser = parse_weight)]
    pub split: Vec<f64>,
    /// Share of each DIR in the training rows, in the order of the DIRs [default: all rows of all]
    #[arg(long, value_delimiter = ',', value_name = "W,..", value_parser = parse_weight)]
    pub weights: Option<Vec<f64>>,
    /// Training rows in all, replay included [default: as many as the shares allow]
    #[arg(long, value_name = "ROWS")]
    pub rows: Option<usize>,
    /// Dataset of earlier training, some of which is trained again so that it is not forgotten
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
    /// Share of replay in the training rows, beside all the others unless --rows asks for fewer
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = parse_part, requires = "replay")]
    pub replay_share: f64,
    /// Similarity of words from which two rows must be on one side
    #[arg(long, default_value_t = 0.7, value_parser = parse_threshold)]
    pub overlap: f64,
    /// Rows of each training fact that are held out as rewordings, in a split of their own
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub hold_out_wordings: usize,
    /// Keep rows about which experts disagree
    #[arg(long)]
    pub with_disputed: bool,
    /// Seed of the split and the draw
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Put the dataset in place of one that another verb made
    #[arg(long)]
    pub force: bool,
    /// Version of the dataset [default: 1.0.0, or the one that follows from what changed since the last in DIR]
    #[arg(long, value_name = "X.Y.Z", value_parser = super::manifest::parse_version)]
    pub dataset_version: Option<String>,
    /// Print the counts as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

fn parse_weight(text: &str) -> Result<f64, String> {
    let weight = text.parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0);
    weight.ok_or_else(|| "give numbers from 0 up, separated by commas".to_owned())
}

fn parse_part(text: &str) -> Result<f64, String> {
    let part = text.parse::<f64>().ok().filter(|part| (0.0..1.0).contains(part));
    part.ok_or_else(|| "give a share from 0 to below 1, such as 0.1".to_owned())
}

/// A row with its place in the inputs.
struct Candidate {
    row: Row,
    /// Index of its dataset; the replay dataset comes after the others.
    dataset: usize,
}

/// Reads, splits, mixes, writes and prints.
///
/// # Errors
/// Shares that the rows cannot fill, a dataset that cannot be read, a place that cannot be written.
pub fn run(args: &BuildArgs) -> anyhow::Result<ExitCode> {
    check(args)?;
    let mut paths: Vec<&Path> = args.datasets.iter().map(PathBuf::as_path).collect();
    paths.extend(args.replay.as_deref());
    let datasets: Vec<Dataset> = paths.iter().map(|path| Dataset::open(path)).collect::<anyhow::Result<_>>()?;
    let mut writer = DatasetWriter::create(&args.output, "build", args.force)?;
    let mut skips = Vec::new();
    let mut candidates = candidates(args, &datasets, &mut skips)?;
    anyhow::ensure!(!candidates.is_empty(), "{}: there are no rows to build from", args.datasets[0].display());
    let entries: Vec<Entry> = candidates.iter().map(entry).collect();
    let mut families = Families::new(&entries);
    tie_similar(&mut families, &candidates, args.overlap);
    let mut sides = split(&entries, &families, [args.split[0], args.split[1], args.split[2]], args.seed);
    if args.replay.is_some() {
        stay_in_training(&candidates, &families, datasets.len() - 1, &mut sides);
    }
    let own = |place: &usize| candidates[*place].dataset < args.datasets.len();
    let unfilled = unfilled(&args.split, (0..candidates.len()).filter(own).map(|place| sides[place]));
    if args.hold_out_wordings > 0 {
        let training: Vec<usize> = (0..candidates.len()).filter(|place| sides[*place] == 0 && own(place)).collect();
        let held_out = hold_out(&entries, &training, args.hold_out_wordings, args.seed);
        anyhow::ensure!(
            !held_out.is_empty(),
            "no fact has {} rows to hold out and two to train on; give it more wordings",
            args.hold_out_wordings
        );
        held_out.into_iter().for_each(|place| sides[place] = REWORDED);
    }
    let chosen = mix(args, &datasets, &candidates, &sides)?;
    let leaks = leaks(&candidates, &sides, &chosen, args.overlap);
    anyhow::ensure!(leaks == 0, "{leaks} similar rows stand on two sides of the split; this is a bug, report it");
    for (place, candidate) in candidates.iter_mut().enumerate() {
        candidate.row.split = Some(name_of(sides[place]).to_owned());
        if args.replay.is_some() && candidate.dataset == datasets.len() - 1 {
            candidate.row.labels.insert("replay".to_owned(), json!(true));
        }
        if !chosen[place] {
            skips.push(left_out(
                &candidate.row,
                "mixture",
                "the shares of the mixture leave no room for it".to_owned(),
            )?);
        }
    }
    write(&mut writer, &datasets, &candidates, &sides, &chosen, &skips)?;
    let report = report(args, &datasets, &candidates, &sides, &chosen, &families, &skips);
    let manifest = writer.finish(Closing {
        recipe: recipe(args),
        seed: Some(args.seed),
        summary: report.summary(),
        version: args.dataset_version.clone(),
        ..Closing::default()
    })?;
    Report { version: manifest.version, unfilled, ..report }.print(args.json)
}

fn check(args: &BuildArgs) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.split.len() == SPLITS.len(),
        "--split has {} shares; give three, of train, validation and test",
        args.split.len()
    );
    anyhow::ensure!(
        args.split[0] > 0.0,
        "--split leaves nothing to train on; give train, the first share, more than 0"
    );
    if let Some(weights) = &args.weights {
        anyhow::ensure!(
            weights.len() == args.datasets.len(),
            "--weights has {} numbers for {} datasets; give one for each, in their order",
            weights.len(),
            args.datasets.len()
        );
        anyhow::ensure!(weights.iter().sum::<f64>() > 0.0, "--weights are all 0; give one above 0");
    }
    let inputs = args.datasets.iter().chain(&args.replay).map(|path| Place::new("DIR", path));
    check_apart(&inputs.collect::<Vec<_>>(), &[Place::new("-o", &args.output)])?;
    Ok(())
}

/// All rows that may be used, each once: a row that stands in two datasets counts for the first.
fn candidates(args: &BuildArgs, datasets: &[Dataset], skips: &mut Vec<Skipped>) -> anyhow::Result<Vec<Candidate>> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (dataset, folder) in datasets.iter().enumerate() {
        for row in folder.rows()? {
            let row = row?;
            let disputed = row.labels.get("disputed") == Some(&Value::Bool(true));
            if disputed && !args.with_disputed {
                let detail = "experts disagree about it; ask a third one, or build with --with-disputed".to_owned();
                skips.push(left_out(&row, "disputed", detail)?);
            } else if let Some(&first) = seen.get(&row.id) {
                let detail = format!("the same row stands in {}", datasets[first].folder.display());
                skips.push(left_out(&row, "repeated", detail)?);
            } else {
                seen.insert(row.id.clone(), dataset);
                candidates.push(Candidate { row, dataset });
            }
        }
    }
    Ok(candidates)
}

/// Replay is for training only: families with a replay row go there whole.
fn stay_in_training(candidates: &[Candidate], families: &Families, replay: usize, sides: &mut [usize]) {
    let replayed: HashSet<usize> = (0..candidates.len())
        .filter(|place| candidates[*place].dataset == replay)
        .map(|place| families.of(place))
        .collect();
    for (place, side) in sides.iter_mut().enumerate() {
        if replayed.contains(&families.of(place)) {
            *side = 0;
        }
    }
}

/// Which rows are used: all of validation and test, and of training as many of each dataset as its share says.
fn mix(args: &BuildArgs, datasets: &[Dataset], candidates: &[Candidate], sides: &[usize]) -> anyhow::Result<Vec<bool>> {
    let mut training: Vec<Vec<usize>> = vec![Vec::new(); datasets.len()];
    for (place, candidate) in candidates.iter().enumerate().filter(|(place, _)| sides[*place] == 0) {
        training[candidate.dataset].push(place);
    }
    let available: Vec<usize> = training.iter().map(Vec::len).collect();
    let counts = counts(args, datasets, &available)?;
    let mut chosen: Vec<bool> = sides.iter().map(|side| *side != 0).collect();
    for (places, count) in training.iter_mut().zip(counts) {
        places.sort_by_cached_key(|place| draw(args.seed, &candidates[*place].row.id));
        places.iter().take(count).for_each(|place| chosen[*place] = true);
    }
    Ok(chosen)
}

fn left_out(row: &Row, reason: &str, detail: String) -> anyhow::Result<Skipped> {
    Ok(Skipped {
        content: Some(serde_json::to_value(row)?),
        detail,
        id: row.id.clone(),
        reason: reason.to_owned(),
        stage: "build".to_owned(),
        what: Left::Row,
    })
}

fn write(
    writer: &mut DatasetWriter,
    datasets: &[Dataset],
    candidates: &[Candidate],
    sides: &[usize],
    chosen: &[bool],
    skips: &[Skipped],
) -> anyhow::Result<()> {
    let mut chunks = HashSet::new();
    let mut ratings = HashSet::new();
    for dataset in datasets {
        writer.descend_from(dataset)?;
        for chunk in dataset.chunks()? {
            let chunk = chunk?;
            if chunks.insert(chunk.id.clone()) {
                writer.chunk(&chunk)?;
            }
        }
        for rating in dataset.records::<Value>(RATINGS)? {
            let rating = rating?;
            if ratings.insert(rating["id"].to_string()) {
                writer.record(RATINGS, &rating)?;
            }
        }
        for earlier in dataset.skipped()? {
            writer.skipped(&earlier?)?;
        }
    }
    for (place, candidate) in candidates.iter().enumerate().filter(|(place, _)| chosen[*place]) {
        writer.row(&candidate.row)?;
        writer.record(&format!("{}.jsonl", name_of(sides[place])), &candidate.row)?;
    }
    skips.iter().try_for_each(|skip| writer.skipped(skip))
}

fn recipe(args: &BuildArgs) -> Vec<String> {
    let joined = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let mut words = vec!["build".to_owned()];
    words.extend(args.datasets.iter().map(|path| path.display().to_string()));
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--split", joined(&args.split));
    if let Some(weights) = &args.weights {
        option("--weights", joined(weights));
    }
    if let Some(rows) = args.rows {
        option("--rows", rows.to_string());
    }
    if let Some(replay) = &args.replay {
        option("--replay", replay.display().to_string());
        option("--replay-share", args.replay_share.to_string());
    }
    option("--overlap", args.overlap.to_string());
    option("--hold-out-wordings", args.hold_out_wordings.to_string());
    option("--seed", args.seed.to_string());
    if args.with_disputed {
        words.push("--with-disputed".to_owned());
    }
    words
}

fn report(
    args: &BuildArgs,
    datasets: &[Dataset],
    candidates: &[Candidate],
    sides: &[usize],
    chosen: &[bool],
    families: &Families,
    skips: &[Skipped],
) -> Report {
    let on = |side: usize| (0..sides.len()).filter(|place| sides[*place] == side && chosen[*place]).count();
    let (train, validation, test, rewording) = (on(0), on(1), on(2), on(REWORDED));
    let share = |(index, dataset): (usize, &Dataset)| {
        let training = || (0..sides.len()).filter(|place| sides[*place] == 0 && candidates[*place].dataset == index);
        let rows = training().filter(|place| chosen[*place]).count();
        Share {
            dataset: dataset.folder.display().to_string(),
            replay: index >= args.datasets.len(),
            available: training().count(),
            rows,
            share: rows as f64 / train.max(1) as f64,
        }
    };
    let of = |reason: &str| skips.iter().filter(|skip| skip.reason == reason).count();
    let members = families.members();
    Report {
        dataset: args.output.display().to_string(),
        version: String::new(),
        rows: train + validation + test + rewording,
        train,
        validation,
        test,
        rewording,
        mixture: datasets.iter().enumerate().map(share).collect(),
        families: members.len(),
        largest_family: members.values().map(Vec::len).max().unwrap_or(0),
        unfilled: Vec::new(),
        left_out: ["mixture", "disputed", "repeated"].map(|reason| (reason, of(reason))).into(),
        leaks: 0,
    }
}
