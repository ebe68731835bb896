//! `halligan journal`: what was asked, answered and corrected, and what becomes of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use halligan_runtime::assistant::NO_MODEL;
use halligan_runtime::journal::{ExportOptions, Forget, Forgotten, Found, Manner, Retained, Session, Teaching};
use halligan_runtime::{Assistant, Feedback, SessionId, ToolOutcome, Turn, TurnId};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::ask::{assessment_lines, turn_json};
use crate::cli::Common;
use crate::figures::{counted, printable, short_hash, utc_minute};
use crate::output;

/// Characters of a question in a list.
const LISTED_CHARS: usize = 60;

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum JournalAction {
    /// List sessions, the latest first
    List {
        /// Most sessions to show
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Find turns by words of their questions, answers and corrections
    Search {
        /// Words to look for; the last one may be a beginning
        #[arg(required = true)]
        query: Vec<String>,
        /// Most turns to show
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Show a turn, or all turns of a session, with everything that came with them
    Show {
        /// Number of the turn
        #[arg(required_unless_present = "session")]
        turn: Option<i64>,
        /// Number of a session in place of a turn
        #[arg(long, value_name = "N", conflicts_with = "turn")]
        session: Option<i64>,
    },
    /// Write confirmed and corrected answers as rows for `halligan-host train` and `data import`
    Export {
        /// File to write; `-` is standard output
        #[arg(short = 'o', long = "output", value_name = "ROWS.jsonl")]
        output: PathBuf,
        /// Kinds of feedback to export
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::Good, Kind::Corrected])]
        feedback: Vec<Kind>,
        /// Only turns from this day on, UTC
        #[arg(long, value_name = "YYYY-MM-DD")]
        since: Option<Date>,
    },
    /// Keep turns and lines of the incident log for a number of days, or for ever
    Keep {
        /// Days; 0 keeps them for ever. Corrections that wait to be learned stay until they are
        #[arg(long, value_name = "N")]
        days: Option<u32>,
    },
    /// Forget turns, texts or personal data, in the incident log too, so that no byte of them stays in the database
    Forget(ForgetArgs),
}

/// Kinds of feedback that make rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Answers that were called good
    Good,
    /// Answers that were corrected
    Corrected,
}

/// What to forget; exactly one thing.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub struct ForgetArgs {
    /// A turn with its feedback
    #[arg(group = "what")]
    turn: Option<i64>,
    /// All turns of a session
    #[arg(long, value_name = "N", group = "what")]
    session: Option<i64>,
    /// Every occurrence of a text
    #[arg(long, value_name = "TEXT", group = "what")]
    matching: Option<String>,
    /// E-mail and internet addresses, telephone, card, account and social security numbers
    #[arg(long, group = "what")]
    personal: bool,
    /// Delete turns that hold such a piece, in place of the piece alone
    #[arg(long)]
    delete: bool,
    /// Say what would be forgotten, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Does what was asked.
///
/// # Errors
/// Unknown numbers, unwritable files, a failing journal.
pub fn run(common: &Common, action: &JournalAction) -> Result<()> {
    let assistant = Assistant::open(&common.options())?;
    match action {
        JournalAction::List { limit } => list(common, &assistant.sessions(*limit)?),
        JournalAction::Search { query, limit } => search(common, &assistant.search_turns(&query.join(" "), *limit)?),
        JournalAction::Show { turn, session } => show(common, &assistant, *turn, *session),
        JournalAction::Export { output, feedback, since } => export(common, &assistant, output, feedback, *since),
        JournalAction::Keep { days } => keep(common, &assistant, *days),
        JournalAction::Forget(args) => forget(common, &assistant, args),
    }
}

fn list(common: &Common, sessions: &[Session]) -> Result<()> {
    if common.json {
        return output::json(&json!({ "sessions": sessions }));
    }
    if sessions.is_empty() {
        output::talk("the journal is empty; `halligan ask` writes the first turn");
    }
    for session in sessions {
        output::line(&format!(
            "{:>6}  {}  {:>10}  {}",
            session.id.0,
            utc_minute(session.last_at),
            counted(session.turns, "turn"),
            one_line(&session.first_question)
        ))?;
    }
    Ok(())
}

fn search(common: &Common, found: &[Found]) -> Result<()> {
    if common.json {
        return output::json(&json!({ "found": found }));
    }
    if found.is_empty() {
        output::talk("no turn holds these words; try fewer or other words");
    }
    for Found { turn, excerpt } in found {
        output::line(&format!(
            "turn {} (session {})  {}  {}",
            turn.id,
            turn.session.0,
            utc_minute(turn.created_at),
            one_line(&turn.question)
        ))?;
        output::line(&format!("  {}", printable(excerpt).replace('\n', " ")))?;
    }
    Ok(())
}

fn show(common: &Common, assistant: &Assistant, turn: Option<i64>, session: Option<i64>) -> Result<()> {
    let turns = match (turn, session) {
        (_, Some(session)) => assistant.session(SessionId(session))?,
        (turn, None) => {
            let number = turn.unwrap_or_default();
            let Some(turn) = assistant.turn(TurnId(number))? else {
                bail!("there is no turn {number}; `halligan journal list` shows the sessions");
            };
            vec![turn]
        }
    };
    if common.json {
        let all: Vec<_> = turns.iter().map(turn_json).collect();
        return output::json(&json!({ "turns": all }));
    }
    for turn in &turns {
        for line in turn_lines(turn) {
            output::line(&line)?;
        }
    }
    Ok(())
}

fn turn_lines(turn: &Turn) -> Vec<String> {
    let mut lines = vec![
        format!("turn {}, session {}, {} UTC", turn.id, turn.session.0, utc_minute(turn.created_at)),
        format!("  asked     {}", printable(&turn.question)),
        format!("  answered  {}", printable(&turn.answer)),
    ];
    lines.extend(turn.assessment.iter().flat_map(assessment_lines).map(|line| format!("            {line}")));
    for used in &turn.tools {
        let end = match &used.outcome {
            ToolOutcome::Done(value) => value.to_string(),
            ToolOutcome::Failed(reason) => format!("failed: {reason}"),
            ToolOutcome::Denied => "denied".to_owned(),
        };
        lines.push(format!("  tool      {} {} -> {}", used.call.name, used.call.arguments, printable(&end)));
    }
    for citation in &turn.citations {
        let page = citation.page.map_or_else(String::new, |page| format!(", page {page}"));
        lines.push(format!("  cites     {}{page}: {}", citation.document, printable(&citation.quote)));
    }
    match &turn.feedback {
        Some(Feedback::Good) => lines.push("  feedback  good".to_owned()),
        Some(Feedback::Bad) => lines.push("  feedback  bad".to_owned()),
        Some(Feedback::Correction(text)) => lines.push(format!("  corrected {}", printable(text))),
        None => {}
    }
    if !turn.reasons.is_empty() {
        let names: Vec<&str> = turn.reasons.iter().map(|reason| reason.name()).collect();
        lines.push(format!("  reasons   {}", names.join(", ")));
    }
    lines.push(match turn.generation.as_str() {
        NO_MODEL => "  by        a tool, not the model".to_owned(),
        generation => {
            let model = turn.model.as_deref().map_or("unknown", short_hash);
            format!("  by        model {model}, adapter {}", short_hash(generation))
        }
    });
    lines
}

fn export(common: &Common, assistant: &Assistant, output: &Path, feedback: &[Kind], since: Option<Date>) -> Result<()> {
    let since = since
        .map(|day| day.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp().as_second()))
        .transpose()
        .context("--since is a day that no calendar here knows")?;
    let teaching = |kind: &Kind| match kind {
        Kind::Good => Teaching::Good,
        Kind::Corrected => Teaching::Corrected,
    };
    let rows = assistant.export_rows(&ExportOptions { feedback: feedback.iter().map(teaching).collect(), since })?;
    let personal = rows.iter().filter(|row| !row.lineage.personal_data.is_empty()).count();
    if rows.is_empty() {
        bail!("there is nothing to export; `halligan feedback TURN good` or `correct` makes rows");
    }
    if output == Path::new("-") {
        for row in &rows {
            output::json(row)?;
        }
    } else {
        write_rows(output, &rows)
            .with_context(|| format!("cannot write {}; choose another place", output.display()))?;
        if common.json {
            output::json(&json!({ "rows": rows.len(), "with_personal_data": personal, "file": output }))?;
        } else {
            output::line(&format!("{}: {}", output.display(), counted(rows.len(), "row")))?;
        }
    }
    if personal > 0 {
        output::talk(&format!(
            "{} with personal data; `halligan journal forget --personal` redacts them before you export",
            counted(personal, "row")
        ));
    }
    Ok(())
}

/// The whole file or none of it.
fn write_rows(path: &Path, rows: &[halligan_runtime::journal::ExportedRow]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    for row in rows {
        serde_json::to_writer(&mut file, row)?;
        file.write_all(b"\n")?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn keep(common: &Common, assistant: &Assistant, days: Option<u32>) -> Result<()> {
    let retained = match days {
        Some(days) => assistant.keep_turns((days > 0).then_some(days))?,
        None => Retained { days: assistant.turns_kept_days()?, scrubbed: true, ..Retained::default() },
    };
    if common.json {
        return output::json(&retained);
    }
    output::line(&match retained.days {
        Some(days) => format!("turns and the incident log are kept for {}", counted(days as usize, "day")),
        None => "turns and the incident log are kept for ever; `halligan journal keep --days N` lets older ones go"
            .to_owned(),
    })?;
    if days.is_some() && retained.days.is_some() {
        let lines = counted(retained.log_lines, "line");
        output::line(&format!("{} and {lines} of the incident log deleted", counted(retained.deleted, "turn")))?;
    }
    if retained.waiting > 0 {
        output::talk(&format!(
            "{} stay because their corrections wait for `halligan learn`",
            counted(retained.waiting, "older turn")
        ));
    }
    not_scrubbed(retained.scrubbed);
    Ok(())
}

fn forget(common: &Common, assistant: &Assistant, args: &ForgetArgs) -> Result<()> {
    let what = match (args.turn, args.session, &args.matching) {
        (Some(turn), ..) => Forget::Turn(TurnId(turn)),
        (_, Some(session), _) => Forget::Session(SessionId(session)),
        (.., Some(text)) => Forget::Matching(text.clone()),
        _ => Forget::Personal,
    };
    let manner = if args.delete { Manner::Delete } else { Manner::Redact };
    let forgotten = assistant.forget(&what, manner, args.dry_run)?;
    if common.json {
        return output::json(&json!({ "forgotten": forgotten, "dry_run": args.dry_run }));
    }
    for line in forgotten_lines(&forgotten, args.dry_run) {
        output::line(&line)?;
    }
    if !args.dry_run {
        not_scrubbed(forgotten.scrubbed);
    }
    Ok(())
}

fn forgotten_lines(forgotten: &Forgotten, dry_run: bool) -> Vec<String> {
    let Forgotten { deleted, redacted, pieces, learned_by, log_lines, in_documents, .. } = forgotten;
    let would = if dry_run { "would be " } else { "" };
    let mut lines = Vec::new();
    if *deleted + *redacted + *log_lines == 0 {
        lines.push("no turn and no line of the incident log holds such a piece".to_owned());
    }
    if *deleted > 0 {
        lines.push(format!("{} {would}deleted", counted(*deleted, "turn")));
    }
    let in_log = format!("{} of the incident log", counted(*log_lines, "line"));
    if *pieces > 0 {
        let turns = counted(*redacted, "turn");
        lines.push(format!("{} {would}redacted in {turns} and {in_log}", counted(*pieces, "piece")));
    } else if *log_lines > 0 {
        lines.push(format!("{in_log} {would}deleted"));
    }
    for generation in learned_by {
        lines.push(format!(
            "adapter {} was trained on it and may still know it; `halligan adapters rollback` or `use` leaves it",
            short_hash(generation)
        ));
    }
    if *in_documents > 0 {
        lines.push(format!(
            "{} of documents hold the text; they are not part of the journal",
            counted(*in_documents, "passage")
        ));
    }
    lines
}

fn not_scrubbed(scrubbed: bool) {
    if !scrubbed {
        output::talk(
            "the words are gone from the journal, but another program holds the database open, so bytes of them may \
             still lie in its files; close the other program and run the command again",
        );
    }
}

fn one_line(text: &str) -> String {
    let line = printable(text).replace('\n', " ");
    match line.char_indices().nth(LISTED_CHARS) {
        Some((end, _)) => format!("{}..", &line[..end]),
        None => line,
    }
}
