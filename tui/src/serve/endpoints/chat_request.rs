//! The body of `/v1/chat/completions`, from JSON to a checked [`Conversation`].

use serde::Deserialize;
use serde_json::Value;

use super::sampling::{Sampled, SamplingFields};
use super::stream::StreamOptions;
use crate::serve::body::whole;
use crate::serve::error::ApiError;
use crate::serve::task::{Call, Conversation, Format, Tool, ToolChoice, Turn};

/// Most alternatives that are reported for a token.
const TOP_LOGPROBS_MAX: usize = 20;

/// The body.
#[derive(Debug, Deserialize)]
pub struct ChatRequest {
    /// Who answers; nothing is the active generation.
    pub model: Option<String>,
    /// The conversation.
    messages: Vec<MessageFields>,
    /// How tokens are chosen.
    #[serde(skip)]
    pub sampling: SamplingFields,
    /// Send the answer as it grows.
    pub stream: Option<bool>,
    /// What to send beside it.
    pub stream_options: Option<StreamOptions>,
    logprobs: Option<bool>,
    #[serde(default, deserialize_with = "whole")]
    top_logprobs: Option<usize>,
    response_format: Option<Value>,
    tools: Option<Vec<ToolFields>>,
    tool_choice: Option<Value>,
    /// What only this server knows.
    pub halligan: Option<Extras>,
}

/// Fields that OpenAI's protocol does not have.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extras {
    /// The conversation of the journal that this question goes on with.
    #[serde(default, deserialize_with = "whole")]
    pub session: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct MessageFields {
    role: String,
    content: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Vec<CallFields>>,
    tool_call_id: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CallFields {
    function: FunctionCall,
}

#[derive(Debug, Deserialize)]
struct FunctionCall {
    name: String,
    arguments: String,
}

#[derive(Debug, Deserialize)]
struct ToolFields {
    #[serde(rename = "type")]
    kind: String,
    function: Option<Tool>,
}

impl Sampled for ChatRequest {
    const ELSEWHERE: &'static [&'static str] = &["echo", "input", "prompt"];

    fn set_sampling(&mut self, sampling: SamplingFields) {
        self.sampling = sampling;
    }
}

impl ChatRequest {
    /// The conversation, checked.
    ///
    /// # Errors
    /// No message, unknown roles, pictures and sounds, calls and tools that are none.
    pub fn conversation(&self) -> Result<Conversation, ApiError> {
        if self.messages.is_empty() {
            return Err(ApiError::invalid("messages is empty; send at least one user message").about("messages"));
        }
        let turns =
            (0..).zip(&self.messages).map(|(number, message)| message.turn(number)).collect::<Result<_, _>>()?;
        let tools = self.tools.as_deref().unwrap_or_default();
        let tools = (0..).zip(tools).map(|(number, tool)| tool.tool(number)).collect::<Result<Vec<_>, _>>()?;
        let tool_choice = self.tool_choice(&tools)?;
        Ok(Conversation { turns, tools, tool_choice })
    }

    /// Alternatives to report for each token; `None` where nothing is to be reported.
    ///
    /// # Errors
    /// More than 20, or alternatives without `logprobs`.
    pub fn logprobs(&self) -> Result<Option<usize>, ApiError> {
        match (self.logprobs.unwrap_or(false), self.top_logprobs) {
            (false, None | Some(0)) => Ok(None),
            (false, Some(_)) => {
                Err(ApiError::invalid("top_logprobs needs `\"logprobs\": true` beside it").about("top_logprobs"))
            }
            (true, top) if top.unwrap_or(0) <= TOP_LOGPROBS_MAX => Ok(Some(top.unwrap_or(0))),
            (true, _) => {
                Err(ApiError::invalid(format!("top_logprobs is at most {TOP_LOGPROBS_MAX}")).about("top_logprobs"))
            }
        }
    }

    /// What the answer must be.
    ///
    /// # Errors
    /// Unknown kinds, a schema that is missing.
    pub fn format(&self) -> Result<Format, ApiError> {
        let Some(format) = &self.response_format else { return Ok(Format::Text) };
        let schema = |path: &str| format.pointer(path).filter(|schema| schema.is_object() || schema.is_boolean());
        match format["type"].as_str() {
            Some("text") => Ok(Format::Text),
            Some("json_object") => Ok(schema("/schema").cloned().map_or(Format::JsonObject, Format::JsonSchema)),
            Some("json_schema") => match schema("/json_schema/schema") {
                Some(schema) if schema["$ref"] == "#" => {
                    Err(ApiError::invalid("the schema says no more than that it is itself; say what the answer holds")
                        .about("response_format.json_schema.schema"))
                }
                Some(schema) => Ok(Format::JsonSchema(schema.clone())),
                None => Err(ApiError::invalid("response_format needs the schema in json_schema.schema")
                    .about("response_format.json_schema.schema")),
            },
            _ => Err(ApiError::invalid("response_format.type is one of text, json_object and json_schema")
                .about("response_format.type")),
        }
    }

    fn tool_choice(&self, tools: &[Tool]) -> Result<ToolChoice, ApiError> {
        let wrong = |message: &str| Err(ApiError::invalid(message).about("tool_choice"));
        let choice = match &self.tool_choice {
            None | Some(Value::Null) => return Ok(ToolChoice::Auto),
            Some(Value::String(word)) => match word.as_str() {
                "auto" => ToolChoice::Auto,
                "none" => ToolChoice::None,
                "required" => ToolChoice::Required,
                _ => return wrong("tool_choice is one of none, auto, required, or names a function"),
            },
            Some(named) => match named["function"]["name"].as_str() {
                Some(name) if tools.iter().any(|tool| tool.name == name) => ToolChoice::Named(name.to_owned()),
                Some(_) => return wrong("tool_choice names a function that is not among the tools"),
                None => return wrong("tool_choice needs {\"type\": \"function\", \"function\": {\"name\": ..}}"),
            },
        };
        if tools.is_empty() && choice == ToolChoice::Required {
            return wrong("tool_choice is required, but there are no tools; send some in `tools`");
        }
        Ok(choice)
    }
}

impl MessageFields {
    fn turn(&self, number: usize) -> Result<Turn, ApiError> {
        let wrong =
            |field: &str, message: String| ApiError::invalid(message).about(format!("messages[{number}].{field}"));
        let role = match self.role.as_str() {
            // The newer name of the same thing.
            "developer" => "system",
            role @ ("system" | "user" | "assistant" | "tool") => role,
            other => {
                let message = format!("role `{other}` is none of system, developer, user, assistant and tool");
                return Err(wrong("role", message));
            }
        };
        let calls = self.tool_calls.as_deref().unwrap_or_default();
        if !calls.is_empty() && role != "assistant" {
            return Err(wrong("tool_calls", "only the assistant calls tools".to_owned()));
        }
        let content = match text_of(self.content.as_ref()) {
            Ok(Some(content)) => content,
            Ok(None) if !calls.is_empty() => String::new(),
            Ok(None) => return Err(wrong("content", "the content is missing; send a text".to_owned())),
            Err(message) => return Err(wrong("content", message)),
        };
        let tool_calls = (0..)
            .zip(calls)
            .map(|(index, call)| match serde_json::from_str(&call.function.arguments) {
                Ok(arguments @ Value::Object(_)) => Ok(Call { name: call.function.name.clone(), arguments }),
                _ => Err(wrong(
                    &format!("tool_calls[{index}].function.arguments"),
                    "the arguments of a call are the text of a JSON object".to_owned(),
                )),
            })
            .collect::<Result<_, _>>()?;
        let role = role.to_owned();
        Ok(Turn { role, content, tool_calls, tool_call_id: self.tool_call_id.clone(), name: self.name.clone() })
    }
}

/// A text, or the texts of a list of parts.
fn text_of(content: Option<&Value>) -> Result<Option<String>, String> {
    match content {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(parts)) => {
            let mut texts = Vec::new();
            for part in parts {
                match (part["type"].as_str(), part["text"].as_str()) {
                    (Some("text"), Some(text)) => texts.push(text),
                    (Some(kind), _) if kind != "text" => {
                        return Err(format!("a part of type `{kind}` cannot be read; this device reads text only"));
                    }
                    _ => return Err("a part of the content needs `type` and `text`".to_owned()),
                }
            }
            Ok(Some(texts.join("\n")))
        }
        Some(_) => Err("the content is a text or a list of text parts".to_owned()),
    }
}

impl ToolFields {
    fn tool(&self, number: usize) -> Result<Tool, ApiError> {
        let wrong = |message: &str| ApiError::invalid(message).about(format!("tools[{number}]"));
        match (&self.function, self.kind.as_str()) {
            (Some(tool), "function") if !tool.name.is_empty() => Ok(tool.clone()),
            (Some(_), "function") => Err(wrong("the function of a tool needs a name")),
            _ => Err(wrong("a tool is {\"type\": \"function\", \"function\": {\"name\": .., \"parameters\": ..}}")),
        }
    }
}

#[cfg(test)]
#[path = "chat_request_tests.rs"]
mod tests;
