//! A candidate from a GGUF file.

use std::collections::BTreeMap;
use std::path::Path;

use halligan_finetune::gguf::GgufFile;
use halligan_finetune::tokenizer::Tokenizer;

use super::candidate::{Candidate, Design, Family, FeedForward, Norm, Shape, Statement, Stored, Template, Weights};
use super::card::Card;
use super::tokens::Encoder;

const SOURCE: &str = "GGUF metadata";

pub(super) fn read(path: &Path) -> anyhow::Result<Candidate> {
    let file = GgufFile::open(path)?;
    if file.find_str("general.type").ok().flatten() == Some("adapter") {
        anyhow::bail!("{}: an adapter, not a base; check the base it was trained over", path.display());
    }
    let text = |key: &str| file.find_str(key).ok().flatten().map(str::to_owned);
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let name = text("general.name").filter(|name| !name.trim().is_empty()).unwrap_or_else(|| stem.clone());
    let shape = shape(&file);
    let encoder = Tokenizer::from_gguf(&file).map_err(|error| crate::one_line(&error.to_string()));
    let stored = (file.tensors().len() > 0).then(|| stored(&file));
    Ok(Candidate {
        path: path.to_path_buf(),
        aliases: [Some(stem), text("general.basename")].into_iter().flatten().collect(),
        name,
        format: "GGUF file",
        source: SOURCE,
        design: design(&file),
        weights: match &stored {
            None => Weights::Absent,
            Some(stored) => Weights::Counted {
                parameters: file.tensors().map(|tensor| tensor.shape.iter().product::<usize>() as u64).sum(),
                tensors: file.tensors().len(),
                storage: stored.types.clone(),
            },
        },
        stored,
        licences: licences(&file, path),
        template: template(&file, encoder.as_ref().ok()),
        encoder: encoder.map(|tokenizer| Encoder::Gguf(Box::new(tokenizer))),
        card: path.parent().and_then(card_beside),
        shape,
    })
}

/// The card that lies beside the file, unless the folder holds several models.
fn card_beside(folder: &Path) -> Option<Card> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let models = std::fs::read_dir(folder).ok()?.flatten();
    let ggufs = models.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "gguf")).count();
    if ggufs == 1 { Card::read(folder).filter(|card| !card.front.is_null()) } else { None }
}

/// Sizes as the metadata has them.
pub(super) fn shape(file: &GgufFile) -> Shape {
    let Ok(Some(architecture)) = file.find_str("general.architecture") else { return Shape::default() };
    let number = |key: &str| file.find_u32(&format!("{architecture}.{key}")).ok().flatten().map(u64::from);
    let heads = number("attention.head_count");
    let hidden = number("embedding_length");
    let computed = hidden.zip(heads).and_then(|(hidden, heads)| hidden.checked_div(heads));
    let listed = file.find_array_length("tokenizer.ggml.tokens").ok().flatten().map(|size| size as u64);
    let has_weights = file.tensors().len() > 0;
    Shape {
        layers: number("block_count"),
        hidden,
        heads,
        kv_heads: number("attention.head_count_kv").or(heads),
        head_dim: number("attention.key_length").or(computed),
        vocabulary: listed.or_else(|| number("vocab_size")),
        context: number("context_length"),
        sliding_window: number("attention.sliding_window").filter(|&tokens| tokens > 0),
        tied: has_weights.then(|| file.tensor("output.weight").is_none()),
    }
}

fn design(file: &GgufFile) -> Design {
    let Ok(Some(architecture)) = file.find_str("general.architecture") else { return Design::default() };
    let key = |name: &str| format!("{architecture}.{name}");
    let family = Family::find(architecture);
    let causal = file.find_bool(&key("attention.causal")).ok().flatten();
    let why = |text: &str| format!("architecture {architecture}: {text}");
    let decoder = match (causal, family) {
        (Some(false), _) => Some((false, why("attention sees both sides"))),
        (_, Some(family)) if family.decoder => Some((true, why("a decoder"))),
        (_, Some(_)) => Some((false, why("an encoder"))),
        _ => None,
    };
    let scaling = file.find_str(&key("rope.scaling.type")).ok().flatten().filter(|kind| *kind != "none");
    let rope = ["rope.freq_base", "rope.dimension_count"].iter().any(|name| file.has(&key(name)));
    let positions = if file.has(&key("attention.max_alibi_bias")) {
        Some("ALiBi".to_owned())
    } else if file.tensor("position_embd.weight").is_some() {
        Some("learned absolute positions".to_owned())
    } else if let Some(kind) = scaling {
        Some(format!("RoPE with {kind} scaling"))
    } else if let Some(family) = family {
        Some(family.positions.to_owned())
    } else {
        rope.then(|| "RoPE".to_owned())
    };
    let norm = if file.has(&key("attention.layer_norm_rms_epsilon")) {
        Some(Norm::Rms)
    } else if file.has(&key("attention.layer_norm_epsilon")) {
        Some(Norm::Layer)
    } else {
        family.map(|family| family.norm)
    };
    let feed_forward = match family {
        Some(family) => Some(family.feed_forward),
        // Without a gate it is plain; with one only the architecture tells which.
        None if file.tensor("blk.0.ffn_up.weight").is_some() && file.tensor("blk.0.ffn_gate.weight").is_none() => {
            Some(FeedForward::Plain)
        }
        None => None,
    };
    Design { architecture: Some(architecture.to_owned()), decoder, positions, norm, feed_forward }
}

fn stored(file: &GgufFile) -> Stored {
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    let mut quantized = false;
    for tensor in file.tensors() {
        quantized |= tensor.ggml_type.block_elements() > 1;
        *types.entry(tensor.ggml_type.to_string()).or_default() += tensor.bytes.len() as u64;
    }
    let bytes = types.values().sum();
    let mut order: Vec<(String, u64)> = types.into_iter().collect();
    order.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let names: Vec<String> =
        order.into_iter().take(2).map(|(name, _)| name).filter(|name| name != "F32" || !quantized).collect();
    Stored { bytes, types: names.join(" and "), quantized }
}

fn licences(file: &GgufFile, path: &Path) -> Vec<Statement> {
    let mut found = Vec::new();
    for key in ["general.license", "general.license.name"] {
        if let Ok(Some(text)) = file.find_str(key)
            && !matches!(text.trim(), "" | "other" | "unknown")
        {
            found.push(Statement { place: key.to_owned(), text: text.trim().to_owned() });
        }
    }
    if let Some(card) = path.parent().and_then(card_beside) {
        found.extend(super::hugging_face::card_licences(&card));
    }
    found
}

fn template(file: &GgufFile, tokenizer: Option<&Tokenizer>) -> Template {
    let key = "tokenizer.chat_template";
    let Ok(Some(source)) = file.find_str(key) else { return Template::Missing };
    let text = |token: Option<u32>| {
        let text = tokenizer.zip(token).and_then(|(tokenizer, id)| tokenizer.token_text(id));
        text.unwrap_or_default().to_owned()
    };
    let (bos, eos) = (tokenizer.and_then(Tokenizer::bos_token), tokenizer.and_then(Tokenizer::eos_token));
    Template::tried(key, source, text(bos), text(eos))
}
