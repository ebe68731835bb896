//! Asks before a tool changes something.
//!
//! The prompt can come while the user types, so no letter answers it, and the row that Enter takes
//! at first is the safe one. A call that is longer than the screen scrolls, and only who has had its end
//! on the screen can say yes to it.

use halligan_runtime::{Approval, ToolCall};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use super::rows::{Choice, Scroll};
use crate::console::actions::{Action, Scope};
use crate::console::app::App;
use crate::console::assessment::call_words;
use crate::console::panels::titled;
use crate::console::wrap::{cells, wrap};

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
    scroll: Scroll,
    /// Whether the end of the call has been on the screen.
    read: bool,
}

impl ApprovalPrompt {
    /// Asks about a call.
    pub fn new(call: ToolCall) -> ApprovalPrompt {
        ApprovalPrompt { call, choice: Choice::default(), scroll: Scroll::default(), read: false }
    }

    fn rows(&self, width: u16) -> Vec<String> {
        wrap(&call_words(&self.call), width)
    }

    /// The first row of the call on a screen part of this size, how many are shown, and how many follow.
    fn view(&self, size: Size) -> (usize, usize, usize) {
        let rows = self.rows(size.width).len();
        let shown = text_rows(size.height, rows);
        let top = self.scroll.0.min(rows - shown);
        (top, shown, rows - shown - top)
    }

    /// Notes what a screen part of this size has shown; before each key, which answers what was on the screen.
    pub fn seen(&mut self, size: Size) {
        let (_, shown, follow) = self.view(size);
        self.read |= shown > 0 && follow == 0;
    }

    /// Takes an action; an answer ends the prompt. A yes before the end of the call is none.
    pub fn act(&mut self, action: Action, size: Size) -> Option<Approval> {
        match action {
            Action::Close | Action::Stop => return Some(Approval::Deny),
            Action::Choose => {
                let chosen = ANSWERS.get(self.choice.0).map(|(approval, _)| *approval);
                return chosen.filter(|approval| *approval == Approval::Deny || self.read);
            }
            Action::PageUp | Action::PageDown => {
                let (top, shown, follow) = self.view(size);
                self.scroll = Scroll(top);
                self.scroll.act(action, top + shown + follow, shown);
            }
            _ => {
                self.choice.act(action, ANSWERS.len(), ANSWERS.len());
            }
        }
        None
    }

    /// Draws the prompt at the bottom of `area`.
    pub fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        if area.height < 2 {
            return;
        }
        let theme = app.theme;
        let (top, shown, follow) = self.view(area.as_size());
        let answers = ANSWERS.len().min(usize::from(area.height - 1) - shown);
        // Neither is more than the height of the area.
        let height = (1 + shown + answers) as u16;
        let place = Rect { y: area.bottom() - height, height, ..area };
        frame.render_widget(Clear, place);
        let block = titled(&title(follow, app, usize::from(area.width)), place, theme);
        let inner = block.inner(place);
        frame.render_widget(block, place);
        let [text, list] = Layout::vertical([Constraint::Length(shown as u16), Constraint::Fill(1)]).areas(inner);
        let rows = self.rows(area.width).into_iter().skip(top).take(shown);
        frame
            .render_widget(Paragraph::new(rows.map(|row| Line::styled(row, theme.strong())).collect::<Vec<_>>()), text);
        self.choice.draw(frame, theme, list, (ANSWERS.len(), 1), |index| (ANSWERS[index].1.to_owned(), Style::new()));
    }
}

/// Rows of a call of `rows` rows on a screen part of `height` rows. Below it stand the answers, one of them at least;
/// above it the title.
fn text_rows(height: u16, rows: usize) -> usize {
    let room = usize::from(height).saturating_sub(1);
    let answers = if rows + ANSWERS.len() <= room { ANSWERS.len() } else { (room / 3).clamp(1, ANSWERS.len()) };
    rows.min(room.saturating_sub(answers))
}

/// The question, with what is still to be read.
fn title(follow: usize, app: &App, width: usize) -> String {
    if follow == 0 {
        return " Allow this? ".to_owned();
    }
    let key = app.key_name(Action::PageDown, Scope::Approval);
    let rest = if follow == 1 { format!("1 more row: {key}") } else { format!("{follow} more rows: {key}") };
    let whole = format!(" Allow this? {rest} ");
    if cells(&whole) <= width { whole } else { format!(" {rest} ") }
}
