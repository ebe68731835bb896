//! `halligan-host data generate`: chunks to questions and answers.
//!
//! Three ways, alone or together. `--rules` reads tables, definitions and lists and needs no model. `--blueprint`
//! expands what experts laid down. `--model` asks a local model about each chunk; a grammar keeps every reply a
//! question with its answer, so that all output parses. All three are pure functions of chunks, settings and seed.

mod answers;
mod args;
mod blueprint;
mod expand;
mod fact;
mod headers;
mod journal;
mod lists;
mod marks;
mod prompts;
mod records;
mod report;
mod rules;
mod sentences;
mod sink;
mod statements;
mod subjects;
mod tables;
mod tasks;
mod writing;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use super::build::split::draw;
use super::canonical::{canonical_json, content_id, sha256_hex};
use super::chunk::Chunk;
use super::dataset::Dataset;
use super::filter::content::support;
use super::ingest::schema::Schema;
use super::ingest::schema::fit::Fit;
use super::ledger::Template;
use super::manifest::{Manifest, ROWS};
use super::row::{Grounding, Row};
use super::words::words;
use super::writer::{Closing, DatasetWriter};
use crate::interrupt::{INTERRUPTED, requested};
use crate::outputs::{Place, check_apart};
pub use args::GenerateArgs;
use blueprint::Blueprint;
use journal::Reply;
use prompts::Category;
use sink::Left;
use tasks::{Task, Wanted};
use writing::{Asking, Writer};

/// Everything that a run reads before it makes the first row.
struct Sources {
    dataset: Dataset,
    chunks: Vec<Chunk>,
    /// Blueprints with their text.
    blueprints: Vec<(Blueprint, String)>,
    facts: Vec<fact::Fact>,
    tasks: Vec<Task>,
    left: Vec<Left>,
}

/// Reads, makes, writes and prints.
///
/// # Errors
/// A dataset, schema, blueprint or model that cannot be used, a place that cannot be written.
pub fn run(args: &GenerateArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.rules || args.model.is_some() || !args.blueprint.is_empty(),
        "nothing to make rows with; give --rules, --blueprint FILE or --model GGUF, or several of them"
    );
    check_apart(&[Place::new("DIR", &args.dataset)], &[Place::new("-o", &args.output)])?;
    crate::interrupt::listen("stopping; run the same command again to go on")?;
    let started = Instant::now();
    let mut sources = read(args)?;
    if requested() {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let writer = args.model.as_ref().map(|model| Writer::load(&asking(args, model))).transpose()?;
    if let Some(writer) = &writer {
        sources.tasks = tasks(args, &sources.chunks, writer, &mut sources.left)?;
    }
    if args.dry_run {
        report::forecast(args, &sources, writer.as_ref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let new = !args.output.exists();
    // What was written stands under temporary names, which go with the writer.
    let stopped = |rows: Rows| {
        drop(rows);
        if new {
            // Only where it is empty: a journal stays.
            let _ = std::fs::remove_dir(&args.output);
        }
        Ok(ExitCode::from(INTERRUPTED))
    };
    let mut rows = Rows {
        writer: DatasetWriter::create(&args.output, "generate", args.force)?,
        asked: HashMap::new(),
        left: Vec::new(),
    };
    rows.left.append(&mut sources.left);
    // Before any record is written: a run that is killed while it asks leaves only its journal.
    let asked = match (&writer, &args.model) {
        (Some(writer), Some(model)) => {
            let models = Models::of(model, args.adapter.as_deref())?;
            let fingerprint = fingerprint(args, &sources, &models)?;
            let Some(written) = writer.write(&sources.tasks, &sources.chunks, &args.output, &fingerprint)? else {
                eprintln!("interrupted; run the same command again to go on where it stopped");
                return Ok(ExitCode::from(INTERRUPTED));
            };
            Some((models, written))
        }
        _ => None,
    };
    rows.writer.descend_from(&sources.dataset)?;
    for (path, role) in inputs(args) {
        rows.writer.input(role, path)?;
    }
    for chunk in &sources.chunks {
        rows.writer.chunk(chunk)?;
    }
    if !rows.add_all(&sources, args)? {
        return stopped(rows);
    }
    let mut told = report::Told::default();
    let mut journal = None;
    if let Some((models, written)) = asked {
        told = report::Told { tasks: sources.tasks.len(), reused: written.reused, tokens: written.tokens };
        for (task, reply) in sources.tasks.iter().zip(written.replies) {
            rows.take(task, reply, &sources.chunks, &models)?;
        }
        journal = Some(written.journal);
    }
    if requested() {
        return stopped(rows);
    }
    let Rows { mut writer, left, .. } = rows;
    let reasons = reasons(&left);
    let broken = left.iter().find(|one| one.reason == "template").map(|one| one.detail.clone());
    for one in left {
        writer.skipped(&one.into_skipped())?;
    }
    let made = writer.count(ROWS);
    if made == 0
        && let Some(journal) = journal.take()
    {
        // The same questions would end the same way.
        journal.remove();
    }
    anyhow::ensure!(made > 0, report::nothing(args, &sources.chunks, &reasons, broken.as_deref()));
    let mut summary: BTreeMap<String, Value> =
        reasons.iter().map(|(reason, count)| (format!("skipped_{reason}"), json!(count))).collect();
    summary.insert("rows".to_owned(), json!(made));
    summary.insert("tasks".to_owned(), json!(told.tasks));
    let manifest = writer.finish(Closing {
        recipe: recipe(args),
        seed: Some(args.seed),
        tokenizer: sources.dataset.manifest.tokenizer.clone(),
        summary,
        version: args.dataset_version.clone(),
    })?;
    if let Some(journal) = journal {
        journal.remove();
    }
    report::print(args, &manifest, &told, reasons, started.elapsed().as_secs_f64())?;
    Ok(ExitCode::SUCCESS)
}

fn read(args: &GenerateArgs) -> anyhow::Result<Sources> {
    let dataset = Dataset::open(&args.dataset)?;
    let chunks: Vec<Chunk> = dataset.chunks()?.collect::<anyhow::Result<_>>()?;
    let needs_chunks = args.rules || args.model.is_some();
    anyhow::ensure!(
        !needs_chunks || !chunks.is_empty(),
        "{}: there are no chunks in it; make some with `halligan-host data ingest PATH.. -o DIR`",
        args.dataset.display()
    );
    let schema = match &args.schema {
        Some(path) => Schema::read(path)?,
        None => match dataset.templates()?.find(|kept| kept.as_ref().map_or(true, |kept| kept.kind == "schema")) {
            Some(kept) => Schema::parse(&kept?.text).map_err(|error| crate::about(&args.dataset, error))?,
            None => Schema::default(),
        },
    };
    let mut blueprints = Vec::new();
    for path in &args.blueprint {
        blueprints.push((Blueprint::read(path)?, std::fs::read_to_string(path)?));
    }
    let mut left = Vec::new();
    if args.rules {
        let place = args.schema.as_ref().unwrap_or(&args.dataset);
        schema.check_questions(&chunks).map_err(|problem| crate::about(place, problem))?;
    }
    if let Some(path) = &args.schema {
        let fit = Fit::of(&schema, chunks.iter().map(|chunk| chunk.path.as_str()));
        left.extend(fit.unused().map(|detail| Left::of_file(path, "no_file", detail)));
    }
    let mut facts = if args.rules { rules::facts(&chunks, &schema, &mut left) } else { Vec::new() };
    keep_drawn(&mut facts, args, |fact| fact.group());
    Ok(Sources { dataset, chunks, blueprints, facts, tasks: Vec::new(), left })
}

/// Keeps as many as the limit allows, drawn by the seed, in their order.
fn keep_drawn<T>(all: &mut Vec<T>, args: &GenerateArgs, name: impl Fn(&T) -> String) {
    let Some(limit) = args.limit.filter(|limit| *limit < all.len()) else { return };
    let mut places: Vec<usize> = (0..all.len()).collect();
    places.sort_by_cached_key(|place| draw(args.seed, &name(&all[*place])));
    let kept: HashSet<usize> = places.into_iter().take(limit).collect();
    let mut place = 0;
    all.retain(|_| {
        place += 1;
        kept.contains(&(place - 1))
    });
}

fn asking(args: &GenerateArgs, model: &Path) -> Asking {
    Asking {
        model: model.to_path_buf(),
        adapter: args.adapter.clone(),
        max_tokens: args.max_tokens as usize,
        temperature: args.temperature,
        tries: args.tries as usize,
    }
}

fn wanted(args: &GenerateArgs) -> Wanted {
    Wanted {
        categories: if args.ask.is_empty() { Category::ALL.to_vec() } else { args.ask.clone() },
        per_chunk: args.per_chunk as usize,
        cross: args.cross,
        cross_chunks: args.cross_chunks as usize,
        tokens_min: args.min_tokens,
        seed: args.seed,
    }
}

/// What the model is asked; chunks that are too long for it are left out with the reason.
fn tasks(args: &GenerateArgs, chunks: &[Chunk], writer: &Writer, left: &mut Vec<Left>) -> anyhow::Result<Vec<Task>> {
    let wanted = wanted(args);
    let most = writer.prompt_tokens_max();
    let mut fits = |category: Category, shown: &[&Chunk]| Ok(writer.prompt_tokens(category, shown)? <= most);
    let (mut tasks, too_long) = tasks::tasks(chunks, &wanted, &mut fits)?;
    left.extend(too_long.into_iter().map(|place| {
        let chunk = &chunks[place];
        let detail = format!(
            "its prompt has more than {most} tokens, which is what the context leaves beside {} of the reply; lower \
             --max-tokens, or ingest with smaller --chunk-tokens",
            args.max_tokens
        );
        Left::of(chunk, "prompt_too_long", detail)
    }));
    keep_drawn(&mut tasks, args, |task| task.id.clone());
    Ok(tasks)
}

/// SHA-256 of the model and of its adapter.
struct Models {
    model: String,
    adapter: Option<String>,
}

impl Models {
    fn of(model: &Path, adapter: Option<&Path>) -> anyhow::Result<Self> {
        let sha256 =
            |path: &Path| halligan_finetune::gguf::file_sha256(path).map_err(|error| crate::about(path, error));
        Ok(Self { model: sha256(model)?, adapter: adapter.map(sha256).transpose()? })
    }
}

/// Everything that a reply depends on; a journal is used again only under the same.
fn fingerprint(args: &GenerateArgs, sources: &Sources, models: &Models) -> anyhow::Result<String> {
    let tasks: Vec<(&str, u64)> = sources.tasks.iter().map(|task| (task.id.as_str(), task.seed)).collect();
    let prompts = Category::ALL.map(Category::prompt);
    let asked = json!([args.max_tokens, args.temperature, args.tries, writing::WAVE]);
    let all =
        json!([Manifest::tool(), sources.dataset.manifest_sha256, models.model, models.adapter, prompts, asked, tasks]);
    Ok(sha256_hex(canonical_json(&all)?.as_bytes()))
}

/// Rows on their way into the dataset.
struct Rows {
    writer: DatasetWriter,
    /// Id of the row that asks a question, by its words.
    asked: HashMap<Vec<String>, String>,
    left: Vec<Left>,
}

impl Rows {
    /// Adds the rows of all facts and blueprints; false where it was asked to stop before the end.
    fn add_all(&mut self, sources: &Sources, args: &GenerateArgs) -> anyhow::Result<bool> {
        for fact in &sources.facts {
            if requested() {
                return Ok(false);
            }
            let made = fact.rows(args.wordings as usize, args.seed);
            made.into_iter().try_for_each(|(row, template)| self.add(row, template))?;
        }
        for (blueprint, text) in &sources.blueprints {
            if requested() {
                return Ok(false);
            }
            let (whole, expanded) = expand::rows(blueprint, text, args.wordings as usize, args.seed);
            self.writer.template(whole);
            expanded.into_iter().try_for_each(|(row, template)| self.add(row, template))?;
        }
        Ok(true)
    }

    fn add(&mut self, row: Row, template: Template) -> anyhow::Result<()> {
        let question: Vec<String> = words(row.question()).collect();
        if let Some(earlier) = self.asked.get(&question) {
            let detail = format!("{:?} is asked by the row {earlier} already", row.question());
            let content = Some(row.answer().to_owned());
            self.left.push(Left { id: row.id, reason: "repeated", detail, content });
            return Ok(());
        }
        self.asked.insert(question, row.id.clone());
        self.writer.template(template);
        self.writer.row(&row)
    }

    /// The row of a reply, or the reason why there is none.
    fn take(&mut self, task: &Task, reply: Reply, chunks: &[Chunk], models: &Models) -> anyhow::Result<()> {
        let of: Vec<&Chunk> = task.chunks.iter().map(|place| &chunks[*place]).collect();
        let (question, answer, seed, confidence) = match reply {
            Reply::Pair { question, answer, seed, confidence } => (question, answer, seed, confidence),
            Reply::Failed { reason, detail, text } => {
                let content = (!text.is_empty()).then_some(text);
                self.left.push(Left { content, ..Left::of(of[0], failure(&reason), detail) });
                return Ok(());
            }
        };
        let kind = task.category.kind();
        let mut parts = vec![b"chunks".as_slice()];
        parts.extend(of.iter().map(|chunk| chunk.id.as_bytes()));
        let template = Template::new("prompt", kind, task.category.prompt());
        let mut row = Row {
            chunks: of.iter().map(|chunk| chunk.id.clone()).collect(),
            model: Some(models.model.clone()),
            seed: Some(seed),
            template: Some(template.id.clone()),
            ..Row::of_answer(kind, &content_id(&parts), &question, &answer)
        };
        for chunk in &of {
            if !row.sources.contains(&chunk.source) {
                row.sources.push(chunk.source.clone());
            }
        }
        if let Some(adapter) = &models.adapter {
            row.labels.insert("adapter".to_owned(), json!(adapter));
        }
        if let Some(confidence) = confidence {
            row.labels.insert("confidence".to_owned(), json!(rounded(f64::from(confidence))));
        }
        let known: HashSet<String> = of.iter().flat_map(|chunk| words(&chunk.text)).collect();
        let (share, unsupported) = support(&row, &known);
        row.grounding = Some(Grounding { share: rounded(share), unsupported });
        self.add(row, template)
    }
}

/// Four digits: every reader of JSON gives the same number back.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// The reasons of [`Reply::Failed`] under names that live as long as the program.
fn failure(reason: &str) -> &'static str {
    match reason {
        "prompt_too_long" => "prompt_too_long",
        "cut_off" => "cut_off",
        "no_pair" => "no_pair",
        _ => "model",
    }
}

fn reasons(left: &[Left]) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    left.iter().for_each(|one| *reasons.entry(one.reason).or_default() += 1);
    reasons
}

fn inputs(args: &GenerateArgs) -> Vec<(&Path, &'static str)> {
    let mut inputs: Vec<(&Path, &'static str)> = Vec::new();
    inputs.extend(args.schema.iter().map(|path| (path.as_path(), "schema")));
    inputs.extend(args.blueprint.iter().map(|path| (path.as_path(), "blueprint")));
    inputs.extend(args.model.iter().map(|path| (path.as_path(), "model")));
    inputs.extend(args.adapter.iter().map(|path| (path.as_path(), "adapter")));
    inputs
}

fn recipe(args: &GenerateArgs) -> Vec<String> {
    let mut words = vec!["generate".to_owned(), args.dataset.display().to_string()];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    for (path, role) in inputs(args) {
        option(&format!("--{role}"), path.display().to_string());
    }
    option("--wordings", args.wordings.to_string());
    if args.model.is_some() {
        if !args.ask.is_empty() {
            let names: Vec<String> = args.ask.iter().map(|category| category.kind().replace('_', "-")).collect();
            option("--ask", names.join(","));
        }
        option("--per-chunk", args.per_chunk.to_string());
        option("--cross", args.cross.to_string());
        option("--cross-chunks", args.cross_chunks.to_string());
        option("--min-tokens", args.min_tokens.to_string());
        option("--max-tokens", args.max_tokens.to_string());
        option("--temperature", args.temperature.to_string());
        option("--tries", args.tries.to_string());
    }
    if let Some(limit) = args.limit {
        option("--limit", limit.to_string());
    }
    option("--seed", args.seed.to_string());
    if args.rules {
        words.push("--rules".to_owned());
    }
    words
}
