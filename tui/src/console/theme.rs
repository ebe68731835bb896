//! The only place that knows colours; STYLE.md says what each one means.
//!
//! Colours are the terminal's own sixteen, so they follow the user's scheme; black, white and
//! yellow are left out because one of them vanishes on every common background. Without colour
//! (NO_COLOR) every style is made of modifiers alone.

use ratatui::style::{Color, Modifier, Style};

/// Styles by meaning.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colour: bool,
}

impl Theme {
    /// With colours, or with modifiers only.
    pub fn new(colour: bool) -> Theme {
        Theme { colour }
    }

    /// Follows <https://no-color.org>: any non-empty NO_COLOR switches colours off.
    pub fn from_environment() -> Theme {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Theme::new(!refused)
    }

    fn coloured(self, colour: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        if self.colour { style.fg(colour) } else { style }
    }

    /// What the user asked.
    pub fn question(self) -> Style {
        self.coloured(Color::Cyan, Modifier::BOLD)
    }

    /// The model's words.
    pub fn answer(self) -> Style {
        Style::new()
    }

    /// Passages, hints and other talk beside the matter.
    pub fn aside(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Where a passage stands.
    pub fn source(self) -> Style {
        self.coloured(Color::Blue, Modifier::empty())
    }

    /// High confidence, good feedback, activated updates.
    pub fn good(self) -> Style {
        self.coloured(Color::Green, Modifier::empty())
    }

    /// Errors, bad feedback, low confidence, unsupported answers.
    pub fn bad(self) -> Style {
        self.coloured(Color::Red, Modifier::BOLD)
    }

    /// Corrections and everything learned from them.
    pub fn learned(self) -> Style {
        self.coloured(Color::Magenta, Modifier::empty())
    }

    /// Titles of boxes and panels.
    pub fn title(self) -> Style {
        // Titles stand on dim rules; a terminal cannot be bold and dim at once.
        Style::new().add_modifier(Modifier::BOLD).remove_modifier(Modifier::DIM)
    }

    /// The status line and the chosen row of a list.
    pub fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Keys in help and hints.
    pub fn key(self) -> Style {
        self.coloured(Color::Cyan, Modifier::BOLD)
    }
}
