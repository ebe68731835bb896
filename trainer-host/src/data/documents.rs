//! Texts of any JSONL file, by id: what deduplication and contamination checks look at.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::dataset::Lines;
use super::row::{Said, said};

/// A line of a JSONL file as one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its `id`; numbers as text.
    pub id: String,
    /// Line, from 1.
    pub line: usize,
    /// Its `text`, or what its `messages` say, one per line, without the system's.
    pub text: String,
}

/// Reads all documents; blank lines are passed over. Without `named` a row may lack an id, and share one: it goes
/// by its line.
///
/// # Errors
/// The first line that is no object with `text` or `messages`, or an id that stands on two lines, with the
/// column that is wrong; a file without rows.
pub fn read_documents(path: &Path, named: bool) -> anyhow::Result<Vec<Document>> {
    let mut lines = Lines::open(path)?;
    let mut documents: Vec<Document> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    while let Some((line, bytes)) = lines.next_line()? {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let wrong = |problem: String| anyhow::anyhow!("{}:{line}: {problem}", path.display());
        let object = object(bytes).map_err(wrong)?;
        let id = match id(&object).map_err(wrong)? {
            Some(id) => id,
            None if !named => format!("line {line}"),
            None => return Err(wrong("there is no `id`; give each row a name of its own".to_owned())),
        };
        let text = text(&object).map_err(wrong)?;
        if named && let Some(earlier) = seen.insert(id.clone(), line) {
            return Err(wrong(format!(
                "id `{id}` is also on line {earlier}; give each row its own, or read the file with \
                 `halligan-host data import`, which names rows by their content"
            )));
        }
        documents.push(Document { id, line, text });
    }
    anyhow::ensure!(
        !documents.is_empty(),
        "{}: there are no rows; give lines like {{\"id\": \"..\", \"text\": \"..\"}}",
        path.display()
    );
    Ok(documents)
}

/// A line as a JSON object.
///
/// # Errors
/// What it is instead, and what to do.
pub fn object(line: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("the line is {}, not an object; put each row in braces", kind(&other))),
        Err(error) => Err(format!("not JSON ({error}); write one object a line")),
    }
}

/// The `id` of a row, where it has one.
///
/// # Errors
/// An id that is neither text nor a number.
pub fn id(object: &Map<String, Value>) -> Result<Option<String>, String> {
    match object.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(Value::Number(id)) => Ok(Some(id.to_string())),
        Some(other) => Err(format!("`id` is {}, not a text; give each row a name", kind(other))),
    }
}

/// What a row says: its `text`, or what is said in its `messages` as [`said`] joins it.
///
/// # Errors
/// The column that is missing or of another type.
pub fn text(object: &Map<String, Value>) -> Result<String, String> {
    if let Some(value) = object.get("text").filter(|value| !value.is_null()) {
        return value.as_str().map(str::to_owned).ok_or_else(|| format!("`text` is {}, not a text", kind(value)));
    }
    let Some(messages) = object.get("messages") else {
        let names: Vec<String> = object.keys().take(8).map(|name| format!("`{name}`")).collect();
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(format!("there is neither `text` nor `messages`; the columns are {found}"));
    };
    let messages =
        messages.as_array().ok_or_else(|| format!("`messages` is {}, not a list of messages", kind(messages)))?;
    let mut all = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let content = message.get("content").and_then(Value::as_str);
        let calls = message.get("tool_calls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if content.is_none() && calls.is_empty() {
            return Err(format!("message {} has no `content` that is a text", index + 1));
        }
        all.push(Said { role, content, calls });
    }
    Ok(said(all.iter().copied()))
}

/// What sort of JSON value it is, with its article.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(row: &str) -> Result<String, String> {
        text(&object(row.as_bytes())?)
    }

    #[test]
    fn a_row_says_what_is_said_in_it_without_the_system() {
        let row = r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"How deep?"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c"}]},{"role":"assistant","content":"5 feet."}]}"#;
        assert_eq!(of(row).unwrap(), "How deep?\n{\"id\":\"c\"}\n5 feet.");
        assert_eq!(of(r#"{"messages":[{"content":"a"},{"content":"b"}]}"#).unwrap(), "a\nb");
        assert!(of(r#"{"messages":[{"role":"user","content":null}]}"#).unwrap_err().contains("message 1"));
    }
}
