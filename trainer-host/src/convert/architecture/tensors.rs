//! The tensors of each family: name in the checkpoint, name in the GGUF file, shape, and what changes.

use super::Change::{AddOne, AddOneAndScale, Keep, KeepExact, Pairs, Scale, Transpose};
use super::Dim::{
    GateAndUp, Head, Hidden, Inner, Keys, Positions as Places, Queries, QueriesKeysValues, Types, Vocabulary,
};
use super::Presence::{Optional, Required, UnlessTied};
use super::{Change, Dim, Presence, TensorRule};

const fn rule(
    stored: &'static str,
    name: &'static str,
    shape: &'static [Dim],
    presence: Presence,
    change: Change,
) -> TensorRule {
    TensorRule { stored, name, shape, presence, change }
}

/// Embedding, output and last norm.
pub const ENDS: &[TensorRule] = &[
    rule("embed_tokens.weight", "token_embd.weight", &[Vocabulary, Hidden], Required, Keep),
    rule("lm_head.weight", "output.weight", &[Vocabulary, Hidden], UnlessTied, Keep),
    rule("norm.weight", "output_norm.weight", &[Hidden], Required, Keep),
];
/// Norms before attention and before the feed-forward network.
pub const NORMS: &[TensorRule] = &[
    rule("layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", &[Hidden], Required, Keep),
    rule("layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight", &[Hidden], Required, Keep),
];
/// Queries and keys whose halves are rotated, which llama.cpp wants as pairs.
pub const PAIRED_QUERIES_AND_KEYS: &[TensorRule] = &[
    rule("layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight", &[Queries, Hidden], Required, Pairs),
    rule("layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias", &[Queries], Optional, Pairs),
    rule("layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight", &[Keys, Hidden], Required, Pairs),
    rule("layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias", &[Keys], Optional, Pairs),
];
/// Queries and keys as they are.
pub const QUERIES_AND_KEYS: &[TensorRule] = &[
    rule("layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight", &[Queries, Hidden], Required, Keep),
    rule("layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias", &[Queries], Optional, Keep),
    rule("layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight", &[Keys, Hidden], Required, Keep),
    rule("layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias", &[Keys], Optional, Keep),
];
/// Norms of queries and keys per head.
pub const HEAD_NORMS: &[TensorRule] = &[
    rule("layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight", &[Head], Required, Keep),
    rule("layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight", &[Head], Required, Keep),
];
/// Values, and the projection behind attention.
pub const VALUES_AND_OUTPUT: &[TensorRule] = &[
    rule("layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight", &[Keys, Hidden], Required, Keep),
    rule("layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias", &[Keys], Optional, Keep),
    rule("layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight", &[Hidden, Queries], Required, Keep),
];
/// Gated feed-forward network.
pub const GATED: &[TensorRule] = &[
    rule("layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight", &[Inner, Hidden], Required, Keep),
    rule("layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight", &[Inner, Hidden], Required, Keep),
    rule("layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight", &[Hidden, Inner], Required, Keep),
];
/// Biases that only Llama may have.
pub const LLAMA_BIASES: &[TensorRule] = &[
    rule("layers.{}.self_attn.o_proj.bias", "blk.{}.attn_output.bias", &[Hidden], Optional, Keep),
    rule("layers.{}.mlp.gate_proj.bias", "blk.{}.ffn_gate.bias", &[Inner], Optional, Keep),
    rule("layers.{}.mlp.up_proj.bias", "blk.{}.ffn_up.bias", &[Inner], Optional, Keep),
    rule("layers.{}.mlp.down_proj.bias", "blk.{}.ffn_down.bias", &[Hidden], Optional, Keep),
];
/// Fused projections of Phi-3.
pub const PHI3: &[TensorRule] = &[
    rule("layers.{}.self_attn.qkv_proj.weight", "blk.{}.attn_qkv.weight", &[QueriesKeysValues, Hidden], Required, Keep),
    rule("layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight", &[Hidden, Queries], Required, Keep),
    rule("layers.{}.mlp.gate_up_proj.weight", "blk.{}.ffn_up.weight", &[GateAndUp, Hidden], Required, Keep),
    rule("layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight", &[Hidden, Inner], Required, Keep),
];
/// Embedding and last norm of Gemma.
pub const GEMMA_ENDS: &[TensorRule] = &[
    rule("embed_tokens.weight", "token_embd.weight", &[Vocabulary, Hidden], Required, Keep),
    rule("norm.weight", "output_norm.weight", &[Hidden], Required, AddOne),
];
/// Output of Gemma 3 where it is not tied.
pub const GEMMA3_OUTPUT: &[TensorRule] =
    &[rule("lm_head.weight", "output.weight", &[Vocabulary, Hidden], UnlessTied, Keep)];
/// The four norms of a block of Gemma.
pub const GEMMA_NORMS: &[TensorRule] = &[
    rule("layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", &[Hidden], Required, AddOne),
    rule("layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight", &[Hidden], Required, AddOne),
    rule("layers.{}.pre_feedforward_layernorm.weight", "blk.{}.ffn_norm.weight", &[Hidden], Required, AddOne),
    rule("layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight", &[Hidden], Required, AddOne),
];
/// Queries and keys of Gemma 2.
pub const GEMMA2_QUERIES_AND_KEYS: &[TensorRule] = &[
    rule("layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight", &[Queries, Hidden], Required, Scale),
    rule("layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight", &[Keys, Hidden], Required, Keep),
];
/// Queries and keys of Gemma 3 with their norms.
pub const GEMMA3_QUERIES_AND_KEYS: &[TensorRule] = &[
    rule("layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight", &[Queries, Hidden], Required, Keep),
    rule("layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight", &[Keys, Hidden], Required, Keep),
    rule("layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight", &[Head], Required, AddOneAndScale),
    rule("layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight", &[Head], Required, AddOne),
];
/// All of GPT-2, whose matrices are inputs x outputs.
pub const GPT2: &[TensorRule] = &[
    rule("wte.weight", "token_embd.weight", &[Vocabulary, Hidden], Required, Keep),
    rule("wpe.weight", "position_embd.weight", &[Places, Hidden], Required, KeepExact),
    rule("ln_f.weight", "output_norm.weight", &[Hidden], Required, Keep),
    rule("ln_f.bias", "output_norm.bias", &[Hidden], Required, Keep),
    rule("lm_head.weight", "output.weight", &[Vocabulary, Hidden], UnlessTied, Keep),
    rule("h.{}.ln_1.weight", "blk.{}.attn_norm.weight", &[Hidden], Required, Keep),
    rule("h.{}.ln_1.bias", "blk.{}.attn_norm.bias", &[Hidden], Required, Keep),
    rule("h.{}.attn.c_attn.weight", "blk.{}.attn_qkv.weight", &[Hidden, QueriesKeysValues], Required, Transpose),
    rule("h.{}.attn.c_attn.bias", "blk.{}.attn_qkv.bias", &[QueriesKeysValues], Required, Keep),
    rule("h.{}.attn.c_proj.weight", "blk.{}.attn_output.weight", &[Hidden, Hidden], Required, Transpose),
    rule("h.{}.attn.c_proj.bias", "blk.{}.attn_output.bias", &[Hidden], Required, Keep),
    rule("h.{}.ln_2.weight", "blk.{}.ffn_norm.weight", &[Hidden], Required, Keep),
    rule("h.{}.ln_2.bias", "blk.{}.ffn_norm.bias", &[Hidden], Required, Keep),
    rule("h.{}.mlp.c_fc.weight", "blk.{}.ffn_up.weight", &[Hidden, Inner], Required, Transpose),
    rule("h.{}.mlp.c_fc.bias", "blk.{}.ffn_up.bias", &[Inner], Required, Keep),
    rule("h.{}.mlp.c_proj.weight", "blk.{}.ffn_down.weight", &[Inner, Hidden], Required, Transpose),
    rule("h.{}.mlp.c_proj.bias", "blk.{}.ffn_down.bias", &[Hidden], Required, Keep),
];
/// All of BERT but its heads.
pub const BERT: &[TensorRule] = &[
    rule("embeddings.word_embeddings.weight", "token_embd.weight", &[Vocabulary, Hidden], Required, Keep),
    rule("embeddings.position_embeddings.weight", "position_embd.weight", &[Places, Hidden], Required, KeepExact),
    rule("embeddings.token_type_embeddings.weight", "token_types.weight", &[Types, Hidden], Required, KeepExact),
    rule("embeddings.LayerNorm.weight", "token_embd_norm.weight", &[Hidden], Required, Keep),
    rule("embeddings.LayerNorm.bias", "token_embd_norm.bias", &[Hidden], Required, Keep),
    rule("encoder.layer.{}.attention.self.query.weight", "blk.{}.attn_q.weight", &[Hidden, Hidden], Required, Keep),
    rule("encoder.layer.{}.attention.self.query.bias", "blk.{}.attn_q.bias", &[Hidden], Required, Keep),
    rule("encoder.layer.{}.attention.self.key.weight", "blk.{}.attn_k.weight", &[Hidden, Hidden], Required, Keep),
    rule("encoder.layer.{}.attention.self.key.bias", "blk.{}.attn_k.bias", &[Hidden], Required, Keep),
    rule("encoder.layer.{}.attention.self.value.weight", "blk.{}.attn_v.weight", &[Hidden, Hidden], Required, Keep),
    rule("encoder.layer.{}.attention.self.value.bias", "blk.{}.attn_v.bias", &[Hidden], Required, Keep),
    rule(
        "encoder.layer.{}.attention.output.dense.weight",
        "blk.{}.attn_output.weight",
        &[Hidden, Hidden],
        Required,
        Keep,
    ),
    rule("encoder.layer.{}.attention.output.dense.bias", "blk.{}.attn_output.bias", &[Hidden], Required, Keep),
    rule(
        "encoder.layer.{}.attention.output.LayerNorm.weight",
        "blk.{}.attn_output_norm.weight",
        &[Hidden],
        Required,
        Keep,
    ),
    rule("encoder.layer.{}.attention.output.LayerNorm.bias", "blk.{}.attn_output_norm.bias", &[Hidden], Required, Keep),
    rule("encoder.layer.{}.intermediate.dense.weight", "blk.{}.ffn_up.weight", &[Inner, Hidden], Required, Keep),
    rule("encoder.layer.{}.intermediate.dense.bias", "blk.{}.ffn_up.bias", &[Inner], Required, Keep),
    rule("encoder.layer.{}.output.dense.weight", "blk.{}.ffn_down.weight", &[Hidden, Inner], Required, Keep),
    rule("encoder.layer.{}.output.dense.bias", "blk.{}.ffn_down.bias", &[Hidden], Required, Keep),
    rule("encoder.layer.{}.output.LayerNorm.weight", "blk.{}.layer_output_norm.weight", &[Hidden], Required, Keep),
    rule("encoder.layer.{}.output.LayerNorm.bias", "blk.{}.layer_output_norm.bias", &[Hidden], Required, Keep),
];
