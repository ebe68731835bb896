//! Facts of tables: for each record and each column a fact, worded by the schema or from the headers.

use std::collections::{BTreeMap, HashSet};

use minijinja::Environment;

use super::answers::{Asked, ByName, exclude_others, merged, series};
use super::fact::{Fact, Worded};
use super::headers::{Headers, is_blank, is_noun, phrase_of, without_stop};
use super::sink::Left;
use super::tables;
use crate::data::chunk::Chunk;
use crate::data::ingest::schema::{Fields, Question, Schema, Table, environment, reference, render};

/// Longest value of a fact in bytes; longer cells are texts, not values.
const VALUE_BYTES_MAX: usize = 80;

/// A record: its columns and the chunks that hold it.
struct Record<'a> {
    fields: &'a Fields,
    title: Option<&'a str>,
    chunks: Vec<&'a Chunk>,
}

/// Facts of all records among `chunks`; `left` gets what cannot be asked.
pub fn facts(chunks: &[Chunk], schema: &Schema, left: &mut Vec<Left>) -> Vec<Fact> {
    let mut tables: BTreeMap<&str, Vec<Record<'_>>> = BTreeMap::new();
    for chunk in chunks.iter().filter(|chunk| !chunk.fields.is_empty()) {
        let records = tables.entry(&chunk.path).or_default();
        match records.last_mut() {
            // A record that is larger than a chunk stands in several.
            Some(last) if *last.fields == chunk.fields && last.chunks[0].source == chunk.source => {
                last.chunks.push(chunk)
            }
            _ => records.push(Record {
                fields: &chunk.fields,
                title: chunk.heading.last().map(String::as_str),
                chunks: vec![chunk],
            }),
        }
    }
    let mut facts = Vec::new();
    let mut merge = |path: &str, asked: ByName<'_>, left: &mut Vec<Left>| {
        let together = asked.iter();
        facts.extend(together.filter_map(|((title, name), asked)| merged(path, title, name, asked, left)));
    };
    for (path, records) in tables {
        let table = schema.table(path);
        let asked = match table {
            Some(table) if !table.questions.is_empty() => by_schema(table, &records, left),
            Some(table) if table.question_column.is_some() => by_columns(table, &records, left),
            _ => by_headers(path, &records, table.is_some_and(|table| table.title.is_some()), left),
        };
        merge(path, asked, left);
    }
    // Tables of one text answer together, whatever their heads.
    let in_texts = tables::records(chunks, left);
    let mut of_texts: BTreeMap<&str, ByName<'_>> = BTreeMap::new();
    for ((path, _), rows) in &in_texts {
        let records = rows.iter().map(|(fields, chunk)| Record { fields, title: None, chunks: vec![*chunk] });
        let records: Vec<Record<'_>> = records.collect();
        for (name, asked) in by_headers(path, &records, false, left) {
            let together = of_texts.entry(path).or_default().entry(name).or_default();
            together.silent += asked.silent;
            together.asked.extend(asked.asked);
        }
    }
    for (path, asked) in of_texts {
        merge(path, asked, left);
    }
    exclude_others(&mut facts);
    facts
}

fn by_schema<'a>(table: &Table, records: &[Record<'a>], left: &mut Vec<Left>) -> ByName<'a> {
    let environment = environment();
    let mut all = ByName::new();
    for record in records {
        let title = table.title.as_ref().and(record.title).map(without_stop);
        let mut answered: HashSet<&str> = HashSet::new();
        for question in &table.questions {
            match ask(&environment, question, record, title, left) {
                Ok(None) => {}
                Ok(Some(asked)) => {
                    let name = title.map(str::to_owned).unwrap_or_else(|| asked.asks[0].text.clone());
                    all.entry((name, question.name.clone())).or_default().asked.push(asked);
                    answered.insert(&question.name);
                }
                Err(error) => left.push(Left::of(record.chunks[0], "template", error.to_string())),
            }
        }
        // A question may be worded twice, for the records with a value and for those without.
        let names: HashSet<&str> = table.questions.iter().map(|question| question.name.as_str()).collect();
        for name in names.difference(&answered).filter(|_| title.is_some()) {
            let key = (title.unwrap_or_default().to_owned(), (*name).to_owned());
            all.entry(key).or_default().silent += 1;
        }
    }
    all
}

fn ask<'a>(
    environment: &Environment<'_>,
    question: &Question,
    record: &Record<'a>,
    title: Option<&str>,
    left: &mut Vec<Left>,
) -> anyhow::Result<Option<Asked<'a>>> {
    let render = |template: &str| render(environment, template, record.fields, title);
    if let Some(when) = &question.when
        && render(when)?.is_empty()
    {
        return Ok(None);
    }
    let worded = |template: &String| Ok(Worded { text: render(template)?, template: template.clone() });
    let asks = question.ask.iter().map(worded).collect::<anyhow::Result<Vec<_>>>()?;
    let answer = with_one_stop(worded(&question.answer)?);
    let value = question.value.as_deref().map(render).transpose()?.filter(|value| !value.is_empty());
    if let Some(said) = value.as_deref().filter(|value| is_blank(value)) {
        left.extend(placeholder_left(record, &question.name, title.unwrap_or_default(), said));
        return Ok(None);
    }
    anyhow::ensure!(!asks.is_empty(), "question {:?} has no wording; give some to `ask`", question.name);
    let empty = answer.text.is_empty() || asks.iter().any(|ask| ask.text.is_empty());
    anyhow::ensure!(!empty, "question {:?} is empty for this record; guard it with `when`", question.name);
    Ok(Some(Asked { asks, answer, value, plural: question.plural, chunks: record.chunks.clone(), turns_round: None }))
}

/// Records that hold a question and its answer.
fn by_columns<'a>(table: &Table, records: &[Record<'a>], left: &mut Vec<Left>) -> ByName<'a> {
    let mut all = ByName::new();
    let (Some(question), Some(answer)) = (&table.question_column, &table.answer_column) else { return all };
    for record in records {
        let (asked, said) = (cell(record.fields, question), cell(record.fields, answer));
        if let Some((reason, column)) = match (asked, said) {
            ("", _) => Some(("no_question", question)),
            (_, "") => Some(("no_answer", answer)),
            _ => None,
        } {
            left.push(Left::of(record.chunks[0], reason, format!("`{column}` is empty")));
            continue;
        }
        // As it stands: a cell is no noun phrase for frames.
        let mark = if asked.ends_with(['?', '.', '!', ':']) { "" } else { "?" };
        let ask = Worded { text: format!("{asked}{mark}"), template: reference(question) + mark };
        let answer = Worded { text: said.to_owned(), template: reference(answer) };
        let asked = Asked {
            asks: vec![ask.clone()],
            answer,
            value: None,
            plural: false,
            chunks: record.chunks.clone(),
            turns_round: None,
        };
        all.entry((ask.text, question.clone())).or_default().asked.push(asked);
    }
    all
}

/// Questions from the headers alone: the column of a named record, and the name behind an identifier.
fn by_headers<'a>(path: &str, records: &[Record<'a>], titled: bool, left: &mut Vec<Left>) -> ByName<'a> {
    let mut all = ByName::new();
    let rows: Vec<&Fields> = records.iter().map(|record| record.fields).collect();
    let Some(headers) = Headers::of(&rows) else {
        let detail = format!("{path}: no column names its records; give a schema.toml with `title` and questions");
        left.extend(records.first().map(|record| Left::of(record.chunks[0], "no_name_column", detail)));
        return all;
    };
    let mut unasked: HashSet<&str> = HashSet::new();
    for record in records {
        let name = if titled { without_stop(record.title.unwrap_or_default()) } else { headers.name(record.fields) };
        if is_blank(name) {
            left.push(Left::of(record.chunks[0], "no_name", format!("`{}` has no name", headers.title)));
            continue;
        }
        for (column, content) in record.fields.iter().filter(|(column, _)| *column != headers.title) {
            let value = joined(content);
            let (phrase, plural) = phrase_of(column);
            if !is_noun(&phrase) {
                if unasked.insert(column) {
                    let detail = format!("{path}: `{column}` is no noun to ask for; word it in a schema.toml");
                    left.push(Left::of(record.chunks[0], "no_noun", detail));
                }
                continue;
            }
            if value.is_empty() || value.len() > VALUE_BYTES_MAX {
                all.entry((name.to_owned(), phrase.clone())).or_default().silent += 1;
            }
            if value.is_empty() {
                left.extend(placeholder_left(record, column, name, content));
                continue;
            }
            if value.len() > VALUE_BYTES_MAX {
                left.push(Left::of(
                    record.chunks[0],
                    "long_cell",
                    format!("`{column}` of {name} is a text, not a value"),
                ));
                continue;
            }
            let straight = (name.to_owned(), phrase.clone());
            let mut push = |title: &str, of: &str, phrase: &str, plural: bool, value: &str| {
                let verb = if plural { "are" } else { "is" };
                let parts = [("title", of), ("value", value)];
                let asked = Asked {
                    asks: vec![Worded::fill(&format!("the {phrase} of {{{{ title }}}}"), &parts)],
                    answer: with_one_stop(Worded::fill(
                        &format!("The {phrase} of {{{{ title }}}} {verb} {{{{ value }}}}."),
                        &parts,
                    )),
                    value: Some(value.to_owned()),
                    plural,
                    chunks: record.chunks.clone(),
                    turns_round: Some(&straight).filter(|straight| straight.0 != title).cloned(),
                };
                all.entry((title.to_owned(), phrase.to_owned())).or_default().asked.push(asked);
            };
            push(name, name, &phrase, plural, &value);
            if headers.identifies(column) {
                let (title, plural) = phrase_of(&headers.title);
                push(&format!("{column} {value}"), &value, singular(&title, plural), false, name);
            }
        }
    }
    all
}

/// What is said of a placeholder in words; dashes and empty cells say nothing that could be lost.
fn placeholder_left(record: &Record<'_>, column: &str, name: &str, cell: &str) -> Option<Left> {
    let detail = || format!("`{column}` of {name} is {:?}, which is no value", cell.trim());
    cell.contains(char::is_alphabetic).then(|| Left::of(record.chunks[0], "placeholder", detail()))
}

/// A title column in the plural names one thing each.
fn singular(phrase: &str, plural: bool) -> &str {
    if plural { phrase.strip_suffix('s').unwrap_or(phrase) } else { phrase }
}

fn cell<'a>(fields: &'a Fields, column: &str) -> &'a str {
    fields.iter().find(|(name, _)| name == column).map_or("", |(_, cell)| cell.trim())
}

/// An answer whose value ends with a full stop of its own (`n.o.s.`) needs no second one.
fn with_one_stop(mut answer: Worded) -> Worded {
    if answer.text.ends_with("..") && !answer.text.ends_with("...") {
        answer.text.pop();
    }
    answer
}

/// A cell with a list in it as a reader would say it; nothing where it only says that nothing is known.
fn joined(cell: &str) -> String {
    let parts: Vec<&str> =
        cell.split(';').map(|part| without_stop(part.trim())).filter(|part| !is_blank(part)).collect();
    series(&parts, "and")
}

#[cfg(test)]
mod tests;
