//! Writing the right answer of a turn. What is not saved stays as a draft while the console runs.

use halligan_runtime::Feedback;

use super::actions::{Action, Scope};
use super::app::{App, Mode};
use super::editor::Editor;
use super::event::Command;
use super::pages::Page;
use super::pages::help::HelpPage;

impl App {
    pub(super) fn start_correction(&mut self) {
        if matches!(self.mode, Mode::Correcting { .. }) {
            let [save, leave] = [Action::Save, Action::Close].map(|action| self.key_name(action, Scope::Writing));
            self.notice = Some(format!("a correction is being written: {save} saves it, {leave} leaves it"));
            return;
        }
        let Some(view) = self.transcript.target_view() else {
            self.say_no_target("no answer to correct yet: ask a question first");
            return;
        };
        let Some(turn) = &view.recorded else { return };
        let known = match &turn.feedback {
            Some(Feedback::Correction(text)) => text,
            // What is withheld is not shown in the box either.
            _ if view.hidden => "",
            _ => &turn.answer,
        };
        let (turn, start) = (turn.id, known.trim().to_owned());
        let draft = self.drafts.iter().position(|(of, _)| *of == turn).map(|at| self.drafts.remove(at).1);
        let mut editor = Editor::new("Write the right answer", self.theme);
        editor.set_text(draft.as_ref().unwrap_or(&start));
        self.mode = Mode::Correcting { turn, editor: Box::new(editor), start };
    }

    pub(super) fn correction(&mut self, action: Action) -> Vec<Command> {
        let leave = self.key_name(Action::Close, Scope::Writing);
        let Mode::Correcting { turn, editor, start } = &mut self.mode else { return Vec::new() };
        match action {
            Action::Close => self.set_correction_aside(),
            Action::NewLine => editor.new_line(),
            Action::Save if editor.is_blank() => {
                self.notice = Some(format!("write the right answer first, or leave with {leave}"));
            }
            // A lesson would train on what the model says already.
            Action::Save if editor.text().trim() == start => {
                let turn = *turn;
                self.mode = Mode::Asking;
                let key = self.key_name(Action::Good, Scope::Chat);
                self.notice = Some(format!("nothing was changed, so turn {turn} stays as it is; {key} marks it good"));
            }
            Action::Save => {
                let (turn, text) = (*turn, editor.text().trim().to_owned());
                self.mode = Mode::Asking;
                self.saving = Some((turn, text.clone()));
                return vec![Command::Rate { turn, feedback: Feedback::Correction(text), reasons: Vec::new() }];
            }
            Action::Help => self.pages.push(Page::Help(HelpPage::of(Scope::Writing, None))),
            _ => {}
        }
        Vec::new()
    }

    /// Closes the box. What was changed in it is there again when the same turn is corrected.
    pub(super) fn set_correction_aside(&mut self) {
        if let Some(turn) = self.unsaved_correction()
            && let Mode::Correcting { turn: of, editor, .. } = &self.mode
            && *of == turn
        {
            self.drafts.push((turn, editor.text()));
            let key = self.key_name(Action::Correct, Scope::Chat);
            self.notice = Some(format!("the correction of turn {turn} is kept as a draft: {key} goes on with it"));
        }
        self.mode = Mode::Asking;
    }

    /// A correction that could not be recorded is a draft again.
    pub(super) fn saving_failed(&mut self) {
        self.drafts.extend(self.saving.take());
    }
}
