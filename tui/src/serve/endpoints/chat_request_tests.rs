//! What clients send, and what they are told when it cannot be used.

use serde_json::json;

use super::*;
use crate::serve::endpoints::sampling::with_sampling;

fn request(body: Value) -> ChatRequest {
    with_sampling(&body).unwrap()
}

fn with_message(message: Value) -> Result<Conversation, ApiError> {
    request(json!({ "messages": [{ "role": "user", "content": "hello" }, message] })).conversation()
}

#[test]
fn texts_and_lists_of_texts_are_the_same_content() {
    let conversation = request(json!({ "messages": [
        { "role": "developer", "content": "Be short." },
        { "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
    ]}))
    .conversation()
    .unwrap();
    let said: Vec<_> = conversation.turns.iter().map(|turn| (turn.role.as_str(), turn.content.as_str())).collect();
    assert_eq!(said, [("system", "Be short."), ("user", "a\nb")]);
}

#[test]
fn calls_and_their_results_are_part_of_a_conversation() {
    let conversation = request(json!({ "messages": [
        { "role": "user", "content": "How far?" },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "1", "type": "function", "function": { "name": "distance", "arguments": "{\"to\": \"B\"}" } },
        ]},
        { "role": "tool", "tool_call_id": "1", "content": "60 m" },
    ]}))
    .conversation()
    .unwrap();
    let call = Call { name: "distance".to_owned(), arguments: json!({ "to": "B" }) };
    assert_eq!(conversation.turns[1].tool_calls, [call]);
    assert_eq!(conversation.turns[2].tool_call_id.as_deref(), Some("1"));
}

#[test]
fn what_cannot_be_read_is_named_by_its_place() {
    let broken_call = json!([{ "type": "function", "function": { "name": "f", "arguments": "{" } }]);
    for (message, place) in [
        (json!({ "role": "pirate", "content": "x" }), "messages[1].role"),
        (json!({ "role": "user" }), "messages[1].content"),
        (json!({ "role": "user", "content": 7 }), "messages[1].content"),
        (json!({ "role": "user", "content": [{ "type": "image_url" }] }), "messages[1].content"),
        (json!({ "role": "user", "content": "x", "tool_calls": broken_call }), "messages[1].tool_calls"),
        (json!({ "role": "assistant", "tool_calls": broken_call }), "messages[1].tool_calls[0].function.arguments"),
    ] {
        let error = with_message(message).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(place), "{error:?}");
    }
    assert_eq!(request(json!({ "messages": [] })).conversation().unwrap_err().param.as_deref(), Some("messages"));
}

#[test]
fn a_field_of_another_type_is_named_with_what_it_was() {
    let broken_call = json!([{ "type": "function", "function": { "name": "f" } }]);
    for (field, value, place, said) in [
        ("max_tokens", json!(10.5), "max_tokens", "10.5"),
        ("n", json!(1.5), "n", "1.5"),
        ("seed", json!(1.5), "seed", "1.5"),
        ("temperature", json!("hot"), "temperature", "\"hot\""),
        ("stream", json!("yes"), "stream", "\"yes\""),
        ("tools", json!([{ "type": 3 }]), "tools[0].type", "3"),
        ("messages", json!([{ "role": 7 }]), "messages[0].role", "7"),
        (
            "messages",
            json!([{ "role": "assistant", "tool_calls": broken_call }]),
            "messages[0].tool_calls[0].function",
            "",
        ),
        ("halligan", json!({ "sesion": 5 }), "halligan.sesion", "unknown field"),
    ] {
        let mut body = json!({ "messages": [{ "role": "user", "content": "x" }] });
        body[field] = value;
        let error = with_sampling::<ChatRequest>(&body).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(place), "{error:?}");
        assert!(error.message.contains(place) && error.message.contains(said), "{error:?}");
    }
    let missing = with_sampling::<ChatRequest>(&json!({ "model": "active" })).unwrap_err();
    assert_eq!(missing.param.as_deref(), Some("messages"), "{missing:?}");
    let long = with_sampling::<ChatRequest>(&json!({ "messages": "x".repeat(1000) })).unwrap_err();
    assert!(long.message.len() < 300, "{}", long.message);
    let fractions = json!({ "messages": [], "temperature": 0.70, "top_p": 1e-1, "logit_bias": {}, "seed": 7 });
    assert!(with_sampling::<ChatRequest>(&fractions).is_ok());
}

#[test]
fn whole_numbers_may_be_written_with_a_fraction_of_zero() {
    let body = r#"{ "messages": [{ "role": "user", "content": "x" }], "max_tokens": 20.0, "n": 1.0, "seed": -7.0,
        "best_of": 1e0, "logprobs": true, "top_logprobs": 2.0, "halligan": { "session": 5.0 } }"#;
    let request = request(serde_json::from_str(body).unwrap());
    let sampling = request.sampling.sampling(0, None, None, Format::Text).unwrap();
    assert_eq!((sampling.max_tokens, sampling.seed), (Some(20), -7_i64 as u64));
    assert_eq!((request.sampling.choices(), request.logprobs()), (Ok(1), Ok(Some(2))));
    assert_eq!(request.halligan.unwrap().session, Some(5));
    for (field, value) in [("max_tokens", "1e300"), ("n", "-1"), ("n", "1e10"), ("seed", "0.5"), ("seed", "true")] {
        let body = format!(r#"{{ "messages": [], "{field}": {value} }}"#);
        let error = with_sampling::<ChatRequest>(&serde_json::from_str(&body).unwrap()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(field), "{error:?}");
    }
    let nothing = json!({ "messages": [], "max_tokens": null, "n": null, "seed": null });
    assert!(with_sampling::<ChatRequest>(&nothing).is_ok());
}

#[test]
fn a_tool_choice_must_name_a_tool_that_is_there() {
    let tools = json!([{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }]);
    let choose = |choice: Value, tools: &Value| {
        request(json!({ "messages": [{ "role": "user", "content": "x" }], "tools": tools, "tool_choice": choice }))
            .conversation()
            .map(|conversation| conversation.tool_choice)
    };
    let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
    assert_eq!(choose(json!("auto"), &tools).unwrap(), ToolChoice::Auto);
    assert_eq!(choose(json!("none"), &tools).unwrap(), ToolChoice::None);
    assert_eq!(choose(json!("required"), &tools).unwrap(), ToolChoice::Required);
    assert_eq!(choose(named("f"), &tools).unwrap(), ToolChoice::Named("f".to_owned()));
    for (choice, tools) in
        [(named("g"), &tools), (json!("often"), &tools), (json!({}), &tools), (json!("required"), &json!([]))]
    {
        assert!(choose(choice.clone(), tools).is_err(), "{choice}");
    }
    let nameless = json!([{ "type": "function" }]);
    assert_eq!(choose(json!("auto"), &nameless).unwrap_err().param.as_deref(), Some("tools[0]"));
}

#[test]
fn formats_and_logprobs_are_checked() {
    let ask = |fields: Value| {
        let mut body = json!({ "messages": [{ "role": "user", "content": "x" }] });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        request(body)
    };
    let schema = json!({ "type": "object" });
    let given = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema } });
    assert_eq!(ask(json!({ "response_format": given })).format().unwrap(), Format::JsonSchema(schema));
    assert_eq!(ask(json!({ "response_format": { "type": "json_object" } })).format().unwrap(), Format::JsonObject);
    assert_eq!(ask(json!({})).format().unwrap(), Format::Text);
    assert!(ask(json!({ "response_format": { "type": "json_schema" } })).format().is_err());
    assert!(ask(json!({ "response_format": { "type": "xml" } })).format().is_err());
    let itself = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": { "$ref": "#" } } });
    let error = ask(json!({ "response_format": itself })).format().unwrap_err();
    assert_eq!(error.param.as_deref(), Some("response_format.json_schema.schema"));
    assert_eq!(ask(json!({ "logprobs": true, "top_logprobs": 3 })).logprobs().unwrap(), Some(3));
    assert_eq!(ask(json!({ "logprobs": true })).logprobs().unwrap(), Some(0));
    assert_eq!(ask(json!({})).logprobs().unwrap(), None);
    assert!(ask(json!({ "top_logprobs": 3 })).logprobs().is_err());
    assert!(ask(json!({ "logprobs": true, "top_logprobs": 21 })).logprobs().is_err());
}

#[test]
fn sampling_fields_are_bounded_and_foreign_ones_refused() {
    let sample = |fields: Value| {
        let fields: SamplingFields = serde_json::from_value(fields).unwrap();
        fields.sampling(0, Some(16), None, Format::Text)
    };
    let plain = sample(json!({ "stop": ["", "end"], "seed": 7 })).unwrap();
    assert_eq!((plain.temperature, plain.max_tokens, plain.seed), (0.0, Some(16), 7));
    assert_eq!(plain.stop, ["end"]);
    assert_eq!(sample(json!({ "max_tokens": 3, "max_completion_tokens": 4 })).unwrap().max_tokens, Some(4));
    assert!(sample(json!({ "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {} })).is_ok());
    for (fields, place) in [
        (json!({ "temperature": -0.1 }), "temperature"),
        (json!({ "temperature": 2.5 }), "temperature"),
        (json!({ "top_p": 1.5 }), "top_p"),
        (json!({ "max_tokens": -1 }), "max_tokens"),
        (json!({ "stop": 3 }), "stop"),
        (json!({ "stop": [3] }), "stop"),
        (json!({ "frequency_penalty": 0.5 }), "frequency_penalty"),
        (json!({ "logit_bias": { "5": 100 } }), "logit_bias"),
        (json!({ "best_of": 3 }), "best_of"),
    ] {
        assert_eq!(sample(fields.clone()).unwrap_err().param.as_deref(), Some(place), "{fields}");
    }
    let many: SamplingFields = serde_json::from_value(json!({ "n": 17 })).unwrap();
    assert!(many.choices().is_err());
}
