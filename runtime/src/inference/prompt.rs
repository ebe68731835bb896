//! From a question to the tokens of a chat prompt.
//!
//! The model's own template builds the text, so that the prompt is what the model was trained on.
//! What the user typed is never read as a special token: a question that spells one is tokenized
//! apart from the template around it.

use std::path::PathBuf;

use halligan_finetune::chat::{ChatTemplate, Message};
use halligan_finetune::gguf::GgufFile;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use crate::error::ModelError;

/// The chat template of a model.
pub struct ChatPrompt {
    path: PathBuf,
    template: ChatTemplate,
}

impl ChatPrompt {
    /// The template in a sound model file; `model` gives it the texts of begin and end token.
    pub fn new(file: &GgufFile, model: &LlamaModel) -> Result<ChatPrompt, ModelError> {
        let unusable = |reason: String| ModelError::Template { path: file.path().to_path_buf(), reason };
        let source = file
            .find_str("tokenizer.chat_template")
            .map_err(|error| unusable(error.to_string()))?
            .ok_or_else(|| unusable("there is none".to_owned()))?;
        let vocabulary = model.vocab();
        let text = |token: LlamaToken| {
            let text = (token.0 >= 0).then(|| vocabulary.text(token)).flatten();
            text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let template = ChatTemplate::new(source, text(vocabulary.bos()), text(vocabulary.eos()))
            .map_err(|error| unusable(error.to_string()))?;
        Ok(ChatPrompt { path: file.path().to_path_buf(), template })
    }

    /// Tokens of the prompt that asks `question`.
    pub fn tokens(&self, model: &LlamaModel, question: &str) -> Result<Vec<LlamaToken>, ModelError> {
        let messages = [Message::new("user", question.trim())];
        let rendered = self
            .template
            .render_with_contents(&messages, true)
            .map_err(|error| ModelError::Template { path: self.path.clone(), reason: error.to_string() })?;
        let vocabulary = model.vocab();
        let tokenize = |text: &str, parse_special| vocabulary.tokenize(text.as_bytes(), false, parse_special);
        let spells_special = |text: &str| tokenize(text, false) != tokenize(text, true);
        let text = &rendered.text;
        let mut tokens = Vec::new();
        if rendered.contents.iter().any(|range| spells_special(&text[range.clone()])) {
            let mut position = 0;
            for range in &rendered.contents {
                tokens.extend(tokenize(&text[position..range.start], true));
                tokens.extend(tokenize(&text[range.clone()], false));
                position = range.end;
            }
            tokens.extend(tokenize(&text[position..], true));
        } else {
            tokens = tokenize(text, true);
        }
        let begin = vocabulary.bos();
        if vocabulary.should_add_bos() && tokens.first() != Some(&begin) {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }
}
