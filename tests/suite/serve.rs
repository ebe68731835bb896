//! `halligan serve` as a process: what it says about a text is what the trainer computes, for each generation.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use halligan_finetune::{
    adapter::Adapter,
    device::DeviceChoice,
    lora::{LoraOptions, Target, fresh_adapter},
    model::BaseModel,
    train::last_logits,
};
use halligan_tests::{binary, built_in_base, json, noise, run};
use serde_json::{Value, json as object};

/// llama.cpp computes an F32 base in f32, as the trainer does; only the order of sums differs. In nats.
const LOGPROB_TOLERANCE: f64 = 1e-3;
/// Longest time for a model to load or a server to end.
const PATIENCE: Duration = Duration::from_secs(60);

const TEXT: &str = "Keep upwind of the spill.";

/// A server that is killed when the test ends early.
struct Server {
    process: Child,
    url: String,
    agent: ureq::Agent,
}

impl Server {
    fn start(home: &Path, flags: &[&str]) -> Server {
        let mut process = binary("halligan")
            .args(["--home", home.to_str().unwrap(), "--device", "cpu", "serve", "--port", "0", "--json"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let url = announced["url"].as_str().unwrap().to_owned();
        let server = Server { process, url, agent: ureq::Agent::new_with_config(config) };
        let started = Instant::now();
        while server.get("/health").0 != 200 {
            assert!(started.elapsed() < PATIENCE, "the model does not load");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut response = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        let mut response = request.send(body.to_string()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// SIGTERM, and the exit code.
    fn terminate(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn adapter(base: &BaseModel) -> Adapter {
    let options = LoraOptions::new(&Target::ALL, 4, 8.0);
    let mut adapter = fresh_adapter(&base.description, &base.sha256, &options, 1).unwrap();
    let mut noise = noise(7);
    for pair in adapter.pairs.values_mut() {
        pair.b.iter_mut().for_each(|value| *value = 0.1 * noise());
    }
    adapter
}

/// Log-probability of each token but the first, by the trainer's engine.
fn expected(base: &BaseModel, adapter: Option<&Adapter>, tokens: &[u32]) -> Vec<f64> {
    let score = |length: usize| {
        let logits = last_logits(base, adapter, &tokens[..length], DeviceChoice::Cpu).unwrap();
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - highest).exp()).sum();
        f64::from(logits[tokens[length] as usize] - highest) - sum.ln()
    };
    (1..tokens.len()).map(score).collect()
}

#[test]
fn each_generation_says_of_a_text_what_the_trainer_computes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // The same weights in F32, so that llama.cpp rounds nothing to 8 bits.
    let (model, home) = (path("base.gguf"), folder.path().join("home"));
    let small = built_in_base();
    let flags = ["--type", "F32", "--allow-requantize", "--no-report", "--json"];
    json(&run("halligan-host", &[&["quantize", small.to_str().unwrap(), "-o", &model][..], &flags].concat()));
    let base = BaseModel::open(Path::new(&model)).unwrap();
    let adapter = adapter(&base);
    adapter.write_gguf(Path::new(&path("adapter.gguf"))).unwrap();
    let kit = ["--model", &model, "--adapter", &path("adapter.gguf"), "--json"];
    json(&run("halligan", &[&["--home", home.to_str().unwrap(), "setup"][..], &kit].concat()));

    let server = Server::start(&home, &[]);
    let tokens = server.ask("/tokenize", &object!({ "prompt": TEXT, "add_special_tokens": false }))["tokens"].clone();
    let numbers: Vec<u32> = serde_json::from_value(tokens.clone()).unwrap();
    assert_eq!(server.ask("/detokenize", &object!({ "tokens": tokens }))["prompt"], TEXT);
    let mut totals = Vec::new();
    for (name, adapter) in [("base", None), ("active", Some(&adapter)), ("base", None)] {
        let body = object!({
            "model": name, "prompt": [tokens, tokens], "echo": true, "logprobs": 1, "max_tokens": 1, "temperature": 0,
        });
        let answer = server.ask("/v1/completions", &body);
        let expected = expected(&base, adapter, &numbers);
        for choice in answer["choices"].as_array().unwrap() {
            let found = choice["logprobs"]["token_logprobs"].as_array().unwrap();
            assert_eq!(found.len(), numbers.len() + 1, "each token of the prompt and one more");
            assert_eq!(found[0], Value::Null);
            for (found, expected) in found[1..].iter().zip(&expected) {
                let error = (found.as_f64().unwrap() - expected).abs();
                assert!(error <= LOGPROB_TOLERANCE, "{name}: {found} instead of {expected}");
            }
        }
        totals.push(expected.iter().sum::<f64>());
    }
    assert!((totals[0] - totals[1]).abs() > 100.0 * LOGPROB_TOLERANCE, "the adapter changes nothing: {totals:?}");

    let (status, metrics) = server.get("/metrics");
    assert_eq!(status, 200);
    assert!(metrics.contains("halligan_requests_total{endpoint=\"/v1/completions\",status=\"200\"} 3"), "{metrics}");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn the_assistant_answers_with_its_documents_and_journal() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let guide = folder.path().join("guide.md");
    std::fs::write(&guide, "# Chlorine\n\nIsolate a small spill of chlorine for 60 metres in all directions.\n")
        .unwrap();
    let base = built_in_base();
    let kit = ["--model", base.to_str().unwrap(), "--docs", guide.to_str().unwrap(), "--json"];
    json(&run("halligan", &[&["--home", home.to_str().unwrap(), "setup"][..], &kit].concat()));
    let server = Server::start(&home, &[]);
    let question = "How far is a small spill of chlorine isolated?";
    let body =
        object!({ "model": "halligan", "messages": [{ "role": "user", "content": question }], "max_tokens": 24 });
    let answer = server.ask("/v1/chat/completions", &body);
    let turn = answer["halligan"]["id"].as_i64().unwrap().to_string();
    assert_eq!(answer["halligan"]["passage"]["document"], "guide.md", "{answer}");
    assert_eq!(answer["system_fingerprint"], "base");
    server.terminate();
    // The turn is in the journal, so it can be judged.
    json(&run("halligan", &["--home", home.to_str().unwrap(), "feedback", &turn, "good", "--json"]));
}

#[test]
fn plain_models_keep_to_schemas_tools_stops_and_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let base = built_in_base();
    let home = folder.path().join("home");
    json(&run("halligan", &["--home", home.to_str().unwrap(), "setup", "--model", base.to_str().unwrap(), "--json"]));
    let server = Server::start(&home, &["--max-prompt-tokens", "400"]);
    let ask = |fields: Value| {
        let mut body = object!({
            "model": "base", "max_tokens": 80,
            "messages": [{ "role": "user", "content": "What is the safe distance for chlorine?" }],
        });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        server.ask("/v1/chat/completions", &body)["choices"][0].clone()
    };
    let words = |choice: &Value| choice["message"]["content"].as_str().unwrap().to_owned();

    let schema = object!({
        "type": "object",
        "properties": { "metres": { "type": "integer", "minimum": 0, "maximum": 999 } },
        "required": ["metres"], "additionalProperties": false,
    });
    let format = object!({ "type": "json_schema", "json_schema": { "name": "distance", "schema": schema } });
    let shaped: Value = serde_json::from_str(&words(&ask(object!({ "response_format": format })))).unwrap();
    assert!(shaped["metres"].as_u64().is_some_and(|metres| metres < 1000), "{shaped}");

    // As some clients write it, with a reference inside the schema.
    let parameters = object!({
        "type": "object", "$defs": { "Substance": { "enum": ["chlorine", "ammonia"] } },
        "properties": { "substance": { "$ref": "#/$defs/Substance" } },
        "required": ["substance"], "additionalProperties": false,
    });
    let tool = |name: &str| object!({ "type": "function", "function": { "name": name, "parameters": parameters } });
    let tools = object!([tool("look_up"), tool("report")]);
    let called = ask(object!({ "tools": tools, "tool_choice": "required" }));
    assert_eq!(called["finish_reason"], "tool_calls", "{called}");
    let function = &called["message"]["tool_calls"][0]["function"];
    let arguments: Value = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
    assert!(["chlorine", "ammonia"].contains(&arguments["substance"].as_str().unwrap()), "{called}");
    let choice = object!({ "type": "function", "function": { "name": "report" } });
    let named = ask(object!({ "tools": tools, "tool_choice": choice }));
    assert_eq!(named["message"]["tool_calls"][0]["function"]["name"], "report");
    let free = ask(object!({ "tools": tools }));
    assert!(free["finish_reason"] == "tool_calls" || !words(&free).starts_with('{'), "{free}");

    let greedy = words(&ask(object!({})));
    let second = greedy.split_whitespace().nth(1).unwrap();
    let stopped = ask(object!({ "stop": [second] }));
    assert_eq!((words(&stopped).contains(second), &stopped["finish_reason"]), (false, &object!("stop")));
    let draw = |seed: u64| words(&ask(object!({ "temperature": 1.5, "seed": seed })));
    assert_eq!(draw(4), draw(4));
    assert!((0..4).any(|seed| draw(seed) != greedy));

    let long = object!({ "model": "base", "prompt": "chlorine ".repeat(600) });
    let (status, error) = server.post("/v1/completions", &long);
    assert_eq!((status, &error["error"]["code"]), (400, &object!("context_length_exceeded")), "{error}");
}
