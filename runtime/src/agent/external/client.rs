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
use rmcp::service::{ClientInitializeError, RoleClient, RunningService};
use serde_json::Value;
use tokio::process::{Child, Command as Program};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::configuration::Server;
use super::watched::Watched;
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

/// A program that was started, and its end of the conversation.
struct Running {
    service: RunningService<RoleClient, ()>,
    /// What is wrong with what it said last.
    broken: watch::Receiver<Option<String>>,
    /// Killed when it is dropped.
    child: Child,
}

async fn serve(mut inbox: UnboundedReceiver<Request>) {
    let mut running: BTreeMap<String, Running> = BTreeMap::new();
    while let Some(request) = inbox.recv().await {
        match request {
            Request::Connect { name, server, limit, reply } => {
                let result = match tokio::time::timeout(limit, connect(&server)).await {
                    Ok(Ok((program, offered))) => {
                        running.insert(name, program);
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
                    Some(program) => match tokio::time::timeout(limit, call(program, tool, arguments)).await {
                        Ok(result) => result,
                        Err(_) => Err(late(limit)),
                    },
                };
                let _ = reply.send(result);
            }
        }
    }
    for (_, mut program) in running {
        // Closing its input asks the program to end; dropping what is left kills it.
        let end = async {
            let _ = program.service.cancel().await;
            program.child.wait().await
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), end).await;
    }
}

async fn connect(server: &Server) -> Result<(Running, Vec<Offered>), String> {
    let mut program = Program::new(&server.command);
    program.args(&server.args).env_clear().kill_on_drop(true);
    for kept in ["PATH", "HOME", "LANG"] {
        if let Some(value) = std::env::var_os(kept) {
            program.env(kept, value);
        }
    }
    program.envs(&server.env);
    // Its talk would land in the console's screen.
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.spawn().map_err(|error| format!("cannot start `{}`: {error}", server.command))?;
    let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(format!("cannot start `{}`: it has no input and output", server.command));
    };
    let (output, broken) = Watched::new(output);
    let greeted = async {
        let service = ().serve((output, input)).await;
        let service = service.map_err(|error| match error {
            // Its words would be names of types.
            ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. } => {
                "it ended before it had answered".to_owned()
            }
            other => format!("it does not speak the protocol: {other}"),
        })?;
        let tools = service.list_all_tools().await.map_err(|error| error.to_string())?;
        Ok((service, tools))
    };
    let (service, tools) = unless_broken(broken.clone(), greeted).await?;
    let offered = tools
        .into_iter()
        .map(|tool| Offered {
            name: tool.name.into_owned(),
            description: tool.description.map(|text| text.into_owned()).unwrap_or_default(),
            schema: Value::Object(tool.input_schema.as_ref().clone()),
        })
        .collect();
    Ok((Running { service, broken, child }, offered))
}

/// Waits for `work`, and no longer than until the program says something that is no reply.
async fn unless_broken<T>(
    mut broken: watch::Receiver<Option<String>>,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    // What was wrong before belongs to an earlier call.
    broken.mark_unchanged();
    let told = async {
        match broken.changed().await {
            Ok(()) => broken.borrow().clone().unwrap_or_default(),
            // The program has ended, which the work hears of itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        // A reply that has come counts, whatever came beside it.
        biased;
        result = work => result,
        reason = told => Err(reason),
    }
}

async fn call(program: &Running, tool: String, arguments: Value) -> Result<String, String> {
    let mut request = CallToolRequestParams::new(tool);
    request.arguments = arguments.as_object().cloned();
    let replied = async { program.service.call_tool(request).await.map_err(|error| error.to_string()) };
    let result = unless_broken(program.broken.clone(), replied).await?;
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
