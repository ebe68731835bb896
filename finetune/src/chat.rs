//! Chat templates: conversations to text and to tokens, with the training mask of the assistant's turns.
//!
//! The template is the Jinja text in `tokenizer.chat_template` of the base model. What a message says is
//! never parsed for control tokens: text in a document or a question cannot end a turn or open another.

mod environment;
mod message;
mod spans;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::PathBuf;

use minijinja::Environment;
use minijinja::value::Value;

use crate::gguf::{GgufError, GgufFile};
use crate::tokenizer::{Piece, Tokenizer, TokenizerError};
pub use message::{Conversation, Message};
pub use spans::Rendered;

/// Name of the one template in its environment, as it shows in error texts.
const TEMPLATE: &str = "chat_template";

/// Why a conversation could not be rendered or encoded. Messages are counted from 1 in the texts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    /// The metadata has another type than text.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The base model has no chat template.
    #[error(
        "{path}: the model has no chat template (tokenizer.chat_template); \
         choose an instruction-tuned base, or give rows with `text` instead of `messages`"
    )]
    Missing {
        /// The model file.
        path: PathBuf,
    },
    /// The template is no valid Jinja.
    #[error("the chat template cannot be parsed: {reason}; choose another base model")]
    Syntax {
        /// What the parser said, with the line.
        reason: String,
    },
    /// The template refused the messages, or did not come to an end.
    #[error("the chat template refused the messages: {reason}")]
    Render {
        /// What the template said.
        reason: String,
    },
    /// The template changes the content of a message.
    #[error(
        "the chat template rewrites the content of message {}; \
         remove marks such as <think> from it", message + 1
    )]
    ContentRewritten {
        /// Index of the message.
        message: usize,
    },
    /// The template renders earlier turns differently once later ones follow.
    #[error(
        "the chat template changes the assistant's message {} when more follows; \
         put each answer into a row of its own", message + 1
    )]
    NotIncremental {
        /// Index of the message.
        message: usize,
    },
    /// No message is the assistant's.
    #[error("no message has the role `assistant`, so there is nothing to learn; add the answer")]
    NoAssistant,
    /// The text could not be encoded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// A conversation as tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedConversation {
    /// The tokens, with the begin token where the model wants one.
    pub tokens: Vec<u32>,
    /// For each token whether it is a training target; the first never is.
    pub trained: Vec<bool>,
}

/// The chat template of a base model.
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    takes_tool_results: bool,
}

impl ChatTemplate {
    /// The template of a model file; `tokenizer` gives it the texts of begin and end token.
    ///
    /// # Errors
    /// [`ChatError::Missing`] without a template, [`ChatError::Syntax`] where it cannot be parsed.
    pub fn from_gguf(file: &GgufFile, tokenizer: &Tokenizer) -> Result<Self, ChatError> {
        let source = file
            .find_str("tokenizer.chat_template")?
            .ok_or_else(|| ChatError::Missing { path: file.path().to_path_buf() })?;
        let text = |token: Option<u32>| {
            let text = token.and_then(|id| tokenizer.token_text(id));
            text.unwrap_or_default().to_string()
        };
        Self::new(source, text(tokenizer.bos_token()), text(tokenizer.eos_token()))
    }

    /// A template from its source and the texts of begin and end token.
    ///
    /// # Errors
    /// [`ChatError::Syntax`] where the source cannot be parsed.
    pub fn new(source: &str, bos: String, eos: String) -> Result<Self, ChatError> {
        let mut environment = environment::chat_environment();
        environment
            .add_template_owned(TEMPLATE, environment::without_generation_marks(source))
            .map_err(|error| ChatError::Syntax { reason: error.to_string() })?;
        // Written in any of the ways that templates have.
        let marks = ["'tool'", "\"tool\"", "ipython", "tool_response"];
        let takes_tool_results = marks.iter().any(|mark| source.contains(mark));
        Ok(Self { environment, bos, eos, takes_tool_results })
    }

    /// Results of tools become the user's words where the template knows no role `tool`, by its text; so they are asked
    /// and trained.
    pub fn place_tool_results(&self, messages: &mut [Message]) {
        for message in messages.iter_mut().filter(|message| message.role == "tool" && !self.takes_tool_results) {
            message.role = "user".to_owned();
        }
    }

    /// The text of a conversation; with `add_generation_prompt` also the opening of the answer.
    ///
    /// # Errors
    /// [`ChatError::Render`] where the template refuses the messages.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, ChatError> {
        self.render_conversation(&Conversation { messages, tools: &[], add_generation_prompt })
    }

    /// The text of a conversation that may have tools.
    ///
    /// # Errors
    /// [`ChatError::Render`] where the template refuses the messages.
    pub fn render_conversation(&self, conversation: &Conversation<'_>) -> Result<String, ChatError> {
        self.render_shown(conversation, &mut |text| text.to_owned())
    }

    /// Renders with the text that `shown` puts in the place of each text that is somebody's words.
    fn render_shown(
        &self,
        conversation: &Conversation<'_>,
        shown: &mut dyn FnMut(&str) -> String,
    ) -> Result<String, ChatError> {
        let messages: Vec<Value> = conversation.messages.iter().map(|message| message.value(shown)).collect();
        let mut fields = vec![
            ("messages", Value::from(messages)),
            ("add_generation_prompt", Value::from(conversation.add_generation_prompt)),
            ("bos_token", Value::from(self.bos.as_str())),
            ("eos_token", Value::from(self.eos.as_str())),
        ];
        if !conversation.tools.is_empty() {
            fields.push(("tools", conversation.tools.iter().map(message::ordered).collect()));
        }
        let context = Value::from_pairs(fields);
        (self.environment.get_template(TEMPLATE)).and_then(|template| template.render(context)).map_err(|error| {
            ChatError::Render { reason: error.detail().map_or_else(|| error.to_string(), str::to_string) }
        })
    }

    /// Tokens of the prompt that asks for the next answer.
    ///
    /// # Errors
    /// As [`ChatTemplate::render_with_contents`], or where the text cannot be encoded.
    pub fn encode_prompt(&self, tokenizer: &Tokenizer, messages: &[Message]) -> Result<Vec<u32>, ChatError> {
        let rendered = self.render_with_contents(messages, true)?;
        let tokens = encode_range(tokenizer, &rendered, 0..rendered.text.len(), true)?;
        Ok(tokenizer.with_bos(tokens))
    }

    /// Tokens and training mask of a whole conversation.
    ///
    /// Trained is each assistant turn up to and with the token that ends it. The borders of turns are
    /// borders of tokens, as they are when the model answers to a prompt. Where the template writes no end
    /// token after the last answer, the model's own is added, or it would never learn to stop.
    ///
    /// # Errors
    /// As [`ChatTemplate::assistant_spans`], or where the text cannot be encoded.
    pub fn encode_conversation(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
    ) -> Result<EncodedConversation, ChatError> {
        let (rendered, spans) = self.assistant_spans(messages)?;
        let mut tokens = Vec::new();
        let mut trained = Vec::new();
        let mut position = 0;
        let mut stops = false;
        for span in spans {
            for (range, answer) in [(position..span.start, false), (span.clone(), true)] {
                let after_special = match tokens.last() {
                    Some(&last) => tokenizer.is_control(last),
                    None => true,
                };
                let piece = encode_range(tokenizer, &rendered, range, after_special)?;
                let end = piece.iter().rposition(|&token| tokenizer.is_end_of_generation(token));
                let learned = if answer { end.map_or(piece.len(), |end| end + 1) } else { 0 };
                trained.extend((0..piece.len()).map(|index| index < learned));
                tokens.extend(piece);
                stops = end.is_some();
            }
            position = span.end;
        }
        if let (false, true, Some(eos)) = (stops, position == rendered.text.len(), tokenizer.eos_token()) {
            tokens.push(eos);
            trained.push(true);
        }
        let rest = encode_range(tokenizer, &rendered, position..rendered.text.len(), false)?;
        trained.extend(rest.iter().map(|_| false));
        tokens.extend(rest);
        let tokens = tokenizer.with_bos(tokens);
        if tokens.len() > trained.len() {
            trained.insert(0, false);
        }
        if let Some(first) = trained.first_mut() {
            *first = false;
        }
        Ok(EncodedConversation { tokens, trained })
    }
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ChatTemplate").field("bos", &self.bos).field("eos", &self.eos).finish_non_exhaustive()
    }
}

/// Tokens of a part of a rendered conversation; control tokens are found in the template's text only.
fn encode_range(
    tokenizer: &Tokenizer,
    rendered: &Rendered,
    range: Range<usize>,
    after_special: bool,
) -> Result<Vec<u32>, TokenizerError> {
    let mut pieces = Vec::new();
    let mut position = range.start;
    for content in &rendered.contents {
        let start = content.start.clamp(position, range.end);
        let end = content.end.clamp(start, range.end);
        pieces.push(Piece { text: &rendered.text[position..start], parse_special: true });
        pieces.push(Piece { text: &rendered.text[start..end], parse_special: false });
        position = end;
    }
    pieces.push(Piece { text: &rendered.text[position..range.end], parse_special: true });
    tokenizer.encode_pieces(&pieces, after_special)
}
