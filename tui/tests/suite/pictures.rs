//! Draws the pictures of the README from a real session; `./x pictures` runs it.
//!
//! The program runs in tmux on the device that `./x demo` has set up, so the pictures show its model,
//! its adapter and its documents. A copy of the home is used: the journal stays as it was.

use std::fmt::Write;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::tmux::{Tmux, console, root};

const PATIENCE: Duration = Duration::from_secs(120);
const WIDTH: u16 = 80;
const HEIGHT: u16 = 24;
/// Size of a cell in pixels.
const CELL: (f32, f32) = (8.4, 20.0);
const MARGIN: f32 = 12.0;

/// Colours of the sixteen on paper white, readable in light and dark pages.
fn colour(colour: vt100::Color) -> &'static str {
    match colour {
        vt100::Color::Idx(1 | 9) => "#b3261e",
        vt100::Color::Idx(2 | 10) => "#2e7d32",
        vt100::Color::Idx(4 | 12) => "#1a4fa3",
        vt100::Color::Idx(5 | 13) => "#8e24aa",
        vt100::Color::Idx(6 | 14) => "#1f8a94",
        _ => "#22242a",
    }
}

/// The screen of a terminal as SVG: runs of cells with one style are one text.
fn svg(sent: &[u8], title: &str) -> String {
    let side = |cells| NonZeroU16::new(cells).unwrap();
    let mut parser = vt100::Parser::new(side(HEIGHT), side(WIDTH), 0);
    // The capture has bare line feeds.
    let text = String::from_utf8_lossy(sent).trim_end_matches('\n').replace('\n', "\r\n");
    parser.process(text.as_bytes());
    let screen = parser.screen();
    let (width, height) = (f32::from(WIDTH) * CELL.0 + 2.0 * MARGIN, f32::from(HEIGHT) * CELL.1 + 2.0 * MARGIN);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"14\">\n<title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#fbfbf8\"/>\n"
    );
    for row in 0..HEIGHT {
        let mut column = 0;
        while column < WIDTH {
            let first = column;
            let Some(cell) = screen.cell(row, column) else { break };
            let style = (cell.fgcolor(), cell.bold(), cell.dim(), cell.inverse());
            let mut words = String::new();
            while let Some(next) = screen.cell(row, column) {
                if (next.fgcolor(), next.bold(), next.dim(), next.inverse()) != style {
                    break;
                }
                if !next.is_wide_continuation() {
                    words.push_str(if next.has_contents() { next.contents() } else { " " });
                }
                column += 1;
            }
            let (x, y) = (MARGIN + f32::from(first) * CELL.0, MARGIN + f32::from(row) * CELL.1);
            let run = f32::from(column - first) * CELL.0;
            let (foreground, bold, dim, inverse) = style;
            if inverse {
                let _ = writeln!(
                    picture,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{run:.1}\" height=\"{}\" fill=\"#33363d\"/>",
                    CELL.1
                );
            }
            if words.trim().is_empty() {
                continue;
            }
            let fill = if inverse { "#fbfbf8" } else { colour(foreground) };
            let weight = if bold { " font-weight=\"bold\"" } else { "" };
            let faded = if dim { " opacity=\"0.65\"" } else { "" };
            let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let _ = writeln!(
                picture,
                "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{fill}\"{weight}{faded} textLength=\"{run:.1}\" \
                 lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{words}</text>",
                y + 14.5
            );
        }
    }
    picture.push_str("</svg>\n");
    picture
}

fn keep(terminal: &Tmux, name: &str, title: &str) {
    let folder = root().join("tui/pictures");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.svg")), svg(&terminal.coloured_screen(), title)).unwrap();
}

fn copied(home: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-R").arg(home.join(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    copy
}

#[test]
#[ignore = "draws the pictures of the README from the demo's device; `./x pictures` runs it"]
fn the_pictures_of_the_readme_come_from_a_real_session() {
    let demo = std::env::var_os("HALLIGAN_DEMO_DIR").map_or_else(|| root().join("demo-out"), PathBuf::from);
    assert!(demo.join("home/device.db").exists(), "no demo in {}; run ./x demo first", demo.display());
    let home = copied(&demo.join("home"));
    let terminal = Tmux::start("pictures", WIDTH, HEIGHT, &console(home.path(), ""));
    terminal.wait_for("Question", PATIENCE);
    terminal.wait_for("ready", PATIENCE);
    terminal.press(&["C-n"]);
    terminal.type_text("What is the ERG guide number for chlorine?");
    terminal.press(&["Enter"]);
    terminal.wait_until("an answer", PATIENCE, |screen| screen.contains("turn ") && screen.contains("field-guide.md"));
    keep(&terminal, "answer", "A question, its answer, how far to trust it and the passage it rests on");
    terminal.press(&["F7"]);
    terminal.wait_for("Sources:", PATIENCE);
    terminal.press(&["Enter"]);
    terminal.wait_for("Guide 125", PATIENCE);
    keep(&terminal, "source", "The passage in its document, with the words that fit");
    terminal.press(&["Escape"]);
    terminal.wait_for("Sources:", PATIENCE);
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.press(&["F6"]);
    terminal.wait_for("active", PATIENCE);
    keep(&terminal, "adapters", "Every adapter that ever answered, with its scores");
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.press(&["C-p"]);
    terminal.wait_for("Commands", PATIENCE);
    terminal.type_text("con");
    keep(&terminal, "commands", "The command palette");
    terminal.press(&["Escape"]);
    terminal.wait_for("Question", PATIENCE);
    terminal.press(&["F10"]);
    terminal.wait_for("left with 0", PATIENCE);
}
