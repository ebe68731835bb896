//! JSON lines for programs: one object per event, named by its field `event`.
//!
//! Every object is complete; fields are the runtime's own, as the headless verbs print them. A line
//! that a program does not know it should skip: later versions add events and fields.

use halligan_runtime::{AnswerEvent, Turn};
use serde_json::{Value, json};

use super::Face;
use crate::console::app::App;
use crate::console::event::{Event, Report};
use crate::console::orders::{ORDERS, View};
use crate::console::source::Source;
use crate::verbs::ask::turn_json;

/// The face.
#[derive(Debug, Default)]
pub struct Json {
    /// Whether text of the running answer has been shown.
    shown: bool,
}

impl Face for Json {
    fn lines(&mut self, app: &App, event: &Event) -> Vec<String> {
        let mut objects = Vec::new();
        match event {
            Event::Worker(report) => {
                self.shown |= matches!(report, Report::Answer(AnswerEvent::Text(_)));
                objects.push(report_json(report, self.shown));
                self.shown &= !matches!(report, Report::Answered(_) | Report::Failed { .. });
            }
            Event::Measured(gauges) => objects.push(json!({"event": "gauges", "gauges": gauges})),
            _ => {}
        }
        objects.extend(app.views.iter().map(|view| view_json(app, view)));
        if let Some(notice) = &app.notice {
            objects.push(json!({"event": "notice", "message": notice}));
        }
        objects.into_iter().map(|object| object.to_string()).collect()
    }
}

fn view_json(app: &App, view: &View) -> Value {
    match view {
        View::Help => {
            let orders: Vec<Value> =
                ORDERS.iter().map(|(word, after, words)| json!({"do": word, "text": after, "words": words})).collect();
            json!({"event": "help", "orders": orders})
        }
        View::Sources(sources) => {
            let sources: Vec<Value> = sources.iter().map(source_json).collect();
            json!({"event": "sources", "sources": sources})
        }
        View::Device => json!({
            "event": "device", "status": app.status, "gauges": app.gauges, "tokens_per_second": app.speed,
            "context_used": app.context_used,
        }),
        View::Withheld { turn, answer } => json!({"event": "withheld_answer", "turn": turn, "answer": answer}),
        View::Note(message) => json!({"event": "notice", "message": message}),
    }
}

/// A turn; a withheld answer is not among its fields, as with `halligan ask --json`.
fn answered_json(turn: &Turn, shown: bool) -> Value {
    let mut value = turn_json(turn);
    let withheld = turn.is_withheld() && !shown;
    value["withheld"] = json!(withheld);
    if withheld {
        value["answer"] = json!("");
    }
    value
}

/// A turn of a list.
fn listed_json(turn: &Turn) -> Value {
    answered_json(turn, false)
}

fn source_json(source: &Source) -> Value {
    json!({
        "document": source.document, "page": source.page, "heading": source.heading, "quote": source.quote,
        "start_byte": source.start_byte, "end_byte": source.end_byte, "cited": source.cited,
    })
}

/// `shown` says whether text of the latest answer was shown while it grew.
fn report_json(report: &Report, shown: bool) -> Value {
    match report {
        Report::Opened { status, turns } => json!({
            "event": "opened", "version": env!("CARGO_PKG_VERSION"), "status": status,
            "earlier": turns.iter().map(|turn| turn.id).collect::<Vec<_>>(),
        }),
        Report::ModelLoaded => json!({"event": "ready"}),
        Report::StatusChanged(status) => json!({"event": "status", "status": status}),
        Report::Answer(AnswerEvent::Passage(passage)) => json!({"event": "passage", "passage": passage}),
        Report::Answer(AnswerEvent::Held(tokens)) => json!({"event": "held", "tokens": tokens}),
        Report::Answer(AnswerEvent::Context { prompt_tokens, answer_tokens }) => {
            json!({"event": "context", "prompt_tokens": prompt_tokens, "answer_tokens": answer_tokens})
        }
        Report::Answer(AnswerEvent::Text(text)) => json!({"event": "text", "text": text}),
        Report::Answer(AnswerEvent::ToolStarted(call)) => json!({"event": "tool_started", "call": call}),
        Report::Answer(AnswerEvent::ToolEnded(used)) => json!({"event": "tool_ended", "use": used}),
        Report::Answer(AnswerEvent::Assessment(assessment)) => json!({"event": "assessment", "assessment": assessment}),
        Report::Answer(AnswerEvent::Finished) => json!({"event": "text_finished"}),
        Report::Speed(speed) => json!({"event": "speed", "tokens_per_second": speed}),
        Report::ApprovalNeeded(call) => json!({"event": "approval_needed", "call": call}),
        Report::Answered(turn) => json!({"event": "answered", "turn": answered_json(turn, shown)}),
        Report::Trouble(message) => json!({"event": "trouble", "message": message}),
        Report::FeedbackKept { turn, feedback, reasons } => {
            json!({"event": "feedback_kept", "turn": turn, "feedback": feedback, "reasons": reasons})
        }
        Report::Learning(progress) => json!({"event": "learning", "progress": progress}),
        Report::Paused(paused) => json!({"event": "paused", "paused": paused}),
        Report::Learned(report) => json!({"event": "learned", "report": report}),
        Report::LearningCancelled => json!({"event": "learning_cancelled"}),
        Report::Generations(list) => json!({"event": "adapters", "adapters": list}),
        Report::Activated(generation) => json!({"event": "activated", "adapter": generation}),
        Report::Documents(list) => json!({"event": "documents", "documents": list}),
        Report::Indexing(progress) => json!({"event": "indexing", "progress": progress}),
        Report::Indexed(report) => json!({"event": "indexed", "report": report}),
        Report::DocumentsRemoved(names) => json!({"event": "documents_removed", "names": names}),
        Report::SourceRead(text) => json!({
            "event": "source", "source": source_json(&text.source),
            "before": text.before, "words": text.words, "after": text.after,
        }),
        Report::Found { query, turns } => {
            json!({"event": "found", "query": query, "turns": turns.iter().map(listed_json).collect::<Vec<_>>()})
        }
        Report::SessionOpened { session, turns } => json!({
            "event": "session_opened", "session": session, "turns": turns.iter().map(listed_json).collect::<Vec<_>>(),
        }),
        Report::Examined(report) => json!({"event": "examined", "report": report}),
        Report::Failed { task, message } => {
            json!({"event": "error", "task": format!("{task:?}").to_lowercase(), "message": message})
        }
        Report::Died(message) => json!({"event": "died", "message": message}),
    }
}
