//! Finding by words, by meaning and by both, on two sets of questions about the example guide.
//!
//! The keyword set asks by the names that the guide uses; the paraphrase set asks in words of which the answering
//! passage has none. No encoder's weights are needed: a made-up one gives the words of a thesaurus line one
//! direction, blurs numbers as real ones do, and errs at random. It is right where words fail and wrong where they
//! do not, which is what fusion must live with.

use std::collections::HashMap;

use halligan_runtime::IndexControl;
use halligan_runtime::error::ModelError;
use halligan_runtime::home::Home;
use halligan_runtime::retrieval::Library;
use halligan_runtime::retrieval::encoder::{Encoder, Role};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::room::repository;

/// Width of the made-up vectors.
const WIDTH: usize = 128;
/// Length of the random error on a vector of length 1.
const NOISE: f32 = 0.3;
/// How far fusion may stay behind the better ranker on questions that nobody sorted by kind: it must guess the kind.
const MIXED_LOSS_MAX: f64 = 0.04;
/// Rounding of the means below.
const ROUNDING: f64 = 1e-9;

struct Thesaurus {
    groups: HashMap<String, Vec<usize>>,
}

impl Thesaurus {
    fn read() -> Thesaurus {
        let text = std::fs::read_to_string(repository("runtime/tests/retrieval/thesaurus.txt")).unwrap();
        let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, line) in text.lines().filter(|line| !line.starts_with('#')).enumerate() {
            for word in line.split_whitespace() {
                groups.entry(word.to_owned()).or_default().push(index);
            }
        }
        Thesaurus { groups }
    }

    fn word(&self, word: &str) -> Vec<f32> {
        if word.len() == 1 || word.contains(|c: char| c.is_ascii_digit()) {
            return unit(&sum(&direction("a number"), &direction(word), 1.0));
        }
        let own = direction(word).into_iter().map(|x| 0.6 * x).collect();
        let groups = self.groups.get(word).map(Vec::as_slice).unwrap_or_default();
        unit(&groups.iter().fold(own, |all: Vec<f32>, group| sum(&all, &direction(&format!("group {group}")), 1.0)))
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let words = words(text);
        let mean = words.iter().fold(vec![0.0; WIDTH], |all, word| sum(&all, &self.word(word), 1.0));
        unit(&sum(&unit(&mean), &direction(&format!("noise {text}")), NOISE))
    }
}

impl Encoder for Thesaurus {
    fn id(&self) -> &str {
        "thesaurus"
    }

    fn encode(&self, texts: &[&str], _: Role) -> Result<Vec<Vec<f32>>, ModelError> {
        Ok(texts.iter().map(|text| self.vector(text)).collect())
    }
}

/// Words of a text that mean something, in lower case.
fn words(text: &str) -> Vec<String> {
    const EMPTY: &[&str] = &[
        "a", "an", "and", "are", "at", "be", "by", "can", "do", "does", "for", "from", "how", "i", "in", "into", "is",
        "it", "its", "me", "my", "of", "on", "or", "our", "s", "so", "that", "the", "their", "them", "they", "this",
        "to", "us", "was", "we", "what", "when", "where", "which", "who", "will", "with", "you", "your",
    ];
    let all = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
    all.filter(|word| !EMPTY.contains(&word.as_str())).collect()
}

/// A random direction that `name` always has.
fn direction(name: &str) -> Vec<f32> {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut random = ChaCha8Rng::seed_from_u64(hash);
    unit(&(0..WIDTH).map(|_| random.random_range(-1.0..1.0_f32)).collect::<Vec<_>>())
}

fn sum(a: &[f32], b: &[f32], weight: f32) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + weight * b).collect()
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length.max(f32::MIN_POSITIVE)).collect()
}

fn rows(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(repository(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn field(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap().to_owned()
}

/// Recall at 1, 5 and 10 and nDCG at 10, one right passage for each question.
#[derive(Debug, Clone, Copy)]
struct Quality([f64; 4]);

impl Quality {
    fn of(questions: &[(String, String)], search: impl Fn(&str) -> Vec<String>) -> Quality {
        let mut sums = [0.0; 4];
        for (question, right) in questions {
            let Some(rank) = search(question).iter().position(|found| found == right) else { continue };
            for (sum, limit) in sums.iter_mut().zip([1, 5, 10]) {
                *sum += f64::from(rank < limit);
            }
            sums[3] += if rank < 10 { 1.0 / (rank as f64 + 2.0).log2() } else { 0.0 };
        }
        Quality(sums.map(|sum| sum / questions.len() as f64))
    }

    fn better(self, other: Quality) -> Quality {
        Quality(std::array::from_fn(|index| self.0[index].max(other.0[index])))
    }
}

#[test]
fn fusion_is_never_below_the_better_ranker_on_the_keyword_and_the_paraphrase_set() {
    let folder = tempfile::tempdir().unwrap();
    let facts = rows("trainer-host/guide/facts.jsonl");
    let table = folder.path().join("facts.jsonl");
    let answers: Vec<String> =
        facts.iter().map(|fact| serde_json::json!({"fact": fact["answer"]}).to_string()).collect();
    std::fs::write(&table, answers.join("\n")).unwrap();
    let home = Home::open(Some(&folder.path().join("home"))).unwrap();
    let encoder = Thesaurus::read();
    let by_words = Library::new(&home);
    let by_both = Library::new(&home).with_models(Some(&encoder), None);
    by_both.add(&[table], &mut |_| IndexControl::Continue).unwrap();

    let passage = |fact: &Value| format!("fact: {}", field(fact, "answer"));
    let by_id: HashMap<String, String> = facts.iter().map(|fact| (field(fact, "id"), passage(fact))).collect();
    let texts: Vec<String> = facts.iter().map(passage).collect();
    let vectors: Vec<Vec<f32>> = texts.iter().map(|text| encoder.vector(text)).collect();
    let by_meaning = |question: &str| {
        let asked = encoder.vector(question);
        let cosine = |vector: &[f32]| vector.iter().zip(&asked).map(|(a, b)| a * b).sum::<f32>();
        let mut all: Vec<(f32, &String)> = vectors.iter().map(|vector| cosine(vector)).zip(&texts).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.into_iter().take(10).map(|(_, text)| text.clone()).collect::<Vec<_>>()
    };
    let found = |library: &Library<'_>, question: &str| {
        library.search(question, 10).unwrap().into_iter().map(|passage| passage.text).collect::<Vec<_>>()
    };

    let keyword: Vec<_> =
        facts.iter().map(|fact| (fact["phrases"][0].as_str().unwrap().to_owned(), passage(fact))).collect();
    let paraphrase: Vec<_> = rows("runtime/tests/retrieval/paraphrase.jsonl")
        .iter()
        .map(|row| (field(row, "question"), by_id[&field(row, "id")].clone()))
        .collect();
    for (question, passage) in &paraphrase {
        let own = words(passage);
        let shared: Vec<String> = words(question).into_iter().filter(|word| own.contains(word)).collect();
        assert!(shared.is_empty(), "{question:?} shares {shared:?} with {passage:?}: no paraphrase");
    }
    let mixed: Vec<_> = rows("trainer-host/guide/heldout.jsonl")
        .iter()
        .map(|row| (row["messages"][0]["content"].as_str().unwrap().to_owned(), by_id[&field(row, "id")].clone()))
        .collect();
    for (name, questions, loss) in
        [("keyword", &keyword, 0.0), ("paraphrase", &paraphrase, 0.0), ("mixed", &mixed, MIXED_LOSS_MAX)]
    {
        let words = Quality::of(questions, |question| found(&by_words, question));
        let meaning = Quality::of(questions, by_meaning);
        let fused = Quality::of(questions, |question| found(&by_both, question));
        println!("{name:10} {} questions: recall@1, @5, @10, nDCG@10", questions.len());
        println!("  words   {:.3?}\n  meaning {:.3?}\n  fused   {:.3?}", words.0, meaning.0, fused.0);
        let better = words.better(meaning);
        for (fused, better) in fused.0.iter().zip(better.0) {
            assert!(*fused >= better - loss - ROUNDING, "{name}: {fused} is below {better}");
        }
        match name {
            "keyword" => assert!(words.0[3] > meaning.0[3] + 0.02, "the set does not need words"),
            "paraphrase" => assert!(meaning.0[3] > words.0[3] + 0.5, "the set does not need meaning"),
            _ => {}
        }
    }
}
