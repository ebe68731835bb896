//! What `config.json` says of a model, checked, and written under llama.cpp's keys.

use anyhow::bail;
use halligan_finetune::gguf::MetadataValue::{self, Array, Bool, Float32, Uint32};
use serde_json::Value;

use super::architecture::{Architecture, Dim, Extra, Positions};
use super::config::Config;
use super::rope::{self, ComputedTensor};

/// Metadata entries in the order of writing.
pub type Entries = Vec<(String, MetadataValue)>;

/// Most blocks that llama.cpp accepts.
const LAYERS_MAX: u32 = 512;
/// No model that exists comes near; sizes that do are damage.
const SIZE_MAX: u32 = 1 << 24;

/// The sizes and constants of a model.
pub struct Hyperparameters {
    /// Metadata, with the name of the family in the keys.
    pub entries: Entries,
    /// Tensors that are computed from the configuration.
    pub tensors: Vec<ComputedTensor>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Blocks.
    pub layers: u32,
    /// Channels of a head.
    pub head_dim: u32,
    /// What queries are multiplied by, because llama.cpp scales them otherwise than the model was trained; usually 1.
    pub query_scale: f32,
    /// Whether the output shares the embedding.
    pub tied: bool,
    hidden: u32,
    heads: u32,
    kv_heads: u32,
    inner: u32,
    context: u32,
    types: u32,
}

impl Hyperparameters {
    /// Reads and checks.
    ///
    /// # Errors
    /// A value that is missing, cannot be, or that llama.cpp does not compute.
    pub fn read(config: &Config, family: &'static Architecture) -> anyhow::Result<Self> {
        let size = |keys: &[&str]| {
            let number = config.u32(keys)?;
            if number == 0 || number > SIZE_MAX {
                bail!("config.json: `{}` is {number}, which is not between 1 and {SIZE_MAX}; correct it", keys[0]);
            }
            Ok(number)
        };
        let hidden = size(&["hidden_size", "n_embd"])?;
        let heads = size(&["num_attention_heads", "n_head"])?;
        let layers = size(&["num_hidden_layers", "n_layer"])?;
        let kv_heads = config.find_u32(&["num_key_value_heads"])?.unwrap_or(heads);
        let head_dim = config.find_u32(&["head_dim"])?.unwrap_or(hidden / heads);
        let inner = match config.find_u32(&["intermediate_size", "n_inner"])? {
            None if family.name == "gpt2" => 4 * hidden,
            _ => size(&["intermediate_size", "n_inner"])?,
        };
        let context = size(&["max_position_embeddings", "n_positions"])?;
        if layers > LAYERS_MAX {
            bail!("config.json: {layers} blocks are more than llama.cpp's limit of {LAYERS_MAX}");
        }
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) || head_dim == 0 || head_dim > SIZE_MAX / heads {
            bail!(
                "config.json: {heads} heads of {head_dim} channels with {kv_heads} key heads cannot be; correct them"
            );
        }
        if family.queries_fill_hidden && heads * head_dim != hidden {
            bail!(
                "config.json: {heads} heads of {head_dim} channels are not the hidden {hidden}; llama.cpp's `{}` has no \
                 other width",
                family.name
            );
        }
        let mut found = Self {
            entries: Vec::new(),
            tensors: Vec::new(),
            notes: Vec::new(),
            layers,
            head_dim,
            query_scale: 1.0,
            tied: config.find_bool(&["tie_word_embeddings"]).unwrap_or(true),
            hidden,
            heads,
            kv_heads,
            inner,
            context,
            types: 0,
        };
        found.refuse_other_functions(config, family)?;
        found.describe(config, family)?;
        for extra in family.extras {
            found.add_extra(config, *extra)?;
        }
        for (key, _) in &mut found.entries {
            if !key.starts_with("tokenizer.") {
                *key = format!("{}.{key}", family.name);
            }
        }
        Ok(found)
    }

    fn describe(&mut self, config: &Config, family: &Architecture) -> anyhow::Result<()> {
        let mut put = |key: &str, value| self.entries.push((key.to_owned(), value));
        put("context_length", Uint32(self.context));
        put("embedding_length", Uint32(self.hidden));
        put("block_count", Uint32(self.layers));
        put("feed_forward_length", Uint32(self.inner));
        put("attention.head_count", Uint32(self.heads));
        put("attention.head_count_kv", Uint32(self.kv_heads));
        let (key, name) = family.norm_epsilon;
        put(key, Float32(config.f64(&[name])? as f32));
        if family.positions == Positions::Rotary {
            put("attention.key_length", Uint32(self.head_dim));
            put("attention.value_length", Uint32(self.head_dim));
            let rope = rope::read(config, self.head_dim, self.context)?;
            self.entries.extend(rope.entries);
            self.tensors.extend(rope.tensors);
            self.notes.extend(rope.notes);
        }
        Ok(())
    }

    fn add_extra(&mut self, config: &Config, extra: Extra) -> anyhow::Result<()> {
        match extra {
            Extra::SoftCaps => {
                let caps = [("attn_logit_softcapping", "attention"), ("final_logit_softcapping", "output")];
                for (key, what) in caps {
                    match config.find_f64(&[key])? {
                        Some(cap) if cap > 0.0 => self.entries.push((key.into(), Float32(cap as f32))),
                        Some(cap) => bail!("config.json: a soft cap of {cap} on {what} cannot be; correct `{key}`"),
                        None => {}
                    }
                }
            }
            Extra::Window { period } => {
                self.entries.push(("attention.sliding_window".into(), Uint32(config.u32(&["sliding_window"])?)));
                let layers = self.windowed(config, period)?;
                self.entries.push(("attention.sliding_window_pattern".into(), Array(layers)));
            }
            Extra::QueryScale { wide_layers } => {
                let wide = self.layers == wide_layers;
                let implied = if wide { self.hidden / self.heads } else { self.head_dim };
                let wanted = config.f64(&["query_pre_attn_scalar"])?;
                if wanted <= 0.0 {
                    bail!("config.json: `query_pre_attn_scalar` is {wanted}; correct it");
                }
                self.query_scale = (f64::from(implied) / wanted).sqrt() as f32;
                if self.query_scale != 1.0 {
                    self.notes.push(format!(
                        "llama.cpp scales queries by 1/sqrt({implied}), the model by 1/sqrt({wanted}): the factor {} \
                         went into the weights of the queries",
                        self.query_scale
                    ));
                }
            }
            Extra::Encoder => {
                self.types = config.u32(&["type_vocab_size"])?;
                self.entries.push(("attention.causal".into(), Bool(false)));
                self.entries.push(("tokenizer.ggml.token_type_count".into(), Uint32(self.types)));
            }
        }
        Ok(())
    }

    /// 1 for each layer that sees only the window.
    fn windowed(&self, config: &Config, period: u32) -> anyhow::Result<Vec<MetadataValue>> {
        let Some(kinds) = config.find(&["layer_types"]).and_then(Value::as_array) else {
            let period = config.find_u32(&["sliding_window_pattern", "_sliding_window_pattern"])?.unwrap_or(period);
            return Ok((0..self.layers).map(|layer| Uint32(u32::from(layer % period.max(1) + 1 < period))).collect());
        };
        if kinds.len() != self.layers as usize {
            bail!("config.json: `layer_types` has {} entries for {} layers; correct it", kinds.len(), self.layers);
        }
        let windowed = |kind: &Value| match kind.as_str() {
            Some("sliding_attention") => Ok(Uint32(1)),
            Some("full_attention") => Ok(Uint32(0)),
            _ => bail!("config.json: `layer_types` holds {kind}; full_attention and sliding_attention are known"),
        };
        kinds.iter().map(windowed).collect()
    }

    /// Refuses settings under which llama.cpp would compute another function, and names what it only leaves out.
    fn refuse_other_functions(&mut self, config: &Config, family: &Architecture) -> anyhow::Result<()> {
        let keys = ["hidden_activation", "hidden_act", "activation_function"];
        if let Some(activation) = config.find_str(&keys)
            && !family.activations.contains(&activation)
        {
            bail!(
                "config.json: the activation is `{activation}`; llama.cpp computes {} for `{}`",
                family.activations.join(" or "),
                family.name
            );
        }
        let wrong = [("scale_attn_by_inverse_layer_idx", true), ("scale_attn_weights", false), ("is_decoder", true)];
        for (key, refused) in wrong {
            if family.positions == Positions::Learned && config.find_bool(&[key]) == Some(refused) {
                bail!("config.json: `{key}` is {refused}, which llama.cpp does not compute for `{}`", family.name);
            }
        }
        if let Some(kind) = config.find_str(&["position_embedding_type"])
            && kind != "absolute"
        {
            bail!("config.json: positions are `{kind}`; llama.cpp's `{}` has absolute ones", family.name);
        }
        let windowed_family = family.extras.iter().any(|extra| matches!(extra, Extra::Window { .. }));
        let used = config.find_bool(&["use_sliding_window"]).unwrap_or(true);
        if let (Some(window), false, true) = (config.find_u32(&["sliding_window"])?, windowed_family, used)
            && window < self.context
        {
            self.notes.push(format!(
                "the model attends to the last {window} tokens, llama.cpp's `{}` to all of up to {}: answers differ in \
                 contexts beyond {window} tokens",
                family.name, self.context
            ));
        }
        Ok(())
    }

    /// The size of a dimension; `vocabulary` is the number of rows of the embedding.
    pub fn size(&self, dim: Dim, vocabulary: usize) -> usize {
        let (queries, keys) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let size = match dim {
            Dim::Vocabulary => return vocabulary,
            Dim::Hidden => self.hidden,
            Dim::Queries => queries,
            Dim::Keys => keys,
            Dim::QueriesKeysValues => queries + 2 * keys,
            Dim::Head => self.head_dim,
            Dim::Inner => self.inner,
            Dim::GateAndUp => 2 * self.inner,
            Dim::Positions => self.context,
            Dim::Types => self.types,
        };
        size as usize
    }
}
