//! What `data generate` says: a forecast before, the counts after.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::prompts::Category;
use super::tasks::{Passed, Task};
use super::writing::{WAVE, Writer};
use super::{GenerateArgs, Sources, expand};
use crate::data::chunk::Chunk;
use crate::data::dataset::Dataset;
use crate::data::manifest::{Manifest, SKIPPED};
use crate::progress::{count, duration};

/// Tasks that a forecast asks to learn the speed.
const TIMED_TASKS: usize = 4;

/// What the model did.
#[derive(Debug, Default)]
pub struct Told {
    /// Questions to it.
    pub tasks: usize,
    /// Of these, answered in an earlier run.
    pub reused: usize,
    /// Tokens it wrote.
    pub tokens: usize,
}

/// Says what would be made, with one example of each kind, and how long the model would take.
///
/// # Errors
/// A model that fails.
pub fn forecast(args: &GenerateArgs, sources: &Sources, writer: Option<&Writer>) -> anyhow::Result<()> {
    let mut rows: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut add = |kind: &str, question: &str, answer: &str| {
        let entry = rows.entry(kind.to_owned()).or_insert_with(|| (0, format!("{question} -> {answer}")));
        entry.0 += 1;
    };
    for fact in &sources.facts {
        for (row, _) in fact.rows(args.wordings as usize, args.seed) {
            add(&row.kind, row.question(), row.answer());
        }
    }
    for (blueprint, text) in &sources.blueprints {
        for (row, _) in expand::rows(blueprint, text, args.wordings as usize, args.seed).1 {
            add(&row.kind, row.question(), row.answer());
        }
    }
    let asked = by_category(&sources.tasks);
    let seconds = writer.map(|writer| timed(writer, sources)).transpose()?.flatten();
    if args.json {
        let rows: BTreeMap<&String, usize> = rows.iter().map(|(kind, (rows, _))| (kind, *rows)).collect();
        crate::print_data(&json!({"rows": rows, "tasks": asked, "seconds": seconds}).to_string());
        return Ok(());
    }
    let mut lines: Vec<String> = Vec::new();
    for (kind, (number, example)) in &rows {
        lines.push(format!("{kind:<14} {:>8} rows   {example}", count(*number)));
    }
    for (kind, number) in &asked {
        lines.push(format!("{kind:<14} {:>8} questions to the model", count(*number)));
    }
    for (reason, number) in super::reasons(&sources.left) {
        lines.push(format!("{reason:<14} {:>8} left out", count(number)));
    }
    if let Some(seconds) = seconds {
        lines.push(format!("time           about {}, as {TIMED_TASKS} of them took here", duration(seconds)));
    }
    crate::print_data(&lines.join("\n"));
    Ok(())
}

fn by_category(tasks: &[Task]) -> BTreeMap<&'static str, usize> {
    let mut asked = BTreeMap::new();
    for category in Category::ALL {
        let number = tasks.iter().filter(|task| task.category == category).count();
        if number > 0 {
            asked.insert(category.kind(), number);
        }
    }
    asked
}

/// Seconds for all tasks, from some spread over them.
fn timed(writer: &Writer, sources: &Sources) -> anyhow::Result<Option<f64>> {
    let step = sources.tasks.len().div_ceil(TIMED_TASKS).max(1);
    let some: Vec<Task> = sources.tasks.iter().step_by(step).cloned().collect();
    if some.is_empty() {
        return Ok(None);
    }
    let started = Instant::now();
    writer.wave(&some, &sources.chunks, &mut |_| ())?;
    let each = started.elapsed().as_secs_f64() / some.len().min(WAVE) as f64;
    Ok(Some(each * sources.tasks.len() as f64))
}

/// Prints the counts.
///
/// # Errors
/// A dataset that vanished.
pub fn print(
    args: &GenerateArgs,
    manifest: &Manifest,
    told: &Told,
    reasons: BTreeMap<&'static str, usize>,
    seconds: f64,
) -> anyhow::Result<()> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for row in Dataset::open(&args.output)?.rows()? {
        *kinds.entry(row?.kind).or_default() += 1;
    }
    let rows: usize = kinds.values().sum();
    let dataset = args.output.display().to_string();
    if args.json {
        let result = json!({
            "dataset": dataset,
            "version": manifest.version,
            "rows": rows,
            "kinds": kinds,
            "skipped": reasons,
            "tasks": told.tasks,
            "reused": told.reused,
            "tokens": told.tokens,
            "seconds": seconds,
        });
        crate::print_data(&result.to_string());
        return Ok(());
    }
    let mut lines = vec![format!("{dataset}: {} rows, version {}", count(rows), manifest.version)];
    lines.extend(kinds.iter().map(|(kind, number)| format!("  {kind:<20} {:>8}", count(*number))));
    if !reasons.is_empty() {
        lines.push("left out".to_owned());
        lines.extend(reasons.iter().map(|(reason, number)| format!("  {reason:<20} {:>8}", count(*number))));
    }
    crate::print_data(&lines.join("\n"));
    if told.tasks > 0 {
        let fresh =
            if told.reused > 0 { format!(", {} from the run before", count(told.reused)) } else { String::new() };
        eprintln!(
            "{} questions to the model{fresh}, {} tokens in {}",
            count(told.tasks),
            count(told.tokens),
            duration(seconds)
        );
    }
    if !reasons.is_empty() {
        eprintln!("each with its reason in {}", args.output.join(SKIPPED).display());
    }
    Ok(())
}

/// Says why there is no row: what was left out, what the rules look for, and which chunks the model is not asked about.
/// `broken` is what the first template of a question that failed said.
pub fn nothing(
    args: &GenerateArgs,
    chunks: &[Chunk],
    reasons: &BTreeMap<&'static str, usize>,
    broken: Option<&str>,
) -> String {
    let mut why: Vec<String> = reasons.iter().map(|(reason, number)| format!("{} {reason}", count(*number))).collect();
    why.extend(broken.map(|detail| format!("the first template that failed: {}", crate::one_line(detail))));
    if args.rules {
        let records = chunks.iter().filter(|chunk| !chunk.fields.is_empty()).count();
        let others = chunks.len() - records;
        why.extend((others > 0).then(|| format!("{} without records, definitions and named lists", count(others))));
        // A record whose template failed has a value; the template says what is wrong.
        let silent = records > 0 && broken.is_none();
        why.extend(silent.then(|| format!("{} with a record that has no value to ask for", count(records))));
    }
    if args.model.is_some() {
        let wanted = super::wanted(args);
        let passed = |reason| chunks.iter().filter(|chunk| wanted.category(chunk) == Err(reason)).count();
        let (other, short) = (passed(Passed::Kind), passed(Passed::Short));
        let asked: Vec<String> = args.ask.iter().map(|category| category.kind().replace('_', "-")).collect();
        let kind = if asked.is_empty() { "tables".to_owned() } else { format!("not for --ask {}", asked.join(",")) };
        why.extend((other > 0).then(|| format!("{} {kind}", count(other))));
        why.extend((short > 0).then(|| format!("{} shorter than --min-tokens {}", count(short), args.min_tokens)));
    }
    format!(
        "{}: no row could be made of {} chunks ({}); see `halligan-host data generate --help` for other ways",
        args.dataset.display(),
        count(chunks.len()),
        why.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::data::chunk::ChunkKind;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: GenerateArgs,
    }

    #[test]
    fn where_there_is_no_row_the_chunks_are_counted_by_the_reason() {
        let said = |words: &str, chunks: &[Chunk]| {
            let words = format!("generate chunks -o rows {words}");
            nothing(&Line::parse_from(words.split(' ')).args, chunks, &BTreeMap::new(), None)
        };
        let prose = Chunk::paragraph("Stay upwind.", "");
        let code = Chunk { kind: ChunkKind::Code, tokens: 3, ..prose.clone() };
        let table = Chunk { kind: ChunkKind::Table, ..prose.clone() };
        let chunks = [prose.clone(), prose, code, table];
        let expected = "chunks: no row could be made of 4 chunks (3 not for --ask code, 1 shorter than --min-tokens 9); \
                        see `halligan-host data generate --help` for other ways";
        assert_eq!(said("--model m.gguf --ask code --min-tokens 9", &chunks), expected);
        let told = said("--rules", &chunks);
        assert!(told.contains("of 4 chunks (4 without records, definitions and named lists);"), "{told}");
    }

    #[test]
    fn template_that_failed_is_quoted_and_nothing_is_counted_as_0() {
        let args = Line::parse_from(["generate", "chunks", "-o", "rows", "--rules"]).args;
        let fields = vec![("gas".to_owned(), "Chlorine".to_owned())];
        let record = Chunk { fields, ..Chunk::paragraph("Chlorine", "") };
        let told = nothing(&args, &[record], &BTreeMap::from([("template", 1)]), Some("gases.csv:2: no filter `big`"));
        assert!(
            told.contains("of 1 chunks (1 template, the first template that failed: gases.csv:2: no filter `big`);"),
            "{told}"
        );
    }
}
