//! How fast documents come in and are found: printed, not judged, because machines differ.
//!
//! `cargo nextest run --release --workspace --run-ignored only --no-capture -E 'test(retrieval_speed)'`

use std::time::{Duration, Instant};

use halligan_runtime::IndexControl;
use halligan_runtime::error::ModelError;
use halligan_runtime::home::Home;
use halligan_runtime::retrieval::Library;
use halligan_runtime::retrieval::encoder::{Encoder, Role};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Width of the vectors of a small sentence encoder.
const WIDTH: usize = 384;

/// Vectors that cost nothing to make, so that the index is measured and not a model.
struct Random;

impl Encoder for Random {
    fn id(&self) -> &str {
        "random"
    }

    fn encode(&self, texts: &[&str], _: Role) -> Result<Vec<Vec<f32>>, ModelError> {
        let vector = |text: &&str| {
            let seed = text.bytes().fold(7_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            (0..WIDTH).map(|_| random.random_range(-1.0..1.0_f32)).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// Markdown of `passages` passages of 70 words, drawn as words are in texts: few often, many seldom.
fn document(passages: usize, random: &mut ChaCha8Rng) -> String {
    let mut text = String::new();
    for number in 0..passages {
        text.push_str(&format!("## Section {number}\n\n"));
        for _ in 0..70 {
            let rank = (30_000_f64.powf(random.random_range(0.0..1.0))) as usize;
            text.push_str(&format!("w{rank} "));
        }
        text.push_str("\n\n");
    }
    text
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

#[test]
#[ignore = "a measurement"]
fn documents_come_in_and_are_found_at_this_speed() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for (files, passages) in [(40, 500), (160, 500)] {
        let kit = folder.path().join(format!("kit{files}"));
        std::fs::create_dir_all(&kit).unwrap();
        for number in 0..files {
            std::fs::write(kit.join(format!("{number}.md")), document(passages, &mut random)).unwrap();
        }
        let home = Home::open(Some(&folder.path().join("home"))).unwrap();
        let words = Library::new(&home);
        let report = words.add(&[kit], &mut |_| IndexControl::Continue).unwrap();
        let counts = words.counts().unwrap();
        println!(
            "{} passages, {:.1} MB more in {:.1} s: {:.1} MB/s",
            counts.1,
            report.bytes as f64 / 1e6,
            report.seconds,
            report.bytes as f64 / 1e6 / report.seconds
        );
        let both = Library::new(&home).with_models(Some(&Random), None);
        let started = Instant::now();
        let embedded = both.add(&[], &mut |_| IndexControl::Continue).unwrap().embedded;
        println!("  {embedded} vectors kept in {:.1} s", started.elapsed().as_secs_f64());
        let size = words.status().unwrap().size_bytes;
        println!("  index {:.1} MB", size as f64 / 1e6);
        for (name, library) in [("words", &words), ("words and meaning", &both)] {
            let times = (0..200)
                .map(|_| {
                    let query: Vec<String> = (0..5)
                        .map(|_| format!("w{}", 30_000_f64.powf(random.random_range(0.2..1.0)) as usize))
                        .collect();
                    let started = Instant::now();
                    library.search(&query.join(" "), 8).unwrap();
                    started.elapsed()
                })
                .collect();
            println!("  {name}: {}", percentiles(times));
        }
    }
}
