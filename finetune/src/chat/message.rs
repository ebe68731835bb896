//! Messages and tools, and how templates see them.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// One message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredMessage")]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`; the template decides which it takes.
    pub role: String,
    /// What is said.
    pub content: String,
    /// Tools that the assistant calls: `{"type": "function", "function": {"name": "..", "arguments": {..}}}` each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<Json>,
    /// The tool whose result this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The call whose result this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

/// A message as files have it: beside calls, OpenAI's form has `null` or nothing for the content.
#[derive(Deserialize)]
struct StoredMessage {
    role: String,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Json>>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

impl TryFrom<StoredMessage> for Message {
    type Error = String;

    fn try_from(stored: StoredMessage) -> Result<Self, String> {
        let StoredMessage { role, content, tool_calls, name, tool_call_id } = stored;
        let tool_calls = tool_calls.unwrap_or_default();
        let content = match content {
            Some(content) => content,
            None if !tool_calls.is_empty() => String::new(),
            None => {
                return Err(format!("a message of the role `{role}` has no content and no tool_calls; give it one"));
            }
        };
        Ok(Self { role, content, tool_calls, name, tool_call_id })
    }
}

impl Message {
    /// A message of this role.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), ..Self::default() }
    }

    /// The message as a value of the template language. `shown` gives the text that stands for each text that is
    /// somebody's words: the content first, then the strings in the arguments of the calls, in their order.
    pub(super) fn value(&self, shown: &mut dyn FnMut(&str) -> String) -> Value {
        let mut fields =
            vec![("role", Value::from(self.role.as_str())), ("content", Value::from(shown(&self.content)))];
        if !self.tool_calls.is_empty() {
            let calls: Vec<Value> = self.tool_calls.iter().map(|call| ordered(&call_shown(call, shown))).collect();
            fields.push(("tool_calls", Value::from(calls)));
        }
        fields.extend(self.name.as_deref().map(|name| ("name", Value::from(name))));
        fields.extend(self.tool_call_id.as_deref().map(|id| ("tool_call_id", Value::from(id))));
        Value::from_pairs(fields)
    }
}

/// A conversation as a template gets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conversation<'a> {
    /// What was said so far.
    pub messages: &'a [Message],
    /// Tools that may be called: `{"type": "function", "function": {"name": "..", "parameters": {..}}}` each.
    pub tools: &'a [Json],
    /// Whether the opening of the next answer follows.
    pub add_generation_prompt: bool,
}

/// A call with its arguments as an object, which is the form that templates expect, and its texts as `shown`.
fn call_shown(call: &Json, shown: &mut dyn FnMut(&str) -> String) -> Json {
    let mut call = call.clone();
    let Some(fields) = call.as_object_mut() else { return call };
    let inner = match fields.get_mut("function").and_then(Json::as_object_mut) {
        Some(function) => function,
        None => fields,
    };
    if let Some(arguments) = inner.get_mut("arguments") {
        if let Some(parsed) = arguments.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok())
            && parsed.is_object()
        {
            *arguments = parsed;
        }
        show_strings(arguments, shown);
    }
    call
}

fn show_strings(json: &mut Json, shown: &mut dyn FnMut(&str) -> String) {
    match json {
        Json::String(text) => *text = shown(text),
        Json::Array(items) => items.iter_mut().for_each(|item| show_strings(item, shown)),
        Json::Object(fields) => fields.values_mut().for_each(|field| show_strings(field, shown)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Keys that come first, in the order in which model authors write them; others follow by name.
const KEY_ORDER: [&str; 9] =
    ["id", "type", "function", "name", "description", "parameters", "arguments", "properties", "required"];

/// JSON as a value of the template language.
pub(super) fn ordered(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(ordered).collect(),
        Json::Object(fields) => {
            let place = |key: &str| KEY_ORDER.iter().position(|known| *known == key).unwrap_or(KEY_ORDER.len());
            let mut fields: Vec<(String, Value)> =
                fields.iter().map(|(key, field)| (key.clone(), ordered(field))).collect();
            fields.sort_by_key(|(key, _)| place(key));
            Value::from_object(Fields(fields))
        }
    }
}

/// A map that keeps its order.
#[derive(Debug)]
struct Fields(Vec<(String, Value)>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Value::from(name.as_str())).collect())
    }
}
