//! The generations of a home, read beside the thread that owns the assistant.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use halligan_runtime::generations::Generations;
use halligan_runtime::home::{Home, sha256_of_file};
use halligan_runtime::{AssistantOptions, Generation, Origin};

use crate::serve::backend::Catalog;
use crate::serve::error::ApiError;

/// A second connection to the home's database.
pub struct HomeCatalog {
    home: Mutex<Home>,
    /// The adapter that `--adapter` names, as a generation.
    named: Option<Generation>,
}

impl HomeCatalog {
    /// Opens the home of `options`.
    ///
    /// # Errors
    /// A home folder that cannot be opened, an adapter file that cannot be read.
    pub fn open(options: &AssistantOptions) -> Result<HomeCatalog> {
        let home = Home::open(options.home.as_deref())?;
        let named = match &options.adapter {
            None => None,
            Some(path) => {
                let unreadable = || format!("cannot read the adapter {}; check the path of --adapter", path.display());
                Some(Generation {
                    id: sha256_of_file(path).with_context(unreadable)?,
                    parent: None,
                    created_at: 0,
                    origin: Origin::Carried,
                    gate_accuracy: None,
                    corrected_accuracy: None,
                    rejected: None,
                    active: true,
                    size_bytes: std::fs::metadata(path).with_context(unreadable)?.len(),
                })
            }
        };
        Ok(HomeCatalog { home: Mutex::new(home), named })
    }

    /// The sentence encoder of the home, if it has one.
    pub fn encoder_file(&self) -> Option<PathBuf> {
        Some(self.home().encoder_path()).filter(|path| path.exists())
    }

    fn home(&self) -> MutexGuard<'_, Home> {
        // A reader that panicked has left nothing half done.
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog for HomeCatalog {
    fn generations(&self) -> Result<Vec<Generation>, ApiError> {
        let home = self.home();
        let mut generations = Generations::new(&home).list().map_err(halligan_runtime::RuntimeError::from)?;
        if let Some(named) = &self.named {
            generations.retain(|generation| generation.id != named.id);
            generations.iter_mut().for_each(|generation| generation.active = false);
            generations.push(named.clone());
        }
        Ok(generations)
    }
}
