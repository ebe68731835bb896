//! Rows as an Arrow table, which Parquet and Hugging Face files hold.
//!
//! Columns: `id`, `group`, `kind`, `split`, `messages` (list of `role` and `content`), `text`, `value`,
//! `contradicts` (list) and `lineage` (JSON of all else). Reading takes any table that has `messages` or
//! `text`; what is missing is absent from the rows.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, LargeStringArray, RecordBatch, StringArray, StringViewArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use halligan_finetune::chat::Message;

use super::record::Record;

/// Rows of a batch.
const BATCH_ROWS: usize = 1_024;

/// Columns that hold one text each.
const TEXTS: [&str; 7] = ["id", "group", "kind", "split", "text", "value", "lineage"];

/// The fields of a message.
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

/// The records of a batch of any table with `messages` or `text`.
///
/// # Errors
/// The column that is missing or has another type; nothing can be read of such a file.
pub fn records(batch: &RecordBatch) -> Result<Vec<Record>, String> {
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
    if let Some(column) = messages {
        for (row, record) in records.iter_mut().enumerate() {
            record.messages = element(column, row, "messages")?.map(|values| messages_of(&values)).transpose()?;
        }
    }
    if messages.is_none() && batch.column_by_name("text").is_none() {
        let names: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        return Err(format!("there is neither a column `messages` nor `text`; the columns are {}", names.join(", ")));
    }
    Ok(records)
}

fn messages_of(values: &ArrayRef) -> Result<Vec<Message>, String> {
    let parts = values
        .as_struct_opt()
        .ok_or_else(|| format!("`messages` holds {}, not objects with role and content", values.data_type()))?;
    let column = |name: &str| {
        let column = parts.column_by_name(name).ok_or_else(|| format!("`messages` has no `{name}`"))?;
        texts(column, name)
    };
    let both = column("role")?.into_iter().zip(column("content")?);
    let message = |(role, content): (Option<String>, Option<String>)| match (role, content) {
        (Some(role), Some(content)) => Ok(Message::new(role, content)),
        _ => Err("a message has no role or no content".to_owned()),
    };
    both.map(message).collect()
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
