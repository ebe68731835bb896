//! Byte-level BPE, as GPT-2 began it and Llama 3, Qwen and most others have it.

use anyhow::bail;
use halligan_finetune::gguf::MetadataValue::{Array, String as Text};

use super::Family;
use super::files::{Merge, Pieces, TokenizerJson};
use super::pre_tokenizer::recognise;
use super::vocabulary::{Kind, Vocabulary};

/// Converts a `tokenizer.json` of this kind.
pub fn convert(json: &TokenizerJson, rows: usize) -> anyhow::Result<Family> {
    let ids = match (&json.model.vocab, json.model.kind.as_deref().unwrap_or("BPE")) {
        (Pieces::ById(ids), "BPE") => ids,
        (_, kind) => bail!(
            "tokenizer.json: the model is {kind} behind byte-level cuts; llama.cpp takes BPE: choose another base"
        ),
    };
    if json.model.merges.is_empty() {
        bail!("tokenizer.json: a BPE model without merges; fetch the file again");
    }
    let cuts = recognise(&json.normalizer, &json.pre_tokenizer, json.model.ignore_merges.unwrap_or(false))?;
    let mut vocabulary = Vocabulary::new(rows);
    for (text, id) in ids {
        vocabulary.put(*id, text.clone(), Kind::Normal, 0.0)?;
    }
    let merges = json.model.merges.iter().map(|Merge(left, right)| Text(format!("{left} {right}"))).collect();
    let mut notes = Vec::new();
    if cuts.composes {
        notes.push(
            "the tokenizer composes characters (NFC) first, llama.cpp does not: text with combining marks that are not \
             composed gets other tokens"
                .to_owned(),
        );
    }
    let entries = vec![("tokenizer.ggml.merges".to_owned(), Array(merges))];
    Ok(Family { model: "gpt2", pre: Some(cuts.name), vocabulary, entries, notes })
}
