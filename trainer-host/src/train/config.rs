//! `run.toml`: the settings of a run in a file. Keys are the names of the flags; an unknown key, a value of
//! the wrong kind or out of range, and a combination that cannot be are errors that name the line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args as _, Command};
use halligan_finetune::train::TrainError;
use toml::de::DeTable;

use super::args::Settings;

/// Similarity from which a known name is offered for an unknown one.
const SIMILAR: f64 = 0.8;

/// A configuration file that was read.
pub(super) struct ConfigFile {
    path: PathBuf,
    /// Line of each key, from 1.
    lines: BTreeMap<String, usize>,
    pub settings: Settings,
}

impl ConfigFile {
    /// Reads and checks the form of a file.
    ///
    /// # Errors
    /// No file, no TOML, an unknown key or a value of the wrong kind, with the line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            anyhow::anyhow!("{}: cannot read the settings ({error}); check the path", path.display())
        })?;
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> anyhow::Result<Self> {
        let line_of = |position: usize| text[..position.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            anyhow::anyhow!("{}:{line}: {}; correct the line", path.display(), crate::one_line(error.message()))
        })?;
        let lines: BTreeMap<String, usize> =
            table.get_ref().keys().map(|key| (key.get_ref().to_string(), line_of(key.span().start))).collect();
        let known = keys();
        if let Some((key, line)) = lines.iter().find(|(key, _)| !known.contains(key)) {
            anyhow::bail!("{}:{line}: there is no setting `{key}`; {}", path.display(), similar(key, &known));
        }
        let settings = toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            // A value may stand below its key, never above it.
            let key = lines.iter().filter(|(_, at)| **at <= line).max_by_key(|(_, at)| **at);
            let (key, line) = key.map_or(("", line), |(key, line)| (key.as_str(), *line));
            let problem = plain_words(&crate::one_line(error.message()));
            anyhow::anyhow!("{}:{line}: {key}: {problem}; correct the value", path.display())
        })?;
        Ok(Self { path: path.to_path_buf(), lines, settings })
    }

    /// Where a setting stands, unless a flag overrode it.
    fn place(&self, key: &str, flags: &[String]) -> Option<String> {
        let line = self.lines.get(key).filter(|_| !flags.iter().any(|flag| flag == key))?;
        Some(format!("{}:{line}: {key}", self.path.display()))
    }
}

/// Names a setting by its line in the file, or as a flag where the file has nothing to do with it.
pub(super) fn place(key: &str, file: Option<&ConfigFile>, flags: &Settings) -> String {
    file.and_then(|file| file.place(key, &given(flags))).unwrap_or_else(|| format!("--{key}"))
}

/// The error of the engine, by line where it is about a setting of the file.
pub(super) fn explain(error: TrainError, file: Option<&ConfigFile>, flags: &Settings) -> anyhow::Error {
    match error {
        TrainError::BadOption { option, problem } => {
            anyhow::anyhow!("{} {problem}", place(option.trim_start_matches('-'), file, flags))
        }
        other => other.into(),
    }
}

/// What a setting must be, in the words of its users instead of the language's.
fn plain_words(problem: &str) -> String {
    let kinds = [
        ("expected usize", "a whole number is expected"),
        ("expected u64", "a whole number is expected"),
        ("expected f64", "a number is expected"),
        ("expected f32", "a number is expected"),
        ("expected a boolean", "true or false is expected"),
        ("expected a sequence", "a list is expected, as in [\"rows.jsonl\"]"),
        ("expected path string", "a text in quotes is expected"),
        ("expected a string", "a text in quotes is expected"),
    ];
    let found = problem.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
    let kind = kinds.into_iter().find_map(|(theirs, ours)| Some((found.strip_suffix(theirs)?, ours)));
    kind.map_or_else(|| problem.to_owned(), |(found, ours)| format!("{ours}, not {}", found.trim_end_matches(", ")))
}

/// Names of all settings.
fn keys() -> Vec<String> {
    arguments().get_arguments().map(|argument| argument.get_id().as_str().replace('_', "-")).collect()
}

/// Names of the settings that have a value.
fn given(settings: &Settings) -> Vec<String> {
    match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(fields)) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key).collect()
        }
        _ => Vec::new(),
    }
}

fn arguments() -> Command {
    Settings::augment_args(Command::new("run"))
}

fn similar(key: &str, known: &[String]) -> String {
    let snake = key.replace('_', "-");
    let closest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(name, &snake), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= SIMILAR);
    match closest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "`halligan-host train --print-config` lists all".to_owned(),
    }
}

/// Every setting with its meaning: defaults as comments, so that the file can be filled in line by line.
pub(super) fn example() -> String {
    let defaults = serde_json::to_value(Settings::defaults()).unwrap_or_default();
    let placeholder = |key: &str| match key {
        "base" => "\"base.gguf\"",
        "data" => "[\"rows.jsonl\"]",
        "output" => "\"adapter.gguf\"",
        "replay" => "[\"earlier.jsonl\"]",
        "eval-data" => "\"heldout.jsonl\"",
        "init-adapter" => "\"earlier-adapter.gguf\"",
        "save-peft" => "\"adapter-peft\"",
        "save-last" => "\"last.gguf\"",
        "log" => "\"train.jsonl\"",
        "checkpoint-dir" => "\"adapter.gguf.checkpoint\"",
        "eval-share" => "0.05",
        "warmup-ratio" => "0.03",
        "top-layers" => "8",
        "max-steps" => "1000",
        "seq" => "512",
        "batch-max" => "64",
        "patience" => "3",
        "max-minutes" => "60",
        "max-watt-hours" => "20",
        "max-celsius" => "90",
        _ => "",
    };
    let mut text = String::from(
        "# Settings of a training run: halligan-host train --config run.toml\n\
         # Keys are the names of the flags, and flags override this file. Paths are relative to the current folder.\n\
         # Lines that begin with # are off; where they show a default, it is what holds without them.\n",
    );
    let mut heading = None;
    for argument in arguments().get_arguments() {
        let key = argument.get_id().as_str().replace('_', "-");
        if argument.get_help_heading() != heading {
            heading = argument.get_help_heading();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n## {}", heading.unwrap_or_default());
        }
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "\n# {}", crate::one_line(&help));
        let value = match defaults.get(&key) {
            Some(value) if !value.is_null() => value.to_string().replace(',', ", "),
            _ => placeholder(&key).to_owned(),
        };
        let off = if ["base", "data", "output"].contains(&key.as_str()) { "" } else { "# " };
        let _ = writeln!(text, "{off}{key} = {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::checks;
    use super::*;

    fn parse(text: &str) -> anyhow::Result<ConfigFile> {
        ConfigFile::parse(Path::new("run.toml"), text)
    }

    fn error(text: &str) -> String {
        let flags = Settings::default();
        let checked = parse(text).and_then(|file| checks::check(&file.settings, Some(&file), &flags));
        checked.unwrap_err().to_string()
    }

    const SOUND: &str = "base = \"b.gguf\"\ndata = [\"a.jsonl=3\", \"b.jsonl=1\"]\noutput = \"o.gguf\"\n";

    #[test]
    fn example_is_sound_with_every_line_on_and_shows_the_true_defaults() {
        let example = example();
        let settings = parse(&example).unwrap().settings;
        assert_eq!(Settings { base: None, data: None, output: None, ..settings }, Settings::default());
        let lines = example.lines().map(|line| {
            let setting = line
                .strip_prefix("# ")
                .filter(|rest| rest.split_once(" = ").is_some_and(|(key, _)| keys().contains(&key.to_owned())));
            setting.unwrap_or(line)
        });
        let all_on = parse(&lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        assert_eq!(all_on.lines.len(), keys().len());
        let defaults = Settings::defaults();
        assert_eq!(defaults.clone().or(all_on.settings.clone()), all_on.settings);
        // The help texts name the same defaults.
        let told = serde_json::to_value(defaults).unwrap();
        for argument in arguments().get_arguments() {
            let key = argument.get_id().as_str().replace('_', "-");
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let default = match &told[&key] {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(items) => {
                    items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(",")
                }
                other => other.to_string().trim_end_matches(".0").to_owned(),
            };
            assert!(help.contains(&format!("[default: {default}]")), "--{key}: {help} ({default})");
        }
    }

    #[test]
    fn example_in_the_repository_is_the_one_that_is_printed() {
        assert_eq!(
            include_str!("../../run.toml"),
            example(),
            "write it again with: halligan-host train --print-config"
        );
    }

    #[test]
    fn keys_are_the_flags_and_weights_are_read() {
        let file = parse(&format!("{SOUND}no-shuffle = true\ntargets = [\"q\", \"down\"]\nlr = 1e-3\n")).unwrap();
        assert_eq!(file.settings.data.as_ref().unwrap()[0].weight, Some(3.0));
        assert_eq!((file.settings.no_shuffle, file.settings.lr), (Some(true), Some(1e-3)));
        assert!(checks::check(&file.settings, Some(&file), &Settings::default()).is_ok());
    }

    #[test]
    fn unknown_key_is_named_with_its_line_and_the_likely_one() {
        assert_eq!(
            error("rank = 8\n\nwarm_up = 3\n"),
            "run.toml:3: there is no setting `warm_up`; did you mean `warmup`?"
        );
        assert!(error("zzz = 1\n").contains("--print-config"));
    }

    #[test]
    fn value_of_the_wrong_kind_is_named_with_its_line() {
        let text = error(&format!("{SOUND}rank = \"many\"\n"));
        assert_eq!(text, "run.toml:4: rank: a whole number is expected, not string \"many\"; correct the value");
        let text = error(&format!("{SOUND}replay = \"rows.jsonl\"\n"));
        assert!(text.starts_with("run.toml:4: replay: a list is expected, as in [\"rows.jsonl\"]"), "{text}");
        let text = error(&format!("{SOUND}rank = -1\n"));
        assert!(text.starts_with("run.toml:4: rank: a whole number is expected, not integer `-1`"), "{text}");
        let text = error(&format!("{SOUND}replay = [\n  \"a.jsonl\",\n  3\n]\n"));
        assert!(text.starts_with("run.toml:4: replay: a text in quotes is expected"), "{text}");
        let text = error(&format!("{SOUND}schedule = \"square\"\n"));
        assert!(text.starts_with("run.toml:4: ") && text.contains("cosine-restarts"), "{text}");
        assert!(error("rank = \n").starts_with("run.toml:1: "));
    }

    #[test]
    fn engine_errors_point_at_the_line_unless_a_flag_set_the_value() {
        let file = parse(&format!("{SOUND}rank = 0\n")).unwrap();
        let bad = || TrainError::BadOption { option: "--rank", problem: "must be 1 to 1024".to_owned() };
        let text = explain(bad(), Some(&file), &Settings::default()).to_string();
        assert_eq!(text, "run.toml:4: rank must be 1 to 1024");
        let flags = Settings { rank: Some(0), ..Settings::default() };
        assert_eq!(explain(bad(), Some(&file), &flags).to_string(), "--rank must be 1 to 1024");
    }
}
