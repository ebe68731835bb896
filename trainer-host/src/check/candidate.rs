//! What is known of a model before it is judged, whichever files it came from.

use std::path::PathBuf;

use super::card::Card;
use super::tokens::Encoder;

/// A model as its files describe it. `None` means that they do not say.
pub struct Candidate {
    /// Folder or file.
    pub path: PathBuf,
    /// Its name, as the files or the path have it.
    pub name: String,
    /// Other names under which a card may list it.
    pub aliases: Vec<String>,
    /// `Hugging Face folder` or `GGUF file`.
    pub format: &'static str,
    /// Where the shape comes from, for evidence.
    pub source: &'static str,
    /// Sizes.
    pub shape: Shape,
    /// How it computes.
    pub design: Design,
    /// The weights.
    pub weights: Weights,
    /// Bytes of the tensors as they are stored; only where that is how a device would hold them.
    pub stored: Option<Stored>,
    /// What the files say about the licence, in the order of trust.
    pub licences: Vec<Statement>,
    /// The chat template.
    pub template: Template,
    /// The tokenizer, or why it cannot be measured.
    pub encoder: Result<Encoder, String>,
    /// The model card.
    pub card: Option<Card>,
}

/// The weights of a model, as the headers of their files tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// All there.
    Counted {
        /// Number of weights.
        parameters: u64,
        /// Number of tensors.
        tensors: usize,
        /// How most of them are stored.
        storage: String,
    },
    /// There is no file with weights.
    Absent,
    /// They cannot be used, and why.
    Unusable(String),
}

/// Text of a file and where it stands.
pub struct Statement {
    /// `README.md: license`, `LICENSE`, `general.license`.
    pub place: String,
    /// What it says.
    pub text: String,
}

/// Sizes of a transformer.
#[derive(Debug, Default, Clone)]
#[allow(missing_docs, reason = "the field's own words")]
pub struct Shape {
    pub layers: Option<u64>,
    pub hidden: Option<u64>,
    pub heads: Option<u64>,
    pub kv_heads: Option<u64>,
    pub head_dim: Option<u64>,
    pub vocabulary: Option<u64>,
    pub context: Option<u64>,
    pub sliding_window: Option<u64>,
    pub tied: Option<bool>,
}

/// How a transformer computes.
#[derive(Debug, Default, Clone)]
pub struct Design {
    /// Architecture by its own name.
    pub architecture: Option<String>,
    /// Whether it predicts the next token, and why we think so.
    pub decoder: Option<(bool, String)>,
    /// How it knows positions.
    pub positions: Option<String>,
    /// Normalisation.
    pub norm: Option<Norm>,
    /// Feed-forward part.
    pub feed_forward: Option<FeedForward>,
}

/// Normalisation of a block's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// By the root of the mean square.
    Rms,
    /// By mean and variance.
    Layer,
}

/// Feed-forward part of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedForward {
    /// Gated by SiLU.
    SwiGlu,
    /// Gated by GELU.
    GeGlu,
    /// Not gated.
    Plain,
}

/// A file that stores the weights as a device would hold them.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Bytes of all tensors.
    pub bytes: u64,
    /// The types, most bytes first, such as `Q4_K and Q6_K`.
    pub types: String,
    /// Whether some are quantized.
    pub quantized: bool,
}

/// The chat template of a model.
#[derive(Debug, Clone)]
pub enum Template {
    /// None was found.
    Missing,
    /// It renders a short conversation.
    Works {
        /// Where it stands.
        place: String,
    },
    /// It does not.
    Broken {
        /// Where it stands.
        place: String,
        /// What the template engine said.
        reason: String,
    },
}

impl Candidate {
    /// Number of weights; `None` where they cannot be counted.
    pub fn parameters(&self) -> Option<u64> {
        match self.weights {
            Weights::Counted { parameters, .. } => Some(parameters),
            _ => None,
        }
    }
}

impl Template {
    /// Tries a template on a question and an answer.
    pub fn tried(place: &str, source: &str, bos: String, eos: String) -> Self {
        use halligan_finetune::chat::{ChatTemplate, Message};
        let question = Message::new("user", "Where is the hydrant?");
        let conversation = [question, Message::new("assistant", "At the mill."), Message::new("user", "Which one?")];
        let rendered = ChatTemplate::new(source, bos, eos).and_then(|template| template.render(&conversation, true));
        let place = place.to_owned();
        match rendered {
            Ok(text) if text.contains("At the mill.") && text.contains("Which one?") => Self::Works { place },
            Ok(_) => Self::Broken { place, reason: "it leaves out what was said".to_owned() },
            Err(error) => Self::Broken { place, reason: crate::one_line(&error.to_string()) },
        }
    }
}

/// What every model of an architecture has in common: name in GGUF and on the hub, whether it predicts the next
/// token, positions, normalisation, feed-forward part.
pub struct Family {
    /// Names.
    pub names: &'static [&'static str],
    /// Whether it predicts the next token.
    pub decoder: bool,
    /// Positions.
    pub positions: &'static str,
    /// Normalisation.
    pub norm: Norm,
    /// Feed-forward part.
    pub feed_forward: FeedForward,
}

const ROPE: &str = "RoPE";
const LEARNED: &str = "learned absolute positions";
const ALIBI: &str = "ALiBi";

const FAMILIES: &[Family] = &[
    family(
        &["llama", "mistral", "qwen2", "qwen3", "phi3", "smollm3", "olmo2", "granite", "internlm2"],
        true,
        ROPE,
        Norm::Rms,
        FeedForward::SwiGlu,
    ),
    family(&["gemma", "gemma2", "gemma3", "gemma3_text"], true, ROPE, Norm::Rms, FeedForward::GeGlu),
    family(&["command-r", "cohere", "stablelm"], true, ROPE, Norm::Layer, FeedForward::SwiGlu),
    family(
        &["falcon", "gptneox", "gpt_neox", "phi2", "phi", "starcoder2"],
        true,
        ROPE,
        Norm::Layer,
        FeedForward::Plain,
    ),
    family(&["gpt2", "starcoder", "gpt_bigcode", "opt"], true, LEARNED, Norm::Layer, FeedForward::Plain),
    family(&["mpt", "bloom"], true, ALIBI, Norm::Layer, FeedForward::Plain),
    family(&["bert", "roberta", "distilbert", "xlm-roberta"], false, LEARNED, Norm::Layer, FeedForward::Plain),
];

const fn family(
    names: &'static [&'static str],
    decoder: bool,
    positions: &'static str,
    norm: Norm,
    feed_forward: FeedForward,
) -> Family {
    Family { names, decoder, positions, norm, feed_forward }
}

impl Family {
    /// The family of an architecture.
    pub fn find(name: &str) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| family.names.contains(&name))
    }
}
