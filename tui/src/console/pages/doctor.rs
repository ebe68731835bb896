//! What the doctor found, as `halligan doctor` prints it.

use halligan_runtime::DoctorReport;
use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};

use super::Outcome;
use super::rows::Scroll;
use crate::console::actions::Action;
use crate::console::app::App;
use crate::console::event::Command;
use crate::console::theme::Theme;
use crate::console::wrap::wrap_styled;
use crate::verbs::doctor::lines as report_lines;

/// The page.
#[derive(Debug, Default)]
pub struct DoctorPage {
    report: Option<Box<DoctorReport>>,
    scroll: Scroll,
}

impl DoctorPage {
    /// Takes what was found.
    pub fn show(&mut self, report: Box<DoctorReport>) {
        self.report = Some(report);
    }

    pub(super) fn act(&mut self, action: Action, app: &App, size: Size) -> Outcome {
        match action {
            Action::Close => Outcome::Close,
            Action::Refresh => {
                self.report = None;
                Outcome::Do(Command::Examine)
            }
            _ => {
                self.scroll.act(action, self.lines(size.width, app.theme).len(), usize::from(size.height));
                Outcome::Stay
            }
        }
    }

    pub(super) fn draw(&self, frame: &mut Frame, app: &App, area: Rect) {
        self.scroll.draw(frame, app.theme, area, &self.lines(area.width, app.theme));
    }

    fn lines(&self, width: u16, theme: Theme) -> Vec<Line<'static>> {
        let Some(report) = &self.report else {
            return vec![Line::from(Span::styled("examining the device ...", theme.aside()))];
        };
        report_lines(report)
            .iter()
            .flat_map(|line| {
                let style = match line.split(':').next() {
                    Some("error" | "warning") => theme.bad(),
                    _ if line == "no problems found" => theme.good(),
                    _ => theme.answer(),
                };
                wrap_styled(line, width, style)
            })
            .collect()
    }
}
