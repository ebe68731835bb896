//! Which rows an export takes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ExportArgs;
use crate::data::dataset::Dataset;
use crate::data::formats::{Format, splits};
use crate::data::row::Row;
use crate::progress::count;

/// Split of rows that have none, in a dataset that was not split.
const UNSPLIT: &str = "train";

/// Which rows the export takes.
pub struct Choice {
    /// Rows of each split, in the order train, validation, test, others.
    pub splits: Vec<(String, usize)>,
    /// Ids of rows that do not fit.
    pub unfit: Vec<String>,
    /// Disputed rows that stay behind.
    pub disputed: usize,
}

/// Counts the rows to export and checks each against the form.
///
/// # Errors
/// A row that the form cannot hold, no row at all, a split whose name cannot be that of a file.
pub fn choose(args: &ExportArgs, dataset: &Dataset) -> anyhow::Result<Choice> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut unfit = Vec::new();
    let mut disputed = 0;
    let mut first_problem = None;
    for row in dataset.rows()? {
        let row = row?;
        let split = split_of(&row);
        if args.split.as_deref().is_some_and(|wanted| wanted != split) {
            continue;
        }
        if is_disputed(&row) && !args.with_disputed {
            disputed += 1;
            continue;
        }
        anyhow::ensure!(
            is_plain(args.format, split),
            "row {}: {} cannot have a split with the name `{split}`; build the dataset again with \
             `halligan-host data build`{}",
            row.id,
            args.format.name(),
            if args.format == Format::Hf { ", or export it in another form" } else { "" }
        );
        match args.format.check(&row) {
            Ok(()) => *counts.entry(split.to_owned()).or_default() += 1,
            Err(problem) => {
                first_problem.get_or_insert_with(|| (row.id.clone(), problem));
                unfit.push(row.id.clone());
            }
        }
    }
    if let (Some((id, problem)), false) = (first_problem, args.skip_unfit) {
        let others = match unfit.len() {
            1 => String::new(),
            more => format!(" (and {} other rows)", count(more - 1)),
        };
        anyhow::bail!("{}: row {id}{others}: {problem}, or leave it out with --skip-unfit", args.dataset.display());
    }
    if counts.is_empty() {
        let place = args.dataset.display();
        anyhow::ensure!(
            disputed == 0 || !unfit.is_empty(),
            "{place}: experts disagree about all rows; ask a third one, or export with --with-disputed"
        );
        match &args.split {
            Some(split) => anyhow::bail!("{place}: the split `{split}` has no rows; leave --split away"),
            None => anyhow::bail!("{place}: the dataset has no rows to export"),
        }
    }
    let mut found: Vec<(String, usize)> = counts.into_iter().collect();
    found.sort_by(|(a, _), (b, _)| (splits::place(a), a).cmp(&(splits::place(b), b)));
    Ok(Choice { splits: found, unfit, disputed })
}

/// The rows of a split, or of all, that fit and are wanted.
///
/// # Errors
/// A dataset whose rows cannot be read.
pub fn rows<'a>(
    args: &'a ExportArgs,
    dataset: &Dataset,
    split: Option<&'a str>,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + use<'a>> {
    let wanted = split.or(args.split.as_deref());
    let taken = move |row: &Row| {
        wanted.is_none_or(|wanted| wanted == split_of(row))
            && (args.with_disputed || !is_disputed(row))
            && args.format.check(row).is_ok()
    };
    Ok(dataset.rows()?.filter(move |row| row.as_ref().map_or(true, taken)))
}

fn split_of(row: &Row) -> &str {
    row.split.as_deref().unwrap_or(UNSPLIT)
}

fn is_disputed(row: &Row) -> bool {
    row.labels.get("disputed") == Some(&Value::Bool(true))
}

/// Split names become names of files, so they must be plain words; `datasets` opens splits of a DatasetDict only where
/// dots alone stand between the letters, digits and `_`.
fn is_plain(format: Format, name: &str) -> bool {
    let marks = if format == Format::Hf { "_" } else { "_-" };
    let word = |part: &str| {
        !part.is_empty() && part.chars().all(|character| character.is_ascii_alphanumeric() || marks.contains(character))
    };
    name.split('.').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_splits_are_those_that_the_readers_of_the_form_take() {
        for name in ["train", "train_sft", "train_sft.2"] {
            assert!(is_plain(Format::Hf, name) && is_plain(Format::Messages, name), "{name}");
        }
        assert!(is_plain(Format::Messages, "test-1") && !is_plain(Format::Hf, "test-1"));
        for name in ["", ".", "a..b", ".hidden", "a/b", "a b"] {
            assert!(!is_plain(Format::Hf, name) && !is_plain(Format::Messages, name), "{name}");
        }
    }
}
