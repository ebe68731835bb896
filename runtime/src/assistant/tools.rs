//! Tools without a model: what `halligan tools` does, and answers that the router finds.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{AnswerEvent, AskOptions, Assistant};
use crate::agent::external::{check_external_tools, external_tools};
use crate::agent::tool::words_of;
use crate::agent::toolbox::CALL_SECONDS_MAX;
use crate::agent::tools::hazard::{self, HazardTable, KeptTable, Role};
use crate::agent::{CallOptions, Toolbox, router};
use crate::error::{RuntimeError, ToolError};
use crate::retrieval::Passage;
use crate::turn::{Approver, NewTurn, ToolCall, ToolOutcome, ToolUse, Turn};

/// Generation of turns that no model answered.
pub const NO_MODEL: &str = "tools";

impl Assistant {
    /// Runs one call; `started` hears of it when it has been checked and allowed. Failed and denied calls are no errors:
    /// how it ended is in the result.
    ///
    /// # Errors
    /// An unusable list of external programs, where the tool is none of the built-in ones.
    pub fn call_tool(
        &self,
        call: &ToolCall,
        approver: Option<&Approver>,
        started: &mut dyn FnMut(&ToolCall),
    ) -> Result<ToolUse, RuntimeError> {
        let toolbox = if self.built_in.has(&call.name) { &self.built_in } else { self.toolbox()? };
        let find = |query: &str, limit: usize| self.find_passages(query, limit);
        let options = CallOptions {
            home: &self.home,
            find_passages: &find,
            approver,
            tainted: false,
            limit: Duration::from_secs(CALL_SECONDS_MAX),
        };
        Ok(toolbox.run(call, &options, started))
    }

    /// All tools, those of the external programs that `mcp.json` in the home allows included. The programs are started
    /// by the first call; those that cannot be used are left out, and [`Assistant::tool_troubles`] says why.
    ///
    /// # Errors
    /// An unusable `mcp.json`.
    pub fn toolbox(&self) -> Result<&Toolbox, RuntimeError> {
        if let Some(toolbox) = self.toolbox.get() {
            return Ok(toolbox);
        }
        let mut toolbox = Toolbox::built_in();
        let (tools, left_out) = external_tools(self.home.folder())?;
        left_out.into_iter().for_each(|reason| toolbox.leave_out(reason));
        for tool in tools {
            if let Err(error) = toolbox.add(tool) {
                toolbox.leave_out(error.to_string());
            }
        }
        Ok(self.toolbox.get_or_init(|| toolbox))
    }

    /// What is wrong with the programs of `mcp.json`, one sentence each, as far as it is known without starting any:
    /// a file that cannot be used, and what was left out where they were started.
    pub fn tool_troubles(&self) -> Vec<String> {
        match self.toolbox.get() {
            Some(toolbox) => toolbox.left_out().to_vec(),
            None => check_external_tools(self.home.folder()).err().iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn find_passages(&self, query: &str, limit: usize) -> Result<Vec<Passage>, ToolError> {
        self.search_documents(query, limit).map_err(|error| ToolError::Device(error.to_string()))
    }

    /// Imports a CSV file of dangerous goods as the table `name`, in place of an earlier one of that name. `columns` say
    /// what a heading stands for where it cannot be recognised.
    ///
    /// # Errors
    /// [`ToolError::Import`], [`ToolError::Database`].
    pub fn import_hazard_table(
        &self,
        path: &Path,
        name: &str,
        columns: &[(String, Role)],
    ) -> Result<HazardTable, RuntimeError> {
        Ok(hazard::import(&self.home, path, name, columns)?)
    }

    /// The hazard tables on this device, by name.
    ///
    /// # Errors
    /// [`ToolError::Database`].
    pub fn hazard_tables(&self) -> Result<Vec<KeptTable>, RuntimeError> {
        Ok(hazard::tables(&self.home)?)
    }

    /// Removes the hazard table `name`; gives how many entries it had.
    ///
    /// # Errors
    /// [`ToolError::NoResult`] where there is none of that name, [`ToolError::Database`].
    pub fn remove_hazard_table(&self, name: &str) -> Result<i64, RuntimeError> {
        Ok(hazard::remove(&self.home, name)?)
    }

    /// Turns the router on or off for good.
    ///
    /// # Errors
    /// A database that cannot be written.
    pub fn set_router(&self, on: bool) -> Result<(), RuntimeError> {
        router::enable(&self.home, on)
    }

    /// Whether the router is on.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn router_is_on(&self) -> Result<bool, RuntimeError> {
        router::is_enabled(&self.home)
    }

    /// Answers and records a question whose form a tool answers; `None` leaves it to the model.
    pub(super) fn answer_by_router(
        &self,
        question: &str,
        options: &AskOptions,
        started: Instant,
        on_event: &mut dyn FnMut(AnswerEvent),
    ) -> Result<Option<Turn>, RuntimeError> {
        if !router::is_enabled(&self.home)? {
            return Ok(None);
        }
        let Some(call) = router::route(&self.home, question)? else { return Ok(None) };
        let used = self.call_tool(&call, options.approver.as_ref(), &mut |call| {
            on_event(AnswerEvent::ToolStarted(call.clone()));
        })?;
        on_event(AnswerEvent::ToolEnded(used.clone()));
        let answer = words_of(&used);
        on_event(AnswerEvent::Text(answer.clone()));
        let turn = self.journal().append(NewTurn {
            session: options.session,
            question: question.to_owned(),
            answer,
            // The words are those of the tool, which gives them as a table or a formula has them.
            supported: matches!(used.outcome, ToolOutcome::Done(_)),
            tools: vec![used],
            generation: NO_MODEL.to_owned(),
            seconds: started.elapsed().as_secs_f64(),
            ..NewTurn::default()
        })?;
        on_event(AnswerEvent::Finished);
        Ok(Some(turn))
    }
}
