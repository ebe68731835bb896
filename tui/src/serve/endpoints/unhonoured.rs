//! Fields that other servers know and this one cannot honour. Ignored, they would give an answer that is not what was
//! asked for; so they are refused by name, except where they ask for nothing.

use serde_json::{Value, json};

use crate::serve::error::ApiError;

/// Those of OpenAI, vLLM and llama.cpp that change what is answered.
const NAMES: &[&str] = &[
    "allowed_token_ids",
    "audio",
    "bad_words",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "dry_multiplier",
    "function_call",
    "functions",
    "grammar",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "ignore_eos",
    "json_schema",
    "length_penalty",
    "min_p",
    "min_tokens",
    "mirostat",
    "modalities",
    "n_predict",
    "n_probs",
    "prompt_logprobs",
    "reasoning",
    "reasoning_effort",
    "repeat_penalty",
    "repetition_penalty",
    "stop_token_ids",
    "structured_outputs",
    "suffix",
    "top_k",
    "truncate_prompt_tokens",
    "typical_p",
    "use_beam_search",
    "verbosity",
    "web_search_options",
    "xtc_probability",
];

/// Refuses a body that asks for what cannot be had: one of the fields above, or of those that only another route takes.
///
/// # Errors
/// Such a field, named.
pub fn refuse(body: &Value, elsewhere: &[&str]) -> Result<(), ApiError> {
    let asked = |name: &&&str| body.get(**name).is_some_and(|value| !asks_for_nothing(name, value));
    match NAMES.iter().chain(elsewhere).find(asked) {
        None => Ok(()),
        Some(name) => Err(ApiError::unsupported(name, format!("{name} is not supported; leave it out"))),
    }
}

/// Whether a field says what would hold without it, too.
fn asks_for_nothing(name: &str, value: &Value) -> bool {
    match (name, value) {
        (_, Value::Null | Value::Bool(false)) => true,
        ("length_penalty" | "repeat_penalty" | "repetition_penalty" | "typical_p", Value::Number(number)) => {
            number.as_f64() == Some(1.0)
        }
        ("prompt_logprobs", _) => false,
        ("top_k" | "n_predict", Value::Number(number)) => number.as_f64().is_some_and(|number| number <= 0.0),
        (_, Value::Number(number)) => number.as_f64() == Some(0.0),
        ("modalities", _) => *value == json!(["text"]),
        ("function_call" | "reasoning_effort", Value::String(text)) if text == "none" => true,
        (_, Value::String(text)) => text.is_empty(),
        (_, Value::Array(items)) => items.is_empty(),
        (_, Value::Object(fields)) => fields.is_empty(),
        (_, Value::Bool(true)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_other_servers_are_refused_by_name() {
        for body in [
            json!({ "functions": [{ "name": "f" }] }),
            json!({ "modalities": ["text", "audio"] }),
            json!({ "top_k": 40 }),
            json!({ "min_p": 0.05 }),
            json!({ "repetition_penalty": 1.1 }),
            json!({ "grammar": "root ::= \"yes\"" }),
            json!({ "guided_json": { "type": "object" } }),
            json!({ "stop_token_ids": [2] }),
            json!({ "min_tokens": 5 }),
            json!({ "reasoning_effort": "high" }),
            json!({ "suffix": "end" }),
            json!({ "ignore_eos": true }),
            json!({ "echo": true }),
        ] {
            let name = body.as_object().unwrap().keys().next().unwrap();
            let error = refuse(&body, &["echo"]).unwrap_err();
            assert_eq!((error.param.as_deref(), error.code), (Some(name.as_str()), "unsupported_parameter"));
        }
    }

    #[test]
    fn fields_that_ask_for_nothing_and_names_of_clients_are_let_through() {
        let body = json!({
            "functions": [], "function_call": "none", "modalities": ["text"], "top_k": -1, "min_p": 0.0,
            "repetition_penalty": 1.0, "grammar": "", "guided_json": null, "stop_token_ids": [], "min_tokens": 0,
            "ignore_eos": false, "suffix": "", "echo": false, "user": "unit 7", "metadata": { "a": "b" }, "store": true,
            "service_tier": "auto", "parallel_tool_calls": false,
        });
        assert_eq!(refuse(&body, &["echo"]), Ok(()));
    }
}
