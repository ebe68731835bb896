//! `halligan docs`: the documents that answers rest on.

use std::path::PathBuf;

use anyhow::Result;
use halligan_runtime::{Assistant, Document, Passage};
use serde_json::json;

use super::ask::place;
use crate::cli::{Common, DocsAction};
use crate::figures::{bytes, counted, printable, short_hash, utc_minute};
use crate::output;

/// Most passages that one search shows.
const SEARCH_LIMIT_MAX: usize = 1_000;

/// Adds, searches or lists documents.
///
/// # Errors
/// Unreadable, empty, oversized or binary files; an unusable index.
pub fn run(common: &Common, action: DocsAction) -> Result<()> {
    let assistant = Assistant::open(&common.options())?;
    match action {
        DocsAction::Add { paths } => add(common, &assistant, &paths),
        DocsAction::Search { query, limit } => {
            let limit = limit.clamp(1, SEARCH_LIMIT_MAX);
            search(common, &assistant.search_documents(&query.join(" "), limit)?)
        }
        DocsAction::List => list(common, &assistant.documents()?),
    }
}

fn add(common: &Common, assistant: &Assistant, paths: &[PathBuf]) -> Result<()> {
    // How many files a folder holds is only known at the end, so the bar counts what is done.
    let bar = output::progress_bar(paths.len() as u64);
    bar.set_prefix("adding");
    let added = assistant.add_documents(paths, &mut |document| {
        bar.inc(1);
        if bar.length().is_some_and(|length| length < bar.position()) {
            bar.set_length(bar.position());
        }
        bar.set_message(document.name.clone());
    });
    bar.finish_and_clear();
    let added = added?;
    if common.json {
        return output::json(&json!({ "added": added }));
    }
    for document in &added {
        output::line(&format!("added {} ({})", printable(&document.name), counted(document.passages, "passage")))?;
    }
    Ok(())
}

fn search(common: &Common, passages: &[Passage]) -> Result<()> {
    if common.json {
        return output::json(&json!({ "passages": passages }));
    }
    if passages.is_empty() {
        output::talk("no passage holds these words; try fewer or other words");
    }
    for passage in passages {
        output::line(&format!(
            "{} (bytes {}-{}, score {:.2})",
            place(passage),
            passage.start_byte,
            passage.end_byte,
            passage.score
        ))?;
        for text in printable(passage.text.trim()).lines() {
            output::line(&format!("  {text}"))?;
        }
    }
    Ok(())
}

fn list(common: &Common, documents: &[Document]) -> Result<()> {
    if common.json {
        return output::json(&json!({ "documents": documents }));
    }
    if documents.is_empty() {
        output::talk("no documents yet; `halligan docs add PATH` adds some");
    }
    for document in documents {
        output::line(&format!(
            "{}  {}  {:>9}  {:>5} passages  {}",
            short_hash(&document.sha256),
            utc_minute(document.added_at),
            bytes(document.size_bytes),
            document.passages,
            printable(&document.name),
        ))?;
    }
    Ok(())
}
