//! Which parts of a rendered conversation are the assistant's, and which the user's own words.
//!
//! Both are found by rendering, never by searching for marks in the text:
//!
//! - The assistant's span of message `i` starts where the conversation up to it, rendered with the
//!   generation prompt, ends: that is the text the model answers to. It ends where the conversation
//!   including it, rendered without, ends. A template for which one of these texts does not continue the
//!   other rewrites its past, and is refused for that row.
//! - The content of messages is found by rendering a second time with a placeholder for each content. The
//!   template's own text around the placeholders must then enclose the contents in the real text.

use std::ops::Range;

use super::{ChatError, ChatTemplate, Message};

/// A rendered conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole text.
    pub text: String,
    /// Byte ranges of what messages say, in order; the rest is the template's.
    pub contents: Vec<Range<usize>>,
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
        let text = self.render(messages, add_generation_prompt)?;
        let masked: Vec<Message> = (messages.iter().enumerate())
            .map(|(index, message)| Message {
                role: message.role.clone(),
                content: match message.content.trim() {
                    // Templates test for empty contents, so those stay empty.
                    "" => message.content.clone(),
                    _ => format!("{OPEN}{index}{CLOSE}"),
                },
            })
            .collect();
        let skeleton = self.render(&masked, add_generation_prompt)?;
        let mut contents = Vec::new();
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
                .filter(|(index, _)| *index < messages.len())
                .ok_or(ChatError::ContentRewritten { message: 0 })?;
            let content = messages[index].content.as_str();
            let rest = &text[position..];
            let kept = [content, content.trim(), content.trim_start(), content.trim_end()]
                .into_iter()
                .find(|kept| {
                    let tail = rest.strip_prefix(kept);
                    tail.is_some_and(|tail| tail.starts_with(after))
                })
                .ok_or(ChatError::ContentRewritten { message: index })?;
            contents.push(position..position + kept.len());
            position += kept.len() + after.len();
        }
        if position != text.len() {
            let message = messages.len().saturating_sub(1);
            return Err(ChatError::ContentRewritten { message });
        }
        Ok(Rendered { text, contents })
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
