//! How models write tool calls: one row per family of chat templates.
//!
//! The family is told by marks in the template's text. A template without any gets the generic form, which the
//! system's words explain.

use serde_json::{Value, json};

use crate::turn::ToolCall;

/// A way to write calls.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// What it is called, after the models that began it.
    pub name: &'static str,
    /// Texts of which one stands in the template.
    marks: &'static [&'static str],
    /// What begins a call.
    pub open: &'static str,
    /// What stands between the beginning and the name.
    pub before_name: &'static str,
    /// What stands between name and arguments.
    pub before_arguments: &'static str,
    /// What follows the arguments.
    pub after_arguments: &'static str,
    /// Whether the vocabulary may have `open` as a control token, which no text shows.
    pub control: bool,
}

/// All families, most telling marks first; the last one is the generic form.
pub static FAMILIES: [Family; 8] = [
    Family {
        name: "mistral",
        marks: &["[TOOL_CALLS]"],
        open: "[TOOL_CALLS]",
        before_name: "[{\"name\": \"",
        before_arguments: "\", \"arguments\": ",
        after_arguments: "}]",
        control: true,
    },
    Family {
        name: "functionary",
        marks: &["<function="],
        open: "<function=",
        before_name: "",
        before_arguments: ">",
        after_arguments: "</function>",
        control: false,
    },
    Family {
        name: "hermes",
        marks: &["<tool_call>"],
        open: "<tool_call>",
        before_name: "\n{\"name\": \"",
        before_arguments: "\", \"arguments\": ",
        after_arguments: "}\n</tool_call>",
        control: true,
    },
    Family {
        name: "granite",
        marks: &["<|tool_call|>[", "<|start_of_role|>"],
        open: "<|tool_call|>",
        before_name: "[{\"name\": \"",
        before_arguments: "\", \"arguments\": ",
        after_arguments: "}]",
        control: true,
    },
    Family {
        name: "phi",
        marks: &["<|tool_call|>", "<|tool|>"],
        open: "<|tool_call|>",
        before_name: "[{\"name\": \"",
        before_arguments: "\", \"arguments\": ",
        after_arguments: "}]<|/tool_call|>",
        control: true,
    },
    Family {
        name: "command-r",
        marks: &["\"tool_name\"", "tool_name"],
        open: "Action: ```json",
        before_name: "\n[{\"tool_name\": \"",
        before_arguments: "\", \"parameters\": ",
        after_arguments: "}]\n```",
        control: false,
    },
    Family {
        name: "llama3",
        marks: &["<|python_tag|>", "\"parameters\":"],
        open: "{\"name\": \"",
        before_name: "",
        before_arguments: "\", \"parameters\": ",
        after_arguments: "}",
        control: false,
    },
    Family {
        name: "generic",
        marks: &[],
        open: "CALL:",
        before_name: " {\"name\": \"",
        before_arguments: "\", \"arguments\": ",
        after_arguments: "}",
        control: false,
    },
];

/// What was found in generated text.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Words only.
    Words,
    /// A call, after `words` bytes of words. It has the form of a call; whether the tool exists and its arguments fit is
    /// for the toolbox to say.
    Call {
        /// Length of the words before it.
        words: usize,
        /// The call.
        call: ToolCall,
    },
    /// The beginning of a call that goes on as none.
    Broken {
        /// Length of the words before it.
        words: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Family {
    /// The family of a template.
    pub fn of(template: &str) -> &'static Family {
        FAMILIES
            .iter()
            .find(|family| family.marks.iter().any(|mark| template.contains(mark)))
            .unwrap_or(&FAMILIES[FAMILIES.len() - 1])
    }

    /// What a call looks like, for the system's words.
    pub fn example(&self, name: &str, arguments: &str) -> String {
        let Family { open, before_name, before_arguments, after_arguments, .. } = self;
        format!("{open}{before_name}{name}{before_arguments}{arguments}{after_arguments}")
    }

    /// What shows the beginning of a call in text; where `open` is a control token no text shows it, and the first
    /// characters after it do.
    pub fn visible_open(&self, open_is_hidden: bool) -> &'static str {
        if open_is_hidden { self.before_name.trim_start() } else { self.open }
    }

    /// Reads generated text. A call must be the last thing in it.
    pub fn read(&self, text: &str, open_is_hidden: bool) -> Reading {
        let open = self.visible_open(open_is_hidden);
        let Some(words) = text.find(open) else { return Reading::Words };
        let rest = if open_is_hidden { &text[words..] } else { &text[words + open.len()..] };
        match self.read_call(rest) {
            Ok(call) => Reading::Call { words, call },
            Err(reason) => Reading::Broken { words, reason },
        }
    }

    fn read_call(&self, text: &str) -> Result<ToolCall, String> {
        let after = |text: &'_ str, mark: &str| -> Option<usize> {
            // White space may differ from the family's own.
            let mut rest = text;
            for part in mark.split_whitespace() {
                rest = rest.trim_start().strip_prefix(part)?;
            }
            Some(text.len() - rest.len())
        };
        let start = after(text, self.before_name).ok_or("no name follows")?;
        let text = &text[start..];
        let mark = self.before_arguments.split_whitespace().next().unwrap_or_default();
        let quoted = mark.starts_with('"');
        let end = text.find(if quoted { '"' } else { '>' }).ok_or("the name does not end")?;
        let name = text[..end].to_owned();
        let text = &text[end..];
        let start = after(text, self.before_arguments).ok_or("no arguments follow the name")?;
        let text = &text[start..];
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let arguments = match values.next() {
            Some(Ok(arguments)) => arguments,
            Some(Err(error)) => return Err(format!("the arguments are no JSON: {error}")),
            None => return Err("the arguments are missing".to_owned()),
        };
        let text = &text[values.byte_offset()..];
        // A closing mark may be a control token, which no text shows; the brackets must be there.
        let brackets: String = self.after_arguments.chars().filter(|c| "}]".contains(*c)).collect();
        let rest: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let whole: String = self.after_arguments.chars().filter(|c| !c.is_whitespace()).collect();
        if rest != whole && (rest != brackets || brackets.is_empty()) {
            return Err("something else stands where the call should end".to_owned());
        }
        if !arguments.is_object() {
            return Err("the arguments are no object".to_owned());
        }
        Ok(ToolCall { name, arguments })
    }

    /// The longest end of `text` that may become the beginning of a call when more follows.
    pub fn held_back(&self, text: &str, open_is_hidden: bool) -> usize {
        let open = self.visible_open(open_is_hidden);
        let longest = open.len().saturating_sub(1).min(text.len());
        (1..=longest).rev().find(|length| text.ends_with(&open[..*length])).unwrap_or(0)
    }

    /// A grammar in Lark's notation: words, or words and then one call of one of `tools` (name and schema). `control` is
    /// the number of the token that `open` is, where it is a control token; closing marks are left to the end then.
    pub fn grammar(&self, tools: &[(&str, &Value)], control: Option<u32>) -> String {
        let open = self.visible_open(control.is_some());
        let free = format!("/(?s:.*)/ & ~/(?s:.*){}(?s:.*)/", escaped(open));
        let head = format!("/(?s:.*){0}/ & ~/(?s:.*){0}(?s:.+)/", escaped(open));
        let mut rules = Vec::new();
        let before_name = match control {
            None => {
                rules.push("start: WORDS | HEAD call".to_owned());
                rules.push(format!("WORDS: {free}"));
                rules.push(format!("HEAD: {head}"));
                self.before_name
            }
            Some(id) => {
                rules.push(format!("start: WORDS | WORDS <[{id}]> call"));
                rules.push(format!("WORDS: {free}"));
                self.before_name
            }
        };
        let names: Vec<String> = (0..tools.len()).map(|index| format!("call_{index}")).collect();
        rules.push(format!("call: {}", names.join(" | ")));
        let closing = match control {
            None => self.after_arguments.to_owned(),
            Some(_) => self.after_arguments.chars().filter(|c| "}]".contains(*c)).collect(),
        };
        for (name, (tool, schema)) in names.iter().zip(tools) {
            let mut schema = (*schema).clone();
            if let Some(keywords) = schema.as_object_mut() {
                // White space without end would let a weak model lose itself.
                keywords.insert(
                    "x-guidance".to_owned(),
                    json!({"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false}),
                );
            }
            let before = json!(format!("{before_name}{tool}{}", self.before_arguments));
            rules.push(format!("{name}: {before} %json {schema} {}", json!(closing)));
        }
        rules.join("\n") + "\n"
    }
}

/// A text as it stands in a regular expression between slashes.
pub(super) fn escaped(text: &str) -> String {
    regex::escape(text).replace('/', "\\/")
}
