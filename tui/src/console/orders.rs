//! What the user can do by lines, for faces without keys: a question, or `/word text`.
//!
//! The JSON face takes the same orders as objects: `{"do": "correct", "text": "60 metres"}`.
//! Orders that need a free worker wait for it, so that a script may send all its lines at once; so does leaving.

use halligan_runtime::{Approval, Feedback, Reason, SessionId, TurnId};
use serde::Deserialize;

use super::actions::Action;
use super::app::{Activity, App};
use super::event::Command;
use super::pages::documents::in_home;
use super::source::Source;

/// Something the user wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// An answer.
    Ask(String),
    /// Judge the latest answer.
    Rate(Feedback, Vec<Reason>),
    /// Judge the latest answer good or bad, in place of a correction.
    Replace(Feedback, Vec<Reason>),
    /// Learn, halt or go on, stop.
    Learn,
    /// Halt learning, or go on.
    Pause,
    /// Stop what runs.
    Stop,
    /// See the generations.
    Adapters,
    /// Answer with a generation.
    Use(String),
    /// Return to the generation before.
    RollBack,
    /// See the documents.
    Documents,
    /// Add a file or folder.
    Add(String),
    /// Remove a document.
    Remove(String),
    /// Find earlier turns.
    Search(String),
    /// Go on with a conversation.
    Open(SessionId),
    /// Begin a conversation.
    New,
    /// Examine the device.
    Doctor,
    /// See the passages of the latest answer.
    Sources,
    /// See a withheld answer.
    Anyway,
    /// See the gauges.
    Device,
    /// See the orders.
    Help,
    /// The word on a waiting tool.
    Approve(Approval),
    /// A plain yes or no: the word on the tool of the question before it, where that asks; else a question.
    YesOrNo(Approval, String),
    /// A line that is no order, with what is wrong; it waits for its turn like one.
    Mistake(String),
    /// Leave.
    Quit,
}

/// Something an order asked to see that the console knows by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// All orders.
    Help,
    /// Passages.
    Sources(Vec<Source>),
    /// The gauges.
    Device,
    /// An answer that was withheld.
    Withheld {
        /// Its turn.
        turn: TurnId,
        /// Its text.
        answer: String,
    },
    /// A short word to the user.
    Note(String),
}

/// Every order: its word, what follows it, what it does.
pub const ORDERS: [(&str, &str, &str); 23] = [
    ("ask", "QUESTION", "asks; a line without a slash does the same"),
    ("good", "[REASON ..]", "the latest answer is good; /good replace also where that drops a correction"),
    ("bad", "[REASON ..]", "the latest answer is bad; /bad replace also where that drops a correction"),
    ("correct", "TEXT", "gives the right answer"),
    ("sources", "", "the passages that the latest answer rests on"),
    ("anyway", "", "shows the latest answer where it is withheld"),
    ("learn", "", "learns from the corrections"),
    ("pause", "", "halts learning, or goes on with it"),
    ("stop", "", "stops the answer, cancels learning"),
    ("adapters", "", "lists the adapters"),
    ("use", "ID", "answers with an adapter from now on"),
    ("rollback", "", "returns to the adapter before"),
    ("documents", "", "lists the documents"),
    ("add", "PATH", "adds a file or a folder of documents"),
    ("remove", "NAME", "removes a document"),
    ("search", "WORDS", "searches all conversations"),
    ("open", "NUMBER", "goes on with a conversation"),
    ("new", "", "begins a new conversation"),
    ("doctor", "", "examines this device"),
    ("device", "", "gauges of this device"),
    ("allow", "[always]", "lets a waiting tool run, or its like in this conversation too; /deny does not"),
    ("help", "", "this list"),
    ("quit", "", "leaves"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonOrder {
    #[serde(rename = "do")]
    word: String,
    #[serde(default)]
    text: String,
}

impl Order {
    /// Reads a line; `None` for a blank one.
    ///
    /// # Errors
    /// What is wrong with the line and what would be right.
    pub fn parse(line: &str) -> Result<Option<Order>, String> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(None);
        }
        if line.starts_with('{') {
            let order: JsonOrder = serde_json::from_str(line)
                .map_err(|error| format!("not an order: {error}; write {{\"do\": \"ask\", \"text\": \"...\"}}"))?;
            return Order::of(&order.word, order.text.trim()).map(Some);
        }
        match line.strip_prefix('/') {
            None => Ok(Some(Order::Ask(line.to_owned()))),
            Some(rest) => {
                let (word, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                Order::of(word, text.trim()).map(Some)
            }
        }
    }

    fn of(word: &str, text: &str) -> Result<Order, String> {
        let owned = || {
            if text.is_empty() {
                Err(format!("/{word} needs something after it; /help lists all"))
            } else {
                Ok(text.to_owned())
            }
        };
        Ok(match word {
            "ask" => Order::Ask(owned()?),
            "good" => judgement(Feedback::Good, text)?,
            "bad" => judgement(Feedback::Bad, text)?,
            "correct" => Order::Rate(Feedback::Correction(owned()?), Vec::new()),
            "sources" => Order::Sources,
            "anyway" => Order::Anyway,
            "learn" => Order::Learn,
            "pause" => Order::Pause,
            "stop" => Order::Stop,
            "adapters" => Order::Adapters,
            "use" => Order::Use(owned()?),
            "rollback" => Order::RollBack,
            "documents" => Order::Documents,
            "add" => Order::Add(owned()?),
            "remove" => Order::Remove(owned()?),
            "search" => Order::Search(text.to_owned()),
            "open" => Order::Open(SessionId(
                owned()?.parse().map_err(|_| format!("/open takes the number of a conversation, not `{text}`"))?,
            )),
            "new" => Order::New,
            "doctor" => Order::Doctor,
            "device" => Order::Device,
            "allow" if text.is_empty() => Order::Approve(Approval::Once),
            "allow" if text == "always" => Order::Approve(Approval::Session),
            "allow" => return Err(format!("/allow takes nothing or `always`, not `{text}`")),
            "deny" => Order::Approve(Approval::Deny),
            "help" => Order::Help,
            "quit" => Order::Quit,
            _ => return Err(format!("no order /{word}; /help lists all")),
        })
    }

    /// Whether it has to wait until nothing else runs.
    fn needs_free_worker(&self) -> bool {
        !matches!(self, Order::Pause | Order::Stop | Order::Quit) && !self.only_tells()
    }

    /// Whether it shows what the console knows at any time.
    fn only_tells(&self) -> bool {
        matches!(self, Order::Device | Order::Help | Order::Mistake(_))
    }
}

/// A plain yes or no, as people answer a question.
fn plain_word(line: &str) -> Option<Approval> {
    match line.trim().to_lowercase().trim_end_matches(['.', '!']) {
        "yes" | "y" => Some(Approval::Once),
        "no" | "n" => Some(Approval::Deny),
        _ => None,
    }
}

/// `replace` may stand before the reasons.
fn judgement(feedback: Feedback, text: &str) -> Result<Order, String> {
    let (first, rest) = text.split_once([' ', ',']).unwrap_or((text, ""));
    Ok(match first {
        "replace" => Order::Replace(feedback, reasons(rest)?),
        _ => Order::Rate(feedback, reasons(text)?),
    })
}

/// The order of faces without keys that does what an action does, as words name it.
pub(super) fn order_of(action: Action) -> Option<&'static str> {
    Some(match action {
        Action::Good => "/good",
        Action::Bad => "/bad",
        Action::Correct => "/correct TEXT",
        Action::Learn => "/learn",
        Action::Pause => "/pause",
        Action::Stop => "/stop",
        Action::Anyway => "/anyway",
        Action::Quit => "/quit",
        _ => return None,
    })
}

fn reasons(text: &str) -> Result<Vec<Reason>, String> {
    text.split([' ', ','])
        .filter(|name| !name.is_empty())
        .map(|name| {
            let known = Reason::ALL.map(Reason::name).join(", ");
            Reason::from_name(name).ok_or_else(|| format!("no reason `{name}`; there are {known}"))
        })
        .collect()
}

impl App {
    /// Takes a line of a face without keys. Mistakes become a notice.
    pub(super) fn line(&mut self, line: &str) -> Vec<Command> {
        self.notice = None;
        let order = match (Order::parse(line), plain_word(line)) {
            (_, Some(word)) if self.approval.is_some() => Order::Approve(word),
            (_, Some(word)) => Order::YesOrNo(word, line.trim().to_owned()),
            (Ok(Some(order)), _) => order,
            (Ok(None), _) => return Vec::new(),
            (Err(mistake), _) => Order::Mistake(mistake),
        };
        // While the console starts, what a script asks to see comes after the questions before it.
        let starting = matches!(self.activity, Activity::Opening | Activity::LoadingModel);
        let waits = match &order {
            Order::Approve(_) => self.approval.is_none(),
            Order::Quit => self.scripted || !self.orders.is_empty(),
            order => order.needs_free_worker() || (order.only_tells() && (starting || !self.orders.is_empty())),
        };
        if !waits {
            return self.order(order);
        }
        self.orders.push_back(order);
        let mut commands = self.word_on_approval();
        commands.extend(self.work_off_orders());
        commands
    }

    /// The word on a tool that waits for one, where the lines hold it already: the first that belongs to the running
    /// question, or a no when no further line can belong to it.
    pub(super) fn word_on_approval(&mut self) -> Vec<Command> {
        if self.approval.is_none() {
            return Vec::new();
        }
        // Only the next line can be a plain word on the tool; a later one is a question.
        let mut own = self.orders.iter().enumerate().take_while(|(at, order)| match order {
            Order::Ask(_) | Order::Quit => false,
            Order::YesOrNo(..) => *at == 0,
            _ => true,
        });
        let given = own.find_map(|(at, order)| match order {
            Order::Approve(approval) | Order::YesOrNo(approval, _) => Some((at, *approval)),
            _ => None,
        });
        let approval = match given {
            Some((at, approval)) => {
                self.orders.remove(at);
                approval
            }
            None if self.input_ended || self.orders.contains(&Order::Quit) => {
                self.notice = Some("the input has ended without a word on this tool: it may not run".to_owned());
                Approval::Deny
            }
            None => return Vec::new(),
        };
        self.approval = None;
        vec![Command::Approve(approval)]
    }

    /// Starts what waits, as far as the worker is free; leaves after the last line.
    pub(super) fn work_off_orders(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        while matches!(self.activity, Activity::Ready | Activity::Dead) && !self.quitting {
            let Some(order) = self.orders.pop_front() else {
                if self.input_ended {
                    commands.extend(self.quit());
                }
                break;
            };
            commands.extend(self.order(order));
            // Several orders may be done at once, and each has its say.
            self.views.extend(self.notice.take().map(View::Note));
        }
        commands
    }

    fn order(&mut self, order: Order) -> Vec<Command> {
        match order {
            Order::Rate(..) | Order::Replace(..) | Order::Sources | Order::Anyway
                if self.transcript.latest_failed() =>
            {
                self.notice = Some("the latest question has no answer: ask it again".to_owned());
            }
            Order::Ask(question) | Order::YesOrNo(_, question) => {
                if self.may_start() {
                    return self.ask_this(question, Command::Ask);
                }
            }
            Order::Rate(feedback @ (Feedback::Good | Feedback::Bad), _) if self.corrected_target().is_some() => {
                let word = if feedback == Feedback::Good { "good" } else { "bad" };
                self.notice = Some(format!("the latest answer keeps its correction; /{word} replace drops it"));
            }
            Order::Rate(feedback, reasons) | Order::Replace(feedback, reasons) => {
                let mut commands = self.judge_target(feedback);
                self.pages.clear();
                if let Some(Command::Rate { reasons: known, .. }) = commands.first_mut() {
                    *known = reasons;
                }
                return commands;
            }
            Order::Learn => return self.start_lesson(),
            Order::Pause => return self.pause(),
            Order::Stop => {
                let stop = self.stop();
                if stop.is_empty() {
                    self.notice = Some("nothing runs".to_owned());
                }
                return stop;
            }
            Order::Adapters => return vec![Command::ListGenerations],
            Order::Use(id) => return self.switch(Command::Activate(id)),
            Order::RollBack => return self.switch(Command::RollBack),
            Order::Documents => return vec![Command::ListDocuments],
            Order::Add(path) => {
                if self.may_start() {
                    self.activity = Activity::AddingDocuments;
                    return vec![Command::AddDocuments(vec![in_home(&path)])];
                }
            }
            Order::Remove(name) => return vec![Command::RemoveDocument(name)],
            Order::Search(words) => return vec![Command::Search(words)],
            Order::Open(session) => return vec![Command::OpenSession(session)],
            Order::New => return self.new_session(),
            Order::Doctor => return vec![Command::Examine],
            Order::Sources => {
                let sources = self.transcript.target().map(Source::all_of).unwrap_or_default();
                if sources.is_empty() {
                    self.notice = Some("no passage of the documents fits the latest answer".to_owned());
                } else {
                    self.views.push(View::Sources(sources));
                }
            }
            Order::Anyway => return self.show_anyway(),
            Order::Device => self.views.push(View::Device),
            Order::Help => self.views.push(View::Help),
            Order::Mistake(mistake) => self.notice = Some(mistake),
            Order::Approve(approval) => {
                if self.approval.take().is_some() {
                    return vec![Command::Approve(approval)];
                }
                self.notice = Some("no tool waits for a word".to_owned());
            }
            Order::Quit => return self.quit(),
        }
        Vec::new()
    }

    fn switch(&mut self, command: Command) -> Vec<Command> {
        if !self.may_start() {
            return Vec::new();
        }
        self.activity = Activity::Switching;
        vec![command]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_objects_mean_the_same() {
        for (line, object) in [
            ("How far?", "{\"do\": \"ask\", \"text\": \"How far?\"}"),
            ("/correct 60 m", "{\"do\": \"correct\", \"text\": \"60 m\"}"),
            ("/bad unsafe outdated", "{\"do\": \"bad\", \"text\": \"unsafe,outdated\"}"),
            ("/open 12", "{\"do\": \"open\", \"text\": \"12\"}"),
        ] {
            assert_eq!(Order::parse(line), Order::parse(object));
            assert!(matches!(Order::parse(line), Ok(Some(_))), "{line}");
        }
        assert_eq!(Order::parse("  "), Ok(None));
        for (line, part) in [
            ("/corect x", "/help"),
            ("/correct", "needs"),
            ("/bad evil", "incorrect"),
            ("{\"a\": 1}", "do"),
            ("/open x", "number"),
        ] {
            assert!(Order::parse(line).unwrap_err().contains(part), "{line}");
        }
    }

    #[test]
    fn every_order_of_the_list_is_known() {
        for (word, ..) in ORDERS {
            assert!(!Order::of(word, "1").is_err_and(|error| error.starts_with("no order")), "{word}");
        }
    }
}
