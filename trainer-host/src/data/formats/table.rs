//! Rows as an Arrow table, which Parquet and Hugging Face files hold.
//!
//! Columns: `id`, `group`, `kind`, `split`, `messages` (list of `role` and `content`), `text`, `value`,
//! `contradicts` (list) and `lineage` (JSON of all else). Reading takes any table that has `messages` or
//! `text`; what is missing is absent from the rows, and a row with calls of tools that cannot be read is an error.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, LargeStringArray, RecordBatch, StringArray, StringViewArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use halligan_finetune::chat::Message;
use serde_json::Value;

use super::record::Record;

/// Rows of a batch.
const BATCH_ROWS: usize = 1_024;

/// Columns that hold one text each.
const TEXTS: [&str; 7] = ["id", "group", "kind", "split", "text", "value", "lineage"];

/// All columns that are read.
pub const COLUMNS: [&str; 9] = ["id", "group", "kind", "split", "text", "value", "lineage", "messages", "contradicts"];

/// Parts of a message that are read.
pub const PARTS: [&str; 5] = ["role", "content", "name", "tool_call_id", "tool_calls"];

/// The fields of a message that are written.
fn message_fields() -> Fields {
    Fields::from(vec![Field::new("role", DataType::Utf8, true), Field::new("content", DataType::Utf8, true)])
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

/// The schema of the table.
pub fn schema() -> Schema {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    Schema::new(vec![
        text("id"),
        text("group"),
        text("kind"),
        text("split"),
        Field::new("messages", list(DataType::Struct(message_fields())), true),
        text("text"),
        text("value"),
        Field::new("contradicts", list(DataType::Utf8), true),
        text("lineage"),
    ])
}

/// Records as one batch of the given schema, which has the fields of [`schema`].
///
/// # Errors
/// More text than one batch can address (2 GiB).
pub fn batch(records: &[Record], schema: Arc<Schema>) -> anyhow::Result<RecordBatch> {
    let text =
        |of: fn(&Record) -> Option<&str>| -> ArrayRef { Arc::new(records.iter().map(of).collect::<StringArray>()) };
    let roles = StructBuilder::from_fields(message_fields(), 0);
    let mut messages = ListBuilder::new(roles).with_field(Field::new("item", DataType::Struct(message_fields()), true));
    let mut contradicts = ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, true));
    for record in records {
        for message in record.messages.iter().flatten() {
            let builder = messages.values();
            for (column, value) in [&message.role, &message.content].into_iter().enumerate() {
                // Both fields were made as texts just above.
                if let Some(field) = builder.field_builder::<StringBuilder>(column) {
                    field.append_value(value);
                }
            }
            builder.append(true);
        }
        messages.append(record.messages.is_some());
        record.contradicts.iter().for_each(|value| contradicts.values().append_value(value));
        contradicts.append(true);
    }
    let columns: Vec<ArrayRef> = vec![
        text(|record| record.id.as_deref()),
        text(|record| record.group.as_deref()),
        text(|record| record.kind.as_deref()),
        text(|record| record.split.as_deref()),
        Arc::new(messages.finish()),
        text(|record| record.text.as_deref()),
        text(|record| record.value.as_deref()),
        Arc::new(contradicts.finish()),
        text(|record| record.lineage.as_deref()),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Hands records on in groups that make one batch each.
///
/// # Errors
/// Those of the records and of `each`.
pub fn in_batches(
    records: impl Iterator<Item = anyhow::Result<Record>>,
    mut each: impl FnMut(&[Record]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut part = Vec::with_capacity(BATCH_ROWS);
    for record in records {
        part.push(record?);
        if part.len() == BATCH_ROWS {
            each(&part)?;
            part.clear();
        }
    }
    if part.is_empty() { Ok(()) } else { each(&part) }
}

/// The records of a batch of any table with `messages` or `text`, each on its own where its messages are wrong.
///
/// # Errors
/// The column that is missing or has another type; nothing can be read of such a file.
pub fn records(batch: &RecordBatch) -> Result<Vec<Result<Record, String>>, String> {
    let mut records = vec![Record::default(); batch.num_rows()];
    for name in TEXTS {
        let Some(column) = batch.column_by_name(name) else { continue };
        for (record, value) in records.iter_mut().zip(texts(column, name)?) {
            let place = match name {
                "id" => &mut record.id,
                "group" => &mut record.group,
                "kind" => &mut record.kind,
                "split" => &mut record.split,
                "text" => &mut record.text,
                "value" => &mut record.value,
                _ => &mut record.lineage,
            };
            *place = value;
        }
    }
    if let Some(column) = batch.column_by_name("contradicts") {
        for (row, record) in records.iter_mut().enumerate() {
            if let Some(values) = element(column, row, "contradicts")? {
                record.contradicts = texts(&values, "contradicts")?.into_iter().flatten().collect();
            }
        }
    }
    let messages = batch.column_by_name("messages");
    if messages.is_none() && batch.column_by_name("text").is_none() {
        let names: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        return Err(format!("there is neither a column `messages` nor `text`; the columns are {}", names.join(", ")));
    }
    let whole = |(row, record): (usize, Record)| -> Result<Record, String> {
        let values = messages.map(|column| element(column, row, "messages")).transpose()?.flatten();
        Ok(Record { messages: values.map(|values| messages_of(&values)).transpose()?, ..record })
    };
    Ok(records.into_iter().enumerate().map(whole).collect())
}

fn messages_of(values: &ArrayRef) -> Result<Vec<Message>, String> {
    let parts = values
        .as_struct_opt()
        .ok_or_else(|| format!("`messages` holds {}, not objects with role and content", values.data_type()))?;
    let column = |name: &str| parts.column_by_name(name).map(|column| texts(column, name)).transpose();
    let needed = |name: &str| column(name)?.ok_or_else(|| format!("`messages` has no `{name}`"));
    let optional = |name: &str| Ok::<_, String>(column(name)?.unwrap_or_else(|| vec![None; parts.len()]));
    let (roles, contents) = (needed("role")?, needed("content")?);
    let (names, ids) = (optional("name")?, optional("tool_call_id")?);
    let mut messages = Vec::with_capacity(roles.len());
    let told = roles.into_iter().zip(contents).zip(names.into_iter().zip(ids)).enumerate();
    for (index, ((role, content), (name, tool_call_id))) in told {
        let tool_calls = parts.column_by_name("tool_calls").map(|column| calls_of(column, index)).transpose()?;
        let tool_calls = tool_calls.unwrap_or_default();
        let content = content.or_else(|| (!tool_calls.is_empty()).then(String::new));
        let (Some(role), Some(content)) = (role, content) else {
            return Err(format!("message {} has no role or no content", index + 1));
        };
        messages.push(Message { role, content, tool_calls, name, tool_call_id });
    }
    Ok(messages)
}

/// The calls of one message, which a table holds as JSON.
fn calls_of(column: &ArrayRef, index: usize) -> Result<Vec<Value>, String> {
    const NAME: &str = "tool_calls";
    if matches!(column.data_type(), DataType::List(_) | DataType::LargeList(_)) {
        return match element(column, index, NAME)? {
            Some(calls) if !calls.is_empty() => Err(format!(
                "message {} has `{NAME}` that are no JSON text; write the rows as JSONL with `messages`",
                index + 1
            )),
            _ => Ok(Vec::new()),
        };
    }
    let text = texts(&column.slice(index, 1), NAME)?.pop().flatten().filter(|text| !text.trim().is_empty());
    let calls = text.map(|text| serde_json::from_str::<Option<Vec<Value>>>(&text)).transpose();
    let calls = calls.map_err(|error| format!("`{NAME}` of message {} is no JSON list ({error})", index + 1))?;
    Ok(calls.flatten().unwrap_or_default())
}

/// One element of a column of lists.
fn element(column: &ArrayRef, row: usize, name: &str) -> Result<Option<ArrayRef>, String> {
    if column.is_null(row) {
        return Ok(None);
    }
    match column.data_type() {
        DataType::List(_) => Ok(Some(column.as_list::<i32>().value(row))),
        DataType::LargeList(_) => Ok(Some(column.as_list::<i64>().value(row))),
        DataType::Null => Ok(None),
        other => Err(format!("column `{name}` is {other}, not a list")),
    }
}

fn texts(column: &ArrayRef, name: &str) -> Result<Vec<Option<String>>, String> {
    let owned = |value: Option<&str>| value.map(str::to_owned);
    let any = column.as_any();
    if let Some(array) = any.downcast_ref::<StringArray>() {
        return Ok(array.iter().map(owned).collect());
    }
    if let Some(array) = any.downcast_ref::<LargeStringArray>() {
        return Ok(array.iter().map(owned).collect());
    }
    if let Some(array) = any.downcast_ref::<StringViewArray>() {
        return Ok(array.iter().map(owned).collect());
    }
    match column.data_type() {
        DataType::Null => Ok(vec![None; column.len()]),
        DataType::Int64 if name == "id" => {
            let numbers = column.as_primitive::<arrow_array::types::Int64Type>();
            Ok(numbers.iter().map(|number| number.map(|number| number.to_string())).collect())
        }
        other => Err(format!("column `{name}` is {other}, not text")),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StructArray;

    use super::*;

    /// A message list of one row: a call, its result and an answer, with `tool_calls` as given.
    fn conversation(calls: ArrayRef) -> ArrayRef {
        let text = |values: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let columns = [
            ("role", text([Some("assistant"), Some("tool"), Some("assistant")])),
            ("content", text([None, Some("5 feet"), Some("Five feet.")])),
            ("name", text([None, Some("depth"), None])),
            ("tool_calls", calls),
        ];
        let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
        let fields: Fields = fields.collect();
        Arc::new(StructArray::new(fields, columns.iter().map(|(_, column)| column.clone()).collect(), None))
    }

    #[test]
    fn calls_in_json_are_read_and_others_are_named() {
        let json = StringArray::from(vec![Some("[{\"id\": \"c\"}]"), None, Some("[]")]);
        let messages = messages_of(&conversation(Arc::new(json))).unwrap();
        assert_eq!((messages[0].tool_calls.len(), messages[0].content.as_str()), (1, ""));
        assert_eq!((messages[1].name.as_deref(), messages[2].tool_calls.len()), (Some("depth"), 0));
        let broken = StringArray::from(vec![Some("c"), None, None]);
        assert!(messages_of(&conversation(Arc::new(broken))).unwrap_err().contains("message 1 is no JSON list"));
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.values().append_value("c");
        (0..3).for_each(|_| lists.append(true));
        let problem = messages_of(&conversation(Arc::new(lists.finish()))).unwrap_err();
        assert!(problem.contains("message 1 has `tool_calls`") && problem.contains("JSONL"), "{problem}");
    }
}
