//! The only place that knows colours and marks; STYLE.md says what each one means.
//!
//! Colours are the terminal's own sixteen, so they follow the user's scheme; black, white and
//! yellow are left out because one of them vanishes on every common background. Without colour
//! (NO_COLOR) every style is made of modifiers alone.

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// A set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Palette {
    /// Normal colours, readable on dark and light backgrounds
    Auto,
    /// Bright colours for a dark background
    Dark,
    /// Dark colours for a light background
    Light,
    /// No dim text; bold, underlined and reversed where others differ by colour
    HighContrast,
    /// No colours: bold, dim and reversed only
    None,
}

impl Palette {
    /// All palettes, in the order in which they follow each other.
    pub const ALL: [Palette; 5] = [Palette::Auto, Palette::Dark, Palette::Light, Palette::HighContrast, Palette::None];

    /// The name in settings and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Palette::Auto => "auto",
            Palette::Dark => "dark",
            Palette::Light => "light",
            Palette::HighContrast => "high-contrast",
            Palette::None => "none",
        }
    }

    /// The palette after this one; after the last, the first.
    pub fn next(self) -> Palette {
        let at = Palette::ALL.iter().position(|palette| *palette == self).unwrap_or(0);
        Palette::ALL[(at + 1) % Palette::ALL.len()]
    }
}

/// Marks that have an ASCII twin.
#[derive(Debug, Clone, Copy)]
pub struct Marks {
    /// In the gutter of the chosen turn.
    pub chosen: &'static str,
    /// Left of quoted text; two columns.
    pub edge: &'static str,
    /// Before the items of a list; two columns.
    pub bullet: &'static str,
    /// Bars of a chart from empty to full.
    pub bars: &'static [&'static str],
}

const UNICODE: Marks = Marks {
    chosen: "\u{258c}",
    edge: "\u{2502} ",
    bullet: "\u{2022} ",
    bars: &[" ", "\u{2581}", "\u{2582}", "\u{2583}", "\u{2584}", "\u{2585}", "\u{2586}", "\u{2587}", "\u{2588}"],
};

const ASCII: Marks = Marks { chosen: "*", edge: "| ", bullet: "- ", bars: &[" ", ".", ":", "#"] };

/// Styles by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    palette: Palette,
    ascii: bool,
}

impl Theme {
    /// With colours that suit every background, or with modifiers only.
    pub fn new(colour: bool) -> Theme {
        Theme::of(if colour { Palette::Auto } else { Palette::None }, false)
    }

    /// With this palette, and with marks outside of ASCII or without.
    pub fn of(palette: Palette, ascii: bool) -> Theme {
        Theme { palette, ascii }
    }

    /// The palette.
    pub fn palette(self) -> Palette {
        self.palette
    }

    /// Whether the terminal shows ASCII only.
    pub fn ascii(self) -> bool {
        self.ascii
    }

    /// The same marks with another palette.
    pub fn with_palette(self, palette: Palette) -> Theme {
        Theme { palette, ..self }
    }

    /// The marks of the terminal's character set.
    pub fn marks(self) -> Marks {
        if self.ascii { ASCII } else { UNICODE }
    }

    fn coloured(self, normal: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        match self.palette {
            Palette::None => style,
            Palette::Auto | Palette::Light => style.fg(normal),
            Palette::Dark => style.fg(bright(normal)),
            Palette::HighContrast => style.fg(normal).add_modifier(Modifier::BOLD),
        }
    }

    /// What the user asked.
    pub fn question(self) -> Style {
        // Cyan is hard to read on white.
        let colour = if self.palette == Palette::Light { Color::Blue } else { Color::Cyan };
        self.coloured(colour, Modifier::BOLD)
    }

    /// The model's words.
    pub fn answer(self) -> Style {
        Style::new()
    }

    /// Passages, hints and other talk beside the matter.
    pub fn aside(self) -> Style {
        match self.palette {
            Palette::HighContrast => Style::new(),
            _ => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// Where a passage stands.
    pub fn source(self) -> Style {
        match self.palette {
            Palette::HighContrast => self.coloured(Color::Blue, Modifier::UNDERLINED),
            _ => self.coloured(Color::Blue, Modifier::empty()),
        }
    }

    /// High confidence, good feedback, activated updates.
    pub fn good(self) -> Style {
        self.coloured(Color::Green, Modifier::empty())
    }

    /// Errors, bad feedback, low confidence, unsupported answers.
    pub fn bad(self) -> Style {
        match self.palette {
            Palette::HighContrast => self.coloured(Color::Red, Modifier::REVERSED),
            _ => self.coloured(Color::Red, Modifier::BOLD),
        }
    }

    /// Corrections and everything learned from them.
    pub fn learned(self) -> Style {
        self.coloured(Color::Magenta, Modifier::empty())
    }

    /// Titles of boxes and panels, headings.
    pub fn title(self) -> Style {
        // Titles stand on dim rules; a terminal cannot be bold and dim at once.
        Style::new().add_modifier(Modifier::BOLD).remove_modifier(Modifier::DIM)
    }

    /// Words that a text stresses.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Words that a text sets apart.
    pub fn emphasis(self) -> Style {
        Style::new().add_modifier(Modifier::UNDERLINED)
    }

    /// Commands, file names and other literal text.
    pub fn code(self) -> Style {
        let colour = if self.palette == Palette::Light { Color::Blue } else { Color::Cyan };
        self.coloured(colour, Modifier::empty())
    }

    /// The cited words in the text around them.
    pub fn cited(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The status line and the chosen row of a list.
    pub fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Keys in help and hints.
    pub fn key(self) -> Style {
        self.question()
    }
}

fn bright(colour: Color) -> Color {
    match colour {
        Color::Cyan => Color::LightCyan,
        Color::Blue => Color::LightBlue,
        Color::Green => Color::LightGreen,
        Color::Red => Color::LightRed,
        Color::Magenta => Color::LightMagenta,
        other => other,
    }
}
