//! Tools of other programs, over the Model Context Protocol on standard input and output.
//!
//! Nothing runs unless `mcp.json` in the home folder names the program and each of its tools. What such a tool does is
//! not known here, so every call asks the responder, unless the file calls the tool read-only. Programs are started
//! when the tools are first wanted, with a bare environment, and end with this one.

mod client;
mod configuration;
mod watched;

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tool::{Tool, ToolContext, result};
use super::toolbox::RESULT_BYTES_MAX;
use crate::error::ToolError;
use client::{Client, Offered};
use configuration::Configuration;

/// Name of the file in the home folder.
pub const FILE: &str = "mcp.json";

/// Largest schema of a tool, in bytes of JSON.
const SCHEMA_BYTES_MAX: usize = 8 * 1024;
/// Longest description, in characters; it stands in the prompt, so it is short and one line.
const DESCRIPTION_CHARS_MAX: usize = 120;
/// Most tools of all programs.
const TOOLS_MAX: usize = 32;
/// How long a program may take to say what it offers; the first question that wants tools waits for it.
const START_TIME: Duration = Duration::from_secs(10);

/// A tool of another program.
struct ExternalTool {
    name: String,
    description: String,
    schema: Value,
    server: String,
    offered: String,
    read_only: bool,
    client: Rc<Client>,
}

/// Tools that can be used, and what was left out and why.
pub type Offer = (Vec<Box<dyn Tool>>, Vec<String>);

/// Checks the home's file without starting a program.
///
/// # Errors
/// As [`external_tools`].
pub fn check_external_tools(home: &Path) -> Result<(), ToolError> {
    Configuration::read(&home.join(FILE)).map(|_| ())
}

/// The allowed tools of the programs that the home's file names, and what was left out and why. Without a file there are
/// none.
///
/// # Errors
/// [`ToolError::Configuration`]: a file that cannot be read or says something else.
pub fn external_tools(home: &Path) -> Result<Offer, ToolError> {
    let Some(configuration) = Configuration::read(&home.join(FILE))? else { return Ok((Vec::new(), Vec::new())) };
    let mut tools: Vec<Box<dyn Tool>> = Vec::new();
    let mut left_out = Vec::new();
    if configuration.servers.values().all(|server| server.allow.is_empty()) {
        return Ok((tools, left_out));
    }
    let client = Rc::new(Client::start()?);
    for (server, settings) in configuration.servers {
        if settings.allow.is_empty() {
            continue;
        }
        let offered = match client.connect(&server, &settings, START_TIME) {
            Ok(offered) => offered,
            Err(reason) => {
                left_out.push(format!(
                    "the tools of `{server}` are left out: {reason}; check its command in {FILE} of the home folder"
                ));
                continue;
            }
        };
        for wanted in &settings.allow {
            let Some(Offered { name, description, schema }) = offered.iter().find(|tool| tool.name == *wanted) else {
                left_out.push(format!(
                    "the tool `{wanted}` is left out: `{server}` does not offer it; correct `allow` in {FILE}"
                ));
                continue;
            };
            let bytes = schema.to_string().len();
            if bytes > SCHEMA_BYTES_MAX || tools.len() == TOOLS_MAX {
                left_out.push(format!(
                    "the tool `{wanted}` of `{server}` is left out: its schema has {bytes} bytes (at most \
                     {SCHEMA_BYTES_MAX}), or there are over {TOOLS_MAX} tools; shorten `allow` in {FILE}"
                ));
                continue;
            }
            tools.push(Box::new(ExternalTool {
                name: plain_name(&server, name),
                description: one_line(description),
                schema: schema.clone(),
                server: server.clone(),
                offered: name.clone(),
                read_only: settings.read_only.contains(name),
                client: Rc::clone(&client),
            }));
        }
    }
    Ok((tools, left_out))
}

/// `server_tool`, of letters, digits and underscores only: names are spelled in prompts and grammars.
fn plain_name(server: &str, tool: &str) -> String {
    let joined = format!("{server}_{tool}").to_lowercase();
    joined.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(60).collect()
}

fn one_line(text: &str) -> String {
    let text = super::untrusted::defused(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(DESCRIPTION_CHARS_MAX).collect()
}

impl Tool for ExternalTool {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn schema(&self) -> Value {
        self.schema.clone()
    }

    fn changes_something(&self) -> bool {
        !self.read_only
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let time = context.deadline.saturating_duration_since(Instant::now());
        let text = self
            .client
            .call(&self.server, &self.offered, arguments, time)
            .map_err(|reason| ToolError::NoResult(format!("{} of {}: {reason}", self.offered, self.server)))?;
        if text.len() > RESULT_BYTES_MAX {
            let bytes = text.len();
            return Err(ToolError::NoResult(format!(
                "{} of {} gave {bytes} bytes, the limit is {RESULT_BYTES_MAX}; ask for less",
                self.offered, self.server
            )));
        }
        Ok(result(text, json!({ "server": self.server })))
    }
}
