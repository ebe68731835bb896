//! Tensor names and row order of PEFT adapters.
//!
//! PEFT speaks of the modules of the `transformers` library. For architectures whose rotary embedding
//! turns neighbouring pairs (llama and its relatives) the GGUF converter also reorders the rows of the query
//! and key projections: within a head of size d, row `t * d/2 + j` becomes row `2 j + t`. An adapter's B has
//! the same rows, so it is reordered the same way.

use super::AdapterError;
use crate::gguf::{GgufError, GgufFile};

/// What PEFT import and export must know about the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeftBase {
    /// `general.architecture`.
    pub architecture: String,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Name to put into `base_model_name_or_path`.
    pub name: Option<String>,
}

impl PeftBase {
    /// Reads the architecture and head counts of a base model.
    ///
    /// # Errors
    /// [`GgufError`] names the key that is missing.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, GgufError> {
        let architecture = file.str("general.architecture")?.to_string();
        let heads = file.u32(&format!("{architecture}.attention.head_count"))? as usize;
        let kv_heads =
            file.find_u32(&format!("{architecture}.attention.head_count_kv"))?.map_or(heads, |count| count as usize);
        Ok(Self { architecture, heads, kv_heads, name: file.find_str("general.name")?.map(str::to_string) })
    }

    /// Whether query and key rows are interleaved in GGUF.
    fn interleaved(&self) -> Result<bool, AdapterError> {
        match self.architecture.as_str() {
            "llama" | "granite" | "smollm3" => Ok(true),
            "qwen2" | "qwen3" | "gemma" | "gemma2" | "gemma3" | "phi3" | "gpt2" => Ok(false),
            _ => Err(AdapterError::PeftArchitecture(self.architecture.clone())),
        }
    }

    /// GGUF part and module of a layer.
    fn modules(&self) -> &'static [(&'static str, &'static str)] {
        match self.architecture.as_str() {
            "phi3" => &[
                ("attn_qkv", "self_attn.qkv_proj"),
                ("attn_output", "self_attn.o_proj"),
                ("ffn_up", "mlp.gate_up_proj"),
                ("ffn_down", "mlp.down_proj"),
            ],
            "gpt2" => &[
                ("attn_qkv", "attn.c_attn"),
                ("attn_output", "attn.c_proj"),
                ("ffn_up", "mlp.c_fc"),
                ("ffn_down", "mlp.c_proj"),
            ],
            _ => &[
                ("attn_q", "self_attn.q_proj"),
                ("attn_k", "self_attn.k_proj"),
                ("attn_v", "self_attn.v_proj"),
                ("attn_output", "self_attn.o_proj"),
                ("ffn_gate", "mlp.gate_proj"),
                ("ffn_up", "mlp.up_proj"),
                ("ffn_down", "mlp.down_proj"),
            ],
        }
    }

    /// What precedes the number of a layer.
    fn layers(&self) -> &'static str {
        if self.architecture == "gpt2" { "transformer.h." } else { "model.layers." }
    }

    /// Whether the modules keep their weights as inputs by outputs.
    pub(super) fn fan_in_fan_out(&self) -> bool {
        self.architecture == "gpt2"
    }

    /// A module's name without its layer, as `target_modules` lists it: the last part, where that is unique.
    pub(super) fn short_name(&self, module: &str) -> String {
        // GPT-2 has two modules named c_proj in a block.
        let parts = if self.architecture == "gpt2" { 2 } else { 1 };
        let from_last: Vec<&str> = module.rsplit('.').take(parts).collect();
        from_last.into_iter().rev().collect::<Vec<_>>().join(".")
    }

    /// `blk.3.attn_q.weight` to `model.layers.3.self_attn.q_proj`.
    pub(super) fn to_module(&self, tensor: &str) -> Option<String> {
        if tensor == "output.weight" {
            return Some("lm_head".to_string());
        }
        let (layer, part) = tensor.strip_prefix("blk.")?.split_once('.')?;
        let layer: usize = layer.parse().ok()?;
        let part = part.strip_suffix(".weight")?;
        let (_, module) = self.modules().iter().find(|(name, _)| *name == part)?;
        Some(format!("{}{layer}.{module}", self.layers()))
    }

    /// `model.layers.3.self_attn.q_proj` to `blk.3.attn_q.weight`.
    pub(super) fn to_tensor(&self, module: &str) -> Option<String> {
        if module == "lm_head" {
            return Some("output.weight".to_string());
        }
        let (layer, rest) = module.strip_prefix(self.layers())?.split_once('.')?;
        let layer: usize = layer.parse().ok()?;
        let (part, _) = self.modules().iter().find(|(_, name)| *name == rest)?;
        Some(format!("blk.{layer}.{part}.weight"))
    }

    /// B (outputs x rank, row-major) of a GGUF tensor in the row order of the module, or the other way
    /// where `to_gguf`.
    ///
    /// # Errors
    /// [`AdapterError::PeftArchitecture`], [`AdapterError::PeftHeads`].
    pub(super) fn reorder(
        &self,
        tensor: &str,
        b: &[f32],
        rank: usize,
        to_gguf: bool,
    ) -> Result<Vec<f32>, AdapterError> {
        let interleaved = self.interleaved()?;
        let heads = if tensor.ends_with(".attn_q.weight") {
            self.heads
        } else if tensor.ends_with(".attn_k.weight") {
            self.kv_heads
        } else {
            return Ok(b.to_vec());
        };
        if !interleaved {
            return Ok(b.to_vec());
        }
        let outputs = b.len() / rank.max(1);
        let rows = outputs.checked_div(heads).unwrap_or(0);
        if rows == 0 || rows % 2 != 0 || rows * heads != outputs {
            return Err(AdapterError::PeftHeads { tensor: tensor.to_string(), outputs, heads });
        }
        let half = rows / 2;
        let mut reordered = vec![0.0; b.len()];
        for head in 0..heads {
            for j in 0..half {
                for t in 0..2 {
                    let module_row = head * rows + t * half + j;
                    let gguf_row = head * rows + 2 * j + t;
                    let (from, to) = if to_gguf { (module_row, gguf_row) } else { (gguf_row, module_row) };
                    reordered[to * rank..(to + 1) * rank].copy_from_slice(&b[from * rank..(from + 1) * rank]);
                }
            }
        }
        Ok(reordered)
    }
}
