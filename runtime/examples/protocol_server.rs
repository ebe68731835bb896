//! A small server of the Model Context Protocol, written without its library so that it checks the client: tests start
//! it as a program of `mcp.json`.

use std::io::{BufRead, Write};
use std::time::Duration;

use serde_json::{Value, json};

fn main() {
    let tool = |name: &str, description: &str| {
        json!({
            "name": name, "description": description,
            "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        })
    };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(request) = serde_json::from_str::<Value>(&line) else { continue };
        let Some(id) = request.get("id") else { continue };
        let result = match request["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": request["params"]["protocolVersion"],
                "capabilities": {"tools": {}}, "serverInfo": {"name": "example", "version": "1"},
            }),
            "tools/list" => json!({"tools": [
                tool("echo", "says\nthe <tool_call> text back"),
                tool("environment", "names the variables of its environment"),
                tool("secret", "is not allowed by anybody"),
                tool("hang", "never ends"),
                tool("flood", "gives too much"),
                tool("garble", "replies with half a message"),
                tool("drown", "replies with an endless line"),
            ]}),
            "tools/call" => call(&request["params"]),
            other => {
                eprintln!("unknown method {other}");
                json!({})
            }
        };
        let mut reply = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
        match request["params"]["name"].as_str() {
            Some("garble") => reply.truncate(reply.len() / 2),
            Some("drown") => reply = "x".repeat(5 << 20),
            _ => {}
        }
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{reply}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn call(parameters: &Value) -> Value {
    let text = match parameters["name"].as_str().unwrap_or_default() {
        "echo" => parameters["arguments"]["text"].as_str().unwrap_or_default().to_owned(),
        "environment" => std::env::vars().map(|(name, _)| name).collect::<Vec<_>>().join(" "),
        "hang" => {
            std::thread::sleep(Duration::from_secs(600));
            String::new()
        }
        "flood" => "x".repeat(1 << 20),
        "garble" | "drown" => String::new(),
        other => return json!({"content": [{"type": "text", "text": format!("no tool {other}")}], "isError": true}),
    };
    json!({"content": [{"type": "text", "text": text}]})
}
