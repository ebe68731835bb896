//! `halligan docs`: the documents that answers rest on.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use halligan_runtime::{Assistant, Document, IndexControl, IndexEvent, IndexReport, IndexStatus, Passage, SkippedFile};
use indicatif::ProgressBar;
use serde_json::json;

use super::ask::place;
use crate::cli::{Common, DocsAction};
use crate::figures::{bytes, counted, duration, printable, short_hash, utc_minute};
use crate::output;

/// Most passages that one search shows.
const SEARCH_LIMIT_MAX: usize = 1_000;

/// Skipped files that are listed one by one; the others are counted.
const SKIPPED_SHOWN: usize = 20;

/// Adds, removes, searches or lists documents.
///
/// # Errors
/// A path that is not there, an unknown document, an unusable index.
pub fn run(common: &Common, action: DocsAction) -> Result<ExitCode> {
    let assistant = Assistant::open(&common.options())?;
    match action {
        DocsAction::Add { paths } => return add(common, &assistant, &paths),
        DocsAction::Remove { names } => remove(common, &assistant, &names)?,
        DocsAction::Search { query, limit } => {
            let limit = limit.clamp(1, SEARCH_LIMIT_MAX);
            search(common, &assistant.search_documents(&query.join(" "), limit)?)?;
        }
        DocsAction::List => list(common, &assistant.documents()?)?,
        DocsAction::Status => status(common, &assistant.index_status()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(common: &Common, assistant: &Assistant, paths: &[PathBuf]) -> Result<ExitCode> {
    let stop = output::stop_on_interrupt()?;
    let watch = Watch::begin();
    let added = assistant.add_documents(paths, &mut |event| watch.see(&event, &stop));
    watch.end();
    let report = added?;
    if common.json {
        output::json(&report)?;
    } else {
        say(&report)?;
    }
    // Nothing of what was asked for is on the device: a script must see it.
    let in_vain = report.added.is_empty() && report.unchanged == 0 && !report.skipped.is_empty();
    Ok(if in_vain { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Shows the progress of adding on one bar, which stops at the first Ctrl-C.
pub struct Watch {
    bar: ProgressBar,
}

impl Watch {
    /// A bar that has nothing to show yet.
    pub fn begin() -> Watch {
        let bar = output::progress_bar(0);
        bar.set_prefix("adding");
        Watch { bar }
    }

    /// Shows what happened; says whether to go on.
    pub fn see(&self, event: &IndexEvent, stop: &AtomicBool) -> IndexControl {
        match event {
            IndexEvent::Listed { files, .. } => self.bar.set_length(*files as u64),
            IndexEvent::Reading { name, done, .. } => {
                self.bar.set_position(*done as u64);
                self.bar.set_message(printable(name));
            }
            IndexEvent::Embedding { done, passages } => {
                self.bar.set_prefix("embedding");
                self.bar.set_length(*passages as u64);
                self.bar.set_position(*done as u64);
                self.bar.set_message(String::new());
            }
            IndexEvent::Added { .. } | IndexEvent::Unchanged { .. } | IndexEvent::Skipped(_) => {}
        }
        if stop.load(Ordering::SeqCst) { IndexControl::Stop } else { IndexControl::Continue }
    }

    /// Takes the bar off the screen.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn say(report: &IndexReport) -> Result<()> {
    for document in &report.added {
        output::line(&format!("added {} ({})", printable(&document.name), counted(document.passages, "passage")))?;
        for remark in &document.remarks {
            output::talk(&format!("  {}", printable(remark)));
        }
    }
    say_skipped(&report.skipped);
    let mut parts = vec![format!("{} added", report.added.len())];
    parts.extend((report.unchanged > 0).then(|| format!("{} unchanged", report.unchanged)));
    parts.extend((!report.skipped.is_empty()).then(|| format!("{} not taken", report.skipped.len())));
    parts.extend((report.embedded > 0).then(|| format!("{} embedded", counted(report.embedded, "passage"))));
    output::talk(&format!("{} in {}", parts.join(", "), duration(report.seconds)));
    if report.waiting > 0 {
        output::talk(&format!("{} wait; `halligan docs add` goes on with them", counted(report.waiting, "file")));
    }
    Ok(())
}

/// Names files that were not taken, with the reason.
pub fn say_skipped(skipped: &[SkippedFile]) {
    for one in skipped.iter().take(SKIPPED_SHOWN) {
        output::talk(&format!("not taken: {} ({}): {}", printable(&one.name), one.reason, printable(&one.detail)));
    }
    if skipped.len() > SKIPPED_SHOWN {
        output::talk(&format!("and {} more; `halligan docs status` lists them all", skipped.len() - SKIPPED_SHOWN));
    }
}

fn remove(common: &Common, assistant: &Assistant, names: &[String]) -> Result<()> {
    let mut removed = Vec::new();
    for name in names {
        removed.extend(assistant.remove_documents(name)?);
    }
    if common.json {
        return output::json(&json!({ "removed": removed }));
    }
    for name in removed {
        output::line(&format!("removed {}", printable(&name)))?;
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
            "{}  {}  {:>9}  {:>14}  {}",
            short_hash(&document.sha256),
            utc_minute(document.added_at),
            bytes(document.size_bytes),
            counted(document.passages, "passage"),
            printable(&document.name),
        ))?;
    }
    Ok(())
}

fn status(common: &Common, status: &IndexStatus) -> Result<()> {
    if common.json {
        return output::json(status);
    }
    output::line(&format!("documents  {}", status.documents))?;
    output::line(&format!("passages   {}", status.passages))?;
    let embedded = if status.encoder {
        format!("{} of {}", status.embedded, status.passages)
    } else {
        "no encoder; `halligan setup --encoder FILE.gguf` lets the search find other words, too".to_owned()
    };
    output::line(&format!("embedded   {embedded}"))?;
    output::line(&format!("index      {}", bytes(status.size_bytes)))?;
    output::line(&format!("waiting    {}", counted(status.waiting, "file")))?;
    output::line(&format!("not taken  {}", counted(status.skipped.len(), "file")))?;
    for one in &status.skipped {
        let detail = printable(&one.detail);
        output::line(&format!("  {} ({}): {detail}", printable(&shown(&one.name, &one.path)), one.reason))?;
    }
    if status.waiting > 0 || (status.encoder && status.embedded < status.passages) {
        output::talk("`halligan docs add` goes on where the last run stopped");
    }
    Ok(())
}

/// The name; the whole path where it says more.
fn shown(name: &str, path: &Path) -> String {
    let path = path.display().to_string();
    if path.is_empty() { name.to_owned() } else { path }
}
