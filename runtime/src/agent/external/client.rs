//! The protocol's client: one thread on which tokio lives, and the programs that it started.
//!
//! tokio is known in this file only. Callers send a request and wait for the reply, with a limit of their own, so that
//! a program that hangs costs its caller that limit and nobody else anything.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::TokioChildProcess;
use serde_json::Value;
use tokio::process::Command as Program;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::configuration::Server;
use crate::error::ToolError;

/// A tool that a program offers.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) schema: Value,
}

type Reply<T> = mpsc::Sender<Result<T, String>>;

enum Request {
    Connect { name: String, server: Server, limit: Duration, reply: Reply<Vec<Offered>> },
    Call { server: String, tool: String, arguments: Value, limit: Duration, reply: Reply<String> },
}

/// Handle to the thread.
pub(super) struct Client {
    requests: Option<UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    pub(super) fn start() -> Result<Client, ToolError> {
        let failed = |error: std::io::Error| ToolError::Device(format!("cannot start external tools: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (requests, inbox) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("external-tools".to_owned())
            .spawn(move || runtime.block_on(serve(inbox)))
            .map_err(failed)?;
        Ok(Client { requests: Some(requests), thread: Some(thread) })
    }

    /// Starts a program and asks what it offers.
    pub(super) fn connect(&self, name: &str, server: &Server, limit: Duration) -> Result<Vec<Offered>, String> {
        self.send(limit, |reply| Request::Connect { name: name.to_owned(), server: server.clone(), limit, reply })
    }

    /// Calls a tool; gives the text of its result.
    pub(super) fn call(&self, server: &str, tool: &str, arguments: Value, limit: Duration) -> Result<String, String> {
        self.send(limit, |reply| Request::Call {
            server: server.to_owned(),
            tool: tool.to_owned(),
            arguments,
            limit,
            reply,
        })
    }

    fn send<T>(&self, limit: Duration, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, String> {
        let gone = || "the thread of external tools has ended; start halligan again".to_owned();
        let (reply, answer) = mpsc::channel();
        self.requests.as_ref().ok_or_else(gone)?.send(request(reply)).map_err(|_| gone())?;
        // The thread keeps the limit itself; the second more covers its reply.
        answer.recv_timeout(limit + Duration::from_secs(1)).map_err(|_| late(limit))?
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn late(limit: Duration) -> String {
    format!("no reply within {} s", limit.as_secs())
}

async fn serve(mut inbox: UnboundedReceiver<Request>) {
    let mut running: BTreeMap<String, RunningService<RoleClient, ()>> = BTreeMap::new();
    while let Some(request) = inbox.recv().await {
        match request {
            Request::Connect { name, server, limit, reply } => {
                let result = match tokio::time::timeout(limit, connect(&server)).await {
                    Ok(Ok((service, offered))) => {
                        running.insert(name, service);
                        Ok(offered)
                    }
                    Ok(Err(reason)) => Err(reason),
                    Err(_) => Err(late(limit)),
                };
                let _ = reply.send(result);
            }
            Request::Call { server, tool, arguments, limit, reply } => {
                let result = match running.get(&server) {
                    None => Err("it is not running".to_owned()),
                    Some(service) => match tokio::time::timeout(limit, call(service, tool, arguments)).await {
                        Ok(result) => result,
                        Err(_) => Err(late(limit)),
                    },
                };
                let _ = reply.send(result);
            }
        }
    }
    for (_, service) in running {
        // Closing its input asks the program to end; dropping what is left kills it.
        let _ = tokio::time::timeout(Duration::from_secs(2), service.cancel()).await;
    }
}

async fn connect(server: &Server) -> Result<(RunningService<RoleClient, ()>, Vec<Offered>), String> {
    let mut program = Program::new(&server.command);
    program.args(&server.args).env_clear().kill_on_drop(true);
    for kept in ["PATH", "HOME", "LANG"] {
        if let Some(value) = std::env::var_os(kept) {
            program.env(kept, value);
        }
    }
    program.envs(&server.env);
    // Its talk would land in the console's screen.
    let (transport, _) = TokioChildProcess::builder(program)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start `{}`: {error}", server.command))?;
    let service = ().serve(transport).await.map_err(|error| format!("it does not speak the protocol: {error}"))?;
    let tools = service.list_all_tools().await.map_err(|error| error.to_string())?;
    let offered = tools
        .into_iter()
        .map(|tool| Offered {
            name: tool.name.into_owned(),
            description: tool.description.map(|text| text.into_owned()).unwrap_or_default(),
            schema: Value::Object(tool.input_schema.as_ref().clone()),
        })
        .collect();
    Ok((service, offered))
}

async fn call(service: &RunningService<RoleClient, ()>, tool: String, arguments: Value) -> Result<String, String> {
    let mut request = CallToolRequestParams::new(tool);
    request.arguments = arguments.as_object().cloned();
    let result = service.call_tool(request).await.map_err(|error| error.to_string())?;
    let text = text_of(&result);
    if result.is_error == Some(true) { Err(text) } else { Ok(text) }
}

fn text_of(result: &CallToolResult) -> String {
    let parts: Vec<String> = result
        .content
        .iter()
        .map(|content| match content {
            ContentBlock::Text(text) => text.text.clone(),
            _ => "[content that is no text]".to_owned(),
        })
        .collect();
    if parts.is_empty() {
        return result.structured_content.as_ref().map(Value::to_string).unwrap_or_default();
    }
    parts.join("\n")
}
