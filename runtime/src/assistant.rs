//! The facade: one assistant per home folder, used by the console, the headless verbs and tests.

mod calling;
mod checking;
mod context;
mod curtain;
mod documents;
mod history;
mod options;
mod tools;
mod trusting;

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use crate::agent::Toolbox;
use crate::confidence::ALTERNATIVES;
use crate::doctor::{self, DoctorReport};
use crate::error::{AdapterStoreError, ModelError, RuntimeError};
use crate::generations::{Generation, Generations};
use crate::home::{Home, sha256_of_file};
use crate::inference::{ChatRequest, GenerateOptions, Inference, fit_context};
use crate::journal::{Feedback, Journal, Reason};
use crate::learn::{self, LearnControl, LearnEvent, LearnOptions, LearnReport};
use crate::model::{ModelInUse, open_sound};
use crate::probe::probe;
use crate::profile::ChosenProfile;
use crate::retrieval::Library;
use crate::turn::{NewTurn, Turn, TurnId};

pub use checking::{TrustCheck, Verdicts};
use context::conversation;
pub use documents::PassagesInPrompt;
pub use options::{AnswerEvent, AskOptions, AssistantOptions, DeviceChoice, Status, ToolMode};
pub use tools::NO_MODEL;
use trusting::Asked;
pub use trusting::{OnTrust, TrustProgress};

/// Passages that are looked at for support of an answer.
const PASSAGES_CONSIDERED: usize = 8;

/// The assistant. Lives on one worker thread of the caller; llama.cpp runs on a thread of its own.
pub struct Assistant {
    pub(crate) home: Home,
    pub(crate) options: AssistantOptions,
    pub(crate) profile: ChosenProfile,
    /// Where sensors are read; tests fake them.
    pub(crate) system_root: PathBuf,
    /// Tools that are there without asking other programs.
    built_in: Toolbox,
    /// All tools, once they were wanted.
    toolbox: OnceCell<Toolbox>,
    /// Text of the model's chat template, once it was read.
    template: OnceCell<String>,
    loaded: RefCell<Option<Loaded>>,
    /// Models of the document search, loaded by the first who searches.
    search: OnceCell<documents::SearchModels>,
}

/// The model in memory and the adapter that it answers with.
struct Loaded {
    inference: Rc<Inference>,
    generation: Option<String>,
}

impl Assistant {
    /// Opens the home folder, its database and the profile. The model is loaded by the first
    /// question, so that this returns at once.
    ///
    /// # Errors
    /// Unwritable home, unusable database, unknown profile.
    pub fn open(options: &AssistantOptions) -> Result<Assistant, RuntimeError> {
        let home = Home::open(options.home.as_deref())?;
        if let Err(error) = Journal::new(&home).apply_retention() {
            // A full disk, say: questions can still be answered, and the next start tries again.
            tracing::warn!(%error, "old turns could not be let go");
        }
        let (_, probe) = probe(None);
        let profile = ChosenProfile::choose(options.profile.as_deref(), &probe)?;
        Ok(Assistant {
            home,
            options: options.clone(),
            profile,
            system_root: PathBuf::from("/"),
            built_in: Toolbox::built_in(),
            toolbox: OnceCell::new(),
            template: OnceCell::new(),
            loaded: RefCell::new(None),
            search: OnceCell::new(),
        })
    }

    /// The state of the device at a glance.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn status(&self) -> Result<Status, RuntimeError> {
        let generations = Generations::new(&self.home);
        let active = generations.active()?;
        let (documents, passages) = Library::new(&self.home).counts()?;
        let model = ModelInUse::of(&self.home, &self.options).ok();
        let context_tokens = self.context_tokens(model.as_ref().map(|model| model.path.as_path()));
        Ok(Status {
            home: self.home.folder().to_path_buf(),
            model: model.as_ref().map(|model| model.name.clone()),
            model_bytes: model.as_ref().map(|model| model.bytes),
            model_sha256: model.as_ref().and_then(|model| model.sha256.clone()),
            model_path: model.map(|model| model.path),
            corrections_waiting: self.journal().lessons(&active.id)?.corrections_waiting(),
            generation: active,
            previous_generation: generations.previous()?,
            profile: self.profile.profile.name.as_str().to_owned(),
            context_tokens,
            turns: self.journal().count()?,
            passages,
            documents,
        })
    }

    /// The context of the model in memory; before one is, what the file of the model will get.
    fn context_tokens(&self, model: Option<&Path>) -> u32 {
        if let Some(loaded) = &*self.loaded.borrow() {
            return loaded.inference.info().context_tokens;
        }
        let mut settings = self.profile.inference_settings(self.options.device);
        if let Some(file) = model.and_then(|path| open_sound(path).ok()) {
            fit_context(&file, &mut settings);
        }
        settings.context_tokens
    }

    /// Answers a question, streams the answer and records the turn.
    ///
    /// # Errors
    /// Empty question, unknown session, no model, damaged adapter, question longer than the context,
    /// failing decode or journal.
    pub fn ask(
        &self,
        question: &str,
        options: &AskOptions,
        on_event: &mut dyn FnMut(AnswerEvent),
    ) -> Result<Turn, RuntimeError> {
        let started = Instant::now();
        let question = question.trim();
        if question.is_empty() {
            return Err(ModelError::EmptyQuestion.into());
        }
        if let Some(session) = options.session {
            self.journal().check_session(session)?;
        }
        // Without a model there is none that could call.
        if self.model_calls_tools(options).unwrap_or(false) {
            return self.answer_with_calls(question, options, started, on_event);
        }
        if options.tools != ToolMode::Off
            && let Some(turn) = self.answer_by_router(question, options, started, on_event)?
        {
            return Ok(turn);
        }
        let (inference, generation) = self.ready_inference()?;
        // Before the search: beside a question that cannot be asked no passage should stand.
        inference.check_room(question, options.max_tokens)?;
        let passages =
            if options.use_documents { self.search_documents(question, PASSAGES_CONSIDERED)? } else { Vec::new() };
        if let Some(passage) = passages.first() {
            on_event(AnswerEvent::Passage(passage.clone()));
        }
        let generate = GenerateOptions {
            max_tokens: options.max_tokens,
            seed: self.options.seed,
            cancel: options.cancel.clone(),
            alternatives: ALTERNATIVES,
            ..GenerateOptions::default()
        };
        let model = inference.info();
        let prompt = if options.passages_in_prompt.for_model(model.parameters, model.context_tokens) {
            // A byte a token leaves passages about a third of the context.
            documents::with_passages(question, &passages, model.context_tokens as usize)
        } else {
            question.to_owned()
        };
        let context = self.context_of(options.session, &prompt, options.max_tokens, &inference)?;
        let messages = conversation(&context.exchanges, &prompt);
        let request = ChatRequest { messages, tools: Vec::new(), options: generate };
        let asked = Asked {
            question,
            passages: &passages,
            searched: options.use_documents,
            follows: !context.exchanges.is_empty(),
        };
        let mut answer = self.answer_judged(
            &asked,
            options,
            (&inference, &generation),
            |on_piece| inference.chat(&request, on_piece),
            on_event,
        )?;
        answer.assessment.reasons.extend(context.note());
        let turn = self.journal().append(NewTurn {
            model: ModelInUse::of(&self.home, &self.options)?.sha256,
            session: options.session,
            question: question.to_owned(),
            answer: answer.text,
            confidence: answer.confidence,
            assessment: Some(answer.assessment),
            passage: answer.support.passage(&passages).cloned(),
            supported: answer.support.is_whole(),
            citations: answer.support.citations,
            generation,
            tokens: answer.tokens,
            seconds: started.elapsed().as_secs_f64(),
            ..NewTurn::default()
        })?;
        on_event(AnswerEvent::Finished);
        Ok(turn)
    }

    /// Loads the model now, so that the first question does not wait for it.
    ///
    /// # Errors
    /// No model, damaged model or adapter.
    pub fn warm_up(&self) -> Result<(), RuntimeError> {
        self.ready_inference().map(|_| ())
    }

    /// Records feedback on a turn; it is on disk when this returns.
    ///
    /// # Errors
    /// Unknown turn, empty correction, failing journal.
    pub fn give_feedback(&self, turn: TurnId, feedback: Feedback, reasons: &[Reason]) -> Result<(), RuntimeError> {
        Ok(self.journal().give_feedback(turn, &feedback, reasons)?)
    }

    /// Trains a candidate from the corrections, evaluates it and activates it if it is better.
    /// It starts from the active generation, whatever adapter `--adapter` names.
    ///
    /// # Errors
    /// Nothing to learn, battery, heat, cancellation, bad data, failing training. None of them
    /// changes the active generation.
    pub fn learn(
        &self,
        options: &LearnOptions,
        on_event: &mut dyn FnMut(LearnEvent) -> LearnControl,
    ) -> Result<LearnReport, RuntimeError> {
        learn::learn(self, options, on_event)
    }

    /// All generations, the base first, then by age; rejected ones included.
    ///
    /// # Errors
    /// An unreadable database.
    pub fn generations(&self) -> Result<Vec<Generation>, RuntimeError> {
        Ok(Generations::new(&self.home).list()?)
    }

    /// Makes the generation whose id starts with `prefix` (or `base`) the active one.
    ///
    /// # Errors
    /// Unknown or ambiguous prefix, missing, damaged or rejected adapter.
    pub fn activate(&self, prefix: &str) -> Result<Generation, RuntimeError> {
        Ok(Generations::new(&self.home).activate(prefix)?)
    }

    /// Returns to the generation that was active before.
    ///
    /// # Errors
    /// No previous generation, or its file is missing or damaged.
    pub fn roll_back(&self) -> Result<Generation, RuntimeError> {
        Ok(Generations::new(&self.home).roll_back()?)
    }

    /// The latest `limit` turns, newest first.
    ///
    /// # Errors
    /// An unreadable journal.
    pub fn turns(&self, limit: usize) -> Result<Vec<Turn>, RuntimeError> {
        Ok(self.journal().latest(limit)?)
    }

    /// Examines the device. Never fails: problems are part of the report.
    pub fn doctor(options: &AssistantOptions) -> DoctorReport {
        doctor::examine(options)
    }

    pub(crate) fn journal(&self) -> Journal<'_> {
        Journal::new(&self.home)
    }

    /// The model in memory, whatever adapter it has; whoever sets another one must say so with
    /// [`Assistant::forget_adapter`].
    pub fn inference(&self) -> Result<Rc<Inference>, RuntimeError> {
        if let Some(loaded) = &*self.loaded.borrow() {
            return Ok(Rc::clone(&loaded.inference));
        }
        let model = ModelInUse::of(&self.home, &self.options)?;
        let mut settings = self.profile.inference_settings(self.options.device);
        settings.prefix_folder = Some(self.home.prefix_folder());
        settings.speculation = self.options.speculation;
        let inference = Rc::new(Inference::load(&model.path, &settings)?);
        *self.loaded.borrow_mut() = Some(Loaded { inference: Rc::clone(&inference), generation: None });
        Ok(inference)
    }

    /// The next question sets its adapter anew.
    pub(crate) fn forget_adapter(&self) {
        if let Some(loaded) = &mut *self.loaded.borrow_mut() {
            loaded.generation = None;
        }
    }

    /// The model with the adapter that answers now, and the id of that adapter.
    fn ready_inference(&self) -> Result<(Rc<Inference>, String), RuntimeError> {
        let wanted = match self.named_adapter()? {
            Some((_, id)) => id,
            // Another process may have switched since the last question.
            None => Generations::new(&self.home).active()?.id,
        };
        Ok((self.inference_as(&wanted)?, wanted))
    }

    /// The model with the adapter of the generation `id` (`base` for none), for whoever wants it without documents
    /// and journal. The adapter stays until another one is asked for.
    ///
    /// # Errors
    /// Unknown id, missing, damaged or unfit adapter, unusable model.
    pub fn inference_as(&self, id: &str) -> Result<Rc<Inference>, RuntimeError> {
        let current = self.loaded.borrow().as_ref().and_then(|loaded| loaded.generation.clone());
        if current.as_deref() != Some(id) {
            let file = match self.named_adapter()? {
                Some((path, named)) if named == id => Some(path),
                _ => Generations::new(&self.home).verified_file(id)?,
            };
            if let Some(file) = &file {
                ModelInUse::of(&self.home, &self.options)?.check_adapter(file)?;
            }
            let inference = self.inference()?;
            self.forget_adapter();
            inference.set_adapter(file.as_deref())?;
            if let Some(loaded) = &mut *self.loaded.borrow_mut() {
                loaded.generation = Some(id.to_owned());
            }
        }
        self.inference()
    }

    /// The adapter file that the options name, and its hash.
    fn named_adapter(&self) -> Result<Option<(PathBuf, String)>, RuntimeError> {
        let Some(path) = &self.options.adapter else { return Ok(None) };
        let unreadable = |source| AdapterStoreError::Unreadable { path: path.clone(), source };
        Ok(Some((path.clone(), sha256_of_file(path).map_err(unreadable)?)))
    }
}
