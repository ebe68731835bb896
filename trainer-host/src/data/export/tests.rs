//! Exports of small datasets into folders.

use clap::Parser;

use super::*;
use crate::data::writer::{Closing, DatasetWriter};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: ExportArgs,
}

/// A folder for datasets and their exports.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a dataset of one row for each split; a row of the split `disputed` is disputed instead.
    fn dataset(&self, name: &str, splits: &[&str]) {
        let mut writer = DatasetWriter::create(&self.at(name), "test", true).unwrap();
        for (at, split) in splits.iter().enumerate() {
            let mut row = Row::of_answer("record", &format!("g{at}"), &format!("How far is {at}?"), "150 feet.");
            if *split == "disputed" {
                row.labels.insert("disputed".to_owned(), serde_json::json!(true));
            } else {
                row.split = Some((*split).to_owned());
            }
            writer.row(&row).unwrap();
        }
        writer.finish(Closing::default()).unwrap();
    }

    fn export(&self, dataset: &str, format: &str, output: &str, more: &[&str]) -> anyhow::Result<()> {
        let (dataset, output) = (self.at(dataset).display().to_string(), self.at(output).display().to_string());
        let words = ["export", &dataset, "--format", format, "-o", &output];
        let command = Command::try_parse_from(words.iter().chain(more)).unwrap();
        run(&command.args).map(drop)
    }

    fn lines(&self, name: &str) -> usize {
        std::fs::read_to_string(self.at(name)).unwrap().lines().count()
    }
}

#[test]
fn rows_about_which_experts_disagree_stay_behind_unless_they_are_asked_for() {
    let bench = Bench::new();
    bench.dataset("made", &["train", "disputed", "train"]);
    bench.export("made", "messages", "out", &[]).unwrap();
    assert_eq!(bench.lines("out/train.jsonl"), 2);
    bench.export("made", "messages", "out", &["--with-disputed"]).unwrap();
    assert_eq!(bench.lines("out/train.jsonl"), 3);
    bench.dataset("unsure", &["disputed"]);
    let error = bench.export("unsure", "messages", "x.jsonl", &[]).unwrap_err().to_string();
    assert!(error.contains("--with-disputed") && !bench.at("x.jsonl").exists(), "{error}");
}

#[test]
fn splits_of_the_export_before_are_not_read_with_the_new_ones() {
    for format in ["messages", "parquet", "hf", "croissant"] {
        let bench = Bench::new();
        bench.dataset("three", &["train", "validation", "test"]);
        bench.dataset("one", &["train"]);
        bench.export("three", format, "out", &[]).unwrap();
        std::fs::write(bench.at("out/mine.jsonl"), "{}\n").unwrap();
        bench.export("one", format, "out", &[]).unwrap();
        let ending = match format {
            "hf" => String::new(),
            "parquet" => ".parquet".to_owned(),
            _ => ".jsonl".to_owned(),
        };
        let there = |split: &str| bench.at(&format!("out/{split}{ending}")).exists();
        assert!(there("train") && !there("validation") && !there("test"), "{format}");
        assert!(bench.at("out/mine.jsonl").exists(), "{format}");
        // One split alone joins those that are there.
        bench.export("three", format, "out", &["--split", "test"]).unwrap();
        assert!(there("train") && there("test"), "{format}");
    }
}

#[test]
fn single_file_that_no_export_wrote_is_not_written_over() {
    let bench = Bench::new();
    bench.dataset("made", &["train"]);
    std::fs::write(bench.at("rows.jsonl"), "my own rows\n").unwrap();
    let error = bench.export("made", "messages", "rows.jsonl", &[]).unwrap_err().to_string();
    assert!(error.contains("rows.jsonl") && error.contains("--force"), "{error}");
    assert_eq!(std::fs::read_to_string(bench.at("rows.jsonl")).unwrap(), "my own rows\n");
    bench.export("made", "messages", "rows.jsonl", &["--force"]).unwrap();
    // Now it is the export's own, and no split of the folder it lies in.
    bench.export("made", "messages", "rows.jsonl", &[]).unwrap();
    bench.export("made", "messages", ".", &[]).unwrap();
    assert!(bench.at("rows.jsonl").exists() && bench.at("train.jsonl").exists());
}

#[test]
fn export_takes_the_place_of_files_of_its_own_form_alone() {
    let of = |format: Format| {
        let names = ["test.jsonl", "test.parquet", "test/state.json", "croissant.json", "./all.jsonl"];
        names.into_iter().filter(|name| is_of(format, name)).collect::<Vec<_>>()
    };
    assert_eq!(of(Format::Messages), ["test.jsonl", "croissant.json"]);
    assert_eq!(of(Format::Parquet), ["test.parquet"]);
    assert_eq!(of(Format::Hf), ["test/state.json"]);
}
