//! From a conversation to the tokens of a prompt.
//!
//! The model's own template builds the text, so that the prompt is what the model was trained on.
//! What people, documents and tools say is never read as a special token: a text that spells one is tokenized
//! apart from the template around it. What the model said itself keeps the tokens that it said.

mod adapt;
mod specials;

use std::ops::Range;
use std::path::PathBuf;

use halligan_finetune::chat::{ChatError, ChatTemplate, Conversation, Message, Rendered};
use halligan_finetune::gguf::GgufFile;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::ModelError;
use specials::Specials;

/// The chat template of a model.
pub struct ChatPrompt {
    path: PathBuf,
    source: String,
    template: ChatTemplate,
    specials: Specials,
}

/// The tokens of a prompt, and where it will be continued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// All tokens.
    pub tokens: Vec<LlamaToken>,
    /// Tokens at the start that say nothing of this conversation: the system's words and the tools.
    pub prefix: usize,
    /// Tokens up to the end of the assistant's latest words, or the prefix where it has said nothing.
    pub settled: usize,
}

impl Prompt {
    /// A prompt that is no chat.
    pub fn plain(tokens: Vec<LlamaToken>) -> Prompt {
        Prompt { tokens, prefix: 0, settled: 0 }
    }
}

/// Gives the tokens of an answer that the model said in these words.
pub type Remembered<'a> = dyn Fn(&str) -> Option<&'a [LlamaToken]> + 'a;

/// Whether a chat template shows tools to the model, by its text.
pub(crate) fn shows_tools(template: &str) -> bool {
    template.contains("tools")
}

impl ChatPrompt {
    /// The template in a sound model file; `model` gives it the texts of begin and end token.
    pub fn new(file: &GgufFile, model: &LlamaModel) -> Result<ChatPrompt, ModelError> {
        let unusable = |reason: String| ModelError::Template { path: file.path().to_path_buf(), reason };
        let source = file
            .find_str("tokenizer.chat_template")
            .map_err(|error| unusable(error.to_string()))?
            .ok_or_else(|| ModelError::NoChat { path: file.path().to_path_buf() })?;
        let vocabulary = model.vocab();
        let text = |token: LlamaToken| {
            let text = (token.0 >= 0).then(|| vocabulary.text(token)).flatten();
            text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let template = ChatTemplate::new(source, text(vocabulary.bos()), text(vocabulary.eos()))
            .map_err(|error| unusable(error.to_string()))?;
        Ok(ChatPrompt {
            path: file.path().to_path_buf(),
            source: source.to_owned(),
            template,
            specials: Specials::new(model),
        })
    }

    /// The Jinja text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// SHA-256 of the Jinja text.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.source.as_bytes()).into()
    }

    /// Whether the template shows tools to the model, by its text. Where it does not, whoever wants tools must
    /// describe them in the system's words.
    pub fn takes_tools(&self) -> bool {
        shows_tools(&self.source)
    }

    /// Tokens of the prompt that asks for the next answer.
    pub fn tokens(
        &self,
        model: &LlamaModel,
        messages: &[Message],
        tools: &[Value],
        remembered: &Remembered<'_>,
    ) -> Result<Prompt, ModelError> {
        if messages.iter().all(|message| message.content.trim().is_empty() && message.tool_calls.is_empty()) {
            return Err(ModelError::EmptyQuestion);
        }
        let vocabulary = model.vocab();
        let tokenize = |text: &str, parse_special| vocabulary.tokenize(text.as_bytes(), false, parse_special);
        let spells_special = |text: &str| self.specials.stand_in(text);
        self.refuse_special_names(messages, tools, &spells_special)?;
        let mut messages = adapt::without_thoughts(messages);
        self.template.place_tool_results(&mut messages);
        let (rendered, messages) = self.render(messages, tools, &spells_special)?;
        let text = &rendered.text;
        let mut tokens = Vec::new();
        if rendered.contents.iter().any(|range| spells_special(&text[range.clone()])) {
            let mut position = 0;
            for range in &rendered.contents {
                tokens.extend(tokenize(&text[position..range.start], true));
                tokens.extend(tokenize(&text[range.clone()], false));
                position = range.end;
            }
            tokens.extend(tokenize(&text[position..], true));
        } else {
            tokens = tokenize(text, true);
        }
        let places = Places::new(model, text, &tokens);
        let spoken = |index: usize| (&rendered.contents[index], &messages[rendered.speakers[index]]);
        let ranges = 0..rendered.contents.len();
        let is_system = |role: &str| matches!(role, "system" | "developer");
        let opening = ranges.clone().map(spoken).find(|(_, message)| !is_system(&message.role));
        let start = opening.map_or(text.len(), |(range, _)| range.start);
        let boundary = places.before(start);
        // What follows a control token does not depend on what stands before it.
        let control = tokens[..boundary].iter().rposition(|token| vocabulary.is_control(*token));
        let prefix = control.map_or(boundary, |last| last + 1);

        let mut out: Vec<LlamaToken> = Vec::with_capacity(tokens.len() + 1);
        let begin = vocabulary.bos();
        if vocabulary.should_add_bos() && tokens.first() != Some(&begin) {
            out.push(begin);
        }
        let shift = out.len();
        let mut settled = None;
        let mut copied = 0;
        for (range, _) in ranges.map(spoken).filter(|(_, message)| message.role == "assistant") {
            let exact = places.exactly(range);
            if let (Some(exact), Some(said)) = (exact, remembered(&text[range.clone()])) {
                out.extend(&tokens[copied..exact.start]);
                out.extend(said);
                copied = exact.end;
                settled = Some(out.len());
            } else {
                let end = places.before(range.end);
                settled = Some(out.len() + end.saturating_sub(copied));
            }
        }
        out.extend(&tokens[copied..]);
        let prefix = prefix + shift;
        Ok(Prompt { tokens: out, prefix, settled: settled.unwrap_or(prefix) })
    }

    /// Renders in the way that the template accepts, and gives the messages as they were rendered.
    fn render(
        &self,
        messages: Vec<Message>,
        tools: &[Value],
        spells_special: &dyn Fn(&str) -> bool,
    ) -> Result<(Rendered, Vec<Message>), ModelError> {
        let render = |messages: &[Message]| {
            let conversation = Conversation { messages, tools, add_generation_prompt: true };
            match self.template.render_conversation_with_contents(&conversation) {
                // Without a text that could do harm it does not matter where the texts stand.
                Err(ChatError::ContentRewritten { .. })
                    if !messages.iter().any(|message| adapt::texts(message).any(|text| spells_special(&text))) =>
                {
                    let text = self.template.render_conversation(&conversation)?;
                    Ok(Rendered { text, contents: Vec::new(), speakers: Vec::new() })
                }
                other => other,
            }
        };
        let mut first_refusal = None;
        let folded = adapt::without_system(&messages);
        let merged = adapt::alternating(&folded);
        for candidate in [messages, folded, merged] {
            match render(&candidate) {
                Ok(rendered) => return Ok((rendered, candidate)),
                Err(refusal @ ChatError::Render { .. }) => _ = first_refusal.get_or_insert(refusal),
                Err(other) => return Err(self.unusable(other.to_string())),
            }
        }
        Err(self.unusable(first_refusal.map_or_else(String::new, |refusal| refusal.to_string())))
    }

    /// Names and schemas are the template's own text in the prompt, so they must not spell a special token.
    fn refuse_special_names(
        &self,
        messages: &[Message],
        tools: &[Value],
        spells_special: &dyn Fn(&str) -> bool,
    ) -> Result<(), ModelError> {
        let mut names: Vec<String> = tools.iter().map(Value::to_string).collect();
        for message in messages {
            names.push(message.role.clone());
            names.extend(message.name.clone());
            names.extend(message.tool_call_id.clone());
            names.extend(message.tool_calls.iter().flat_map(adapt::names));
        }
        match names.into_iter().find(|name| spells_special(name)) {
            Some(name) => {
                let shown: String = name.chars().take(80).collect();
                Err(self.unusable(format!("the name or schema `{shown}` spells a control token of the model")))
            }
            None => Ok(()),
        }
    }

    fn unusable(&self, reason: String) -> ModelError {
        ModelError::Template { path: self.path.clone(), reason }
    }
}

/// Where the tokens of a text stand in it.
struct Places {
    /// Byte at which each token starts, and the end; `None` where the tokens do not spell the text.
    starts: Option<Vec<usize>>,
    tokens: usize,
    bytes: usize,
}

impl Places {
    fn new(model: &LlamaModel, text: &str, tokens: &[LlamaToken]) -> Places {
        let vocabulary = model.vocab();
        let mut starts = Vec::with_capacity(tokens.len() + 1);
        let mut spelled = Vec::with_capacity(text.len());
        for token in tokens {
            starts.push(spelled.len());
            spelled.extend(vocabulary.token_to_piece(*token, true, None));
        }
        starts.push(spelled.len());
        Places { starts: (spelled == text.as_bytes()).then_some(starts), tokens: tokens.len(), bytes: text.len() }
    }

    /// Tokens that end at or before this byte.
    fn before(&self, byte: usize) -> usize {
        match &self.starts {
            Some(starts) => starts.partition_point(|start| *start <= byte).saturating_sub(1),
            None if byte >= self.bytes => self.tokens,
            None => 0,
        }
    }

    /// The tokens of a range, where tokens start and end with it.
    fn exactly(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let starts = self.starts.as_ref()?;
        Some(starts.binary_search(&range.start).ok()?..starts.binary_search(&range.end).ok()?)
    }
}
