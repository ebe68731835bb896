//! Checklists: task lists and numbered lists of the documents, worked through one item at a time.
//!
//! A run keeps a copy of its items, so that a document that is replaced meanwhile does not change what was ticked.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use rusqlite::{OptionalExtension, params};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{SAYS, Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;

/// Fewer items than this are no checklist.
const ITEMS_MIN: usize = 3;
/// A misspelled name has at least so much in common with the name that was meant, 0 to 1, and so much more than with
/// any other.
const LIKENESS_MIN: f64 = 0.65;
const LEAD_MIN: f64 = 0.15;
/// Names in one result.
const NAMES_MAX: usize = 40;

static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:[-*+]\s+\[[ xX]\]|(\d{1,3})[.)])\s+(\S.*)$").expect("a constant pattern should be sound")
});

/// A list of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Checklist {
    name: String,
    document: String,
    items: Vec<String>,
}

/// The lists under each heading of the documents.
fn checklists(context: &ToolContext<'_>) -> Result<Vec<Checklist>, ToolError> {
    let documents = context.home.documents().map_err(|error| ToolError::Device(error.to_string()))?;
    let passages = || {
        documents
            .prepare(
                "SELECT d.name, p.heading, p.gap, p.text FROM passages p JOIN documents d ON d.id = p.document
                 ORDER BY d.name, p.start_byte",
            )?
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, String>(3)?,
                ))
            })?
            .collect::<Result<Vec<_>, _>>()
    };
    let mut sections: BTreeMap<(String, String), String> = BTreeMap::new();
    for (document, heading, gap, text) in passages().map_err(ToolError::database("read the documents beside"))? {
        let section = sections.entry((document, heading)).or_default();
        // A list that was cut between two items goes on in the next passage.
        section.push_str(if gap.contains('\n') { &gap } else { "\n" });
        section.push_str(&text);
    }
    let lists = sections.into_iter().filter_map(|((document, heading), text)| {
        let items = items_of(&text);
        let title = heading.rsplit(" > ").next().unwrap_or_default();
        let name = if title.is_empty() { document.clone() } else { title.to_owned() };
        (items.len() >= ITEMS_MIN).then_some(Checklist { name, document, items })
    });
    Ok(lists.collect())
}

/// The items of the lists in a text; indented lines below an item belong to it.
fn items_of(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(item) = ITEM.captures(line) {
            items.push(item[2].trim().to_owned());
            open = true;
        } else if line.trim().is_empty() {
            open = false;
        } else if open
            && line.starts_with([' ', '\t'])
            && !line.trim_start().starts_with(['-', '*', '+'])
            && let Some(item) = items.last_mut()
        {
            item.push(' ');
            item.push_str(line.trim());
        }
    }
    items
}

fn named<'a>(lists: &'a [Checklist], name: &str) -> Result<&'a Checklist, ToolError> {
    let wanted = name.to_lowercase();
    let exact: Vec<&Checklist> = lists.iter().filter(|list| list.name.to_lowercase() == wanted).collect();
    let holding = || lists.iter().filter(|list| list.name.to_lowercase().contains(&wanted)).collect::<Vec<_>>();
    let found = if exact.is_empty() { holding() } else { exact };
    match &found[..] {
        [one] => Ok(one),
        [] => nearest(lists, &wanted).ok_or_else(|| {
            let there = match lists {
                [] => "the documents have none".to_owned(),
                _ => format!("there are: {}", names(lists.iter())),
            };
            ToolError::NoResult(format!("no checklist is called `{name}`; {there}"))
        }),
        several => Err(ToolError::NoResult(format!(
            "`{name}` fits {} checklists: {}; give the whole name",
            several.len(),
            names(several.iter().copied())
        ))),
    }
}

fn names<'a>(lists: impl Iterator<Item = &'a Checklist>) -> String {
    lists.take(NAMES_MAX).map(|list| format!("{} ({})", list.name, list.document)).collect::<Vec<_>>().join("; ")
}

/// The one whose name is clearly the most like `wanted`, as people and small models misspell it.
fn nearest<'a>(lists: &'a [Checklist], wanted: &str) -> Option<&'a Checklist> {
    let likeness = |list: &Checklist| strsim::normalized_damerau_levenshtein(&list.name.to_lowercase(), wanted);
    let mut ranked: Vec<(f64, &Checklist)> = lists.iter().map(|list| (likeness(list), list)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let next = ranked.get(1).map_or(0.0, |(likeness, _)| *likeness);
    ranked.first().filter(|(best, _)| *best >= LIKENESS_MIN && best - next >= LEAD_MIN).map(|(_, list)| *list)
}

/// A checklist that is being worked through.
struct Run {
    id: i64,
    name: String,
    items: Vec<String>,
    done: Vec<usize>,
}

impl Run {
    fn open(context: &ToolContext<'_>) -> Result<Run, ToolError> {
        Run::find_open(context)?
            .ok_or_else(|| ToolError::NoResult("no checklist is open; start_checklist begins one".to_owned()))
    }

    fn find_open(context: &ToolContext<'_>) -> Result<Option<Run>, ToolError> {
        context
            .home
            .connection()
            .query_row(
                "SELECT id, checklist, items, done FROM checklist_runs WHERE ended_at IS NULL ORDER BY id DESC LIMIT 1",
                [],
                |row| {
                    let list = |text: String| serde_json::from_str(&text).unwrap_or_default();
                    let items: Value = list(row.get(2)?);
                    let done: Value = list(row.get(3)?);
                    let texts = items.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
                    let numbers = done.as_array().into_iter().flatten().filter_map(Value::as_u64);
                    Ok(Run {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        items: texts.collect(),
                        done: numbers.filter_map(|number| usize::try_from(number).ok()).collect(),
                    })
                },
            )
            .optional()
            .map_err(ToolError::database("read the checklists in"))
    }

    fn next(&self) -> Option<usize> {
        (0..self.items.len()).find(|index| !self.done.contains(index))
    }

    fn says(&self) -> Value {
        let progress = format!("{}: {} of {} done.", self.name, self.done.len(), self.items.len());
        let says = match self.next() {
            Some(index) => format!("{progress} Next, item {}: {}", index + 1, self.items[index]),
            None => format!("{progress} All items are done."),
        };
        result(says, json!({ "run": self.id, "done": self.done.len(), "items": self.items.len() }))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Name of the checklist.
    #[schemars(length(min = 1, max = 100))]
    name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ticked {
    /// Number of the item; the next one if left out.
    #[schemars(range(min = 1, max = 999))]
    item: Option<usize>,
}

/// Names the checklists.
pub struct ListChecklists;

impl Tool for ListChecklists {
    fn name(&self) -> &str {
        "list_checklists"
    }

    fn description(&self) -> &str {
        "names of the checklists in the documents"
    }

    fn schema(&self) -> Value {
        schema_of::<Nothing>()
    }

    fn call(&self, _: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let lists = checklists(context)?;
        if lists.is_empty() {
            return Err(ToolError::NoResult(format!(
                "no document has a list of {ITEMS_MIN} or more numbered or `- [ ]` items; `halligan docs add` adds one"
            )));
        }
        let names: Vec<String> = lists
            .iter()
            .take(NAMES_MAX)
            .map(|list| format!("{} ({} items, {})", list.name, list.items.len(), list.document))
            .collect();
        Ok(result(names.join("\n"), json!({ "checklists": lists.len() })))
    }
}

/// Begins a run.
pub struct StartChecklist;

impl Tool for StartChecklist {
    fn name(&self) -> &str {
        "start_checklist"
    }

    fn description(&self) -> &str {
        "begin a checklist"
    }

    fn schema(&self) -> Value {
        schema_of::<Named>()
    }

    fn changes_something(&self) -> bool {
        true
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Named { name } = read(self.name(), arguments)?;
        let lists = checklists(context)?;
        let list = named(&lists, &name)?;
        let left = Run::find_open(context)?.filter(|run| !run.done.is_empty());
        let begin = || {
            let transaction = context.home.connection().unchecked_transaction()?;
            transaction.execute("UPDATE checklist_runs SET ended_at = ?1 WHERE ended_at IS NULL", [context.now])?;
            transaction.execute(
                "INSERT INTO checklist_runs (checklist, document, items, done, started_at) VALUES (?1, ?2, ?3, '[]', ?4)",
                params![list.name, list.document, json!(list.items).to_string(), context.now],
            )?;
            transaction.commit()
        };
        begin().map_err(ToolError::database("write the checklists in"))?;
        let mut begun = Run::open(context)?.says();
        if let (Some(left), Some(says)) = (left, begun[SAYS].as_str()) {
            let ended = format!("{} was ended at {} of {} done.", left.name, left.done.len(), left.items.len());
            begun[SAYS] = Value::from(format!("{ended} {says}"));
        }
        Ok(begun)
    }
}

/// Shows where the open run stands.
pub struct ShowChecklist;

impl Tool for ShowChecklist {
    fn name(&self) -> &str {
        "next_item"
    }

    fn description(&self) -> &str {
        "next item of the open checklist"
    }

    fn schema(&self) -> Value {
        schema_of::<Nothing>()
    }

    fn call(&self, _: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        Ok(Run::open(context)?.says())
    }
}

/// Ticks an item.
pub struct TickChecklist;

impl Tool for TickChecklist {
    fn name(&self) -> &str {
        "item_done"
    }

    fn description(&self) -> &str {
        "tick an item of the open checklist"
    }

    fn schema(&self) -> Value {
        schema_of::<Ticked>()
    }

    fn changes_something(&self) -> bool {
        true
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Ticked { item } = read(self.name(), arguments)?;
        let mut run = Run::open(context)?;
        let index = match item {
            Some(number) if (1..=run.items.len()).contains(&number) => number - 1,
            Some(number) => {
                return Err(ToolError::NoResult(format!(
                    "{} has items 1 to {}, not {number}",
                    run.name,
                    run.items.len()
                )));
            }
            None => run.next().ok_or_else(|| ToolError::NoResult("all items are done".to_owned()))?,
        };
        if !run.done.contains(&index) {
            run.done.push(index);
        }
        let ended = run.next().is_none().then_some(context.now);
        context
            .home
            .connection()
            .execute(
                "UPDATE checklist_runs SET done = ?1, ended_at = ?2 WHERE id = ?3",
                params![json!(run.done).to_string(), ended, run.id],
            )
            .map_err(ToolError::database("write the checklists in"))?;
        Ok(run.says())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_lists_and_numbered_lists_are_items_and_prose_is_not() {
        let text = "Before entry:\n- [ ] Size up\n  from all sides\n- [x] Call command\n\n1. Utilities off\n2) Line charged\n- a remark\n12 feet away";
        assert_eq!(items_of(text), ["Size up from all sides", "Call command", "Utilities off", "Line charged"]);
    }

    #[test]
    fn a_slip_in_the_name_finds_the_one_list_that_is_meant() {
        let list = |name: &str| Checklist { name: name.into(), document: "checks.md".into(), items: Vec::new() };
        let lists = ["Boat launch", "Engine check", "Ladder check"].map(list);
        let found = |name: &str| named(&lists, name).map(|list| list.name.clone());
        for name in ["boat launch", "boat", "coat launch", "Boat lanch"] {
            assert_eq!(found(name).unwrap(), "Boat launch", "{name}");
        }
        assert!(found("check").unwrap_err().to_string().contains("fits 2 checklists"));
        assert!(found("adder checks").is_ok_and(|name| name == "Ladder check"));
        let error = found("gas leak").unwrap_err().to_string();
        assert!(error.contains("there are: Boat launch (checks.md); Engine check (checks.md)"), "{error}");
    }
}
