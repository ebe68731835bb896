//! Measures the console: frames of long conversations, keys while the model writes, bytes a token.
//!
//! The loop, the state and the drawing are those of the console; only the terminal is a counter of
//! bytes, so that its speed is not measured.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use halligan_runtime::{AnswerEvent, AskOptions, Assistant, AssistantOptions};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};
use serde::Serialize;

use super::app::App;
use super::draw::draw;
use super::event::{Event, Report};
use super::item::{Item, TurnView};
use super::terminal::Canvas;
use super::theme::Theme;
use super::turn_events_into_frames;

/// The screen that everything is measured on.
const SCREEN: Size = Size::new(80, 24);
/// Frames of each transcript; the median of them counts.
const FRAMES: usize = 400;
/// Sizes of the compared transcripts in bytes.
const SHORT_BYTES: usize = 10_000;
const LONG_BYTES: usize = 5_000_000;
/// Longest answer while keys are pressed: with the question it fits the smallest context of a profile.
const ANSWER_TOKENS: usize = 200;
/// Keys that are pressed while the model writes.
const KEYS: usize = 500;
/// Time between two keys: a fast typist.
const KEY_INTERVAL: Duration = Duration::from_millis(30);
/// Question that the load asks again and again.
const QUESTION: &str = "What is the ERG guide number for chlorine?";

/// What was measured. Times are milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Median frame with a conversation of 10 KB.
    pub short_frame: f64,
    /// Median frame with a conversation of 5 MB.
    pub long_frame: f64,
    /// The second through the first.
    pub frame_ratio: f64,
    /// Median time from a key to its frame while the model writes.
    pub key_p50: f64,
    /// The time that one key in a hundred exceeds.
    pub key_p99: f64,
    /// Speed of the model meanwhile, in tokens per second.
    pub tokens_per_second: f64,
    /// Median bytes to the terminal for a streamed token.
    pub token_bytes_median: usize,
    /// Mean bytes to the terminal for a streamed token.
    pub token_bytes_mean: usize,
}

/// Measures all of it with the model of `options`; takes about half a minute.
///
/// # Errors
/// No model, or the system refuses threads.
pub fn measure(options: &AssistantOptions) -> Result<Figures> {
    let (short_frame, long_frame) = frames()?;
    let (token_bytes_median, token_bytes_mean) = token_bytes()?;
    let (key_p50, key_p99, tokens_per_second) = keys(options)?;
    Ok(Figures {
        short_frame,
        long_frame,
        frame_ratio: long_frame / short_frame,
        key_p50,
        key_p99,
        tokens_per_second,
        token_bytes_median,
        token_bytes_mean,
    })
}

/// A terminal that counts.
#[derive(Clone, Default)]
struct Counter(Rc<RefCell<usize>>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.borrow_mut() += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn terminal(counter: Counter) -> Result<Terminal<CrosstermBackend<Counter>>> {
    let viewport = Viewport::Fixed(Rect::new(0, 0, SCREEN.width, SCREEN.height));
    Terminal::with_options(CrosstermBackend::new(counter), TerminalOptions { viewport })
        .context("cannot make a terminal of memory")
}

/// A conversation of about `bytes` bytes.
fn conversation(bytes: usize) -> App {
    let mut app = App::new(Theme::new(true), SCREEN);
    let answer = "Isolate the spill area for at least **60 metres** in all directions. Stay upwind.\n\n\
        1. Call the desk.\n2. Keep people away.\n\n"
        .repeat(20);
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(answer.len());
        let view = TurnView {
            question: QUESTION.to_owned(),
            answer: answer[..piece].to_owned(),
            failed: true,
            ..TurnView::default()
        };
        app.transcript.push(Item::Turn(Box::new(view)));
        left -= piece;
    }
    app
}

/// Median frames of the short and the long conversation, turn by turn so that other work on the
/// machine hits both alike.
fn frames() -> Result<(f64, f64)> {
    let mut short = (conversation(SHORT_BYTES), terminal(Counter::default())?, Vec::new());
    let mut long = (conversation(LONG_BYTES), terminal(Counter::default())?, Vec::new());
    for number in 0..FRAMES {
        for (app, terminal, times) in [&mut short, &mut long] {
            let letter = char::from(b'a' + (number % 26) as u8);
            let began = Instant::now();
            app.update(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)));
            terminal.draw(|frame| draw(frame, app)).context("cannot draw")?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            if number % 60 == 59 {
                app.question.set_text("");
            }
        }
    }
    Ok((percentile(&mut short.2, 0.5), percentile(&mut long.2, 0.5)))
}

/// Median and mean bytes of a streamed token.
fn token_bytes() -> Result<(usize, usize)> {
    let counter = Counter::default();
    let mut terminal = terminal(counter.clone())?;
    let mut app = conversation(SHORT_BYTES);
    app.transcript.push(Item::Turn(Box::new(TurnView { question: QUESTION.to_owned(), ..TurnView::default() })));
    let mut costs = Vec::new();
    for number in 0..FRAMES {
        let token = if number % 12 == 11 { "away.\n\n".to_owned() } else { format!("word{number} ") };
        app.update(Event::Worker(Report::Answer(AnswerEvent::Text(token))));
        let before = *counter.0.borrow();
        terminal.draw(|frame| draw(frame, &app)).context("cannot draw")?;
        costs.push(*counter.0.borrow() - before);
    }
    let mean = costs.iter().sum::<usize>() / costs.len();
    costs.sort_unstable();
    Ok((costs[costs.len() / 2], mean))
}

/// A canvas that notes when each key was on the screen.
struct Stopwatch {
    terminal: Terminal<CrosstermBackend<Counter>>,
    drawn: Vec<Instant>,
}

impl Canvas for Stopwatch {
    fn draw(&mut self, app: &App) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, app)).map(|_| ())?;
        let shown = app.question.text().len();
        let now = Instant::now();
        while self.drawn.len() < shown {
            self.drawn.push(now);
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    fn copy(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }
}

/// Median and 99th percentile from key to frame, and the model's speed, while a model answers.
fn keys(options: &AssistantOptions) -> Result<(f64, f64, f64)> {
    let (events, inbox) = channel();
    let done = Arc::new(AtomicBool::new(false));
    let (ready, loaded) = channel();
    let load = {
        let (options, events, done) = (options.clone(), events.clone(), Arc::clone(&done));
        std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || write_answers(&options, &events, &done, &ready))
    }
    .context("cannot start a thread")?;
    // An error of the load closes the channel; its text comes from the join below.
    let began = loaded.recv().is_ok();
    let typist = {
        let events = events.clone();
        std::thread::Builder::new().name("typist".to_owned()).spawn(move || type_keys(&events, began))
    }
    .context("cannot start a thread")?;
    let mut app = App::new(Theme::new(true), SCREEN);
    app.update(Event::Worker(Report::ModelLoaded));
    let mut watch = Stopwatch { terminal: terminal(Counter::default())?, drawn: Vec::new() };
    turn_events_into_frames(&mut app, &mut watch, &inbox, &mut |_| true)?;
    done.store(true, Ordering::SeqCst);
    let pressed = typist.join().unwrap_or_default();
    let speed = load.join().map_err(|_| anyhow::anyhow!("the model's thread has panicked"))??;
    let mut times: Vec<f64> =
        pressed.iter().zip(&watch.drawn).map(|(from, to)| to.duration_since(*from).as_secs_f64() * 1e3).collect();
    Ok((percentile(&mut times, 0.5), percentile(&mut times, 0.99), speed))
}

/// Answers one question after the other until `done`; returns tokens per second.
fn write_answers(
    options: &AssistantOptions,
    events: &Sender<Event>,
    done: &Arc<AtomicBool>,
    ready: &Sender<()>,
) -> Result<f64> {
    // A home of its own: the answers must not fill the user's journal.
    let scratch = tempfile::tempdir().context("cannot make a temporary folder; set TMPDIR to one that takes files")?;
    let model = match &options.model {
        Some(model) => model.clone(),
        None => Assistant::open(options)?.status()?.model_path.context("no model; pass --model FILE.gguf")?,
    };
    let own = AssistantOptions {
        home: Some(scratch.path().to_path_buf()),
        model: Some(model),
        adapter: None,
        ..options.clone()
    };
    let assistant = Assistant::open(&own)?;
    assistant.warm_up()?;
    let _ = ready.send(());
    let began = Instant::now();
    let mut tokens = 0_usize;
    let ask = AskOptions {
        use_documents: false,
        max_tokens: ANSWER_TOKENS,
        cancel: Some(Arc::clone(done)),
        ..AskOptions::default()
    };
    while !done.load(Ordering::SeqCst) {
        // As if the user had asked, so that each answer has a place of its own.
        let _ = events.send(Event::Line(QUESTION.to_owned()));
        let turn = assistant.ask(QUESTION, &ask, &mut |event| {
            let _ = events.send(Event::Worker(Report::Answer(event)));
        })?;
        tokens += turn.tokens;
        let _ = events.send(Event::Worker(Report::Answered(turn)));
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(tokens as f64 / seconds)
}

/// Presses letters and returns when each was pressed; then ends the console.
fn type_keys(events: &Sender<Event>, model_runs: bool) -> Vec<Instant> {
    let mut pressed = Vec::new();
    if model_runs {
        for number in 0..KEYS {
            std::thread::sleep(KEY_INTERVAL);
            let letter = char::from(b'a' + (number % 26) as u8);
            pressed.push(Instant::now());
            let _ = events.send(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)));
        }
        // The last key needs its frame.
        std::thread::sleep(KEY_INTERVAL);
    }
    let _ = events.send(Event::ShutdownRequested);
    pressed
}

fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = ((times.len().saturating_sub(1)) as f64 * share).round() as usize;
    times.get(at).copied().unwrap_or(f64::NAN)
}
