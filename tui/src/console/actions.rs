//! Every action of the console in one table: its name, its words, where it works and its keys.
//!
//! The keymap, the help of each screen, the command palette and the settings file are all made
//! from this table, so an action that is missing in one of them cannot exist.

/// What a key or a line of the palette does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Explain the screen.
    Help,
    /// Find an action by its words.
    Palette,
    /// Leave the program.
    Quit,
    /// Draw every cell again.
    Redraw,
    /// The next set of colours.
    NextTheme,
    /// Ask the question in the box.
    Send,
    /// Start a line in the box.
    NewLine,
    /// The answer is right.
    Good,
    /// The answer is wrong.
    Bad,
    /// Write the right answer.
    Correct,
    /// Say why an answer is good or bad.
    Reasons,
    /// Learn from the corrections.
    Learn,
    /// Open the list of generations.
    Adapters,
    /// Open the passages of the answer.
    Sources,
    /// Open the list of documents.
    Documents,
    /// Search earlier conversations.
    Search,
    /// Open the page of the running lesson.
    Lesson,
    /// Examine the device.
    Doctor,
    /// Open the gauges.
    Device,
    /// Copy the answer.
    CopyAnswer,
    /// Show a withheld answer all the same.
    Anyway,
    /// Begin another conversation.
    NewSession,
    /// Halt learning, or go on.
    Pause,
    /// Stop what runs.
    Stop,
    /// Older rows.
    ScrollUp,
    /// Newer rows.
    ScrollDown,
    /// The oldest row.
    Oldest,
    /// The newest row.
    Newest,
    /// Choose an earlier answer.
    ChooseEarlier,
    /// Choose a later answer.
    ChooseLater,
    /// The question before.
    HistoryEarlier,
    /// The question after.
    HistoryLater,
    /// Keep what was written.
    Save,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// Do what the page is for with the chosen row.
    Choose,
    /// Close the page.
    Close,
    /// Return to the generation before.
    RollBack,
    /// Add documents.
    Add,
    /// Remove the chosen document.
    Remove,
    /// Look again.
    Refresh,
    /// Mark or unmark the chosen reason.
    Toggle,
    /// Cancel the lesson.
    CancelLesson,
}

/// Where an action works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// On every screen.
    Everywhere,
    /// In the conversation.
    Chat,
    /// In a box that takes a text: corrections, paths.
    Writing,
    /// On every page with rows.
    Page,
    /// In a list below a search box: the palette and the search.
    Picker,
    /// Where a tool waits for a yes or a no.
    Approval,
    /// On the list of generations.
    Adapters,
    /// On the list of documents.
    Documents,
    /// On the page of the lesson.
    Lesson,
    /// On the doctor's page.
    Doctor,
    /// On the list of reasons.
    Reasons,
}

impl Scope {
    /// Name as a heading of the help.
    pub fn title(self) -> &'static str {
        match self {
            Scope::Everywhere => "everywhere",
            Scope::Chat => "conversation",
            Scope::Writing => "writing",
            Scope::Page => "pages",
            Scope::Picker => "finding",
            Scope::Approval => "allowing",
            Scope::Adapters => "adapters",
            Scope::Documents => "documents",
            Scope::Lesson => "learning",
            Scope::Doctor => "doctor",
            Scope::Reasons => "reasons",
        }
    }

    /// Scopes whose keys work on a screen of this scope, the most special first.
    pub fn chain(self) -> &'static [Scope] {
        match self {
            Scope::Everywhere => &[Scope::Everywhere],
            Scope::Chat => &[Scope::Chat, Scope::Everywhere],
            Scope::Writing => &[Scope::Writing, Scope::Everywhere],
            Scope::Page => &[Scope::Page, Scope::Everywhere],
            Scope::Picker => &[Scope::Picker, Scope::Everywhere],
            Scope::Approval => &[Scope::Approval, Scope::Everywhere],
            Scope::Adapters => &[Scope::Adapters, Scope::Page, Scope::Everywhere],
            Scope::Documents => &[Scope::Documents, Scope::Page, Scope::Everywhere],
            Scope::Lesson => &[Scope::Lesson, Scope::Page, Scope::Everywhere],
            Scope::Doctor => &[Scope::Doctor, Scope::Page, Scope::Everywhere],
            Scope::Reasons => &[Scope::Reasons, Scope::Everywhere],
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What it does.
    pub action: Action,
    /// Name in the settings file.
    pub name: &'static str,
    /// Where it works.
    pub scope: Scope,
    /// Keys unless the settings name others.
    pub keys: &'static [&'static str],
    /// Short word for the hints line.
    pub word: &'static str,
    /// What it does, for the help and the palette.
    pub words: &'static str,
}

const fn entry(
    action: Action,
    name: &'static str,
    scope: Scope,
    keys: &'static [&'static str],
    word: &'static str,
    words: &'static str,
) -> Entry {
    Entry { action, name, scope, keys, word, words }
}

use Action::{
    Add, Anyway, Bad, CancelLesson, Choose, ChooseEarlier, ChooseLater, Close, CopyAnswer, Correct, Device, Down,
    First, Good, Help, HistoryEarlier, HistoryLater, Last, Learn, NewLine, NewSession, Newest, NextTheme, Oldest,
    PageDown, PageUp, Palette, Pause, Quit, Redraw, Refresh, Remove, RollBack, Save, ScrollDown, ScrollUp, Search,
    Send, Sources, Stop, Toggle, Up,
};
use Scope::{Approval, Chat, Everywhere, Page, Picker, Writing};

/// All actions. The help shows them in this order.
pub const ACTIONS: &[Entry] = &[
    entry(Send, "send", Chat, &["enter"], "asks", "asks the question"),
    entry(NewLine, "new-line", Chat, &["alt+enter", "shift+enter", "ctrl+j"], "new line", "starts a new line"),
    entry(
        HistoryEarlier,
        "history-earlier",
        Chat,
        &["up"],
        "earlier question",
        "earlier question, when the box is empty",
    ),
    entry(HistoryLater, "history-later", Chat, &["down"], "later question", "later question"),
    entry(Good, "good", Chat, &["f2", "alt+2"], "good", "the chosen (or latest) answer is good"),
    entry(Bad, "bad", Chat, &["f3", "alt+3"], "bad", "the answer is bad; reasons may follow"),
    entry(Correct, "correct", Chat, &["f4", "alt+4"], "correct", "write the right answer"),
    entry(Action::Reasons, "reasons", Chat, &["alt+r"], "reasons", "says why the judged answer is good or bad"),
    entry(Learn, "learn", Chat, &["f5", "alt+5"], "learn", "learns from the corrections"),
    entry(
        Action::Adapters,
        "adapters",
        Chat,
        &["f6", "alt+6"],
        "adapters",
        "adapters: what answered when, switch, roll back",
    ),
    entry(Sources, "sources", Chat, &["f7", "alt+7"], "sources", "opens the passages that the answer rests on"),
    entry(Action::Documents, "documents", Chat, &["f8", "alt+8"], "documents", "documents: list, add, remove"),
    entry(Search, "search", Chat, &["f9", "alt+9", "ctrl+r"], "search", "searches all conversations; opens one again"),
    entry(Action::Lesson, "lesson", Chat, &["alt+l"], "lesson", "the lesson: loss chart, time left, pause"),
    entry(Pause, "pause", Chat, &["alt+p"], "pause", "halts learning, or goes on with it"),
    entry(Device, "device", Chat, &["alt+g"], "gauges", "gauges of this device"),
    entry(Action::Doctor, "doctor", Chat, &["alt+d"], "doctor", "examines this device"),
    entry(
        Anyway,
        "anyway",
        Chat,
        &["alt+a"],
        "shows it",
        "shows the withheld answer all the same, or asks again and shows it",
    ),
    entry(CopyAnswer, "copy", Chat, &["alt+c", "ctrl+o"], "copy", "copies the chosen (or latest) answer"),
    entry(NewSession, "new-conversation", Chat, &["ctrl+n"], "new", "begins a new conversation"),
    entry(ChooseEarlier, "choose-earlier", Chat, &["tab"], "earlier", "chooses an earlier answer"),
    entry(ChooseLater, "choose-later", Chat, &["shift+tab"], "later", "chooses a later answer"),
    entry(ScrollUp, "scroll-up", Chat, &["pgup"], "older", "older text"),
    entry(ScrollDown, "scroll-down", Chat, &["pgdn"], "newer", "newer text"),
    entry(Oldest, "oldest", Chat, &["ctrl+home"], "oldest", "the oldest text"),
    entry(Newest, "newest", Chat, &["ctrl+end"], "newest", "the newest text"),
    entry(Stop, "stop", Chat, &["esc"], "stops", "stops the answer, cancels learning"),
    entry(Save, "save", Writing, &["enter"], "saves", "keeps what you wrote"),
    entry(
        NewLine,
        "writing-new-line",
        Writing,
        &["alt+enter", "shift+enter", "ctrl+j"],
        "new line",
        "starts a new line",
    ),
    entry(Close, "writing-leave", Writing, &["esc"], "leaves", "leaves; a correction is kept as a draft"),
    entry(
        Choose,
        "activate-adapter",
        Scope::Adapters,
        &["enter"],
        "activates",
        "answers with the chosen adapter from now on",
    ),
    entry(RollBack, "roll-back", Scope::Adapters, &["r"], "rolls back", "returns to the adapter before"),
    entry(Add, "add-documents", Scope::Documents, &["a", "insert"], "adds", "adds a file or a folder of documents"),
    entry(
        Remove,
        "remove-document",
        Scope::Documents,
        &["d", "delete"],
        "removes",
        "removes the chosen document; asks first",
    ),
    entry(Stop, "stop-adding", Scope::Documents, &["x"], "stops", "stops adding; what waits is added the next time"),
    entry(Pause, "pause-lesson", Scope::Lesson, &["p", "space"], "pauses", "halts learning, or goes on with it"),
    entry(
        CancelLesson,
        "cancel-lesson",
        Scope::Lesson,
        &["x"],
        "cancels",
        "cancels the lesson; nothing changes. Once the update is in use: skips what is left to measure",
    ),
    entry(Refresh, "examine-again", Scope::Doctor, &["r"], "again", "examines the device again"),
    entry(
        Toggle,
        "toggle-reason",
        Scope::Reasons,
        &["space"],
        "marks",
        "marks the chosen reason, or takes the mark back; so does its digit",
    ),
    entry(Choose, "save-reasons", Scope::Reasons, &["enter"], "saves", "keeps the marked reasons"),
    entry(Up, "reason-up", Scope::Reasons, &["up"], "up", "one row up"),
    entry(Down, "reason-down", Scope::Reasons, &["down"], "down", "one row down"),
    entry(
        Close,
        "reasons-close",
        Scope::Reasons,
        &["esc"],
        "closes",
        "closes the list; a letter keeps the marks and goes into the question",
    ),
    entry(Choose, "choose", Page, &["enter"], "opens", "opens the chosen row"),
    entry(Up, "up", Page, &["up", "k"], "up", "one row up"),
    entry(Down, "down", Page, &["down", "j"], "down", "one row down"),
    entry(PageUp, "page-up", Page, &["pgup", "b"], "page up", "one page up"),
    entry(PageDown, "page-down", Page, &["pgdn", "space"], "page down", "one page down"),
    entry(First, "first", Page, &["home", "g"], "first", "the first row"),
    entry(Last, "last", Page, &["end", "shift+g"], "last", "the last row"),
    entry(Close, "close", Page, &["esc", "q"], "closes", "closes the page"),
    entry(Choose, "pick", Picker, &["enter"], "takes", "takes the chosen row"),
    entry(Up, "pick-up", Picker, &["up"], "up", "one row up"),
    entry(Down, "pick-down", Picker, &["down"], "down", "one row down"),
    entry(PageUp, "pick-page-up", Picker, &["pgup"], "page up", "one page up"),
    entry(PageDown, "pick-page-down", Picker, &["pgdn"], "page down", "one page down"),
    entry(Close, "pick-close", Picker, &["esc"], "closes", "closes the page"),
    entry(
        Choose,
        "approve",
        Approval,
        &["enter"],
        "takes",
        "takes the chosen answer; a yes once the end of the call has been shown",
    ),
    entry(Up, "approve-up", Approval, &["up"], "up", "one answer up"),
    entry(Down, "approve-down", Approval, &["down"], "down", "one answer down"),
    entry(PageUp, "approve-page-up", Approval, &["pgup"], "back", "shows what stands before in the call"),
    entry(PageDown, "approve-page-down", Approval, &["pgdn"], "reads on", "shows what follows in the call"),
    entry(Close, "approve-not", Approval, &["esc"], "says no", "does not let the tool run"),
    entry(Help, "help", Everywhere, &["f1", "alt+1"], "help", "explains this screen; again: closes"),
    entry(Palette, "palette", Everywhere, &["ctrl+p"], "commands", "finds a command by its words"),
    entry(NextTheme, "next-theme", Everywhere, &["alt+t"], "colours", "the next set of colours"),
    entry(Redraw, "redraw", Everywhere, &["ctrl+l"], "redraw", "draws the screen again"),
    entry(Quit, "quit", Everywhere, &["f10", "alt+0", "ctrl+q"], "quit", "leaves"),
];

/// The entry of an action on a screen of this scope.
pub fn entry_of(action: Action, scope: Scope) -> Option<&'static Entry> {
    scope.chain().iter().find_map(|scope| ACTIONS.iter().find(|entry| entry.action == action && entry.scope == *scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_belongs_to_one_entry() {
        for (index, entry) in ACTIONS.iter().enumerate() {
            assert!(ACTIONS[index + 1..].iter().all(|other| other.name != entry.name), "{} twice", entry.name);
            assert!(!entry.keys.is_empty() && !entry.words.is_empty());
        }
    }
}
