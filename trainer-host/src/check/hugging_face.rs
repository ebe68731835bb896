//! A candidate from a folder as the Hugging Face hub ships it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::candidate::{Candidate, Design, Family, FeedForward, Norm, Shape, Statement, Template, Weights};
use super::card::Card;
use super::tokens::Encoder;
use crate::about;
use crate::convert::{quantized_by, stored_tensors};

const SOURCE: &str = "config.json";
/// Largest JSON, licence or template file that is read.
const TEXT_BYTES_MAX: u64 = 16 << 20;

pub(super) fn read(folder: &Path) -> anyhow::Result<Candidate> {
    let path = folder.join("config.json");
    if !path.is_file() {
        anyhow::bail!(
            "{}: no config.json in this folder; give a model folder of the hub or a GGUF file",
            folder.display()
        );
    }
    let config = json(&path)?;
    // Multimodal models keep the language model's settings apart.
    let text_config = &config["text_config"];
    let of = |key: &str| if text_config[key].is_null() { &config[key] } else { &text_config[key] };
    let tokenizer_config = json(&folder.join("tokenizer_config.json")).unwrap_or(Value::Null);
    let card = Card::read(folder);
    let (weights, tensors) = weights(folder, &config);
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let name = absolute.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    let repository = config["_name_or_path"].as_str().map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
    Ok(Candidate {
        path: folder.to_path_buf(),
        name,
        aliases: repository.into_iter().filter(|name| !name.is_empty()).collect(),
        format: "Hugging Face folder",
        source: SOURCE,
        shape: shape(&of),
        design: design(&config, &of, &tensors),
        weights,
        stored: None,
        licences: licences(folder, card.as_ref()),
        template: template(folder, &tokenizer_config),
        encoder: encoder(folder),
        card,
    })
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let text = text(path).map_err(|error| about(path, error))?;
    serde_json::from_str(&text).map_err(|error| about(path, format!("not JSON: {error}; fetch the folder again")))
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > TEXT_BYTES_MAX {
        return Err(std::io::Error::other("the file is too large; fetch the folder again"));
    }
    Ok(text)
}

fn shape<'a>(of: &impl Fn(&str) -> &'a Value) -> Shape {
    let number = |keys: &[&str]| keys.iter().find_map(|key| of(key).as_u64());
    let heads = number(&["num_attention_heads", "n_head"]);
    let hidden = number(&["hidden_size", "n_embd"]);
    let computed = hidden.zip(heads).and_then(|(hidden, heads)| hidden.checked_div(heads));
    let one = of("multi_query").as_bool() == Some(true);
    let uses_window = of("use_sliding_window").as_bool() != Some(false);
    Shape {
        layers: number(&["num_hidden_layers", "n_layer"]),
        hidden,
        heads,
        kv_heads: number(&["num_key_value_heads"]).or(if one { Some(1) } else { heads }),
        head_dim: number(&["head_dim"]).or(computed),
        vocabulary: number(&["vocab_size"]),
        context: number(&["max_position_embeddings", "n_positions", "n_ctx"]),
        sliding_window: number(&["sliding_window"]).filter(|_| uses_window),
        tied: of("tie_word_embeddings").as_bool(),
    }
}

fn design<'a>(config: &Value, of: &impl Fn(&str) -> &'a Value, tensors: &[String]) -> Design {
    let kind = of("model_type").as_str().or(config["model_type"].as_str()).map(str::to_owned);
    let family = kind.as_deref().and_then(Family::find);
    let class = config["architectures"][0].as_str().unwrap_or_default();
    let decoder = if config["is_encoder_decoder"].as_bool() == Some(true) {
        Some((false, "is_encoder_decoder is true (config.json)".to_owned()))
    } else if class.ends_with("ForCausalLM") || class.ends_with("LMHeadModel") {
        Some((true, format!("{class} (config.json)")))
    } else if class.ends_with("ForMaskedLM") || class.ends_with("ForSequenceClassification") {
        Some((false, format!("{class} (config.json)")))
    } else if !config["text_config"].is_null() && family.is_some_and(|family| family.decoder) {
        Some((true, format!("{class} (config.json): the text part is a decoder, images are left out")))
    } else {
        let named = kind.as_deref().unwrap_or_default();
        family.map(|family| (family.decoder, format!("model_type {named} (config.json)")))
    };
    let rope_type = ["rope_type", "type"].iter().find_map(|key| {
        let stated = of("rope_scaling")[*key].as_str().or(of("rope_parameters")[*key].as_str())?;
        (stated != "default").then_some(stated)
    });
    let positions = if let Some(scaling) = rope_type {
        Some(format!("RoPE with {scaling} scaling (config.json)"))
    } else if !of("rope_theta").is_null() || !of("rope_parameters").is_null() {
        Some("RoPE (config.json)".to_owned())
    } else if of("alibi").as_bool() == Some(true) || of("attn_config")["alibi"].as_bool() == Some(true) {
        Some("ALiBi (config.json)".to_owned())
    } else {
        family.map(|family| format!("{} (model_type {})", family.positions, kind.as_deref().unwrap_or_default()))
    };
    let norm = if !of("rms_norm_eps").is_null() {
        Some(Norm::Rms)
    } else if ["layer_norm_eps", "layer_norm_epsilon"].iter().any(|key| !of(key).is_null()) {
        Some(Norm::Layer)
    } else {
        family.map(|family| family.norm)
    };
    Design { feed_forward: feed_forward(of, family, tensors), architecture: kind, decoder, positions, norm }
}

fn feed_forward<'a>(
    of: &impl Fn(&str) -> &'a Value,
    family: Option<&Family>,
    tensors: &[String],
) -> Option<FeedForward> {
    let activation = ["hidden_activation", "hidden_act", "activation_function"].iter().find_map(|key| of(key).as_str());
    let gated = |name: &String| name.contains("gate_proj") || name.contains("gate_up_proj");
    let gated = match (tensors.is_empty(), family) {
        (false, _) => Some(tensors.iter().any(gated)),
        (true, Some(family)) => Some(family.feed_forward != FeedForward::Plain),
        (true, None) => None,
    };
    match (gated?, activation) {
        (false, _) => Some(FeedForward::Plain),
        (true, Some("silu" | "swish" | "swiglu")) => Some(FeedForward::SwiGlu),
        (true, Some(other)) if other.contains("gelu") => Some(FeedForward::GeGlu),
        (true, _) => family.map(|family| family.feed_forward),
    }
}

/// The weights, and the names of their tensors. What `convert` would refuse is unusable, in its words.
fn weights(folder: &Path, config: &Value) -> (Weights, Vec<String>) {
    if let Some(method) = quantized_by(&config["quantization_config"]) {
        let reason = format!("they are quantized by {method} (config.json); choose the model before quantization");
        return (Weights::Unusable(reason), Vec::new());
    }
    if !holds_weights(folder) {
        return (Weights::Absent, Vec::new());
    }
    let tensors = match stored_tensors(folder) {
        Ok(tensors) => tensors,
        Err(error) => return (Weights::Unusable(crate::one_line(&error.to_string())), Vec::new()),
    };
    let mut storages: BTreeMap<&str, usize> = BTreeMap::new();
    for tensor in &tensors {
        *storages.entry(&tensor.storage).or_default() += tensor.bytes;
    }
    let storage = storages.iter().max_by_key(|(_, bytes)| **bytes).map_or("nothing", |(name, _)| name).to_owned();
    let parameters = tensors.iter().map(|tensor| tensor.elements as u64).sum();
    let counted = Weights::Counted { parameters, tensors: tensors.len(), storage };
    (counted, tensors.into_iter().map(|tensor| tensor.name).collect())
}

/// Whether any file of the folder holds weights, or says where they are.
fn holds_weights(folder: &Path) -> bool {
    const ENDINGS: [&str; 5] = [".safetensors", ".safetensors.index.json", ".bin", ".pth", ".pt"];
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).any(|name| ENDINGS.iter().any(|end| name.ends_with(end)))
}

/// What front matter says about the licence.
pub(super) fn card_licences(card: &Card) -> Vec<Statement> {
    let mut found = Vec::new();
    for key in ["license", "license_name"] {
        for text in super::card::texts(&card.front[key]) {
            // `other` points to the name and the file.
            if !matches!(text.trim(), "" | "other" | "unknown") {
                found.push(Statement { place: format!("README.md: {key}"), text });
            }
        }
    }
    found
}

fn licences(folder: &Path, card: Option<&Card>) -> Vec<Statement> {
    let mut found = card.map(card_licences).unwrap_or_default();
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    names.sort();
    for path in names {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.to_lowercase();
        let is_licence = ["license", "licence", "copying"].iter().any(|word| stem.starts_with(word));
        if is_licence
            && path.is_file()
            && let Ok(text) = text(&path)
        {
            found.push(Statement { place: name, text });
        }
    }
    found
}

fn template(folder: &Path, tokenizer_config: &Value) -> Template {
    let token = |key: &str| {
        let value = &tokenizer_config[key];
        value.as_str().or(value["content"].as_str()).unwrap_or_default().to_owned()
    };
    let (bos, eos) = (token("bos_token"), token("eos_token"));
    if let Ok(source) = text(&folder.join("chat_template.jinja")) {
        return Template::tried("chat_template.jinja", &source, bos, eos);
    }
    let place = "tokenizer_config.json";
    match &tokenizer_config["chat_template"] {
        Value::String(source) => Template::tried(place, source, bos, eos),
        Value::Array(named) => {
            let default = named.iter().find(|each| each["name"] == "default").or(named.first());
            match default.and_then(|each| each["template"].as_str()) {
                Some(source) => Template::tried(place, source, bos, eos),
                None => Template::Missing,
            }
        }
        _ => Template::Missing,
    }
}

fn encoder(folder: &Path) -> Result<Encoder, String> {
    let path = folder.join("tokenizer.json");
    if path.is_file() {
        return Encoder::from_json(&path);
    }
    if folder.join("tokenizer.model").is_file() {
        return Err("there is only a tokenizer.model; convert the folder and check the GGUF file".to_owned());
    }
    Err("there is no tokenizer.json".to_owned())
}
