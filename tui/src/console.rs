//! The console: one loop that waits for events, changes the state and shows it.
//!
//! `event.rs` lists everything that can happen, `app.rs` and its neighbours change the state,
//! `worker.rs` does what takes time. Three faces show the same events: the full screen (`draw.rs`),
//! plain text and JSON lines (`faces/`). STYLE.md says how things look.

pub mod actions;
pub mod app;
pub mod assessment;
mod chat;
pub mod clipboard;
mod correcting;
pub mod draw;
pub mod editor;
pub mod event;
pub mod faces;
pub mod gauges;
pub mod item;
pub mod keymap;
pub mod keys;
pub mod layout;
pub mod learning;
mod leaving;
pub mod markdown;
pub mod measure;
pub mod orders;
pub mod pages;
pub mod panels;
pub mod reports;
pub mod settings;
pub mod source;
pub mod speed;
mod split_keys;
pub mod stderr;
mod suspend;
pub mod terminal;
pub mod theme;
pub mod transcript;
pub mod turn_rows;
mod welcome;
pub mod worker;
pub mod wrap;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use halligan_runtime::AssistantOptions;
use ratatui::crossterm::event::{self as input, KeyCode, KeyEvent};

use app::App;
use event::{Command, Event, Report};
use faces::json::Json;
use faces::plain::Plain;
use gauges::Gauges;
use settings::Settings;
use split_keys::Rest;
use terminal::{Canvas, Screen};
use theme::{Palette, Theme};
use worker::{Resume, Worker};

/// Shortest time between two frames that only stream text; keys are drawn at once. Thirty frames
/// a second read as flowing text and leave slow lines and the model their time.
const STREAM_FRAME: Duration = Duration::from_millis(33);

/// Exit code of a console that a signal ended.
const INTERRUPTED: u8 = 130;

/// How the console shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaceChoice {
    /// The whole screen of a terminal.
    FullScreen,
    /// Text that is only ever appended.
    Plain,
    /// One JSON object a line.
    Json,
}

/// How to run the console.
#[derive(Debug, Clone)]
pub struct ConsoleOptions {
    /// How it shows itself.
    pub face: FaceChoice,
    /// Keys, colours and characters.
    pub settings: Settings,
    /// A conversation that goes on.
    pub resume: Option<Resume>,
}

impl Settings {
    /// The styles: those settled, else what the environment asks for
    /// (<https://no-color.org>: any non-empty NO_COLOR switches colours off).
    pub fn style(&self) -> Theme {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let palette = match self.theme {
            Some(palette) => palette,
            None if refused => Palette::None,
            None => Palette::Auto,
        };
        Theme::of(palette, self.ascii)
    }
}

/// Runs the console until the user leaves. `log` takes what C libraries write to standard error.
///
/// # Errors
/// No terminal to draw on, or the system refuses threads or signal handlers.
pub fn run(options: AssistantOptions, console: ConsoleOptions, log: Option<File>) -> Result<ExitCode> {
    match console.face {
        FaceChoice::FullScreen => full_screen(options, console, log),
        FaceChoice::Plain => {
            let face = Plain::new(console.settings.ascii);
            faces::run(options, &console.settings, console.resume, face)
        }
        FaceChoice::Json => faces::run(options, &console.settings, console.resume, Json::default()),
    }
}

fn full_screen(options: AssistantOptions, console: ConsoleOptions, log: Option<File>) -> Result<ExitCode> {
    if !io::stdout().is_terminal() {
        bail!(
            "the console needs a terminal; use `halligan ask QUESTION` in scripts, `halligan --screen-reader` for plain \
            text, `halligan --json` for programs"
        );
    }
    let (events, inbox) = channel();
    let on_signal = events.clone();
    ctrlc::set_handler(move || {
        let _ = on_signal.send(Event::ShutdownRequested);
    })
    .context("cannot watch for signals")?;
    let mut screen = Screen::enter(log).context("cannot use this terminal; use `halligan ask QUESTION` instead")?;
    let worker = Worker::start(options, console.resume, events.clone()).context("cannot start a thread")?;
    Gauges::watch(events.clone()).context("cannot start a thread")?;
    suspend::watch(events.clone()).context("cannot watch for signals")?;
    let mut app = App::with_keys(console.settings.style(), console.settings.keymap, screen.size()?);
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || read_keys(&events))
        .context("cannot start a thread")?;

    let outcome = turn_events_into_frames(&mut app, &mut screen, &inbox, &mut |command| worker.send(command));
    drop(screen);
    if !worker.finish() {
        tracing::warn!("left while the assistant was still busy");
    }
    outcome.map(|()| if app.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// The loop: waits for events, takes in all that are there, draws one frame. `send` hands commands
/// to the worker and returns false once that is gone.
///
/// # Errors
/// The terminal is gone.
pub fn turn_events_into_frames(
    app: &mut App,
    screen: &mut impl Canvas,
    inbox: &Receiver<Event>,
    send: &mut dyn FnMut(Command) -> bool,
) -> Result<()> {
    let mut commands_alive = true;
    while !app.quitting {
        if std::mem::take(&mut app.redraw) {
            screen.clear().context("the terminal is gone")?;
        }
        screen.draw(app).context("the terminal is gone")?;
        let drawn = Instant::now();
        // All senders living as long as this loop, an error means that no key can come any more.
        let Ok(first) = inbox.recv() else { return Ok(()) };
        let mut next = Some(first);
        while let Some(event) = next.take() {
            let streaming = is_streaming(&event);
            for command in app.update(event) {
                if let Command::Copy(text) = &command {
                    screen.copy(text).context("the terminal is gone")?;
                    continue;
                }
                if !send(command) && commands_alive && !app.quitting {
                    commands_alive = false;
                    let gone = Report::Died("its thread is gone".to_owned());
                    app.update(Event::Worker(gone));
                }
            }
            if app.quitting {
                break;
            }
            let wait = if streaming { STREAM_FRAME.saturating_sub(drawn.elapsed()) } else { Duration::ZERO };
            next = inbox.recv_timeout(wait).ok();
        }
    }
    Ok(())
}

/// Whether an event only adds text or progress, so that its frame may wait for more of them.
fn is_streaming(event: &Event) -> bool {
    matches!(
        event,
        Event::Measured(_)
            | Event::Worker(Report::Answer(_) | Report::Speed(_) | Report::Learning(_) | Report::Indexing(_))
    )
}

fn read_keys(events: &Sender<Event>) {
    loop {
        let heard = match input::read() {
            Ok(input::Event::Key(key)) if key.code == KeyCode::Esc && key.modifiers.is_empty() => after_esc(key),
            other => vec![other],
        };
        for event in heard {
            let event = match event {
                Ok(input::Event::Key(key)) => Event::Key(key),
                Ok(input::Event::Paste(text)) => Event::Paste(text),
                Ok(input::Event::Resize(width, height)) => Event::Resized { width, height },
                Ok(input::Event::FocusGained | input::Event::FocusLost | input::Event::Mouse(_)) => {
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the terminal gives no more keys");
                    Event::ShutdownRequested
                }
            };
            let last = matches!(event, Event::ShutdownRequested);
            if events.send(event).is_err() || last {
                return;
            }
        }
    }
}

/// Esc and what came in one piece with it, where that may be the rest of another key.
fn after_esc(esc: KeyEvent) -> Vec<io::Result<input::Event>> {
    let mut heard = vec![Ok(input::Event::Key(esc))];
    let mut letters = String::new();
    while split_keys::rest(&letters) == Rest::Open && input::poll(Duration::ZERO).unwrap_or(false) {
        let event = input::read();
        let letter = event.as_ref().ok().and_then(|event| split_keys::letter(event.as_key_press_event()?));
        heard.push(event);
        match letter {
            Some(letter) => letters.push(letter),
            None => return heard,
        }
    }
    if let Rest::Key(code) = split_keys::rest(&letters) {
        heard.truncate(1);
        heard.push(Ok(input::Event::Key(code.into())));
    }
    heard
}
