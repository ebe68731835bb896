//! Which parts of a rendered conversation are the assistant's, and which the user's own words.
//!
//! Both are found by rendering, never by searching for marks in the text:
//!
//! - The assistant's span of message `i` starts where the conversation up to it, rendered with the
//!   generation prompt, ends: that is the text the model answers to. It ends where the conversation
//!   including it, rendered without, ends. A template for which one of these texts does not continue the
//!   other rewrites its past, and is refused for that row.
//! - The content of messages, and of the texts in the arguments of tool calls, is found by rendering a second time
//!   with a placeholder for each. The template's own text around the placeholders must then enclose the contents in the
//!   real text, as they are or as JSON spells them.

use std::ops::Range;

use super::{ChatError, ChatTemplate, Conversation, Message};

/// A rendered conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole text.
    pub text: String,
    /// Byte ranges of what messages say, in order; the rest is the template's.
    pub contents: Vec<Range<usize>>,
    /// For each range the index of the message that says it.
    pub speakers: Vec<usize>,
}

/// Placeholders lie in the private use area and hold no white space, so templates pass them through.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

impl ChatTemplate {
    /// Renders a conversation and finds the contents in it.
    ///
    /// # Errors
    /// [`ChatError::Render`] where the template refuses the messages, [`ChatError::ContentRewritten`]
    /// where it changes what they say beyond trimming white space.
    pub fn render_with_contents(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<Rendered, ChatError> {
        self.render_conversation_with_contents(&Conversation { messages, tools: &[], add_generation_prompt })
    }

    /// Renders a conversation that may have tools, and finds the contents in it.
    ///
    /// # Errors
    /// As [`ChatTemplate::render_with_contents`].
    pub fn render_conversation_with_contents(&self, conversation: &Conversation<'_>) -> Result<Rendered, ChatError> {
        // Every text that is somebody's words, and the message it belongs to.
        let mut words: Vec<String> = Vec::new();
        let mut owners = Vec::new();
        for (index, message) in conversation.messages.iter().enumerate() {
            // The value itself is not needed, only what it shows.
            message.value(&mut |text| {
                words.push(text.to_owned());
                owners.push(index);
                String::new()
            });
        }
        let text = self.render_conversation(conversation)?;
        let mut number = 0;
        let skeleton = self.render_shown(conversation, &mut |text| {
            let index = number;
            number += 1;
            match text.trim() {
                // Templates test for empty contents, so those stay empty.
                "" => text.to_owned(),
                _ => format!("{OPEN}{index}{CLOSE}"),
            }
        })?;
        let (mut contents, mut speakers) = (Vec::new(), Vec::new());
        let mut pieces = skeleton.split(OPEN);
        let before = pieces.next().unwrap_or_default();
        if !text.starts_with(before) {
            return Err(ChatError::ContentRewritten { message: 0 });
        }
        let mut position = before.len();
        for piece in pieces {
            let (index, after) = piece
                .split_once(CLOSE)
                .and_then(|(number, after)| Some((number.parse::<usize>().ok()?, after)))
                .filter(|(index, _)| *index < words.len())
                .ok_or(ChatError::ContentRewritten { message: 0 })?;
            let message = owners[index];
            let kept =
                kept_length(&words[index], &text[position..], after).ok_or(ChatError::ContentRewritten { message })?;
            contents.push(position..position + kept);
            speakers.push(message);
            position += kept + after.len();
        }
        if position != text.len() {
            let message = conversation.messages.len().saturating_sub(1);
            return Err(ChatError::ContentRewritten { message });
        }
        Ok(Rendered { text, contents, speakers })
    }

    /// Renders a conversation and finds the byte ranges that the assistant wrote, each with the text that
    /// ends its turn.
    ///
    /// # Errors
    /// [`ChatError::NoAssistant`] without an assistant message, [`ChatError::NotIncremental`] where the
    /// template rewrites earlier turns; otherwise as [`ChatTemplate::render_with_contents`].
    pub fn assistant_spans(&self, messages: &[Message]) -> Result<(Rendered, Vec<Range<usize>>), ChatError> {
        let whole = self.render_with_contents(messages, false)?;
        let mut spans = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            if message.role != "assistant" {
                continue;
            }
            let prompt = self.render(&messages[..index], true)?;
            let turn = self.render(&messages[..=index], false)?;
            if !turn.starts_with(&prompt) || !whole.text.starts_with(&turn) {
                return Err(ChatError::NotIncremental { message: index });
            }
            spans.push(prompt.len()..turn.len());
        }
        if spans.is_empty() {
            return Err(ChatError::NoAssistant);
        }
        Ok((whole, spans))
    }
}

/// Length of `content` at the start of `rest`, where `after` follows: as it is, trimmed, or as JSON spells it.
fn kept_length(content: &str, rest: &str, after: &str) -> Option<usize> {
    let forms = [content, content.trim(), content.trim_start(), content.trim_end()];
    let stands = |kept: &str| rest.strip_prefix(kept).is_some_and(|tail| tail.starts_with(after));
    if let Some(kept) = forms.into_iter().find(|kept| stands(kept)) {
        return Some(kept.len());
    }
    let quoted = forms.into_iter().filter_map(|form| serde_json::to_string(form).ok());
    quoted.map(|quoted| quoted[1..quoted.len() - 1].to_owned()).find(|kept| stands(kept)).map(|kept| kept.len())
}
