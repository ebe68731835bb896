//! The faces without a screen: plain text that is only ever appended, and JSON lines.
//!
//! Both take the same events as the full screen and turn each into lines; neither moves a cursor,
//! writes over a line or shows the same thing twice. Lines come from standard input.

pub mod json;
pub mod plain;

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use halligan_runtime::AssistantOptions;
use ratatui::layout::Size;

use super::INTERRUPTED;
use super::app::{Activity, App};
use super::event::Event;
use super::gauges::Gauges;
use super::settings::Settings;
use super::theme::{Palette, Theme};
use super::worker::{Resume, Worker};

/// A face that writes lines.
pub trait Face {
    /// Lines for an event that `app` has just taken in; none for most.
    fn lines(&mut self, app: &App, event: &Event) -> Vec<String>;
}

/// How long the end waits for the last reports of the worker.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs a conversation by lines until the input ends or the user leaves.
///
/// # Errors
/// The system refuses threads or signal handlers; standard output is closed.
pub fn run(
    options: AssistantOptions,
    settings: &Settings,
    resume: Option<Resume>,
    mut face: impl Face,
) -> Result<ExitCode> {
    let (events, inbox) = channel();
    let on_signal = events.clone();
    ctrlc::set_handler(move || {
        let _ = on_signal.send(Event::ShutdownRequested);
    })
    .context("cannot watch for signals")?;
    let worker = Worker::start(options, resume, events.clone()).context("cannot start a thread")?;
    Gauges::watch(events.clone()).context("cannot start a thread")?;
    std::thread::Builder::new()
        .name("lines".to_owned())
        .spawn(move || read_lines(&events))
        .context("cannot start a thread")?;
    let theme = Theme::of(Palette::None, settings.ascii);
    let mut app = App::with_keys(theme, settings.keymap.clone(), Size::new(u16::MAX, u16::MAX));
    app.by_lines = true;
    app.scripted = !io::stdin().is_terminal();
    let talked = talk(&mut app, &mut face, &inbox, &worker);
    let ended = worker.finish();
    // The last orders may have been done after the wish to leave.
    while let Ok(event) = inbox.recv_timeout(LAST_WORDS) {
        if matches!(event, Event::Worker(_)) {
            app.update(event.clone());
            show(&mut app, &mut face, &event)?;
        }
    }
    talked?;
    Ok(match app.interrupted {
        true => ExitCode::from(INTERRUPTED),
        false if app.has_failed || !ended => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn talk(app: &mut App, face: &mut impl Face, inbox: &Receiver<Event>, worker: &Worker) -> Result<()> {
    while !app.quitting {
        let event = match inbox.recv_timeout(Duration::from_secs(3600)) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        // The first interrupt only stops what runs.
        let event = match event {
            Event::ShutdownRequested if matches!(app.activity, Activity::Answering | Activity::Learning) => {
                Event::Line("/stop".to_owned())
            }
            other => other,
        };
        for command in app.update(event.clone()) {
            worker.send(command);
        }
        show(app, face, &event)?;
    }
    Ok(())
}

fn show(app: &mut App, face: &mut impl Face, event: &Event) -> io::Result<()> {
    let lines = face.lines(app, event);
    app.notice = None;
    app.views.clear();
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = lines.join("\n");
    text.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn read_lines(events: &Sender<Event>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if events.send(Event::Line(line)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::InputEnded);
}
