//! Facts of tables: for each record and each column a fact, worded by the schema or from the headers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use minijinja::Environment;

use super::fact::{Ask, Fact, Worded};
use super::headers::{Headers, phrase_of, without_stop};
use super::sink::Left;
use crate::data::chunk::Chunk;
use crate::data::ingest::schema::{Fields, Question, Schema, Table, environment, render};

/// Longest value of a fact in bytes; longer cells are texts, not values.
const VALUE_BYTES_MAX: usize = 80;
/// Different values of one question that make one answer; more are ambiguous.
const VALUES_MAX: usize = 4;
/// Chunks that are named as the source of one fact.
const CHUNKS_MAX: usize = 8;
/// Different values of a column up to which each excludes the others.
const EXCLUSIVE_MAX: usize = 12;

/// A record: its columns and the chunks that hold it.
struct Record<'a> {
    fields: &'a Fields,
    title: Option<&'a str>,
    chunks: Vec<&'a Chunk>,
}

/// A question about one record, before records of the same name are brought together.
struct Asked<'a> {
    asks: Vec<Worded>,
    answer: Worded,
    value: Option<String>,
    plural: bool,
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
    for (path, records) in tables {
        let table = schema.table(path);
        let asked = match table {
            Some(table) if !table.questions.is_empty() => by_schema(table, &records, left),
            Some(table) if table.question_column.is_some() => by_columns(table, &records),
            _ => by_headers(path, &records, table.is_some_and(|table| table.title.is_some()), left),
        };
        facts.extend(asked.into_iter().filter_map(|((title, name), asked)| merged(path, &title, &name, asked, left)));
    }
    exclude_others(&mut facts);
    facts
}

/// What is asked, by name of the record and of the question, so that records of one name meet.
type ByName<'a> = BTreeMap<(String, String), Vec<Asked<'a>>>;

fn by_schema<'a>(table: &Table, records: &[Record<'a>], left: &mut Vec<Left>) -> ByName<'a> {
    let environment = environment();
    let mut all = ByName::new();
    for record in records {
        let title = table.title.as_ref().and(record.title).map(without_stop);
        for question in &table.questions {
            match ask(&environment, question, record, title) {
                Ok(None) => {}
                Ok(Some(asked)) => {
                    let name = title.map(str::to_owned).unwrap_or_else(|| asked.asks[0].text.clone());
                    all.entry((name, question.name.clone())).or_default().push(asked);
                }
                Err(error) => left.push(Left::of(record.chunks[0], "template", error.to_string())),
            }
        }
    }
    all
}

fn ask<'a>(
    environment: &Environment<'_>,
    question: &Question,
    record: &Record<'a>,
    title: Option<&str>,
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
    anyhow::ensure!(!asks.is_empty(), "question {:?} has no wording; give some to `ask`", question.name);
    let empty = answer.text.is_empty() || asks.iter().any(|ask| ask.text.is_empty());
    anyhow::ensure!(!empty, "question {:?} is empty for this record; guard it with `when`", question.name);
    Ok(Some(Asked { asks, answer, value, plural: question.plural, chunks: record.chunks.clone() }))
}

/// Records that hold a question and its answer.
fn by_columns<'a>(table: &Table, records: &[Record<'a>]) -> ByName<'a> {
    let mut all = ByName::new();
    let (Some(question), Some(answer)) = (&table.question_column, &table.answer_column) else { return all };
    for record in records {
        let (asked, said) = (cell(record.fields, question), cell(record.fields, answer));
        if asked.is_empty() || said.is_empty() {
            continue;
        }
        // As it stands: a cell is no noun phrase for frames.
        let mark = if asked.ends_with(['?', '.', '!', ':']) { "" } else { "?" };
        let ask = Worded { text: format!("{asked}{mark}"), template: format!("{{{{ {question} }}}}{mark}") };
        let answer = Worded { text: said.to_owned(), template: format!("{{{{ {answer} }}}}") };
        let asked =
            Asked { asks: vec![ask.clone()], answer, value: None, plural: false, chunks: record.chunks.clone() };
        all.entry((ask.text, question.clone())).or_default().push(asked);
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
    for record in records {
        let name = if titled { without_stop(record.title.unwrap_or_default()) } else { headers.name(record.fields) };
        if name.is_empty() {
            left.push(Left::of(record.chunks[0], "no_name", format!("`{}` is empty", headers.title)));
            continue;
        }
        for (column, content) in record.fields.iter().filter(|(column, _)| *column != headers.title) {
            let value = joined(content);
            if value.is_empty() {
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
            let (phrase, plural) = phrase_of(column);
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
                };
                all.entry((title.to_owned(), phrase.to_owned())).or_default().push(asked);
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

/// A cell with a list in it as a reader would say it.
fn joined(cell: &str) -> String {
    let parts: Vec<&str> =
        cell.split(';').map(|part| without_stop(part.trim())).filter(|part| !part.is_empty()).collect();
    series(&parts, "and")
}

/// `a`, `a and b`, `a, b and c`.
pub fn series(parts: &[impl AsRef<str>], word: &str) -> String {
    let texts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match texts.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// One fact of all records with this name: where they differ, it has all values, or it cannot be asked.
fn merged(path: &str, title: &str, name: &str, all: Vec<Asked<'_>>, left: &mut Vec<Left>) -> Option<Fact> {
    let first = &all[0];
    let mut values: Vec<&str> = Vec::new();
    let mut answers: BTreeSet<&str> = BTreeSet::new();
    for asked in &all {
        answers.insert(&asked.answer.text);
        if let Some(value) = asked.value.as_deref()
            && !values.contains(&value)
        {
            values.push(value);
        }
    }
    let (mut answer, mut value) = (first.answer.clone(), first.value.clone());
    if answers.len() > 1 {
        let whole = first.value.as_deref().unwrap_or_default();
        // Only where nothing but the value differs is "I, II or III" a true answer.
        let same_otherwise = !whole.is_empty()
            && all.iter().all(|asked| {
                asked.value.as_deref().is_some_and(|value| with_last(&answer.text, whole, value) == asked.answer.text)
            });
        if !same_otherwise || values.len() > VALUES_MAX {
            let detail = format!("{} records named {title:?} give {} answers for {name:?}", all.len(), answers.len());
            left.push(Left::of(first.chunks[0], "ambiguous", detail));
            return None;
        }
        let either = series(&values, "or");
        answer.text = with_last(&answer.text, whole, &either);
        value = Some(either);
    }
    let mut fact = Fact {
        kind: "record",
        about: vec!["record".to_owned(), path.to_owned(), title.to_owned(), name.to_owned()],
        asks: first.asks.iter().cloned().map(Ask::new).collect(),
        plural: first.plural,
        answer,
        value,
        contradicts: Vec::new(),
        chunks: Vec::new(),
        sources: Vec::new(),
    };
    for chunk in all.iter().flat_map(|asked| &asked.chunks).take(CHUNKS_MAX) {
        if !fact.chunks.contains(&chunk.id) {
            fact.chunks.push(chunk.id.clone());
        }
        if !fact.sources.contains(&chunk.source) {
            fact.sources.push(chunk.source.clone());
        }
    }
    Some(fact)
}

/// `text` with the last `old` replaced: values stand at the end of an answer, names before them.
fn with_last(text: &str, old: &str, new: &str) -> String {
    match text.rfind(old) {
        Some(at) => format!("{}{new}{}", &text[..at], &text[at + old.len()..]),
        None => text.to_owned(),
    }
}

/// Where a question has few different answers over a table, each rules the others out.
fn exclude_others(facts: &mut [Fact]) {
    let mut values: HashMap<(String, String), BTreeSet<String>> = HashMap::new();
    let key = |fact: &Fact| (fact.about[1].clone(), fact.about[3].clone());
    for fact in facts.iter() {
        values.entry(key(fact)).or_default().extend(fact.value.clone());
    }
    for fact in facts.iter_mut() {
        let others = &values[&key(fact)];
        if others.len() <= EXCLUSIVE_MAX {
            let answer = plain(&fact.answer.text);
            // The name of a record may hold another's value; such an answer would rule itself out.
            fact.contradicts = others.iter().filter(|other| !answer.contains(&plain(other))).cloned().collect();
        }
    }
}

fn plain(text: &str) -> String {
    format!(" {} ", crate::data::words::words(text).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::chunk::{ChunkKind, Measured, Place};

    fn table(rows: &[&[(&str, &str)]]) -> Vec<Chunk> {
        let chunk = |(index, row): (usize, &&[(&str, &str)])| {
            let fields: Fields = row.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect();
            let bytes = [index as u64, index as u64 + 1];
            let text = format!("{fields:?}");
            Chunk {
                cleaned: Vec::new(),
                heading: Vec::new(),
                id: Chunk::name("s", bytes, &text),
                kind: ChunkKind::Table,
                language: None,
                path: "t.csv".to_owned(),
                place: Place { bytes, lines: bytes, measured: Measured::File, page: None },
                source: "s".to_owned(),
                tokens: 1,
                fields,
                text,
            }
        };
        rows.iter().enumerate().map(chunk).collect()
    }

    fn materials() -> Vec<Chunk> {
        let row = |id, name, class, group| {
            vec![("id_number", id), ("name", name), ("hazard_class", class), ("packing_group", group)]
        };
        let rows = [
            row("UN1090", "Acetone", "3", "II"),
            row("UN1133", "Adhesives", "3", "I"),
            row("UN1133", "Adhesives", "3", "III"),
            row("UN1005", "Ammonia, anhydrous", "2.2; 8", ""),
        ];
        table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn find<'a>(facts: &'a [Fact], name: &str, column: &str) -> &'a Fact {
        facts.iter().find(|fact| fact.about[2] == name && fact.about[3] == column).unwrap()
    }

    #[test]
    fn headers_and_a_name_column_make_facts() {
        let mut left = Vec::new();
        let facts = facts(&materials(), &Schema::default(), &mut left);
        let class = find(&facts, "Acetone", "hazard class");
        assert_eq!(class.answer.text, "The hazard class of Acetone is 3.");
        assert_eq!(find(&facts, "Ammonia, anhydrous", "hazard class").value.as_deref(), Some("2.2 and 8"));
        assert_eq!(find(&facts, "id_number UN1090", "name").answer.text, "The name of UN1090 is Acetone.");
        assert!(!facts.iter().any(|fact| fact.about[2].starts_with("Ammonia") && fact.about[3] == "packing group"));
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn records_of_one_name_answer_together() {
        let facts = facts(&materials(), &Schema::default(), &mut Vec::new());
        let group = find(&facts, "Adhesives", "packing group");
        assert_eq!(group.answer.text, "The packing group of Adhesives is I or III.");
        assert_eq!((group.value.as_deref(), group.chunks.len()), (Some("I or III"), 2));
        assert_eq!(find(&facts, "Adhesives", "hazard class").answer.text, "The hazard class of Adhesives is 3.");
    }

    #[test]
    fn values_of_a_small_column_rule_each_other_out() {
        let facts = facts(&materials(), &Schema::default(), &mut Vec::new());
        assert_eq!(find(&facts, "Acetone", "packing group").contradicts, ["I or III"]);
    }

    #[test]
    fn full_stops_of_cells_neither_double_nor_stand_inside_an_answer() {
        let row = |id, name| vec![("id_number", id), ("name", name)];
        let rows =
            [row("UN0001", "Cans (each of 1 L at most)."), row("UN0002", "Paints, n.o.s."), row("UN0003", "Rope")];
        let chunks = table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let facts = facts(&chunks, &Schema::default(), &mut Vec::new());
        let said: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
        assert!(said.contains(&"The ID number of Cans (each of 1 L at most) is UN0001."), "{said:?}");
        assert!(said.contains(&"The name of UN0002 is Paints, n.o.s."), "{said:?}");
    }

    #[test]
    fn a_schema_words_the_questions() {
        let schema = Schema::parse(
            "[[table]]\nfiles = '*.csv'\n[[table.question]]\nname = 'group'\n\
             ask = ['the packing group of {{ name | lower }}', 'How dangerous is {{ name | lower }}?']\n\
             answer = 'The packing group of {{ name | lower }} is {{ packing_group }}.'\n\
             value = '{{ packing_group }}'\nwhen = '{{ packing_group }}'\n",
        )
        .unwrap();
        let facts = facts(&materials(), &schema, &mut Vec::new());
        let answers: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
        assert_eq!(answers, ["The packing group of acetone is II.", "The packing group of adhesives is I or III."]);
        assert!(matches!(facts[0].asks[0], Ask::Phrase(_)) && matches!(facts[0].asks[1], Ask::Question(_)));
    }

    #[test]
    fn answers_that_cannot_be_brought_together_are_left_with_the_reason() {
        let row = |cell| vec![("name", "Valve"), ("color", cell), ("size", "2")];
        let cells = ["red", "blue", "green", "white", "black"];
        let rows: Vec<_> = cells.iter().map(|cell| row(*cell)).collect();
        let mut left = Vec::new();
        let mut chunks = table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        chunks.extend(table(&[&[("name", "Pump"), ("color", "red"), ("size", "3")]]));
        let facts = facts(&chunks, &Schema::default(), &mut left);
        assert!(facts.iter().all(|fact| !(fact.about[2] == "Valve" && fact.about[3] == "color")));
        assert_eq!(left[0].reason, "ambiguous");
    }
}
