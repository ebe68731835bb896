//! Draws the review screen from its state. Pure: no state changes, no clock, no input.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};

use super::printable;
use super::rating::{Rating, Verdict};
use super::screen::{Field, Mode, Screen};

/// Lines of the box in which a field is written, borders included.
const EDITOR_LINES: u16 = 6;

/// Columns of the help page before the meaning of a key.
const KEY_COLUMNS: usize = 15;

/// Rows of the help page.
const HELP: [(&str, &str); 12] = [
    ("g", "good: right as it is"),
    ("f", "fix: write the right answer"),
    ("c", "context: right here, another answer elsewhere"),
    ("b", "bad: must not be trained"),
    ("n", "note to a row that is judged"),
    ("+ -", "confidence of the next judgement"),
    ("Tab", "next row without a judgement"),
    ("Left Right", "row before, row after"),
    ("Up Down Space", "scroll a long text"),
    ("Enter", "keeps what is written; Alt+Enter: new line"),
    ("Esc", "leaves what is written as it was"),
    ("q", "leaves; everything is kept already"),
];

/// Colours by meaning; without colour everything is said by modifiers.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    colour: bool,
}

impl Look {
    /// With colours, or with modifiers only.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// Follows <https://no-color.org>.
    pub fn from_environment() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    fn coloured(self, colour: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        if self.colour { style.fg(colour) } else { style }
    }

    fn label(self) -> Style {
        self.coloured(Color::Cyan, Modifier::BOLD)
    }

    fn aside(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn verdict(self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Good => self.coloured(Color::Green, Modifier::BOLD),
            Verdict::Bad => self.coloured(Color::Red, Modifier::BOLD),
            Verdict::Fix | Verdict::Context => self.coloured(Color::Magenta, Modifier::BOLD),
        }
    }
}

/// Where the parts lie.
struct Areas {
    head: Rect,
    text: Rect,
    editor: Rect,
    status: Rect,
    hints: Rect,
}

fn areas(screen: Rect, writing: bool) -> Areas {
    let row = |y: u16, height: u16| Rect::new(screen.x, y, screen.width, height).intersection(screen);
    let editor = if writing { EDITOR_LINES.min(screen.height.saturating_sub(4)) } else { 0 };
    let text = screen.height.saturating_sub(3 + editor);
    Areas {
        head: row(screen.y, 1),
        text: row(screen.y + 1, text),
        editor: row(screen.y + 1 + text, editor),
        status: row(screen.y + 1 + text + editor, 1),
        hints: row(screen.y + 2 + text + editor, 1),
    }
}

/// Lines of text on the screen, and lines of the whole text or help: what scrolling needs.
pub fn extent(screen: &Screen, width: u16, height: u16, look: Look) -> (usize, usize) {
    let writing = matches!(screen.mode, Mode::Writing { .. });
    let page = areas(Rect::new(0, 0, width, height), writing).text.height;
    (usize::from(page), lines(screen, width, look).len())
}

/// Draws one frame.
pub fn draw(frame: &mut Frame, screen: &Screen, look: Look) {
    let writing = matches!(screen.mode, Mode::Writing { .. });
    let areas = areas(frame.area(), writing);
    head(frame, screen, look, areas.head);
    let lines = lines(screen, areas.text.width, look);
    let page = usize::from(areas.text.height);
    let scrolls = lines.len() > page;
    let scroll = if let Mode::Help { scroll } = screen.mode { scroll } else { screen.scroll };
    let shown: Vec<Line<'static>> = lines.into_iter().skip(scroll).take(page).collect();
    frame.render_widget(Paragraph::new(shown), areas.text);
    editor(frame, screen, look, areas.editor);
    status(frame, screen, look, areas.status);
    hints(frame, screen, look, scrolls, areas.hints);
}

fn head(frame: &mut Frame, screen: &Screen, look: Look, area: Rect) {
    let item = screen.item();
    let left = format!(" Row {} of {}  {}", screen.at + 1, screen.items.len(), printable(&item.row.kind));
    let style = Style::new().add_modifier(Modifier::REVERSED);
    frame.buffer_mut().set_style(area, style);
    frame.render_widget(Span::styled(left, style), area);
    if let Some(rating) = screen.rating() {
        let word =
            Line::from(Span::styled(format!("{} ", rating.verdict.name()), look.verdict(rating.verdict).patch(style)));
        frame.render_widget(word.right_aligned(), area);
    }
}

/// The whole text of an item, or of the help, wrapped.
fn lines(screen: &Screen, width: u16, look: Look) -> Vec<Line<'static>> {
    if matches!(screen.mode, Mode::Help { .. }) {
        return help(width, look);
    }
    let item = screen.item();
    let mut lines = Vec::new();
    let mut part = |title: &str, text: &str, style: Style| {
        if text.trim().is_empty() {
            return;
        }
        lines.push(Line::from(Span::styled(title.to_owned(), look.label())));
        // Words that are wider than the screen are cut into pieces by the wrapping itself.
        for line in printable(text).split('\n') {
            let wrapped = textwrap::wrap(line, usize::from(width.max(1)));
            lines.extend(wrapped.iter().map(|line| Line::from(Span::styled(line.to_string(), style))));
        }
        lines.push(Line::default());
    };
    part(if item.row.messages.is_some() { "Question" } else { "Text" }, &item.question(), Style::new());
    if item.row.messages.is_some() {
        part("Answer", item.row.answer(), Style::new().add_modifier(Modifier::BOLD));
    }
    if let Some(Rating { verdict, answer, context, comment, .. }) = screen.rating() {
        let style = look.verdict(*verdict);
        part("Your context", context.as_deref().unwrap_or_default(), style);
        part("Your answer", answer.as_deref().unwrap_or_default(), style);
        part("Your note", comment.as_deref().unwrap_or_default(), Style::new());
    }
    part("Source", &item.source, look.aside());
    lines
}

/// The list of keys; where the screen is narrow, each meaning stands below its keys.
fn help(width: u16, look: Look) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let beside = width >= 2 * KEY_COLUMNS;
    let indent = if beside { KEY_COLUMNS } else { 2 };
    let mut lines = Vec::new();
    for (key, meaning) in HELP {
        let mut head = Line::from(Span::styled(format!(" {key:<width$}", width = KEY_COLUMNS - 1), look.label()));
        let mut wrapped = textwrap::wrap(meaning, width.saturating_sub(indent).max(1)).into_iter();
        if beside {
            head.push_span(Span::raw(wrapped.next().unwrap_or_default().into_owned()));
        }
        lines.push(head);
        lines.extend(wrapped.map(|line| Line::from(format!("{:indent$}{line}", ""))));
    }
    lines
}

fn editor(frame: &mut Frame, screen: &Screen, look: Look, area: Rect) {
    let Mode::Writing { field, editor, .. } = &screen.mode else { return };
    if area.is_empty() {
        return;
    }
    let title = match field {
        Field::Answer => " Right answer ",
        Field::Context => " Where does another answer hold? ",
        Field::Comment => " Note ",
    };
    let block = Block::bordered().border_type(BorderType::Plain).title(Span::styled(title, look.label()));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if inner.is_empty() {
        return;
    }
    frame.render_widget(editor.as_ref(), inner);
    let cursor = editor.screen_cursor();
    let (top, left) = editor.scroll_offset();
    let column = cursor.col.saturating_sub(usize::from(left)).min(usize::from(inner.width) - 1);
    let row = cursor.row.saturating_sub(usize::from(top)).min(usize::from(inner.height) - 1);
    // Both are below the u16 sides of the area.
    frame.set_cursor_position(Position::new(inner.x + column as u16, inner.y + row as u16));
}

fn status(frame: &mut Frame, screen: &Screen, look: Look, area: Rect) {
    let words = screen.notice.clone().unwrap_or_else(|| {
        format!(
            "{}: {} of {} rated  confidence {:.1}",
            printable(&screen.expert),
            screen.rated(),
            screen.items.len(),
            screen.confidence
        )
    });
    frame.render_widget(Span::styled(format!(" {words}"), look.aside()), area);
}

fn hints(frame: &mut Frame, screen: &Screen, look: Look, scrolls: bool, area: Rect) {
    let hints: &[(&str, &str)] = match &screen.mode {
        Mode::Help { .. } if scrolls => &[("Up Down", "scroll"), ("other keys", "close")],
        Mode::Help { .. } => &[("any key", "closes")],
        Mode::Writing { .. } => &[("Enter", "keeps"), ("Esc", "leaves"), ("Alt+Enter", "new line")],
        Mode::Reading => &[
            ("g", "good"),
            ("f", "fix"),
            ("b", "bad"),
            ("?", "help"),
            ("q", "quit"),
            ("c", "context"),
            ("n", "note"),
            ("Tab", "next unrated"),
        ],
    };
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for (key, meaning) in hints {
        let needed = key.len() + 1 + meaning.len();
        if used + needed > usize::from(area.width) {
            break;
        }
        used += needed + 2;
        spans.push(Span::styled(*key, look.label()));
        spans.push(Span::raw(format!(" {meaning}  ")));
    }
    frame.render_widget(Line::from(spans), area);
}
