//! Fields that other servers know and this one cannot honour. Ignored, they would give an answer that is not what was
//! asked for; so they are refused by name, except where they ask for nothing.

use serde_json::Value;

use crate::serve::app::ASSISTANT;
use crate::serve::error::ApiError;

/// Those of OpenAI, Anthropic, vLLM, llama.cpp and Ollama that change what is answered.
const NAMES: &[&str] = &[
    "allowed_token_ids",
    "audio",
    "bad_words",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "dry_multiplier",
    "dynatemp_range",
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
    "num_predict",
    "options",
    "prompt_logprobs",
    "reasoning",
    "reasoning_effort",
    "repeat_penalty",
    "repetition_penalty",
    "stop_token_ids",
    "structured_outputs",
    "suffix",
    "tfs",
    "think",
    "thinking",
    "top_a",
    "top_k",
    "top_n_sigma",
    "truncate_prompt_tokens",
    "typ_p",
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
    let greedy = is_greedy(body);
    let asked = |name: &&&str| {
        let Some(value) = body.get(**name) else { return false };
        !(asks_for_nothing(name, value) || greedy && keeps_the_most_probable(name, value))
    };
    match NAMES.iter().chain(elsewhere).find(asked) {
        None => Ok(()),
        Some(name) => Err(ApiError::unsupported(name, format!("{name} is not supported; leave it out"))),
    }
}

/// Whether a body says itself that the most probable token is to be taken each time, or asks who always does so. A body
/// that leaves the temperature to the server may have counted on another one.
fn is_greedy(body: &Value) -> bool {
    body["temperature"].as_f64() == Some(0.0) || body["model"].as_str().is_some_and(|name| name.trim() == ASSISTANT)
}

/// Whether a field leaves the most probable token among those to choose from.
fn keeps_the_most_probable(name: &str, value: &Value) -> bool {
    match name {
        "top_k" => value.as_f64().is_some_and(|tokens| tokens >= 1.0),
        "min_p" => value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)),
        _ => false,
    }
}

/// Whether a field says what would hold without it, too; fields inside of objects have names as well.
fn asks_for_nothing(name: &str, value: &Value) -> bool {
    match (name, value) {
        (_, Value::Null | Value::Bool(false)) => true,
        (
            "length_penalty" | "repeat_penalty" | "repetition_penalty" | "tfs" | "typ_p" | "typical_p",
            Value::Number(number),
        ) => number.as_f64() == Some(1.0),
        ("prompt_logprobs", _) => false,
        ("top_k" | "n_predict" | "num_predict" | "top_n_sigma", Value::Number(number)) => {
            number.as_f64().is_some_and(|number| number <= 0.0)
        }
        (_, Value::Number(number)) => number.as_f64() == Some(0.0),
        ("modalities", Value::Array(kinds)) => kinds.iter().all(|kind| kind == "text"),
        (_, Value::String(text)) => match name {
            // Without functions, which are refused themselves, there is none to call.
            "function_call" => matches!(text.as_str(), "" | "none" | "auto"),
            "reasoning_effort" | "effort" => matches!(text.as_str(), "" | "none" | "medium"),
            "verbosity" => matches!(text.as_str(), "" | "medium"),
            "type" => text == "disabled",
            _ => text.is_empty(),
        },
        (_, Value::Array(items)) => items.is_empty(),
        // In a schema, in options of another server and in variables of a template, `false` and 0 are words like others.
        ("guided_json" | "json" | "json_schema", Value::Object(fields)) => fields.is_empty(),
        ("options", Value::Object(fields)) => fields.values().all(Value::is_null),
        ("chat_template_kwargs", Value::Object(fields)) => fields.iter().all(|(name, value)| {
            value.is_null() || matches!(name.as_str(), "enable_thinking" | "thinking") && *value == false
        }),
        (_, Value::Object(fields)) => fields.iter().all(|(name, value)| asks_for_nothing(name, value)),
        (_, Value::Bool(true)) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            json!({ "typ_p": 0.5 }),
            json!({ "top_n_sigma": 1.0 }),
            json!({ "dynatemp_range": 0.5 }),
            json!({ "top_a": 0.2 }),
            json!({ "tfs": 0.9 }),
            json!({ "num_predict": 20 }),
            json!({ "options": { "num_ctx": 4096 } }),
            json!({ "think": true }),
            json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }),
            json!({ "reasoning": { "effort": "high", "summary": null } }),
            json!({ "chat_template_kwargs": { "enable_thinking": true } }),
            json!({ "guided_json": { "additionalProperties": false } }),
            json!({ "verbosity": "high" }),
            json!({ "min_p": 0.05, "temperature": 0.7 }),
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

    #[test]
    fn what_is_so_anyway_is_let_through() {
        for body in [
            json!({ "reasoning_effort": "medium", "verbosity": "medium" }),
            json!({ "reasoning": { "effort": null, "summary": null } }),
            json!({ "reasoning": { "effort": "medium" } }),
            json!({ "chat_template_kwargs": { "enable_thinking": false } }),
            json!({ "function_call": "auto" }),
            json!({ "modalities": ["text", "text"] }),
            json!({ "think": false, "thinking": { "type": "disabled" }, "options": {} }),
            json!({ "typ_p": 1.0, "tfs": 1, "top_n_sigma": -1.0, "dynatemp_range": 0, "top_a": 0.0, "num_predict": -1 }),
            json!({ "top_k": 40, "min_p": 0.05, "temperature": 0 }),
            json!({ "top_k": 1, "min_p": 1, "model": "halligan" }),
        ] {
            assert_eq!(refuse(&body, &[]), Ok(()), "{body}");
        }
    }
}
