//! Models that judge texts for the search: encoders give vectors, rerankers give scores.

use std::path::Path;

use crate::error::ModelError;
use crate::home::sha256_of_file;
use crate::inference;

/// Widest vector that the scan takes; see `vectors.rs`.
const WIDTH_MAX: usize = 4096;

/// What a text is for an encoder; many were trained with different words in front of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What somebody asks.
    Question,
    /// What may answer.
    Passage,
}

/// Turns texts into vectors whose cosine says how much they mean the same.
pub trait Encoder {
    /// Names model and manner; vectors of different ids cannot be compared.
    fn id(&self) -> &str;

    /// One vector for each text, all of one length.
    ///
    /// # Errors
    /// What the model said.
    fn encode(&self, texts: &[&str], role: Role) -> Result<Vec<Vec<f32>>, ModelError>;
}

/// Says how well passages answer a question, reading both together.
pub trait Reranker {
    /// One score for each passage, higher is better.
    ///
    /// # Errors
    /// What the model said.
    fn scores(&self, question: &str, passages: &[&str]) -> Result<Vec<f32>, ModelError>;
}

/// Words before questions and passages that model families were trained with, from their model cards; the first
/// whose mark is in the model's name counts.
const PREFIXES: &[(&str, &str, &str)] = &[
    ("embeddinggemma", "task: search result | query: ", "title: none | text: "),
    ("nomic-embed", "search_query: ", "search_document: "),
    ("e5-", "query: ", "passage: "),
    ("bge-small-en", "Represent this sentence for searching relevant passages: ", ""),
    ("bge-base-en", "Represent this sentence for searching relevant passages: ", ""),
    ("bge-large-en", "Represent this sentence for searching relevant passages: ", ""),
    ("mxbai-embed-large", "Represent this sentence for searching relevant passages: ", ""),
    ("arctic-embed", "Represent this sentence for searching relevant passages: ", ""),
];

/// A GGUF sentence encoder.
pub struct SentenceEncoder {
    model: inference::Encoder,
    id: String,
    prefixes: (&'static str, &'static str),
}

impl SentenceEncoder {
    /// Loads the encoder at `path` and lets it make one vector, so that a model which is none is refused here.
    ///
    /// # Errors
    /// [`ModelError`]: a file that cannot be read or is malformed, a model that gives no vector of a text.
    pub fn load(path: &Path) -> Result<SentenceEncoder, ModelError> {
        let unusable = |reason: String| ModelError::Encoder { path: path.to_path_buf(), reason };
        let model = inference::Encoder::load(path, 0, 0)?;
        if model.info().is_reranker {
            return Err(unusable("it scores pairs of texts (a reranker) and makes no vectors".to_owned()));
        }
        let name = model.info().name.to_lowercase().replace([' ', '_'], "-");
        let found = PREFIXES.iter().find(|(mark, ..)| name.contains(mark));
        let prefixes = found.map_or(("", ""), |(_, question, passage)| (*question, *passage));
        let id = sha256_of_file(path).map_err(|source| ModelError::Unreadable { path: path.to_path_buf(), source })?;
        let encoder = SentenceEncoder { model, id, prefixes };
        let vector = encoder.encode(&["safety zone"], Role::Passage)?.pop().unwrap_or_default();
        if vector.is_empty() || vector.len() > WIDTH_MAX || vector.iter().any(|x| !x.is_finite()) {
            return Err(unusable(format!("it gives no usable vector of a text ({} numbers)", vector.len())));
        }
        Ok(encoder)
    }
}

impl Encoder for SentenceEncoder {
    fn id(&self) -> &str {
        &self.id
    }

    fn encode(&self, texts: &[&str], role: Role) -> Result<Vec<Vec<f32>>, ModelError> {
        let prefix = match role {
            Role::Question => self.prefixes.0,
            Role::Passage => self.prefixes.1,
        };
        let texts: Vec<String> = texts.iter().map(|text| format!("{prefix}{text}")).collect();
        Ok(self.model.embed(&texts, &mut |_, _| true)?.into_iter().map(|embedding| embedding.vector).collect())
    }
}

/// A GGUF reranker: a model that reads question and passage as one text and gives a score.
pub struct CrossEncoder {
    model: inference::Encoder,
}

impl CrossEncoder {
    /// Loads the reranker at `path`.
    ///
    /// # Errors
    /// [`ModelError`]: a file that cannot be read or is malformed, a model that scores no pairs.
    pub fn load(path: &Path) -> Result<CrossEncoder, ModelError> {
        let model = inference::Encoder::load(path, 0, 0)?;
        if !model.info().is_reranker {
            let reason = "it makes vectors and scores no pairs of texts".to_owned();
            return Err(ModelError::Encoder { path: path.to_path_buf(), reason });
        }
        Ok(CrossEncoder { model })
    }
}

impl Reranker for CrossEncoder {
    fn scores(&self, question: &str, passages: &[&str]) -> Result<Vec<f32>, ModelError> {
        let texts: Vec<String> = passages.iter().map(|text| (*text).to_owned()).collect();
        Ok(self.model.rerank(question, &texts, &mut |_, _| true)?.into_iter().map(|one| one.score).collect())
    }
}
