//! Asking a model: waves of tasks, each wave in one batch, each reply a pair by its grammar.

use std::path::{Path, PathBuf};
use std::time::Instant;

use halligan_runtime::error::ModelError;
use halligan_runtime::inference::{
    BatchRequest, Constraint, GenerateOptions, Generated, Inference, InferenceSettings, StopReason,
};

use super::journal::{Journal, Reply};
use super::prompts::{Category, Lengths, pair_schema, read_pair};
use super::tasks::{Task, seed_of};
use crate::data::chunk::Chunk;
use crate::progress::{Progress, duration};

/// Tasks that are asked together and noted together.
pub const WAVE: usize = 32;
/// Letters that a token of a reply stands for at least, so that the grammar ends it before the token limit does.
const LETTERS_PER_TOKEN: usize = 2;
/// Tokens of a reply that are braces, names and marks.
const FORM_TOKENS: usize = 24;

/// How a model is asked.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The model.
    pub model: PathBuf,
    /// An adapter over it.
    pub adapter: Option<PathBuf>,
    /// Longest reply in tokens.
    pub max_tokens: usize,
    /// 0 is greedy.
    pub temperature: f32,
    /// Tries of each task.
    pub tries: usize,
}

/// What a run of the model brought.
#[derive(Debug)]
pub struct Written {
    /// One reply for each task, in order.
    pub replies: Vec<Reply>,
    /// Tasks whose reply an earlier run had.
    pub reused: usize,
    /// Tokens that were generated, earlier runs included.
    pub tokens: usize,
    /// To be removed when the dataset is written.
    pub journal: Journal,
}

/// A model that is loaded and the form it must keep.
pub struct Writer {
    inference: Inference,
    constraint: Constraint,
    asking: Asking,
}

impl Writer {
    /// Loads the model.
    ///
    /// # Errors
    /// A model or adapter that cannot be used.
    pub fn load(asking: &Asking) -> anyhow::Result<Self> {
        let inference = Inference::load(&asking.model, &InferenceSettings::default())?;
        if let Some(adapter) = &asking.adapter {
            let base = halligan_finetune::model::BaseModel::open(&asking.model)
                .map_err(|error| crate::about(&asking.model, error))?;
            // A file that does not fit is refused here, before C reads it.
            crate::rows::open_adapter(adapter, &base)?;
            inference.set_adapter(Some(adapter))?;
        }
        let constraint = Constraint::JsonSchema(pair_schema(lengths(asking.max_tokens)));
        Ok(Self { inference, constraint, asking: asking.clone() })
    }

    /// Tokens of the context that a prompt may take.
    pub fn prompt_tokens_max(&self) -> usize {
        (self.inference.info().context_tokens as usize).saturating_sub(self.asking.max_tokens)
    }

    /// Tokens of the prompt about these chunks, with its instruction and the marks of the chat template.
    ///
    /// # Errors
    /// A model without a template.
    pub fn prompt_tokens(&self, category: Category, chunks: &[&Chunk]) -> anyhow::Result<usize> {
        Ok(self.inference.prompt_tokens(&category.render(chunks)?)?.len())
    }

    /// Asks all tasks; `None` if it was interrupted.
    ///
    /// # Errors
    /// A model that fails, a disk that takes no more.
    pub fn write(
        &self,
        tasks: &[Task],
        chunks: &[Chunk],
        folder: &Path,
        fingerprint: &str,
    ) -> anyhow::Result<Option<Written>> {
        let journal = Journal::open(folder, fingerprint)?;
        let mut written = Written { replies: Vec::new(), reused: 0, tokens: 0, journal };
        let mut progress = Progress::new("asking", 0, tasks.len());
        let started = Instant::now();
        for (number, wave) in tasks.chunks(WAVE).enumerate() {
            if let Some((replies, tokens)) = written.journal.find(number).filter(|known| known.0.len() == wave.len()) {
                written.replies.extend(replies.iter().cloned());
                written.tokens += tokens;
                written.reused += wave.len();
                continue;
            }
            let (before, reused) = (written.replies.len(), written.reused);
            let note = |done: usize| {
                let fresh = (before + done).saturating_sub(reused);
                let left = tasks.len().saturating_sub(before + done);
                let each = started.elapsed().as_secs_f64() / fresh.max(1) as f64;
                if fresh == 0 { String::new() } else { format!("about {} left", duration(each * left as f64)) }
            };
            let Some((replies, tokens)) =
                self.wave(wave, chunks, &mut |done| progress.show(before + done, &note(done)))?
            else {
                progress.finish();
                return Ok(None);
            };
            written.journal.done(number, &replies, tokens)?;
            written.replies.extend(replies);
            written.tokens += tokens;
        }
        progress.finish();
        Ok(Some(written))
    }

    /// Asks the tasks of one wave, and those that failed again up to the number of tries; `None` if it was
    /// interrupted.
    ///
    /// # Errors
    /// A model that fails.
    pub fn wave(
        &self,
        wave: &[Task],
        chunks: &[Chunk],
        on_progress: &mut dyn FnMut(usize),
    ) -> anyhow::Result<Option<(Vec<Reply>, usize)>> {
        let mut replies: Vec<Option<Reply>> = vec![None; wave.len()];
        let mut tokens = 0;
        for turn in 0..self.asking.tries {
            let open: Vec<usize> =
                (0..wave.len()).filter(|place| !matches!(replies[*place], Some(Reply::Pair { .. }))).collect();
            if open.is_empty() {
                break;
            }
            let seeds: Vec<u64> = open.iter().map(|place| try_seed(&wave[*place], turn)).collect();
            let requests = open.iter().zip(&seeds).map(|(place, seed)| self.request(&wave[*place], chunks, *seed));
            let requests = requests.collect::<anyhow::Result<Vec<_>>>()?;
            let settled = wave.len() - open.len();
            let results = self.inference.generate_batch(requests, &mut |done, _| {
                on_progress(settled + if turn == 0 { done } else { 0 });
                !crate::interrupt::requested()
            });
            let results = match results {
                Err(ModelError::Cancelled) => return Ok(None),
                results => results?,
            };
            for ((place, seed), result) in open.into_iter().zip(seeds).zip(results) {
                tokens += result.as_ref().map_or(0, |generated| generated.tokens);
                replies[place] = Some(reply(result, seed));
            }
        }
        Ok(Some((replies.into_iter().flatten().collect(), tokens)))
    }

    fn request(&self, task: &Task, chunks: &[Chunk], seed: u64) -> anyhow::Result<BatchRequest> {
        let shown: Vec<&Chunk> = task.chunks.iter().map(|place| &chunks[*place]).collect();
        let options = GenerateOptions {
            max_tokens: self.asking.max_tokens,
            temperature: self.asking.temperature,
            seed,
            constraint: Some(self.constraint.clone()),
            ..GenerateOptions::default()
        };
        Ok(BatchRequest { question: task.category.render(&shown)?, options })
    }
}

/// Lengths that a reply of so many tokens can keep.
pub fn lengths(max_tokens: usize) -> Lengths {
    let letters = max_tokens.saturating_sub(FORM_TOKENS) * LETTERS_PER_TOKEN;
    Lengths { question: letters / 3, answer: letters - letters / 3 }
}

/// Seed of a try: the first is the task's own.
fn try_seed(task: &Task, turn: usize) -> u64 {
    if turn == 0 { task.seed } else { seed_of(task.seed, &format!("try {turn}")) }
}

fn reply(result: Result<Generated, ModelError>, seed: u64) -> Reply {
    let failed = |reason: &str, detail: String, text: String| Reply::Failed { reason: reason.to_owned(), detail, text };
    match result {
        Err(error @ ModelError::PromptTooLong { .. }) => failed("prompt_too_long", error.to_string(), String::new()),
        Err(error) => failed("model", error.to_string(), String::new()),
        Ok(Generated { text, stop: StopReason::Length, tokens, .. }) => {
            failed("cut_off", format!("the reply did not end within {tokens} tokens; raise --max-tokens"), text)
        }
        Ok(Generated { text, confidence, .. }) => match read_pair(&text) {
            Ok(pair) => Reply::Pair { question: pair.question, answer: pair.answer, seed, confidence },
            Err(detail) => failed("no_pair", detail, text),
        },
    }
}
