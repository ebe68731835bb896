//! Rows as tokens, exactly as training will see them with a base.

use std::path::{Path, PathBuf};

use halligan_finetune::chat::{ChatTemplate, Message};
use halligan_finetune::dataset::{self, Content, Example};
use halligan_finetune::gguf::GgufFile;
use halligan_finetune::tokenizer::Tokenizer;

use super::row::Row;
use crate::about;

/// Tokenizer and chat template of a base. Weights are not needed: a file with the vocabulary alone will do.
pub struct Encoder {
    path: PathBuf,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    /// Most tokens of a row.
    pub max_tokens: usize,
}

/// Fewest tokens of a row: one to read and one to train.
const TOKENS_MIN: usize = 2;

/// Whether training takes rows of so many tokens; `context` is that of the base, [`usize::MAX`] where it names none.
fn check_limit(max_tokens: usize, context: usize) -> Result<(), String> {
    match (TOKENS_MIN..=context).contains(&max_tokens) {
        true => Ok(()),
        false if context == usize::MAX => Err(format!("{max_tokens} tokens are no row; give {TOKENS_MIN} or more")),
        false => Err(format!(
            "training takes no rows of {max_tokens} tokens with it; give {TOKENS_MIN} to {context}, its context"
        )),
    }
}

impl Encoder {
    /// Opens a base; without `max_tokens` its own context is the limit.
    ///
    /// # Errors
    /// A file that is no GGUF, or has no usable tokenizer or chat template; a limit that training would not take.
    pub fn open(path: &Path, max_tokens: Option<usize>) -> anyhow::Result<Self> {
        let file = GgufFile::open(path)?;
        let named = |error: &dyn std::fmt::Display| about(path, error);
        let tokenizer = Tokenizer::from_gguf(&file).map_err(|error| named(&error))?;
        let template = if file.has("tokenizer.chat_template") {
            Some(ChatTemplate::from_gguf(&file, &tokenizer).map_err(|error| named(&error))?)
        } else {
            None
        };
        let context = || {
            let architecture = file.find_str("general.architecture").ok().flatten()?;
            let length = file.json(&format!("{architecture}.context_length"))?.as_u64()?;
            usize::try_from(length).ok()
        };
        let context = context().unwrap_or(usize::MAX);
        let max_tokens = max_tokens.unwrap_or(context);
        check_limit(max_tokens, context).map_err(|problem| anyhow::anyhow!("{}: {problem}", path.display()))?;
        Ok(Self { path: path.to_path_buf(), tokenizer, template, max_tokens })
    }

    /// The tokens of a row with their training mask, however long.
    ///
    /// # Errors
    /// Why training could not use it, without the name of a file.
    pub fn encode(&self, row: &Row) -> Result<Example, String> {
        let content = match (&row.messages, &row.text) {
            (Some(messages), _) => Content::Messages(messages.clone()),
            (None, text) => Content::Text(text.clone().unwrap_or_default()),
        };
        self.encode_content(content)
    }

    /// The same for what a row teaches.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn encode_content(&self, content: Content) -> Result<Example, String> {
        let mut row = dataset::Row::from_messages(Vec::<Message>::new());
        row.content = content;
        let encoded = dataset::encode_rows(&self.path, &[row], &self.tokenizer, self.template.as_ref(), usize::MAX);
        match encoded {
            Ok(examples) => examples.into_iter().next().ok_or_else(|| "there is nothing in it".to_owned()),
            Err(error) => {
                let text = crate::one_line(&error.to_string());
                let prefix = format!("{}:0: ", self.path.display());
                Err(text.strip_prefix(&prefix).unwrap_or(&text).to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_one_that_training_takes() {
        assert_eq!(check_limit(256, 256), Ok(()));
        assert!(check_limit(512, 256).unwrap_err().contains("give 2 to 256"));
        assert!(check_limit(0, 256).is_err() && check_limit(1, usize::MAX).is_err());
        assert_eq!(check_limit(usize::MAX, usize::MAX), Ok(()));
    }
}
