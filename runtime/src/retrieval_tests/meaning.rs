//! Tests of the search by meaning: vectors, their exact scan, and the reranker.

use std::collections::HashMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::error::ModelError;
use crate::retrieval::encoder::Role;

/// An encoder that knows the vectors of its texts; of others it makes one from their bytes.
struct Table {
    id: String,
    vectors: HashMap<String, Vec<f32>>,
}

impl Encoder for Table {
    fn id(&self) -> &str {
        &self.id
    }

    fn encode(&self, texts: &[&str], _: Role) -> Result<Vec<Vec<f32>>, ModelError> {
        Ok(texts.iter().map(|text| self.vectors.get(*text).cloned().unwrap_or_else(|| random(text, 24))).collect())
    }
}

fn random(text: &str, width: usize) -> Vec<f32> {
    let mut seed = [0_u8; 32];
    for (index, byte) in text.bytes().enumerate() {
        seed[index % 32] = seed[index % 32].wrapping_mul(31).wrapping_add(byte);
    }
    let mut random = ChaCha8Rng::from_seed(seed);
    (0..width).map(|_| random.random_range(-1.0..1.0)).collect()
}

#[test]
fn vectors_are_made_in_pieces_survive_a_stop_and_go_with_their_document_or_encoder() {
    let room = Room::new();
    let table = "name\n".to_owned() + &(0..150).map(|number| format!("thing{number}\n")).collect::<String>();
    room.write("a.csv", &table);
    room.write("b.csv", &table);
    let encoder = Table { id: "first".to_owned(), vectors: HashMap::new() };
    let library = room.library().with_models(Some(&encoder), None);
    let mut asked = 0;
    let report = library
        .add(&[room.kit()], &mut |event| {
            asked += usize::from(matches!(event, IndexEvent::Embedding { .. }));
            if asked == 3 { IndexControl::Stop } else { IndexControl::Continue }
        })
        .unwrap();
    assert!(report.embedded > 0 && report.embedded < 300, "{report:?}");
    let report = library.add(&[], &mut |_| IndexControl::Continue).unwrap();
    let embedded =
        |name: &str| library.documents().unwrap().into_iter().find(|document| document.name == name).unwrap().embedded;
    assert_eq!((embedded("a.csv"), embedded("b.csv")), (150, 150));
    assert!(report.embedded < 300);
    library.remove("a.csv").unwrap();
    let vectors: i64 =
        room.home.documents().unwrap().query_row("SELECT sum(count) FROM vectors", [], |row| row.get(0)).unwrap();
    assert_eq!(vectors, 150);
    let other = Table { id: "second".to_owned(), vectors: HashMap::new() };
    let report = room.library().with_models(Some(&other), None).add(&[], &mut |_| IndexControl::Continue).unwrap();
    assert_eq!(report.embedded, 150);
}

#[test]
fn scan_finds_exactly_what_comparing_all_vectors_finds() {
    for (width, limit, near) in [(24, 10, false), (384, 20, false), (384, 20, true), (7, 300, false)] {
        let room = Room::new();
        let mut vectors = HashMap::new();
        let lines: Vec<String> = (0..220).map(|number| format!("thing{number}")).collect();
        for line in &lines {
            let mut vector = random(line, width);
            if near {
                // All nearly alike, so that the bounds of the coarse form cannot tell them apart.
                let common = random("common", width);
                vector = vector.iter().zip(&common).map(|(own, shared)| 0.002 * own + shared).collect();
            }
            vectors.insert(format!("name: {line}"), vector);
        }
        vectors.insert("question".to_owned(), random("question", width));
        room.write("a.csv", format!("name\n{}\n", lines.join("\n")));
        let encoder = Table { id: "table".to_owned(), vectors };
        room.library().with_models(Some(&encoder), None).add(&[room.kit()], &mut |_| IndexControl::Continue).unwrap();
        let connection = room.home.documents().unwrap();
        let question = &encoder.vectors["question"];
        let found = vectors::scan(connection, question, limit).unwrap();
        // The oracle: half-precision vectors of length 1 against the question, in 64 bits.
        let unit = |vector: &[f32]| {
            let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            vector.iter().map(|x| f64::from(*x) / length).collect::<Vec<f64>>()
        };
        let asked = unit(question);
        let mut all: Vec<(i64, f64)> = connection
            .prepare("SELECT id, text FROM passages")
            .unwrap()
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
            .unwrap()
            .map(|row| {
                let (id, text) = row.unwrap();
                let halves = unit(&encoder.vectors[&text]).into_iter().map(|x| half::f16::from_f32(x as f32).to_f64());
                (id, halves.zip(&asked).map(|(v, q)| v * q).sum::<f64>())
            })
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(limit);
        assert_eq!(found.count, 220);
        assert_eq!(found.best.len(), all.len());
        for (found, (_, cosine)) in found.best.iter().zip(&all) {
            assert!((found.cosine - cosine).abs() < 1e-6, "{width}: {found:?} {cosine}");
        }
        let ids: Vec<i64> = found.best.iter().map(|one| one.passage).collect();
        let again = vectors::cosines(connection, question, &ids).unwrap();
        assert!(found.best.iter().all(|one| (again[&one.passage] - one.cosine).abs() < 1e-12));
    }
}

#[test]
fn reranker_has_the_last_word() {
    struct Longest;
    impl Reranker for Longest {
        fn scores(&self, _: &str, passages: &[&str]) -> Result<Vec<f32>, ModelError> {
            Ok(passages.iter().map(|passage| passage.len() as f32).collect())
        }
    }
    let room = Room::new();
    room.write("a.csv", "name\nacetone\nacetone drum in the old shed behind the station\n");
    room.add(&[room.kit()]);
    assert_eq!(room.library().search("acetone", 1).unwrap()[0].text, "name: acetone");
    let library = room.library().with_models(None, Some(&Longest));
    assert!(library.search("acetone", 1).unwrap()[0].text.contains("shed"));
}
