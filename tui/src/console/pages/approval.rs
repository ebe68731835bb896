//! Asks before a tool changes something.
//!
//! The prompt can come while the user types, so no letter answers it, and the row that Enter takes
//! at first is the safe one.

use halligan_runtime::{Approval, ToolCall};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use super::rows::Choice;
use crate::console::actions::Action;
use crate::console::assessment::call_words;
use crate::console::panels::titled;
use crate::console::theme::Theme;
use crate::console::wrap::wrap_styled;

/// What may be answered, the safe answer first.
pub const ANSWERS: [(Approval, &str); 3] = [
    (Approval::Deny, "no, do not run it"),
    (Approval::Once, "yes, this once"),
    (Approval::Session, "yes, and this tool again in this conversation"),
];

/// The prompt.
#[derive(Debug, Clone)]
pub struct ApprovalPrompt {
    /// What the tool was asked to do.
    pub call: ToolCall,
    choice: Choice,
}

impl ApprovalPrompt {
    /// Asks about a call.
    pub fn new(call: ToolCall) -> ApprovalPrompt {
        ApprovalPrompt { call, choice: Choice::default() }
    }

    /// Takes an action; an answer ends the prompt.
    pub fn act(&mut self, action: Action) -> Option<Approval> {
        match action {
            Action::Close | Action::Stop => Some(Approval::Deny),
            Action::Choose => ANSWERS.get(self.choice.0).map(|(approval, _)| *approval),
            _ => {
                self.choice.act(action, ANSWERS.len(), ANSWERS.len());
                None
            }
        }
    }

    /// Draws the prompt at the bottom of `area`.
    pub fn draw(&self, frame: &mut Frame, theme: Theme, area: Rect) {
        if area.height < 3 {
            return;
        }
        let words = wrap_styled(&call_words(&self.call), area.width, theme.strong());
        let wanted = words.len() + ANSWERS.len() + 1;
        let height = u16::try_from(wanted).unwrap_or(u16::MAX).min(area.height);
        let place = Rect { y: area.bottom() - height, height, ..area };
        frame.render_widget(Clear, place);
        let block = titled(" Allow this? ", place, theme);
        let inner = block.inner(place);
        frame.render_widget(block, place);
        let [text, list] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(ANSWERS.len() as u16)]).areas(inner);
        frame.render_widget(Paragraph::new(words.into_iter().collect::<Vec<Line>>()), text);
        self.choice.draw(frame, theme, list, (ANSWERS.len(), 1), |index| (ANSWERS[index].1.to_owned(), Style::new()));
    }
}
