//! JSON and JSON Lines: a record for each object, with the bytes it stands in.
//!
//! Objects need not look alike: each keeps its own members, nested values stay JSON, and text alone is a record of
//! one column.

use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::block::{Block, Cut, Note};
use super::records::{Fields, Records};

/// Reads one JSON document. Records are the elements at `pointer`, of the document if it is an array, or else of
/// its only member that is an array of objects, and what else the document says is a text before them; a document
/// with none is one record.
pub fn read(text: &str, pointer: Option<&str>, records: &mut Records<'_>) {
    let nothing: Arc<[String]> = Arc::from([]);
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(_) if pointer.is_none() && is_lines(text) => {
            records
                .note(Note::remark("json_lines", "it holds a JSON value on each line and was read so; name it .jsonl"));
            return read_lines(text, 1, records);
        }
        Err(error) => {
            let hint = if is_lines(text) { "; it holds a JSON value on each line, name it .jsonl" } else { "" };
            return records.note(Note::part("broken", format!("not JSON: {error}{hint}")));
        }
    };
    let found = match pointer {
        Some(pointer) => match pointed(whole, pointer) {
            Some(found) => found,
            None => {
                return records.note(Note::part(
                    "no_records",
                    format!(
                        "nothing stands at {pointer:?}; see `records` in the schema, a pointer such as /data/items"
                    ),
                ));
            }
        },
        None => match only_array(whole) {
            Some((name, array, others)) => {
                beside(text, &name, others, records);
                array
            }
            None => whole,
        },
    };
    let elements: Vec<&RawValue> = serde_json::from_str(found.get()).unwrap_or_else(|_| vec![found]);
    for (index, element) in elements.iter().enumerate() {
        add(text, element, &nothing, &|| format!("element {index}"), records);
    }
}

/// Whether the first two lines are whole objects or arrays, as no document has them.
fn is_lines(text: &str) -> bool {
    let whole = |line: &str| line.starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(line).is_ok();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next().is_some_and(whole) && lines.next().is_some_and(whole)
}

/// Reads JSON Lines; a line that is no JSON is noted and passed over.
pub fn read_lines(text: &str, first_line: u64, records: &mut Records<'_>) {
    let nothing: Arc<[String]> = Arc::from([]);
    for (index, line) in text.lines().enumerate() {
        let number = first_line + index as u64;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<&RawValue>(line) {
            Ok(element) => add(text, element, &nothing, &|| format!("line {number}"), records),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.split(" at line").next().unwrap_or_default();
                records.note(Note::part(
                    "broken",
                    format!("line {number} is not JSON ({reason} at column {})", error.column()),
                ));
            }
        }
    }
}

fn add(text: &str, element: &RawValue, heading: &Arc<[String]>, name: &dyn Fn() -> String, records: &mut Records<'_>) {
    let start = element.get().as_ptr() as usize - text.as_ptr() as usize;
    let range = start..start + element.get().len();
    match fields(element) {
        Ok((fields, repeated)) => {
            if !repeated.is_empty() {
                let detail = format!("{} names {} more than once; the last is kept", name(), repeated.join(", "));
                records.note(Note::remark("repeated_name", detail));
            }
            records.add(range, heading, fields, name);
        }
        Err(error) => records.note(Note::part("broken", format!("{} cannot be read: {error}", name()))),
    }
}

/// Members of an object as columns, any other value as the one column `value`; and the names that come twice.
fn fields(element: &RawValue) -> serde_json::Result<(Fields, Vec<String>)> {
    if !element.get().starts_with('{') {
        return Ok((vec![("value".to_owned(), cell(serde_json::from_str(element.get())?))], Vec::new()));
    }
    let Object { members, repeated } = serde_json::from_str(element.get())?;
    Ok((members.into_iter().map(|(name, value)| (name, cell(value))).collect(), repeated))
}

/// An object with the names that come twice in it, which a map forgets.
#[derive(Default)]
struct Object {
    members: Map<String, Value>,
    repeated: Vec<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object::default())
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Self;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Self, A::Error> {
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if self.members.contains_key(&name) {
                self.repeated.push(format!("{name:?}"));
            }
            self.members.insert(name, value);
        }
        Ok(self)
    }
}

fn cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(items) if items.iter().all(|item| item.is_string() || item.is_number()) => {
            items.into_iter().map(cell).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

type Members<'a> = std::collections::BTreeMap<String, &'a RawValue>;

fn members(value: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn pointed<'a>(mut value: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    if pointer.is_empty() {
        return Some(value);
    }
    for part in pointer.strip_prefix('/')?.split('/') {
        let part = part.replace("~1", "/").replace("~0", "~");
        value = match part.parse::<usize>() {
            Ok(index) if value.get().starts_with('[') => {
                *serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?.get(index)?
            }
            _ => members(value)?.remove(&part)?,
        };
    }
    Some(value)
}

/// The only member of an object that is an array of objects, with its name and the other members.
fn only_array(value: &RawValue) -> Option<(String, &RawValue, Members<'_>)> {
    let mut members = members(value)?;
    let of_objects = |value: &RawValue| {
        let rest = value.get().strip_prefix('[').map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('{'))
    };
    let mut arrays = members.iter().filter(|(_, value)| of_objects(value)).map(|(name, _)| name.clone());
    let name = arrays.next().filter(|_| arrays.next().is_none())?;
    let array = members.remove(&name)?;
    Some((name, array, members))
}

/// The members beside the records: one block of text if they hold any, since no wording of records fits them;
/// otherwise they are noted.
fn beside(text: &str, name: &str, others: Members<'_>, records: &mut Records<'_>) {
    let place = |value: &RawValue| {
        let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
        start..start + value.get().len()
    };
    let mut others: Vec<(String, &RawValue)> = others.into_iter().collect();
    others.sort_by_key(|(_, value)| place(value).start);
    let (Some((_, first)), Some((_, last))) = (others.first(), others.last()) else { return };
    let range = place(first).start..place(last).end;
    if others.iter().all(|(_, value)| !value.get().starts_with(['"', '{', '['])) {
        let names = others.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let detail = format!("members beside the records in {name:?} that hold no text were left out: {names}");
        return records.note(Note::part("beside", detail));
    }
    let line = |(name, value): (String, &RawValue)| {
        let cell = serde_json::from_str(value.get()).map(cell).unwrap_or_default();
        Some(format!("{name}: {}", super::one_line(&cell))).filter(|_| !cell.trim().is_empty())
    };
    let said = others.into_iter().filter_map(line).collect::<Vec<_>>().join("\n");
    if said.is_empty() {
        return;
    }
    records.reading.blocks.push(Block { cut: Cut::Lines, text: Some(said), ..Block::prose(range, &Arc::from([])) });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, pointer: Option<&str>) -> Vec<(String, String)> {
        let mut records = Records::new(None, true);
        read(text, pointer, &mut records);
        let reading = records.finish();
        reading.blocks.iter().map(|b| (text[b.range.clone()].to_owned(), b.text(text).to_owned())).collect()
    }

    #[test]
    fn elements_of_mixed_types_each_keep_their_bytes() {
        let text = r#"[{"a": 1, "b": ["x", "y"]}, "alone", {"a": {"deep": true}}, 7]"#;
        let seen = texts(text, None);
        assert_eq!(seen[0], (r#"{"a": 1, "b": ["x", "y"]}"#.to_owned(), "a: 1\nb: x; y".to_owned()));
        assert_eq!(seen[1].1, "value: alone");
        assert_eq!(seen[2].1, r#"a: {"deep":true}"#);
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn records_are_found_in_a_document_or_by_a_pointer() {
        let text = r#"{"meta": 1, "items": [{"a": "x"}, {"a": "y"}]}"#;
        assert_eq!(texts(text, None).len(), 2);
        assert_eq!(texts(text, Some("/items/1")), [(r#"{"a": "y"}"#.to_owned(), "a: y".to_owned())]);
        assert!(texts(text, Some("/nothing")).is_empty());
    }

    #[test]
    fn pointer_without_its_slash_stands_for_nothing() {
        let text = r#"{"data": {"items": [{"a": "x"}]}}"#;
        assert_eq!(texts(text, Some("/data/items")).len(), 1);
        for pointer in ["data/items", "data.items"] {
            let mut records = Records::new(None, true);
            read(text, Some(pointer), &mut records);
            let reading = records.finish();
            assert_eq!((reading.blocks.len(), reading.notes[0].reason), (0, "no_records"));
            assert!(reading.notes[0].detail.contains(pointer), "{:?}", reading.notes);
        }
        assert_eq!(texts(text, Some(""))[0].1, r#"data: {"items":[{"a":"x"}]}"#);
    }

    #[test]
    fn members_beside_the_records_are_text_before_them_or_noted() {
        let text =
            r#"{"title": "Ropes", "rules": [{"r": "one"}], "preface": "Check\nthem.", "version": 2, "by": null}"#;
        let seen = texts(text, None);
        assert_eq!(seen[0].1, "title: Ropes\npreface: Check them.\nversion: 2");
        assert!(seen[0].0.starts_with("\"Ropes\"") && seen[0].0.ends_with("null"), "{:?}", seen[0]);
        assert_eq!((seen.len(), seen[1].1.as_str()), (2, "r: one"));

        let mut records = Records::new(None, true);
        read(r#"{"version": 2, "rules": [{"r": "one"}]}"#, None, &mut records);
        let reading = records.finish();
        assert_eq!((reading.blocks.len(), reading.notes[0].lost), (1, true));
        assert!(reading.notes[0].detail.ends_with("left out: version"), "{:?}", reading.notes);
    }

    #[test]
    fn broken_line_is_named_and_the_others_are_read() {
        let text = "{\"a\":1}\n{\"a\":\n\n{\"a\":3}\n";
        let mut records = Records::new(None, true);
        read_lines(text, 1, &mut records);
        let reading = records.finish();
        assert_eq!(reading.blocks.len(), 2);
        assert!(reading.notes[0].detail.starts_with("line 2 is not JSON"), "{:?}", reading.notes);
        assert_eq!(&text[reading.blocks[1].range.clone()], "{\"a\":3}");
    }

    #[test]
    fn name_that_comes_twice_is_noted() {
        let text = "{\"a\":1,\"a\":2}\n";
        let mut records = Records::new(None, true);
        read_lines(text, 1, &mut records);
        let reading = records.finish();
        assert_eq!((reading.blocks[0].text(text), reading.notes[0].reason), ("a: 2", "repeated_name"));
        assert!(reading.notes[0].detail.starts_with("line 1 names \"a\" more than once"), "{:?}", reading.notes);
    }

    #[test]
    fn lines_of_json_in_a_file_for_one_document_are_read_with_a_remark() {
        let text = "{\"a\": 1}\n\n{\"a\": 2}\n";
        let mut records = Records::new(None, true);
        read(text, None, &mut records);
        let reading = records.finish();
        assert_eq!((reading.blocks.len(), reading.notes[0].reason, reading.notes[0].lost), (2, "json_lines", false));
        let mut records = Records::new(None, true);
        read(text, Some("/items"), &mut records);
        let notes = records.finish().notes;
        assert!(notes.len() == 1 && notes[0].detail.ends_with("name it .jsonl"), "{notes:?}");
        assert!(!is_lines("[\n{\"a\": 1},\n{\"a\": 2}\n"), "a broken document");
    }

    #[test]
    fn very_deep_json_is_refused_not_overrun() {
        let text = "[".repeat(200_000);
        assert!(texts(&text, None).is_empty());
    }
}
