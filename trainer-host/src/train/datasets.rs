//! The datasets of a run: read, split into training and held-out rows, turned into tokens.

use std::path::{Path, PathBuf};

use halligan_finetune::{
    dataset::{Example, LongText, Row, hold_out},
    model::BaseModel,
    train::{Share, Source, TrainingSet},
};

use super::args::Settings;
use crate::{progress::count, rows};

/// One file as tokens.
struct Encoded {
    path: PathBuf,
    examples: Vec<Example>,
    share: Share,
}

/// All rows of a run.
pub(super) struct Datasets {
    sources: Vec<Encoded>,
    held_out: Vec<Example>,
    /// What the user should know, one line each.
    pub notes: Vec<String>,
}

impl Datasets {
    /// Reads the files that `settings` name.
    ///
    /// # Errors
    /// The first file or row that cannot be used.
    pub fn read(settings: &Settings, base: &BaseModel, sequence_tokens: usize) -> anyhow::Result<Self> {
        let long = settings.long_text.unwrap_or(LongText::Split);
        let mut notes = Vec::new();
        let mut encode = |path: &Path, rows: &[Row]| -> anyhow::Result<Vec<Example>> {
            let examples = rows::encode(base, path, rows, sequence_tokens, long)?;
            if examples.len() > rows.len() {
                notes.push(format!(
                    "{}: texts longer than {sequence_tokens} tokens were split, {} rows into {} sequences",
                    path.display(),
                    count(rows.len()),
                    count(examples.len())
                ));
            }
            Ok(examples)
        };
        let data = settings.data.iter().flatten();
        let files: Vec<Vec<Row>> = data.clone().map(|source| rows::read(&source.path)).collect::<Result<_, _>>()?;
        let all: Vec<&Row> = files.iter().flatten().collect();
        let mut held = match settings.eval_share {
            Some(share) => hold_out(&all, share, settings.seed.unwrap_or(1)),
            None => vec![false; all.len()],
        }
        .into_iter();
        if settings.eval_share.is_some() && !held.clone().any(|held| held) {
            anyhow::bail!(
                "--eval-share: all rows belong together (one id, or one row); give held-out rows with --eval-data"
            );
        }
        let (mut sources, mut held_out) = (Vec::new(), Vec::new());
        for (source, rows) in data.zip(&files) {
            let (judging, training): (Vec<_>, Vec<_>) =
                rows.iter().cloned().zip(held.by_ref()).partition(|(_, held)| *held);
            let plain = |rows: Vec<(Row, bool)>| rows.into_iter().map(|(row, _)| row).collect::<Vec<Row>>();
            let (judging, training) = (plain(judging), plain(training));
            if !judging.is_empty() {
                held_out.extend(encode(&source.path, &judging)?);
            }
            // A file whose few rows are all held out gives nothing to train on; the plan names it.
            let examples = if training.is_empty() { Vec::new() } else { encode(&source.path, &training)? };
            let share = source.weight.map_or(Share::Once, Share::Weight);
            sources.push(Encoded { path: source.path.clone(), examples, share });
        }
        for path in settings.replay.iter().flatten() {
            let share = Share::Replay(settings.replay_share.unwrap_or(0.2));
            sources.push(Encoded { path: path.clone(), examples: encode(path, &rows::read(path)?)?, share });
        }
        if let Some(path) = &settings.eval_data {
            held_out = encode(path, &rows::read(path)?)?;
        }
        Ok(Self { sources, held_out, notes })
    }

    /// The rows as the engine takes them.
    pub fn training_set(&self) -> TrainingSet<'_> {
        let source = |encoded: &'_ Encoded| (encoded.path.display().to_string(), encoded.share);
        let sources = self.sources.iter().map(|encoded| {
            let (name, share) = source(encoded);
            Source { name, examples: &encoded.examples, share }
        });
        TrainingSet::new(sources.collect(), &self.held_out)
    }

    /// What is trained on, in a line or two.
    pub fn describe(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .sources
            .iter()
            .map(|source| {
                let share = match source.share {
                    Share::Once => String::new(),
                    Share::Weight(weight) => format!(", weight {weight}"),
                    Share::Replay(share) => format!(", replay of {:.0} % of the tokens", share * 100.0),
                };
                format!("data    {}: {}{share}", source.path.display(), figures(&source.examples))
            })
            .collect();
        if !self.held_out.is_empty() {
            lines.push(format!("judge   {} held out", figures(&self.held_out)));
        }
        lines.extend(self.notes.iter().map(|note| format!("note    {note}")));
        lines
    }
}

fn figures(examples: &[Example]) -> String {
    let tokens: usize = examples.iter().map(|example| example.tokens.len()).sum();
    let targets: usize = examples.iter().flat_map(|example| &example.trained).filter(|&&trained| trained).count();
    format!("{} rows, {} tokens, {} of them targets", count(examples.len()), count(tokens), count(targets))
}
