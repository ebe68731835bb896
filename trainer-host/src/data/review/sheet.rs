//! The review as a CSV table: out to a spreadsheet, and back with the experts' words.
//!
//! Only the columns `row`, `verdict`, `answer_fixed`, `context`, `confidence` and `comment` are read back; the
//! others are for the reader. A cell that a spreadsheet would run as a formula is written with an apostrophe before it.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use halligan_finetune::gguf::atomic_file::write_bytes_atomically;

use super::Item;
use super::rating::{Rating, Verdict};
use crate::data::agreement::quotes::Quotes;
use crate::data::agreement::ratings::problem;

const COLUMNS: [&str; 9] =
    ["row", "question", "answer", "source", "verdict", "answer_fixed", "context", "confidence", "comment"];

/// Characters of a source that are shown.
const SOURCE_SHOWN: usize = 2_000;

/// Writes the items; what the expert has said before stands in its columns.
///
/// # Errors
/// A place that cannot be written.
pub fn write(path: &Path, items: &[Item], own: &HashMap<String, Rating>) -> anyhow::Result<()> {
    let mut sheet = csv::Writer::from_writer(Vec::new());
    sheet.write_record(COLUMNS)?;
    for item in items {
        let rating = own.get(&item.row.id);
        let words =
            |of: fn(&Rating) -> Option<&String>| rating.and_then(of).map_or_else(String::new, |text| harmless(text));
        let source: String = item.source.chars().take(SOURCE_SHOWN).collect();
        sheet.write_record([
            item.row.id.clone(),
            harmless(&item.question()),
            harmless(item.row.answer()),
            harmless(&source),
            rating.map_or_else(String::new, |rating| rating.verdict.name().to_owned()),
            words(|rating| rating.answer.as_ref()),
            words(|rating| rating.context.as_ref()),
            rating.map_or_else(String::new, |rating| rating.confidence.to_string()),
            words(|rating| rating.comment.as_ref()),
        ])?;
    }
    let bytes = sheet.into_inner().map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(write_bytes_atomically(path, &bytes)?)
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// A cell as it was before [`harmless`].
fn as_meant(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\r']) => rest,
        _ => text,
    }
}

/// Reads the ratings of a table; lines without a verdict were not rated.
///
/// # Errors
/// The first line that is wrong; nothing of the table counts then.
pub fn read(path: &Path, items: &[Item], expert: &str, time: &str) -> anyhow::Result<Vec<Rating>> {
    let file = File::open(path).map_err(|error| anyhow::anyhow!("{}: {error}; check the path", path.display()))?;
    // With `\r\n` as one end, csv counts the line of a record from its `\n`, one too low.
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).terminator(csv::Terminator::Any(b'\n')).from_reader(Quotes::new(file));
    let broken = |error: csv::Error| {
        let (line, problem) = problem(&error);
        anyhow::anyhow!("{}:{line}: {problem}", path.display())
    };
    let header = reader.headers().map_err(broken)?.clone();
    let optional = |name: &str| {
        let bare = |column: &str| column.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case(name);
        header.iter().position(bare)
    };
    let column = |name: &str| {
        optional(name).ok_or_else(|| {
            let found: Vec<&str> = header.iter().collect();
            anyhow::anyhow!(
                "{}:1: there is no column `{name}`; the columns are {}: keep those of `review --csv`, separated by commas",
                path.display(),
                found.join(", ")
            )
        })
    };
    let (row, verdict) = (column("row")?, column("verdict")?);
    let (answer, context) = (optional("answer_fixed"), optional("context"));
    let (confidence, comment) = (optional("confidence"), optional("comment"));
    let known: HashMap<&str, &Item> = items.iter().map(|item| (item.row.id.as_str(), item)).collect();
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut ratings = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |problem: String| anyhow::anyhow!("{}:{line}: {problem}", path.display());
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record.len() < header.len() || record.iter().skip(header.len()).any(|cell| !cell.trim().is_empty()) {
            return Err(wrong(format!(
                "the line has {} cells and the header {}; complete it, or correct its commas and quotes",
                record.len(),
                header.len()
            )));
        }
        let cell = |column: Option<usize>| {
            let text = column.and_then(|column| record.get(column)).unwrap_or_default();
            let text = as_meant(text.strip_suffix('\r').unwrap_or(text));
            (!text.trim().is_empty()).then(|| text.to_owned())
        };
        let Some(said) = cell(Some(verdict)) else { continue };
        let id = cell(Some(row)).ok_or_else(|| wrong("the row has no name; keep the column `row`".to_owned()))?;
        let Some(item) = known.get(id.as_str()) else {
            return Err(wrong(format!("row {id} is not in the review; write the table again with `review --csv`")));
        };
        if let Some(earlier) = seen.insert(id.clone(), line) {
            return Err(wrong(format!("row {id} is also on line {earlier}; keep one of them")));
        }
        let mut rating = Rating::new(&id, expert, Verdict::parse(&said).map_err(wrong)?, time);
        rating.answer = cell(answer);
        rating.context = cell(context);
        rating.comment = cell(comment);
        if let Some(text) = cell(confidence) {
            let number = text.trim().replace(',', ".").parse::<f64>().ok();
            rating.confidence =
                number.ok_or_else(|| wrong(format!("the confidence `{text}` is no number from 0 to 1")))?;
        }
        rating.check().map_err(wrong)?;
        if rating.verdict == Verdict::Fix && rating.answer.as_deref().map(str::trim) == Some(item.row.answer().trim()) {
            return Err(wrong("`fix` gives the answer that the row has; write good, or the right answer".to_owned()));
        }
        ratings.push(rating.named());
    }
    anyhow::ensure!(!ratings.is_empty(), "{}: no line has a verdict; write good, fix, context or bad", path.display());
    Ok(ratings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::row::Row;

    const TIME: &str = "2026-01-02T03:04:05Z";

    fn items() -> Vec<Item> {
        let row = |answer: &str| Item {
            row: Row::of_answer("record", "g", "How \"far\"?\nSay it.", answer),
            source: "=SUM(A1)".to_owned(),
        };
        vec![row("150 feet"), row("-40 degrees, at most"), row("Upwind")]
    }

    fn rated(edit: impl Fn(&str) -> String) -> anyhow::Result<Vec<Rating>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.csv");
        write(&path, &items(), &HashMap::new()).unwrap();
        std::fs::write(&path, edit(&std::fs::read_to_string(&path).unwrap())).unwrap();
        read(&path, &items(), "ann", TIME)
    }

    #[test]
    fn ratings_come_back_as_they_were_written() {
        let items = items();
        let fix = Rating {
            answer: Some("-30 degrees".to_owned()),
            confidence: 0.7,
            ..Rating::new(&items[1].row.id, "ann", Verdict::Fix, TIME)
        };
        let context = Rating {
            answer: Some("300 feet,\nat night".to_owned()),
            context: Some("at night".to_owned()),
            comment: Some("see the \"guide\"".to_owned()),
            ..Rating::new(&items[0].row.id, "ann", Verdict::Context, TIME)
        };
        let own: HashMap<String, Rating> =
            [fix.named(), context.named()].into_iter().map(|rating| (rating.row.clone(), rating)).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.csv");
        write(&path, &items, &own).unwrap();
        let read = read(&path, &items, "ann", TIME).unwrap();
        let back: HashMap<String, Rating> = read.into_iter().map(|rating| (rating.row.clone(), rating)).collect();
        assert_eq!(back, own);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("'=SUM(A1)") && !text.contains(",=SUM"), "{text}");
    }

    #[test]
    fn wrong_lines_are_named_and_nothing_counts() {
        let id = items()[2].row.id.clone();
        let verdict = |word: &str| {
            let word = word.to_owned();
            rated(move |text| text.replace("=SUM(A1),,,,,", &format!("=SUM(A1),{word},,,,")))
        };
        assert_eq!(verdict("good").unwrap().len(), 3);
        assert!(verdict("fine").unwrap_err().to_string().contains("`fine` is no verdict"));
        assert!(verdict("fix").unwrap_err().to_string().contains("needs the answer"));
        assert!(verdict("").unwrap_err().to_string().contains("no line has a verdict"));
        let other = rated(|text| text.replace(&id, "0000").replace("=SUM(A1),,,,,", "=SUM(A1),good,,,,"));
        assert!(other.unwrap_err().to_string().contains("row 0000 is not in the review"));
        assert!(verdict("good,Another").unwrap_err().to_string().contains("takes no other answer"));
        // With the line ends of Windows the lines are counted as an editor shows them.
        let windows = rated(|text| text.replace("=SUM(A1),,,,,", "=SUM(A1),fine,,,,").replace('\n', "\r\n"));
        assert!(windows.unwrap_err().to_string().contains(".csv:2: `fine`"));
        assert!(rated(|text| text.replace(',', ";")).unwrap_err().to_string().contains("no column `row`"));
    }

    #[test]
    fn line_that_lost_cells_or_swallowed_others_is_named() {
        let good = |text: &str| text.replace("=SUM(A1),,,,,", "=SUM(A1),good,,,,");
        let short = rated(|text| good(text).replacen("=SUM(A1),good,,,,", "=SUM(A1),good", 1)).unwrap_err().to_string();
        assert!(short.contains("has 5 cells and the header 9"), "{short}");
        let stray = rated(|text| good(text).replacen("good,,,,", "good,,,,\"see", 1)).unwrap_err().to_string();
        assert!(stray.contains(".csv:3: a quote opens a cell"), "{stray}");
        // Empty cells after the last column, and lines without a word, are what spreadsheets leave.
        assert_eq!(rated(|text| good(text).replace("good,,,,", "good,,,,,,") + ",,\n \n").unwrap().len(), 3);
    }

    #[test]
    fn columns_are_found_whatever_their_capitals() {
        let good = |text: &str| text.replace("=SUM(A1),,,,,", "=SUM(A1),good,,,0.5,sure");
        let read = rated(|text| good(text).replace(",confidence,comment", ",Confidence,COMMENT")).unwrap();
        assert!(read.iter().all(|rating| rating.confidence == 0.5 && rating.comment.as_deref() == Some("sure")));
    }

    #[test]
    fn fix_with_the_answer_of_the_row_is_no_fix() {
        let same = rated(|text| text.replace(",Upwind,'=SUM(A1),,,,,", ",Upwind,'=SUM(A1),fix,Upwind,,,"));
        assert!(same.unwrap_err().to_string().contains("the answer that the row has"));
    }
}
