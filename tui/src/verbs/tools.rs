//! `halligan tools`: what can be looked up and computed without a model.

use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use halligan_runtime::agent::Toolbox;
use halligan_runtime::agent::tool::SAYS;
use halligan_runtime::agent::tools::hazard::Role;
use halligan_runtime::{Approval, Approver, Assistant, ToolCall, ToolOutcome, ToolUse};
use serde_json::{Value, json};

use crate::cli::{Common, NOT_AS_ASKED, Switch, ToolsAction};
use crate::console::assessment::tool_words;
use crate::figures::{counted, printable};
use crate::output;

/// Longest arguments read from standard input, in bytes.
const ARGUMENT_BYTES_MAX: u64 = 64 * 1024;

/// Lists, runs or feeds tools.
///
/// # Errors
/// An unusable home, arguments that are no JSON object, a table that cannot be imported.
pub fn run(common: &Common, action: ToolsAction) -> Result<ExitCode> {
    let assistant = Assistant::open(&common.options())?;
    match action {
        ToolsAction::List => {
            list(common, assistant.toolbox()?)?;
            talk_of_troubles(&assistant);
        }
        ToolsAction::Call { name, arguments, yes } => return call(common, &assistant, name, &arguments, yes),
        ToolsAction::ImportTable { path, name, columns } => {
            let name = match name {
                Some(name) => name,
                None => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            };
            let columns = columns.iter().map(|text| column(text)).collect::<Result<Vec<_>>>()?;
            let table = assistant.import_hazard_table(&path, &name, &columns)?;
            if common.json {
                output::json(&json!({ "table": table }))?;
                return Ok(ExitCode::SUCCESS);
            }
            output::line(&format!("imported {} as {}", counted(table.entries, "row"), printable(&table.name)))?;
            for column in &table.columns {
                output::line(&format!("  {:<14} {}", role_name(column.role), printable(&column.heading)))?;
            }
            output::line(&format!(
                "{} without a number, {} without a name left out; wrong column? --column number=HEADING",
                table.without_number,
                counted(table.skipped, "row")
            ))?;
        }
        ToolsAction::Tables => {
            let tables = assistant.hazard_tables()?;
            if common.json {
                output::json(&json!({ "tables": tables }))?;
                return Ok(ExitCode::SUCCESS);
            }
            if tables.is_empty() {
                output::line("no tables of dangerous goods; `halligan tools import-table TABLE.csv` adds one")?;
            }
            for table in tables {
                let entries = counted(usize::try_from(table.entries).unwrap_or_default(), "row");
                output::line(&printable(&format!("{}: {entries}, of {}", table.name, table.file)))?;
            }
        }
        ToolsAction::RemoveTable { name } => {
            let entries = assistant.remove_hazard_table(&name)?;
            if common.json {
                output::json(&json!({ "removed": name, "entries": entries }))?;
                return Ok(ExitCode::SUCCESS);
            }
            let entries = counted(usize::try_from(entries).unwrap_or_default(), "row");
            output::line(&printable(&format!("removed {name} with {entries}")))?;
        }
        ToolsAction::Router { state } => {
            assistant.set_router(state == Switch::On)?;
            if common.json {
                output::json(&json!({ "router": assistant.router_is_on()? }))?;
            } else {
                let says = if state == Switch::On {
                    "tools answer questions of a known form"
                } else {
                    "the model answers everything"
                };
                output::line(says)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Allows every call, for use without a person.
pub fn allow_all() -> Approver {
    Approver(Arc::new(|_| Approval::Once))
}

/// A tool use in one line beside the answer, which is not said twice.
pub fn one_line(used: &ToolUse, answer: &str) -> String {
    let (_, words) = tool_words(used, answer);
    match used.outcome {
        ToolOutcome::Denied => format!("{words}; --yes allows tools to change something"),
        _ => words,
    }
}

/// What is wrong with tools of other programs, on standard error.
pub fn talk_of_troubles(assistant: &Assistant) {
    for trouble in assistant.tool_troubles() {
        output::talk(&format!("warning: {}", printable(&trouble)));
    }
}

fn list(common: &Common, toolbox: &Toolbox) -> Result<()> {
    if common.json {
        let tools: Vec<Value> = toolbox
            .tools()
            .map(|(tool, schema)| {
                json!({
                    "name": tool.name(), "description": tool.description(), "parameters": schema,
                    "changes_something": tool.changes_something(),
                })
            })
            .collect();
        return output::json(&json!({ "tools": tools }));
    }
    for (tool, schema) in toolbox.tools() {
        let asks = if tool.changes_something() { " (asks first)" } else { "" };
        output::line(&printable(&format!("{}{asks}: {}", tool.name(), tool.description())))?;
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let needed = schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
            let optional = if needed { "" } else { ", optional" };
            let kind = property["type"].as_str().unwrap_or("value");
            let says = property["description"].as_str().unwrap_or_default();
            output::line(&printable(&format!("  {name} ({kind}{optional}): {says}")))?;
        }
    }
    Ok(())
}

fn call(common: &Common, assistant: &Assistant, name: String, arguments: &str, yes: bool) -> Result<ExitCode> {
    let mut text = arguments.to_owned();
    if text == "-" {
        text.clear();
        let read = std::io::stdin().lock().take(ARGUMENT_BYTES_MAX).read_to_string(&mut text);
        read.context("cannot read the arguments from standard input; they must be UTF-8 text")?;
    }
    let arguments: Value = serde_json::from_str(&text).with_context(|| {
        format!("the arguments of `{name}` are no JSON; write an object such as {{\"query\": \"foam\"}}")
    })?;
    let approver = yes.then(allow_all);
    let used = assistant.call_tool(&ToolCall { name, arguments }, approver.as_ref(), &mut |_| {})?;
    talk_of_troubles(assistant);
    if common.json {
        output::json(&used)?;
        return Ok(match used.outcome {
            ToolOutcome::Done(_) => ExitCode::SUCCESS,
            ToolOutcome::Failed(_) => ExitCode::FAILURE,
            ToolOutcome::Denied => ExitCode::from(NOT_AS_ASKED),
        });
    }
    match &used.outcome {
        ToolOutcome::Done(result) => {
            let says = result[SAYS].as_str().map_or_else(|| result.to_string(), str::to_owned);
            for line in says.lines() {
                output::line(&printable(line))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        ToolOutcome::Failed(reason) => bail!("{}", printable(reason)),
        ToolOutcome::Denied => {
            output::talk(&format!("error: `{}` changes something; add --yes to allow it", used.call.name));
            Ok(ExitCode::from(NOT_AS_ASKED))
        }
    }
}

fn role_name(role: Role) -> String {
    serde_json::to_value(role).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `number=ID No.`
fn column(text: &str) -> Result<(String, Role)> {
    let (role, heading) = text
        .split_once('=')
        .with_context(|| format!("`{text}` says nothing of a column; write --column number=HEADING"))?;
    let role = serde_json::from_value(json!(role.trim())).map_err(|_| {
        anyhow::anyhow!(
            "`{}` is no use of a column; use number, name, class, packing_group, labels, guide, shown or kept",
            role.trim()
        )
    })?;
    Ok((heading.to_owned(), role))
}
