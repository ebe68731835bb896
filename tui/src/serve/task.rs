//! What handlers ask of the model, and what comes back: plain data between two worlds.
//!
//! A request is a list of [`Step`]s, one for each prompt and choice; the queue may serve another
//! request between two steps. Each step answers with [`Event`]s and ends with one that says so.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// The model with the adapter of this generation (`base` for none), and nothing around it.
    Plain {
        /// Full id of the generation.
        generation: String,
    },
    /// The assistant as `halligan ask` knows it: documents, citations, journal.
    Assistant,
}

/// Text, or the tokens that a client made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text; special tokens in it count as such.
    Text(String),
    /// Tokens, taken as they are.
    Tokens(Vec<i32>),
}

/// How to choose tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Longest answer in tokens; `None` is what the context has left.
    pub max_tokens: Option<usize>,
    /// 0 is the most probable token each time.
    pub temperature: f32,
    /// Share of the probability from which tokens are drawn.
    pub top_p: f32,
    /// Seed of the sampler.
    pub seed: u64,
    /// Texts that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// Report the log-probability of each token, and of this many alternatives.
    pub logprobs: Option<usize>,
    /// What the text must be.
    pub format: Format,
}

/// What the text must be.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Format {
    /// Anything.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that this schema allows.
    JsonSchema(Value),
}

/// One turn of a conversation, checked: plain text, known role.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Turn {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What was said.
    pub content: String,
    /// Tools that an assistant turn called.
    pub tool_calls: Vec<Call>,
    /// The call that a tool turn answers.
    pub tool_call_id: Option<String>,
    /// Name of the tool that answers.
    pub name: Option<String>,
}

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    #[serde(default)]
    pub description: String,
    /// JSON schema of its arguments.
    #[serde(default = "any_object")]
    pub parameters: Value,
}

fn any_object() -> Value {
    serde_json::json!({ "type": "object", "properties": {} })
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Name of the tool.
    pub name: String,
    /// A JSON object.
    pub arguments: Value,
}

/// Whether tools are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None is called.
    None,
    /// One of them must be called.
    Required,
    /// This one must be called.
    Named(String),
}

/// A conversation to go on with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conversation {
    /// The turns so far; the model says the next one.
    pub turns: Vec<Turn>,
    /// Tools that may be called.
    pub tools: Vec<Tool>,
    /// Whether they are.
    pub tool_choice: ToolChoice,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Say the next turn.
    Chat {
        /// Who answers.
        voice: Voice,
        /// What was said.
        conversation: Conversation,
        /// Number of the conversation in the journal, for the assistant.
        session: Option<i64>,
        /// How to choose tokens.
        sampling: Sampling,
    },
    /// Go on with a text.
    Complete {
        /// Who answers.
        generation: String,
        /// The text.
        prompt: Prompt,
        /// Report the prompt too, with log-probabilities if they are asked for.
        echo: bool,
        /// How to choose tokens.
        sampling: Sampling,
    },
    /// Vectors of texts.
    Embed {
        /// The texts.
        texts: Vec<String>,
    },
    /// Tokens of a text.
    Tokenize {
        /// The text; special tokens in it count as such.
        text: String,
        /// Add what the model wants at the start of a text.
        add_special: bool,
    },
    /// Text of tokens.
    Detokenize {
        /// The tokens.
        tokens: Vec<i32>,
    },
}

/// A token with its bytes and its log-probability in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// What the token stands for; may end inside a character.
    pub bytes: Vec<u8>,
    /// Natural logarithm of the probability that the model gave it; `None` for the first of a text.
    pub logprob: Option<f64>,
    /// The most probable tokens at this place, best first.
    pub top: Vec<(Vec<u8>, f64)>,
}

/// Why an answer ended, in OpenAI's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended it, or a stop text did.
    Stop,
    /// The token limit.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
}

/// The vector of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Of length 1.
    pub vector: Vec<f32>,
    /// Tokens that were read.
    pub tokens: usize,
}

/// What a step produces, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The prompt, for `echo`.
    Prompt {
        /// Its text.
        text: String,
        /// Its tokens, where log-probabilities are asked for.
        tokens: Vec<Scored>,
    },
    /// More of the answer.
    Text {
        /// Whole characters.
        text: String,
        /// The tokens since the last event, where log-probabilities are asked for.
        tokens: Vec<Scored>,
    },
    /// Why there is no answer, in words that stand in its place.
    Refusal(String),
    /// Tools to call.
    Calls(Vec<Call>),
    /// The answer is complete.
    Finished(Finished),
    /// Vectors of the texts, in their order.
    Embeddings(Vec<Embedding>),
    /// Tokens of a text.
    Tokens(Vec<i32>),
    /// Text of tokens.
    Detokenized(String),
}

/// How an answer ended and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Why it ended.
    pub finish: Finish,
    /// Tokens read.
    pub prompt_tokens: usize,
    /// Those of them that were in memory from an earlier turn.
    pub cached_tokens: usize,
    /// Tokens said.
    pub completion_tokens: usize,
    /// Generation that answered.
    pub generation: String,
    /// What the assistant adds: turn, passage, citations.
    pub beside: Option<Value>,
}
