//! What the routes answer, word by word, with a scripted model.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use halligan_tui::serve::task::{Format, Step, Voice};
use serde_json::json;

use super::stage::{ACTIVE, FOREIGN, IDLE, REFUSAL, REFUSED, Server};

#[test]
fn a_chat_is_answered_in_openais_shape() {
    let server = Server::start();
    let reply = server.chat("keep well upwind", json!({ "logprobs": true, "top_logprobs": 1 }));
    let answer = reply.json();
    assert_eq!(reply.status, 200, "{answer}");
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "active");
    assert_eq!(answer["system_fingerprint"], ACTIVE);
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "keep well upwind");
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["finish_reason"], "stop");
    let tokens = choice["logprobs"]["content"].as_array().unwrap();
    assert_eq!(tokens.len(), 3);
    assert_eq!(tokens[0]["token"], "keep ");
    assert_eq!(tokens[0]["bytes"], json!(b"keep "));
    assert_eq!(tokens[0]["top_logprobs"][0]["token"], "better");
    assert_eq!(
        answer["usage"],
        json!({
            "prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6,
            "prompt_tokens_details": { "cached_tokens": 2 },
        })
    );
}

#[test]
fn a_stream_says_the_same_in_pieces() {
    let server = Server::start();
    let fields = json!({ "stream": true, "stream_options": { "include_usage": true }, "max_tokens": 2 });
    let reply = server.chat("keep well upwind", fields);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let chunks = reply.chunks();
    let deltas: Vec<_> = chunks.iter().map(|chunk| chunk["choices"][0]["delta"].clone()).collect();
    assert_eq!(deltas[0], json!({ "role": "assistant", "content": "" }));
    assert_eq!(deltas[1..3], [json!({ "content": "keep " }), json!({ "content": "well " })]);
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "length");
    assert_eq!(chunks[4]["choices"], json!([]));
    assert_eq!(chunks[4]["usage"]["completion_tokens"], 2);
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == chunks[0]["id"]));
}

#[test]
fn tool_calls_come_whole_and_in_streams() {
    let server = Server::start();
    let tools = json!([{ "type": "function", "function": { "name": "look_up", "parameters": { "type": "object" } } }]);
    let answer = server.chat("chlorine", json!({ "tools": tools })).json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], json!(null));
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({ "name": "look_up", "arguments": "{\"question\":\"chlorine\"}" }));
    assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()));
    let chunks = server.chat("chlorine", json!({ "tools": tools, "stream": true })).chunks();
    assert_eq!(chunks[1]["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "tool_calls");
    let refused = server.chat("chlorine", json!({ "tools": tools, "tool_choice": "none" })).json();
    assert_eq!(refused["choices"][0]["message"]["content"], "chlorine");
}

#[test]
fn what_a_client_asks_for_reaches_the_model() {
    let server = Server::start();
    let schema = json!({ "type": "object", "properties": { "distance": { "type": "integer" } } });
    let fields = json!({
        "temperature": 0.5, "top_p": 0.9, "seed": 11, "stop": "END", "max_completion_tokens": 9, "n": 2,
        "response_format": { "type": "json_schema", "json_schema": { "name": "d", "schema": schema } },
    });
    let answer = server.chat("how far", fields).json();
    assert_eq!(answer["choices"].as_array().unwrap().len(), 2);
    let seen = server.seen.lock().unwrap();
    let samplings: Vec<_> = seen
        .iter()
        .map(|step| match step {
            Step::Chat { sampling, voice, .. } => {
                assert_eq!(*voice, Voice::Plain { generation: ACTIVE.to_owned() });
                sampling
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((samplings[0].seed, samplings[1].seed), (11, 12), "choices differ by their seed");
    assert_eq!((samplings[0].temperature, samplings[0].top_p), (0.5, 0.9));
    assert_eq!(samplings[0].stop, ["END"]);
    assert_eq!(samplings[0].max_tokens, Some(9));
    assert_eq!(samplings[0].format, Format::JsonSchema(schema));
}

#[test]
fn completions_echo_their_prompts_with_figures() {
    let server = Server::start();
    let body = json!({
        "model": "base", "prompt": [[1, 2], [3]], "echo": true, "logprobs": 1, "max_tokens": 1, "temperature": 0, "seed": 3,
    });
    let answer = server.post("/v1/completions", &body).json();
    assert_eq!(answer["object"], "text_completion");
    let (first, second) = (&answer["choices"][0], &answer["choices"][1]);
    assert_eq!((first["index"].as_u64(), second["index"].as_u64()), (Some(0), Some(1)));
    assert_eq!(second["text"], " t3 ", "the prompt, then one token more");
    let logprobs = &first["logprobs"];
    let length = logprobs["tokens"].as_array().unwrap().len();
    for list in ["token_logprobs", "top_logprobs", "text_offset"] {
        assert_eq!(logprobs[list].as_array().unwrap().len(), length, "{list}");
    }
    assert_eq!(logprobs["token_logprobs"][0], json!(null));
    assert_eq!(logprobs["top_logprobs"][1]["better"], -0.25);
    assert_eq!(answer["usage"]["prompt_tokens"], 5, "both prompts count");
}

#[test]
fn completions_stream() {
    let server = Server::start();
    let reply = server.post("/v1/completions", &json!({ "prompt": "a b c", "stream": true, "max_tokens": 5 }));
    let text: String =
        reply.chunks().iter().map(|chunk| chunk["choices"][0]["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(text, "a b c");
}

#[test]
fn embeddings_are_numbers_or_base64() {
    let server = Server::start();
    let many: Vec<String> = (0..70).map(|number| "x".repeat(number)).collect();
    let numbers = server.post("/v1/embeddings", &json!({ "model": "encoder", "input": many })).json();
    for (index, row) in numbers["data"].as_array().unwrap().iter().enumerate() {
        assert_eq!(row["index"], index);
        assert_eq!(row["embedding"], json!([index as f64, 0.5]));
    }
    let total: usize = (0..70).sum();
    assert_eq!(numbers["usage"], json!({ "prompt_tokens": total, "total_tokens": total }));
    let encoded = server.post("/v1/embeddings", &json!({ "input": "abc", "encoding_format": "base64" })).json();
    let bytes = BASE64_STANDARD.decode(encoded["data"][0]["embedding"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, [3.0_f32.to_le_bytes(), 0.5_f32.to_le_bytes()].concat());
    for (body, status) in [
        (json!({ "input": "a", "dimensions": 9 }), 400),
        (json!({ "input": [1, 2] }), 400),
        (json!({ "model": "active", "input": "a" }), 404),
    ] {
        assert_eq!(server.post("/v1/embeddings", &body).status, status, "{body}");
    }
}

#[test]
fn models_tell_their_context_and_refused_ones_are_not_listed() {
    let server = Server::start();
    let listed = server.get("/v1/models").json();
    let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["halligan", "active", "base", ACTIVE, IDLE, "encoder"]);
    assert_eq!(listed["data"][1]["meta"]["n_ctx"], 100);
    assert_eq!(listed["data"][1]["meta"]["generation"], ACTIVE);
    assert_eq!(server.get("/v1/models/base").json()["id"], "base");
    assert_eq!(server.get("/v1/models/gpt-4o").status, 404);
    let adapters = server.get("/lora-adapters").json();
    assert_eq!(adapters[0]["scale"], 1.0);
    assert_eq!(adapters[2]["rejected"], "it forgot");
}

#[test]
fn the_model_name_chooses_the_generation_and_unknown_names_are_errors() {
    let server = Server::start();
    for (name, generation) in
        [("base", "base"), ("active", ACTIVE), (IDLE, IDLE), ("aaaa9", IDLE), ("halligan", "assistant")]
    {
        let answer = server.chat("hello", json!({ "model": name })).json();
        assert_eq!(answer["system_fingerprint"], generation, "{name}");
        assert_eq!(answer["model"], name);
    }
    for (name, status, code) in [
        ("gpt-4o", 404, "model_not_found"),
        ("aaaa", 400, "model_ambiguous"),
        (REFUSED, 400, "model_not_usable"),
        ("a", 404, "model_not_found"),
        ("", 404, "model_not_found"),
    ] {
        let reply = server.chat("hello", json!({ "model": name }));
        let error = reply.json()["error"].clone();
        assert_eq!((reply.status, &error["code"]), (status, &json!(code)), "{name}");
        assert_eq!(error["param"], "model");
    }
}

#[test]
fn the_assistant_refuses_what_it_would_not_honour() {
    let server = Server::start();
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    for fields in [
        json!({ "tools": tools }),
        json!({ "logprobs": true }),
        json!({ "temperature": 0.7 }),
        json!({ "stop": ["x"] }),
        json!({ "response_format": { "type": "json_object" } }),
    ] {
        let mut fields = fields;
        fields["model"] = json!("halligan");
        let reply = server.chat("hello", fields.clone());
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("unsupported_parameter")), "{fields}");
    }
}

#[test]
fn the_assistant_lets_through_what_asks_for_nothing() {
    let server = Server::start();
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    for fields in [
        json!({ "tools": tools, "tool_choice": "none" }),
        json!({ "top_k": 40, "min_p": 0.05, "max_tokens": 20.0 }),
        json!({ "reasoning_effort": "medium", "function_call": "auto" }),
    ] {
        let mut fields = fields;
        fields["model"] = json!("halligan");
        let reply = server.chat("hello", fields.clone());
        assert_eq!(reply.status, 200, "{fields}: {}", reply.text);
    }
}

#[test]
fn a_refusal_says_why_in_the_content_and_in_openais_field() {
    let server = Server::start();
    let answer = server.chat(FOREIGN, json!({ "model": "halligan" })).json();
    let message = &answer["choices"][0]["message"];
    assert_eq!((&message["content"], &message["refusal"]), (&json!(REFUSAL), &json!(REFUSAL)));
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    assert_eq!(server.chat("hello", json!({})).json()["choices"][0]["message"]["refusal"], json!(null));
    let chunks = server.chat(FOREIGN, json!({ "model": "halligan", "stream": true })).chunks();
    let deltas: Vec<_> = chunks.iter().map(|chunk| chunk["choices"][0]["delta"].clone()).collect();
    assert!(deltas.contains(&json!({ "content": REFUSAL, "refusal": REFUSAL })), "{deltas:?}");
}

#[test]
fn tokens_go_there_and_back() {
    let server = Server::start();
    let tokens = server.post("/tokenize", &json!({ "prompt": "<a>", "add_special_tokens": false })).json();
    assert_eq!(tokens["tokens"], json!([60, 97, 62]));
    assert_eq!((tokens["count"].as_u64(), tokens["max_model_len"].as_u64()), (Some(3), Some(100)));
    let text = server.post("/detokenize", &json!({ "tokens": [60, 97, 62] })).json();
    assert_eq!(text["prompt"], "<a>");
    assert_eq!(server.get("/tokenizer_info").json()["eos_token"], "<end>");
}
