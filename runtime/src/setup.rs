//! Set-up: what a kit from headquarters puts on a device.
//!
//! Everything is read and checked before anything is changed. Then the order keeps each state in
//! between usable: a new model first lets the base answer, because adapters belong to their model.

use std::io;
use std::path::{Path, PathBuf};

use halligan_finetune::dataset;
use halligan_finetune::gguf::atomic_file::folder_of;
use serde::Serialize;

use crate::confidence::read_outside;
use crate::error::{EvaluateError, HomeError, LearnError, ModelError, RuntimeError};
use crate::evaluate::read_questions;
use crate::generations::Generations;
use crate::home::{Home, copy_atomically, sha256_of_file, sync_folder};
use crate::model::{MODEL_NAME, MODEL_SHA256, check_adapter, model_name, open_model};
use crate::retrieval::encoder::{CrossEncoder, Encoder, SentenceEncoder};
use crate::retrieval::{ENCODER_SHA256, IndexControl, IndexEvent, Library, SkippedFile};

/// Models from this size on share the kit's bytes by a hard link where the disk allows it.
const LINK_BYTES_MIN: u64 = 1 << 30;

/// Files that make a device useful. Paths are read, never changed.
#[derive(Debug, Clone, Default)]
pub struct Kit {
    /// Base model, GGUF. A path without characters stands for the model that the home has.
    pub model: PathBuf,
    /// Adapter of the first generation, GGUF.
    pub adapter: Option<PathBuf>,
    /// Documents or folders of documents.
    pub documents: Vec<PathBuf>,
    /// Sentence encoder of the document search, GGUF.
    pub encoder: Option<PathBuf>,
    /// Reranker of the document search, GGUF.
    pub reranker: Option<PathBuf>,
    /// Training rows that learning replays, JSONL.
    pub replay: Option<PathBuf>,
    /// Questions that an update must not forget, JSONL.
    pub gate: Option<PathBuf>,
    /// More questions with known answers, from which the device learns how often its answers are right, JSONL.
    pub calibration: Option<PathBuf>,
    /// Questions outside the domain, on which the limit for refusals is chosen, JSONL.
    pub out_of_domain: Option<PathBuf>,
}

/// What set-up put where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetUpReport {
    /// The home folder.
    pub home: PathBuf,
    /// SHA-256 of the base model.
    pub model_sha256: String,
    /// Active generation after set-up.
    pub generation: String,
    /// Documents on the device.
    pub documents: usize,
    /// Files of the kit that were not taken as documents, with the reason.
    pub skipped: Vec<SkippedFile>,
    /// Rows of the replay file that the home has now.
    pub replay_rows: usize,
    /// Questions of the gate file that the home has now.
    pub gate_questions: usize,
}

/// The model that `home` (`None`: the account's data folder) has, which a kit without one goes on with.
///
/// # Errors
/// An account without a data folder, an unusable home.
pub fn model_of_home(home: Option<&Path>) -> Result<Option<PathBuf>, RuntimeError> {
    if !Home::is_there(home)? {
        return Ok(None);
    }
    Ok(Some(Home::open(home)?.model_path()).filter(|path| path.exists()))
}

/// Puts the kit into `home` (`None`: the account's data folder), which is made if needed.
/// Journal, documents and generations that are already there are kept; with another model the
/// generations stay listed but cannot be activated any more.
///
/// # Errors
/// Unreadable or malformed files, an adapter for another base, an unwritable home.
pub fn set_up(home: Option<&Path>, kit: &Kit) -> Result<SetUpReport, RuntimeError> {
    set_up_watched(home, kit, &mut |_| IndexControl::Continue)
}

/// [`set_up`]; `on_document` sees how the documents come in.
///
/// # Errors
/// As [`set_up`].
pub fn set_up_watched(
    home: Option<&Path>,
    kit: &Kit,
    on_document: &mut dyn FnMut(IndexEvent) -> IndexControl,
) -> Result<SetUpReport, RuntimeError> {
    let model_file = match kit.model.as_os_str().is_empty() {
        true => model_of_home(home)?.ok_or(ModelError::NoModel { home: Home::named_or_default(home)? })?,
        false => kit.model.clone(),
    };
    let model = open_model(&model_file)?;
    let model_sha256 = model.sha256().to_owned();
    if let Some(adapter) = &kit.adapter {
        check_adapter(adapter, &model, Some(&model_sha256))?;
    }
    let encoder = kit.encoder.as_deref().map(SentenceEncoder::load).transpose()?;
    if let Some(reranker) = &kit.reranker {
        CrossEncoder::load(reranker)?;
    }
    let new_replay_rows = kit.replay.as_deref().map(replay_rows).transpose()?;
    let new_gate_questions = kit.gate.as_deref().map(gate_questions).transpose()?;

    if let Some(path) = &kit.calibration {
        read_questions(path)?;
    }
    if let Some(path) = &kit.out_of_domain {
        read_outside(path)?;
    }

    let home = Home::open(home)?;
    // What the kit does not bring stays as the home has it.
    let there = |path: PathBuf| Some(path).filter(|path| path.exists());
    let replay_rows = match new_replay_rows {
        Some(rows) => rows,
        None => there(home.replay_path()).as_deref().map(replay_rows).transpose()?.unwrap_or(0),
    };
    let gate_questions = match new_gate_questions {
        Some(questions) => questions,
        None => there(home.gate_path()).as_deref().map(gate_questions).transpose()?.unwrap_or(0),
    };
    let generations = Generations::new(&home);
    let known = home.setting(MODEL_SHA256)?;
    if kit.model.as_os_str().is_empty() && known.as_ref().is_some_and(|known| *known != model_sha256) {
        let reason = "it is not the one that was set up".to_owned();
        return Err(ModelError::Malformed { path: model_file, reason }.into());
    }
    if known.as_ref() != Some(&model_sha256) || !home.model_path().exists() {
        if known.is_some() {
            generations.retire_all("it was made for another base model")?;
        }
        place_model(&model_file, &home.model_path()).map_err(|source| HomeError::Copy {
            from: model_file.clone(),
            to: home.model_path(),
            source,
        })?;
        home.remember(&[(MODEL_SHA256, &model_sha256), (MODEL_NAME, &model_name(&model))])?;
    }
    let copies = [
        (&kit.replay, home.replay_path()),
        (&kit.gate, home.gate_path()),
        (&kit.encoder, home.encoder_path()),
        (&kit.reranker, home.reranker_path()),
        (&kit.calibration, home.calibration_path()),
        (&kit.out_of_domain, home.out_of_domain_path()),
    ];
    for (from, to) in copies {
        if let Some(from) = from {
            copy_atomically(from, &to).map_err(|source| HomeError::Copy {
                from: from.clone(),
                to: to.clone(),
                source,
            })?;
        }
    }
    if let Some(adapter) = &kit.adapter {
        generations.install_carried(adapter)?;
    }
    // The copy in the home is the same, where the kit brings none.
    let encoder = match encoder {
        None if home.encoder_path().exists() => Some(SentenceEncoder::load(&home.encoder_path())?),
        encoder => encoder,
    };
    if let Some(encoder) = &encoder {
        home.remember(&[(ENCODER_SHA256, encoder.id())])?;
    }
    let library = Library::new(&home).with_models(encoder.as_ref().map(|encoder| encoder as &dyn Encoder), None);
    let added = library.add(&kit.documents, on_document)?;
    Ok(SetUpReport {
        model_sha256,
        generation: generations.active()?.id,
        documents: library.counts()?.0,
        skipped: added.skipped,
        replay_rows,
        gate_questions,
        home: home.folder().to_path_buf(),
    })
}

fn replay_rows(path: &Path) -> Result<usize, LearnError> {
    let bad = |reason: String| LearnError::BadData { path: path.to_path_buf(), reason };
    let rows = dataset::read_rows(path).map_err(|error| bad(error.to_string()))?;
    Ok(rows.len())
}

fn gate_questions(path: &Path) -> Result<usize, EvaluateError> {
    read_questions(path).map(|all| all.len())
}

fn place_model(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::metadata(from)?.len() >= LINK_BYTES_MIN && link_atomically(from, to).is_ok() {
        return Ok(());
    }
    let written = copy_atomically(from, to)?;
    if sha256_of_file(to)? != written {
        return Err(io::Error::other("what was read back differs from what was written"));
    }
    Ok(())
}

fn link_atomically(from: &Path, to: &Path) -> io::Result<()> {
    let folder = folder_of(to);
    let place = tempfile::tempdir_in(folder)?;
    let linked = place.path().join("model.gguf");
    std::fs::hard_link(from, &linked)?;
    std::fs::rename(&linked, to)?;
    sync_folder(folder)
}
