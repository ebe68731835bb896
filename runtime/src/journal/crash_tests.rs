//! Kills and torn files: whatever moment a process dies at, the database holds the last committed step or the next one,
//! whole, for turns, feedback and activation alike.
//!
//! Steps are numbered, and what the database must hold after each follows from its number. Two tests use them: a real
//! process that is killed, and 10,000 write-ahead logs that end at a random byte.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use rusqlite::config::DbConfig;

use super::*;
use crate::generations::{BASE, Candidate, Generations};
use crate::home::sha256_of_bytes;

/// Logs that are cut at a random byte.
const CUTS: usize = 10_000;

/// Kills in every run of the tests; the count that is asked of a release runs with `--ignored`.
const KILLS: usize = 200;
const KILLS_OF_A_RELEASE: usize = 10_000;

/// Steps of one round: a turn, its correction, two activations, a roll back.
const ROUND: usize = 5;

const FIRST: &[u8] = b"first adapter";
const SECOND: &[u8] = b"second adapter";

/// What the database holds.
#[derive(Debug, PartialEq, Eq)]
struct State {
    turns: usize,
    corrections: usize,
    active: String,
}

impl State {
    /// After `steps` steps.
    fn after(steps: usize) -> State {
        let done = |step: usize| steps / ROUND + usize::from(steps % ROUND > step);
        let active = match (steps % ROUND, steps < ROUND) {
            (0..=2, true) => BASE.to_owned(),
            (4, _) => sha256_of_bytes(SECOND),
            _ => sha256_of_bytes(FIRST),
        };
        State { turns: done(0), corrections: done(1), active }
    }

    /// Read back as the program reads it.
    fn of(home: &Home) -> State {
        let turns = Journal::new(home).latest(usize::MAX).unwrap();
        for (turn, number) in turns.iter().rev().zip(0..) {
            let step = number * ROUND;
            assert_eq!(turn.question, format!("question {step}"));
            if let Some(feedback) = &turn.feedback {
                assert_eq!(*feedback, Feedback::Correction(format!("answer {}", step + 1)));
            }
        }
        State {
            turns: turns.len(),
            corrections: turns.iter().filter(|turn| turn.feedback.is_some()).count(),
            active: Generations::new(home).active().unwrap().id,
        }
    }
}

/// One committed step; when it returns it must not get lost.
fn take(home: &Home, kit: &Path, step: usize) {
    let (journal, generations) = (Journal::new(home), Generations::new(home));
    match step % ROUND {
        0 => {
            let turn = NewTurn { question: format!("question {step}"), answer: "Wrong.".into(), ..NewTurn::default() };
            journal.append(turn).unwrap();
        }
        1 => {
            let last = journal.latest(1).unwrap().remove(0).id;
            journal.give_feedback(last, &Feedback::Correction(format!("answer {step}")), &[]).unwrap();
        }
        2 => drop(generations.install_carried(&kit.join("first")).unwrap()),
        3 => {
            let parent = sha256_of_bytes(FIRST);
            let file = kit.join("second");
            let candidate =
                Candidate { file: &file, parent: &parent, gate_accuracy: None, corrected_accuracy: None, learned: &[] };
            generations.install_learned(&candidate).unwrap();
        }
        _ => drop(generations.roll_back().unwrap()),
    }
}

fn kit() -> tempfile::TempDir {
    let kit = tempfile::tempdir().unwrap();
    std::fs::write(kit.path().join("first"), FIRST).unwrap();
    std::fs::write(kit.path().join("second"), SECOND).unwrap();
    kit
}

const KILLED_HOME: &str = "HALLIGAN_TEST_KILLED_HOME";
const KILLED_KIT: &str = "HALLIGAN_TEST_KILLED_KIT";
const KILLED_STEP: &str = "HALLIGAN_TEST_KILLED_STEP";

/// Not a test of its own: the process that is killed. Without its home in the environment it does nothing.
#[test]
fn writer_that_is_killed() {
    let Some(folder) = std::env::var_os(KILLED_HOME) else { return };
    let kit = PathBuf::from(std::env::var_os(KILLED_KIT).unwrap());
    let first: usize = std::env::var(KILLED_STEP).unwrap().parse().unwrap();
    let home = Home::open(Some(folder.as_ref())).unwrap();
    for step in first.. {
        take(&home, &kit, step);
        println!("\nstep {step}");
    }
}

/// Starts the writer at step `first`, kills it `after` its first step, returns the number of steps that it promised.
fn killed(home: &Path, kit: &Path, first: usize, after: Duration) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["journal::crash_tests::writer_that_is_killed", "--exact", "--nocapture"])
        .env(KILLED_HOME, home)
        .env(KILLED_KIT, kit)
        .env(KILLED_STEP, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let step_of = |line: &String| line.strip_prefix("step ").and_then(|step| step.parse::<usize>().ok());
    let mut promised = lines.by_ref().find_map(|line| step_of(&line)).expect("the writer should take a step");
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines {
        promised = step_of(&line).unwrap_or(promised);
    }
    promised + 1
}

fn survive(kills: usize) {
    let (folder, kit) = (tempfile::tempdir().unwrap(), kit());
    let mut random = ChaCha12Rng::seed_from_u64(11);
    let mut steps = 0;
    for kill in 0..kills {
        let after = Duration::from_micros(random.random_range(0..20_000));
        let promised = killed(folder.path(), kit.path(), steps, after);
        let home = Home::open(Some(folder.path())).unwrap();
        let found = State::of(&home);
        // The step in which the process died may have been committed just before its promise.
        steps = [promised, promised + 1].into_iter().find(|&steps| State::after(steps) == found).unwrap_or_else(|| {
            panic!("kill {kill}: {found:?} after {promised} promised steps, not {:?}", State::after(promised))
        });
        Generations::new(&home).verified_file(&found.active).unwrap();
        if kill % 50 == 49 || kill + 1 == kills {
            assert_sound(&home);
        }
    }
    println!("{kills} kills, {steps} steps");
}

fn assert_sound(home: &Home) {
    let check: String = home.connection().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    home.connection().execute("INSERT INTO turn_words (turn_words) VALUES ('integrity-check')", []).unwrap();
}

#[test]
fn a_killed_process_leaves_the_last_committed_step_or_the_next() {
    survive(KILLS);
}

#[test]
#[ignore = "some ten minutes: the count that a release is held to"]
fn ten_thousand_kills_leave_the_last_committed_step_or_the_next() {
    survive(KILLS_OF_A_RELEASE);
}

#[test]
fn a_log_that_ends_at_any_byte_gives_the_last_step_that_is_whole() {
    // In memory where the system has such a folder: the test is about bytes, not about the disk.
    let memory = Path::new("/dev/shm");
    let folder = || if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let (source, scratch, kit) = (folder(), folder(), kit());
    let home = Home::open(Some(source.path())).unwrap();
    let truncated = |_: &rusqlite::Row<'_>| Ok(());
    home.connection().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], truncated).unwrap();
    home.connection().pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let log_path = source.path().join("device.db-wal");
    let ends: Vec<usize> = (0..8 * ROUND)
        .map(|step| {
            take(&home, kit.path(), step);
            std::fs::metadata(&log_path).unwrap().len() as usize
        })
        .collect();
    let (database, log) = (std::fs::read(home.database_path()).unwrap(), std::fs::read(&log_path).unwrap());
    assert_eq!(ends.last(), Some(&log.len()));

    let mut random = ChaCha12Rng::seed_from_u64(5);
    for _ in 0..CUTS {
        let cut = random.random_range(0..=log.len());
        let whole = ends.partition_point(|end| *end <= cut);
        let mut torn = log[..cut].to_vec();
        if random.random_bool(0.5) {
            // A disk may also have written anything behind the last step that was synced.
            let kept = whole.checked_sub(1).map_or(0, |step| ends[step]);
            random.fill(&mut torn[kept..]);
        }
        for name in ["device.db-shm", "device.db-wal"] {
            let _ = std::fs::remove_file(scratch.path().join(name));
        }
        std::fs::write(scratch.path().join("device.db"), &database).unwrap();
        std::fs::write(scratch.path().join("device.db-wal"), &torn).unwrap();
        let home = Home::open(Some(scratch.path())).unwrap();
        home.connection().set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        assert_eq!(State::of(&home), State::after(whole), "cut at byte {cut} of {}", log.len());
    }
}
