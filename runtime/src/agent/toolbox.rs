//! The toolbox: the only way to run a tool.
//!
//! A call is checked by name and schema before anything runs, a call that changes something runs only when the
//! responder allows it, and every call ends: with a result, a reason or a denial.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jsonschema::Validator;
use serde_json::Value;

use super::tool::{FindPassages, Tool, ToolContext};
use super::tools;
use crate::error::ToolError;
use crate::home::{Home, now};
use crate::turn::{Approval, Approver, ToolCall, ToolOutcome, ToolUse};

/// How long a tool may run.
pub const CALL_SECONDS_MAX: u64 = 30;
/// Largest result of a tool, in bytes of JSON; a longer one is an error, since half a result says something else.
pub const RESULT_BYTES_MAX: usize = 32 * 1024;
/// Largest arguments of a call, in bytes of JSON.
const ARGUMENT_BYTES_MAX: usize = 16 * 1024;
/// Characters of a value that an error about it names.
const QUOTED_CHARACTERS: usize = 60;

/// Tools by name, with their checked schemas.
pub struct Toolbox {
    tools: Vec<Entry>,
    /// Why tools of other programs are not among them.
    left_out: Vec<String>,
    /// Names of tools that the responder allowed for the whole session.
    allowed: RefCell<BTreeSet<String>>,
}

struct Entry {
    tool: Box<dyn Tool>,
    schema: Value,
    validator: Validator,
}

/// How to run a call.
pub struct CallOptions<'a> {
    /// The device's data.
    pub home: &'a Home,
    /// The documents.
    pub find_passages: &'a FindPassages<'a>,
    /// Asks the responder; without one what needs approval is denied.
    pub approver: Option<&'a Approver>,
    /// True when words of documents or tools stand in the arguments: an earlier word for the whole session does not
    /// count then.
    pub tainted: bool,
    /// How long it may take; at most [`CALL_SECONDS_MAX`].
    pub limit: Duration,
}

impl Toolbox {
    /// The built-in tools.
    pub fn built_in() -> Toolbox {
        let mut toolbox = Toolbox { tools: Vec::new(), left_out: Vec::new(), allowed: RefCell::default() };
        for tool in tools::all() {
            let added = toolbox.add(tool);
            debug_assert!(added.is_ok(), "a built-in tool should have a sound schema: {added:?}");
        }
        toolbox
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// [`ToolError::Arguments`] where its name is taken or its schema is unsound.
    pub fn add(&mut self, tool: Box<dyn Tool>) -> Result<(), ToolError> {
        let wrong = |reason: String| ToolError::Arguments { tool: tool.name().to_owned(), reason };
        let schema = tool.schema();
        if self.find(tool.name()).is_some() {
            return Err(wrong("a tool of this name is there already".to_owned()));
        }
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(wrong("its schema does not describe an object".to_owned()));
        }
        let validator = jsonschema::validator_for(&schema).map_err(|error| wrong(format!("its schema: {error}")))?;
        self.tools.push(Entry { tool, schema, validator });
        Ok(())
    }

    /// Keeps why a tool of another program is not among them.
    pub fn leave_out(&mut self, reason: String) {
        self.left_out.push(reason);
    }

    /// Why tools of other programs are not among them.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// All tools, in order.
    pub fn tools(&self) -> impl Iterator<Item = (&dyn Tool, &Value)> {
        self.tools.iter().map(|entry| (&*entry.tool, &entry.schema))
    }

    /// Whether there is a tool of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.tools.iter().find(|entry| entry.tool.name() == name)
    }

    fn known(&self, name: &str) -> Result<&Entry, ToolError> {
        self.find(name).ok_or_else(|| ToolError::Unknown {
            name: name.chars().take(60).collect(),
            known: self.tools().map(|(tool, _)| tool.name()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Checks a call against the tools and their schemas.
    ///
    /// # Errors
    /// [`ToolError::Unknown`], [`ToolError::Arguments`].
    pub fn check(&self, call: &ToolCall) -> Result<(), ToolError> {
        let entry = self.known(&call.name)?;
        let wrong = |reason: String| ToolError::Arguments { tool: call.name.clone(), reason };
        if call.arguments.to_string().len() > ARGUMENT_BYTES_MAX {
            return Err(wrong(format!("they are longer than {ARGUMENT_BYTES_MAX} bytes")));
        }
        let mut errors = entry.validator.iter_errors(&call.arguments);
        match errors.next() {
            None => Ok(()),
            Some(error) => {
                let place = error.instance_path().to_string();
                let said = error.to_string().replace(&error.instance().to_string(), &quoted(error.instance()));
                Err(wrong(if place.is_empty() { said } else { format!("{place}: {said}") }))
            }
        }
    }

    /// Whether a call needs the responder's word.
    pub fn needs_approval(&self, call: &ToolCall, tainted: bool) -> bool {
        self.find(&call.name).is_some_and(|entry| {
            entry.tool.changes_something() && (tainted || !self.allowed.borrow().contains(&call.name))
        })
    }

    /// Checks, asks where that is needed, and runs. `started` hears of a call that begins to run.
    pub fn run(&self, call: &ToolCall, options: &CallOptions<'_>, started: &mut dyn FnMut(&ToolCall)) -> ToolUse {
        let ended = |outcome, seconds| ToolUse { call: call.clone(), outcome, seconds };
        if let Err(error) = self.check(call) {
            return ended(ToolOutcome::Failed(error.to_string()), 0.0);
        }
        if self.needs_approval(call, options.tainted) {
            let approval = options.approver.map_or(Approval::Deny, |approver| (approver.0)(call));
            match approval {
                Approval::Deny => return ended(ToolOutcome::Denied, 0.0),
                Approval::Once => {}
                Approval::Session => {
                    self.allowed.borrow_mut().insert(call.name.clone());
                }
            }
        }
        started(call);
        let start = Instant::now();
        let outcome = match self.call(call, options) {
            Ok(value) => ToolOutcome::Done(value),
            Err(error) => ToolOutcome::Failed(error.to_string()),
        };
        ended(outcome, start.elapsed().as_secs_f64())
    }

    fn call(&self, call: &ToolCall, options: &CallOptions<'_>) -> Result<Value, ToolError> {
        let entry = self.known(&call.name)?;
        let limit = options.limit.min(Duration::from_secs(CALL_SECONDS_MAX));
        let deadline = Instant::now() + limit;
        let context = ToolContext { home: options.home, find_passages: options.find_passages, deadline, now: now() };
        let mut interrupts = vec![options.home.connection().get_interrupt_handle()];
        interrupts.extend(options.home.documents().ok().map(|documents| documents.get_interrupt_handle()));
        let (ended, end) = mpsc::channel::<()>();
        let result = std::thread::scope(|scope| {
            // A query that scans too much is stopped inside SQLite, which no tool can do for itself.
            scope.spawn(move || {
                if end.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                    interrupts.iter().for_each(|interrupt| interrupt.interrupt());
                }
            });
            // A fault in a library ends the call and not the session. What a tool writes, it writes in one transaction,
            // which is rolled back on the way out.
            let run = AssertUnwindSafe(|| entry.tool.call(call.arguments.clone(), &context));
            let result = catch_unwind(run).unwrap_or_else(|_| {
                Err(ToolError::NoResult(format!("`{}` failed on these arguments; write them another way", call.name)))
            });
            drop(ended);
            result
        });
        if Instant::now() >= deadline {
            return Err(ToolError::TimedOut { tool: call.name.clone(), seconds: limit.as_secs() });
        }
        let result = result?;
        let bytes = result.to_string().len();
        if bytes > RESULT_BYTES_MAX {
            let reason = format!(
                "the result of `{}` has {bytes} bytes, the limit is {RESULT_BYTES_MAX}; ask for less",
                call.name
            );
            return Err(ToolError::NoResult(reason));
        }
        Ok(result)
    }
}

/// A value as an error names it: long ones by their beginning.
fn quoted(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Faulty;

    impl Tool for Faulty {
        fn name(&self) -> &str {
            "faulty"
        }

        fn description(&self) -> &str {
            "panics"
        }

        fn schema(&self) -> Value {
            serde_json::json!({ "type": "object" })
        }

        fn call(&self, _: Value, _: &ToolContext<'_>) -> Result<Value, ToolError> {
            panic!("a library did this")
        }
    }

    #[test]
    fn a_panic_in_a_tool_ends_the_call_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        let mut toolbox = Toolbox::built_in();
        toolbox.add(Box::new(Faulty)).unwrap();
        let call = ToolCall { name: "faulty".to_owned(), arguments: serde_json::json!({}) };
        let find = |_: &str, _: usize| Ok(Vec::new());
        let limit = Duration::from_secs(CALL_SECONDS_MAX);
        let options = CallOptions { home: &home, find_passages: &find, approver: None, tainted: false, limit };
        let outcome = toolbox.run(&call, &options, &mut |_| {}).outcome;
        assert!(matches!(outcome, ToolOutcome::Failed(reason) if reason.contains("`faulty` failed")));
    }
}
