//! Tool calls of plain models, in a form that any model can be held to.
//!
//! An answer is either what was asked for or the JSON of a call, `{"name": .., "arguments": {..}}`. A grammar decides
//! while the model speaks, so that what begins as a call ends as a valid one.

use halligan_runtime::inference::Constraint;
use serde_json::{Value, json};

use crate::serve::task::{Call, Conversation, Format, Tool, ToolChoice};

/// Which tools may be called in one answer.
pub(super) struct Calling<'a> {
    tools: Vec<&'a Tool>,
    is_required: bool,
    template_shows_tools: bool,
}

impl<'a> Calling<'a> {
    /// The tools of a conversation, as far as its choice admits them.
    pub(super) fn new(conversation: &'a Conversation, template_shows_tools: bool) -> Calling<'a> {
        let chosen = |tool: &&Tool| match &conversation.tool_choice {
            ToolChoice::None => false,
            ToolChoice::Named(name) => tool.name == *name,
            ToolChoice::Auto | ToolChoice::Required => true,
        };
        let is_required = matches!(conversation.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        Calling { tools: conversation.tools.iter().filter(chosen).collect(), is_required, template_shows_tools }
    }

    /// Whether an answer that begins with these words may be a call.
    pub(super) fn may_begin(&self, words: &str) -> bool {
        !self.tools.is_empty() && words.starts_with('{')
    }

    /// The tools as templates take them; none where the template shows none.
    pub(super) fn shown(&self) -> Vec<Value> {
        let shown = |tool: &&Tool| json!({ "type": "function", "function": tool });
        if self.template_shows_tools { self.tools.iter().map(shown).collect() } else { Vec::new() }
    }

    /// Words for the system's part, where the template does not show the tools.
    pub(super) fn instructions(&self) -> Option<String> {
        if self.tools.is_empty() || self.template_shows_tools {
            return None;
        }
        let mut words = "You may call one of these tools. To call it, answer with JSON and nothing else: \
                         {\"name\": \"TOOL\", \"arguments\": {}}"
            .to_owned();
        for tool in &self.tools {
            words.push_str(&format!("\n- {}: {} Arguments: {}", tool.name, tool.description, tool.parameters));
        }
        Some(words)
    }

    /// What the answer must be, if anything: a call, or what `format` says.
    pub(super) fn constraint(&self, format: &Format) -> Option<Constraint> {
        let schema = match format {
            Format::Text => None,
            Format::JsonObject => Some(json!({ "type": "object" })),
            Format::JsonSchema(schema) => Some(schema.clone()),
        };
        if self.tools.is_empty() {
            return schema.map(Constraint::JsonSchema);
        }
        let mut rules = String::new();
        let mut alternatives: Vec<String> = (0..self.tools.len()).map(|number| format!("call_{number}")).collect();
        for (number, tool) in self.tools.iter().enumerate() {
            let opening = format!("{{\"name\": {}, \"arguments\": ", json!(tool.name));
            // Each schema is a document of its own, so that its references find what they name.
            let arguments = on_one_line(tool.parameters.clone());
            rules.push_str(&format!("call_{number}: {} arguments_{number} \"}}\"\n", json!(opening)));
            rules.push_str(&format!("arguments_{number}: %json {arguments}\n"));
        }
        if !self.is_required {
            alternatives.push("answer".to_owned());
            rules.push_str(&match schema {
                None => "answer: /([^{](.|\\n)*)?/\n".to_owned(),
                Some(schema) => format!("answer: %json {}\n", on_one_line(schema)),
            });
        }
        Some(Constraint::Lark(format!("start: {}\n{rules}", alternatives.join(" | "))))
    }

    /// The call that an answer is; `None` for another answer, and for a call that was cut off by the limit.
    pub(super) fn read(&self, text: &str) -> Option<Vec<Call>> {
        if !self.may_begin(text) {
            return None;
        }
        let mut value: Value = serde_json::from_str(text).ok()?;
        let name = value["name"].as_str()?.to_owned();
        let arguments = value["arguments"].take();
        let known = self.tools.iter().any(|tool| tool.name == name);
        (known && arguments.is_object()).then(|| vec![Call { name, arguments }])
    }
}

/// The schema of a document without white space between lines, in which a weak model can lose itself.
fn on_one_line(mut schema: Value) -> Value {
    if let Some(keywords) = schema.as_object_mut() {
        let spaced = json!({ "item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false });
        keywords.entry("x-guidance").or_insert(spaced);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(choice: ToolChoice) -> Conversation {
        let tool = |name: &str| Tool {
            name: name.to_owned(),
            description: format!("Does {name}."),
            parameters: json!({ "type": "object", "properties": { "x": { "type": "integer" } } }),
        };
        Conversation { turns: Vec::new(), tools: vec![tool("add"), tool("log")], tool_choice: choice }
    }

    #[test]
    fn only_chosen_tools_may_be_called() {
        let call = r#"{"name": "add", "arguments": {"x": 1}}"#;
        let none = conversation(ToolChoice::None);
        assert!(!Calling::new(&none, false).may_begin(call));
        assert_eq!(Calling::new(&none, false).constraint(&Format::Text), None);
        let named = conversation(ToolChoice::Named("log".to_owned()));
        assert_eq!(Calling::new(&named, false).read(call), None);
        let auto = conversation(ToolChoice::Auto);
        let expected = Call { name: "add".to_owned(), arguments: json!({ "x": 1 }) };
        assert_eq!(Calling::new(&auto, false).read(call), Some(vec![expected]));
        assert_eq!(Calling::new(&auto, false).read("Just words."), None);
        assert_eq!(Calling::new(&auto, false).read(r#"{"name": "add", "argu"#), None);
    }

    #[test]
    fn tools_are_described_once_by_the_template_or_in_words() {
        let auto = conversation(ToolChoice::Auto);
        let (by_template, in_words) = (Calling::new(&auto, true), Calling::new(&auto, false));
        assert_eq!((by_template.shown().len(), by_template.instructions()), (2, None));
        assert!(in_words.shown().is_empty());
        assert!(in_words.instructions().unwrap().contains("Does log."));
    }
}
