//! ChatML text: messages between `<|im_start|>role` and `<|im_end|>`, conversations apart by an empty line.
//!
//! The form holds words only: names, groups and values stay behind. A file ending in `.jsonl` holds the same
//! text in a column `text`, one conversation a line.

use halligan_finetune::chat::Message;

use super::record::Record;
use super::{Format, Unfit, bare};
use crate::data::row::Row;

const OPEN: &str = "<|im_start|>";
const CLOSE: &str = "<|im_end|>";

/// The text of a row, with a line end after the last mark.
///
/// # Errors
/// A text row, or words that hold a mark.
pub fn text(row: &Row) -> Result<String, Unfit> {
    let format = Format::Chatml.name();
    let messages = row.messages.as_deref().ok_or(Unfit::Text { format })?;
    bare(messages, format)?;
    let mut text = String::new();
    for (index, Message { role, content, .. }) in messages.iter().enumerate() {
        for mark in [OPEN, CLOSE] {
            if content.contains(mark) || role.contains(mark) {
                return Err(Unfit::Mark { message: index + 1, mark: mark.to_owned() });
            }
        }
        if role.contains('\n') {
            return Err(Unfit::Mark { message: index + 1, mark: "line end in the role".to_owned() });
        }
        text.push_str(&format!("{OPEN}{role}\n{content}{CLOSE}\n"));
    }
    Ok(text)
}

/// Conversations of a text, each with the line it starts on.
pub fn conversations(text: &str) -> Vec<(usize, Result<Row, String>)> {
    let mut found = Vec::new();
    let mut messages: Vec<Message> = Vec::new();
    let (mut line, mut first_line) = (1, 1);
    let mut rest = text;
    let finish = |messages: &mut Vec<Message>, first_line: usize, found: &mut Vec<(usize, Result<Row, String>)>| {
        if !messages.is_empty() {
            let record = Record { messages: Some(std::mem::take(messages)), ..Record::default() };
            found.push((first_line, record.into_row()));
        }
    };
    loop {
        let Some(open) = rest.find(OPEN) else {
            finish(&mut messages, first_line, &mut found);
            if !rest.trim().is_empty() {
                let problem = format!("there is text outside {OPEN} and {CLOSE}; put it into a message");
                found.push((line + rest.matches('\n').count() - rest.trim_start().matches('\n').count(), Err(problem)));
            }
            return found;
        };
        let between = &rest[..open];
        // Every message ends with a line end; one more is the empty line between conversations.
        if between.matches('\n').count() > 1 || messages.is_empty() {
            finish(&mut messages, first_line, &mut found);
            first_line = line + between.matches('\n').count();
        }
        if !between.trim().is_empty() {
            found.push((line, Err(format!("there is text outside {OPEN} and {CLOSE}; put it into a message"))));
        }
        line += between.matches('\n').count();
        rest = &rest[open + OPEN.len()..];
        let body = rest.split_once('\n').and_then(|(role, after)| Some((role, after.split_once(CLOSE)?)));
        let Some((role, (content, after))) = body else {
            found.push((line, Err(format!("the message is not closed by {CLOSE}; close it"))));
            return found;
        };
        if content.contains(OPEN) {
            found.push((line, Err(format!("{OPEN} stands inside a message; close the one before with {CLOSE}"))));
        } else {
            messages.push(Message::new(role.trim_end_matches('\r'), content));
        }
        line += 1 + content.matches('\n').count();
        rest = after;
    }
}
