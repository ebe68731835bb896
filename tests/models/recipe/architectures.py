"""The small models, one per architecture: configuration files as the hub ships them, and which tokenizer.

Sizes are chosen to expose mistakes: odd head counts, grouped queries, head dimensions that are not
hidden / heads (where llama.cpp takes such files), inner widths that are no multiple of the hidden width,
windows shorter than the test's samples, norms whose epsilon shows in the logits. Most configurations are
in the form of transformers 4, as most of the hub is; mistral and qwen3 are in the form of transformers 5
(`rope_parameters`, `dtype`).
"""

from dataclasses import dataclass, field

ALL_SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass
class Model:
    """One folder."""

    config: dict
    tokenizer: str
    stored: str = "float16"
    targets: list = field(default_factory=lambda: list(ALL_SEVEN))
    generation: dict = field(default_factory=dict)
    # Rows of the embedding beyond the tokenizer's tokens, as hub models pad theirs.
    padding_rows: int = 0
    # Gain of query and key matrices: how far attention is from uniform.
    sharpness: float = 1.5


def config(architecture, model_type, **rest):
    return {"architectures": [architecture], "model_type": model_type, **rest}


MODELS = {
    "llama": Model(
        config(
            "LlamaForCausalLM", "llama", hidden_size=96, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=3, num_key_value_heads=1, head_dim=32, max_position_embeddings=256,
            rms_norm_eps=1e-3, rope_theta=10000.0, rope_scaling=None, hidden_act="silu", attention_bias=False,
            mlp_bias=False, tie_word_embeddings=False, torch_dtype="float16", use_cache=True,
        ),
        tokenizer="llama_sentencepiece",
        generation={"max_length": 256},
    ),
    "llama3": Model(
        config(
            "LlamaForCausalLM", "llama", hidden_size=54, intermediate_size=80, num_hidden_layers=2,
            num_attention_heads=9, num_key_value_heads=3, head_dim=16, max_position_embeddings=1024,
            rms_norm_eps=1e-3, rope_theta=20000.0,
            # Wave lengths of the eight pairs are 6 to 36,000 positions: some kept, one blended, most stretched.
            rope_scaling={
                "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 128, "rope_type": "llama3",
            },
            hidden_act="silu", attention_bias=False, mlp_bias=False, tie_word_embeddings=True,
            torch_dtype="bfloat16", use_cache=True,
        ),
        tokenizer="llama3_bytes",
        stored="bfloat16",
        generation={"do_sample": True, "temperature": 0.6, "top_p": 0.9},
    ),
    "mistral": Model(
        config(
            "MistralForCausalLM", "mistral", hidden_size=40, intermediate_size=88, num_hidden_layers=2,
            num_attention_heads=5, num_key_value_heads=1, head_dim=16, max_position_embeddings=256,
            rms_norm_eps=1e-3, rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"},
            sliding_window=None, hidden_act="silu", tie_word_embeddings=False, dtype="bfloat16", use_cache=True,
            initializer_range=0.02, attention_dropout=0.0,
        ),
        tokenizer="plain_bytes",
        stored="bfloat16",
    ),
    "qwen2": Model(
        # llama.cpp takes the width of qwen2's queries from the hidden size.
        config(
            "Qwen2ForCausalLM", "qwen2", hidden_size=96, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=3, num_key_value_heads=1, max_position_embeddings=256, max_window_layers=2,
            rms_norm_eps=1e-3, rope_theta=1000000.0, sliding_window=256, use_sliding_window=False,
            hidden_act="silu", tie_word_embeddings=True, torch_dtype="bfloat16", use_cache=True,
        ),
        tokenizer="qwen2_bytes",
        stored="bfloat16",
        generation={"do_sample": True, "repetition_penalty": 1.05, "temperature": 0.7, "top_p": 0.8, "top_k": 20},
        padding_rows=9,
    ),
    "qwen3": Model(
        config(
            "Qwen3ForCausalLM", "qwen3", hidden_size=48, intermediate_size=80, num_hidden_layers=2,
            num_attention_heads=3, num_key_value_heads=1, head_dim=32, max_position_embeddings=256,
            max_window_layers=2, rms_norm_eps=1e-3, layer_types=["full_attention", "full_attention"],
            rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}, attention_bias=False,
            sliding_window=None, use_sliding_window=False, hidden_act="silu", tie_word_embeddings=False,
            dtype="bfloat16", use_cache=True,
        ),
        tokenizer="qwen3_bytes",
        stored="bfloat16",
        generation={"do_sample": True, "temperature": 0.6, "top_k": 20, "top_p": 0.95},
        padding_rows=5,
    ),
    "phi3": Model(
        config(
            "Phi3ForCausalLM", "phi3", hidden_size=48, intermediate_size=80, num_hidden_layers=2,
            num_attention_heads=3, num_key_value_heads=1, max_position_embeddings=1024,
            # llama.cpp rounds contexts up to 256 and takes the long factors above this many positions.
            original_max_position_embeddings=256, rms_norm_eps=1e-3, rope_theta=10000.0,
            rope_scaling={
                "type": "longrope",
                "short_factor": [1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
                "long_factor": [1.08, 1.4, 2.1, 3.2, 4.5, 6.0, 7.5, 9.0],
            },
            sliding_window=2047, hidden_act="silu", attention_bias=False, attention_dropout=0.0, embd_pdrop=0.0,
            resid_pdrop=0.0, tie_word_embeddings=False, torch_dtype="bfloat16", use_cache=True,
        ),
        tokenizer="phi3_sentencepiece",
        stored="bfloat16",
        targets=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
    ),
    "gemma2": Model(
        # llama.cpp scales by 1 / sqrt(head dimension) whatever query_pre_attn_scalar says, so they agree here.
        config(
            "Gemma2ForCausalLM", "gemma2", hidden_size=48, intermediate_size=72, num_hidden_layers=4,
            num_attention_heads=3, num_key_value_heads=1, head_dim=24, query_pre_attn_scalar=24,
            max_position_embeddings=256, rms_norm_eps=1e-3, rope_theta=10000.0, sliding_window=16,
            attn_logit_softcapping=4.0, final_logit_softcapping=6.0, hidden_act="gelu_pytorch_tanh",
            hidden_activation="gelu_pytorch_tanh", attention_bias=False, attention_dropout=0.0,
            torch_dtype="bfloat16", use_cache=True,
        ),
        tokenizer="gemma2_sentencepiece",
        stored="bfloat16",
        sharpness=2.0,
    ),
    "gemma3": Model(
        config(
            "Gemma3ForCausalLM", "gemma3_text", hidden_size=36, intermediate_size=56, num_hidden_layers=7,
            num_attention_heads=3, num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=16,
            max_position_embeddings=512, rms_norm_eps=1e-3, rope_theta=1000000.0, rope_local_base_freq=10000.0,
            rope_scaling={"factor": 8.0, "rope_type": "linear"}, sliding_window=16, sliding_window_pattern=6,
            attn_logit_softcapping=None, final_logit_softcapping=None, hidden_activation="gelu_pytorch_tanh",
            attention_bias=False, attention_dropout=0.0, torch_dtype="bfloat16", use_cache=True,
        ),
        tokenizer="gemma3_sentencepiece",
        stored="bfloat16",
        padding_rows=3,
    ),
    "gpt2": Model(
        config(
            "GPT2LMHeadModel", "gpt2", n_embd=48, n_layer=2, n_head=3, n_inner=112, n_positions=128, n_ctx=128,
            activation_function="gelu_new", attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0,
            layer_norm_epsilon=1e-3, scale_attn_weights=True, torch_dtype="float16", use_cache=True,
        ),
        tokenizer="gpt2_bytes",
        targets=["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"],
    ),
    "bert": Model(
        config(
            "BertModel", "bert", hidden_size=48, intermediate_size=112, num_hidden_layers=2, num_attention_heads=3,
            max_position_embeddings=128, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-3,
            position_embedding_type="absolute", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
            torch_dtype="float16",
        ),
        tokenizer="bert_wordpiece",
        targets=[],
    ),
}
