//! The console: one loop that waits for events, changes the state and draws it.
//!
//! `event.rs` lists everything that can happen, `app.rs` and `keys.rs` change the state, `draw.rs`
//! shows it, `worker.rs` does what takes time. STYLE.md says how things look.

pub mod app;
pub mod draw;
pub mod editor;
pub mod event;
pub mod help;
pub mod item;
pub mod keys;
pub mod layout;
pub mod learning;
pub mod panels;
pub mod stderr;
pub mod terminal;
pub mod theme;
pub mod transcript;
pub mod turn_rows;
pub mod worker;
pub mod wrap;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use halligan_runtime::AssistantOptions;
use ratatui::crossterm::event as input;

use app::App;
use event::{Event, Report};
use terminal::Screen;
use theme::Theme;
use worker::Worker;

/// Shortest time between two frames that only stream text; keys are drawn at once. Thirty frames
/// a second read as flowing text and leave slow lines and the model their time.
const STREAM_FRAME: Duration = Duration::from_millis(33);

/// Runs the console until the user leaves. `log` takes what C libraries write to standard error.
///
/// # Errors
/// No terminal to draw on, or the system refuses threads or signal handlers.
pub fn run(options: AssistantOptions, log: Option<File>) -> Result<()> {
    if !io::stdout().is_terminal() {
        bail!("the console needs a terminal; use `halligan ask QUESTION` in scripts and pipes");
    }
    let (events, inbox) = channel();
    let on_signal = events.clone();
    ctrlc::set_handler(move || {
        let _ = on_signal.send(Event::ShutdownRequested);
    })
    .context("cannot watch for signals")?;
    let mut screen = Screen::enter(log).context("cannot use this terminal; use `halligan ask QUESTION` instead")?;
    let worker = Worker::start(options, events.clone()).context("cannot start a thread")?;
    let mut app = App::new(Theme::from_environment(), screen.size()?);
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || read_keys(&events))
        .context("cannot start a thread")?;

    let outcome = turn_events_into_frames(&mut app, &mut screen, &inbox, &worker);
    drop(screen);
    if !worker.finish() {
        tracing::warn!("left while the assistant was still busy");
    }
    outcome
}

fn turn_events_into_frames(app: &mut App, screen: &mut Screen, inbox: &Receiver<Event>, worker: &Worker) -> Result<()> {
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
                if !worker.send(command) && commands_alive && !app.quitting {
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
    matches!(event, Event::Worker(Report::Answer(_) | Report::Learning(_)))
}

fn read_keys(events: &Sender<Event>) {
    loop {
        let event = match input::read() {
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
