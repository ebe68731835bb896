"""Goldens over quantized bases: GGUF files as llama.cpp would write them, and PEFT over the same weights.

For qwen2 and llama the hub's weights are quantized; llama_k has no hub folder, because its matrices are
random bytes in K-quant blocks, which no other file type holds. PEFT gets what the `gguf` package decodes
from the blocks.
"""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize
from sentencepiece import SentencePieceProcessor
from tokenizers import pre_tokenizers

from . import architectures, goldens, vocabularies, weights

# Folder, file and block format of the quantized hub models.
QUANTIZED = {"qwen2": ("q8_0.gguf", Type.Q8_0), "llama": ("q5_0.gguf", Type.Q5_0)}

PARTS = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}

# The mixed model: which format each matrix has.
MIXED = {
    "token_embd": Type.Q4_K, "attn_q": Type.Q4_K, "attn_k": Type.Q6_K, "attn_v": Type.Q5_K,
    "attn_output": Type.Q3_K, "ffn_gate": Type.IQ4_XS, "ffn_up": Type.Q2_K, "ffn_down": Type.Q6_K,
}
MIXED_CONFIG = dict(
    hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=8, num_key_value_heads=1,
    head_dim=32, max_position_embeddings=256, vocab_size=300, rms_norm_eps=1e-3, tie_word_embeddings=True,
)
# Where a block keeps its scale d and, where it has one, its minimum m, in bytes; and m / d that centres values.
PLACES = {
    Type.Q4_K: (0, 2, 7.5), Type.Q5_K: (0, 2, 15.5), Type.Q2_K: (80, 82, 1.5), Type.Q3_K: (108, None, 0),
    Type.Q6_K: (208, None, 0), Type.IQ4_XS: (0, None, 0),
}


def gguf_name(name):
    """`model.layers.0.mlp.up_proj.weight` to `blk.0.ffn_up.weight`."""
    module, kind = name.rsplit(".", 1)
    if module in OUTSIDE:
        return f"{OUTSIDE[module]}.{kind}"
    _, _, layer, part = module.split(".", 3)
    return f"blk.{layer}.{PARTS[part]}.{kind}"


def heads_of(name, config):
    """Heads of a query or key matrix, whose rows GGUF keeps in another order for the architecture `llama`."""
    if config.model_type != "llama":
        return None
    return {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(name.split(".")[-2])


def to_gguf_rows(matrix, heads):
    """Row t * d/2 + j of a head of size d becomes row 2 j + t."""
    rows = matrix.reshape(heads, 2, matrix.shape[0] // heads // 2, -1).swapaxes(1, 2)
    return np.ascontiguousarray(rows.reshape(matrix.shape))


def to_hub_rows(matrix, heads):
    """The way back."""
    rows = matrix.reshape(heads, matrix.shape[0] // heads // 2, 2, -1).swapaxes(1, 2)
    return np.ascontiguousarray(rows.reshape(matrix.shape))


def random_blocks(name, rows, columns, kind, spread):
    """Valid blocks of random bytes whose values are centred and spread as wanted; `[rows, bytes]`."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    random = np.random.default_rng(len(name) * 1000 + rows + int(kind))
    count = rows * columns // elements
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    scale_at, minimum_at, ratio = PLACES[kind]
    steps = (1.0 + 0.2 * random.standard_normal(count)).clip(0.5, 1.5)

    def set_scales(factor):
        # As 16-bit floats, two bytes each.
        blocks[:, scale_at : scale_at + 2] = (factor * steps).astype(np.float16)[:, None].view(np.uint8)
        if minimum_at is not None:
            blocks[:, minimum_at : minimum_at + 2] = (factor * ratio * steps).astype(np.float16)[:, None].view(np.uint8)

    set_scales(1.0)
    set_scales(spread / dequantize(blocks.reshape(rows, -1), kind).std())
    return blocks.reshape(rows, -1)


def byte_vocabulary(content):
    """Tokens, their kinds and merges of a byte-level tokenizer.json, by id."""
    added = {token["id"]: token for token in content["added_tokens"]}
    tokens = {index: token for token, index in content["model"]["vocab"].items()}
    tokens.update({index: token["content"] for index, token in added.items()})

    def kind_of(index):
        if index not in added:
            return gguf.TokenType.NORMAL
        return gguf.TokenType.CONTROL if added[index]["special"] else gguf.TokenType.USER_DEFINED

    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in content["model"]["merges"]]
    return [tokens[index] for index in sorted(tokens)], [kind_of(index) for index in sorted(tokens)], merges


def write_byte_vocabulary(writer, content, pre, size):
    tokens, kinds, merges = byte_vocabulary(content)
    padding = [f"[PAD{index}]" for index in range(len(tokens), size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens + padding)
    writer.add_token_types(kinds + [gguf.TokenType.UNUSED] * len(padding))
    writer.add_token_merges(merges)


def write_pieces(writer, folder):
    processor = SentencePieceProcessor(str(folder / "tokenizer.model"))
    kinds = gguf.TokenType

    def kind_of(index):
        if processor.is_unknown(index):
            return kinds.UNKNOWN
        if processor.is_control(index):
            return kinds.CONTROL
        return kinds.BYTE if processor.is_byte(index) else kinds.NORMAL

    every = range(processor.get_piece_size())
    added = json.loads((folder / "added_tokens.json").read_text())
    extra = sorted(added, key=added.get)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([processor.id_to_piece(index) for index in every] + extra)
    writer.add_token_scores([processor.get_score(index) for index in every] + [-1000.0] * len(extra))
    writer.add_token_types([kind_of(index) for index in every] + [kinds.CONTROL] * len(extra))
    writer.add_add_bos_token(True)


def write_gguf(path, config, write_vocabulary, tensors):
    """A whole base: settings, vocabulary, and tensors as (name, array, block format or None)."""
    writer = gguf.GGUFWriter(path, config.model_type)
    writer.add_name(path.parent.name)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    head = config.head_dim if config.model_type == "llama" else config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(head)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    write_vocabulary(writer)
    writer.add_chat_template(vocabularies.CHAT)
    for name, array, kind in tensors:
        writer.add_tensor(name, array, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def over_blocks(network, config, blocks_of):
    """Puts decoded blocks into the network; returns the tensors of the GGUF file."""
    tensors = []
    for name, parameter in network.named_parameters():
        target = gguf_name(name)
        values = parameter.detach().numpy()
        if values.ndim == 1:
            tensors.append((target, values, None))
            continue
        heads = heads_of(target, config)
        blocks, kind = blocks_of(target, to_gguf_rows(values, heads) if heads else values)
        decoded = dequantize(blocks, kind).astype(np.float32)
        parameter.data = torch.from_numpy(to_hub_rows(decoded, heads) if heads else decoded)
        tensors.append((target, blocks, kind))
    return tensors


def make_hub_model(folder, name, model):
    """Writes the quantized file of a hub model and `golden_quantized.safetensors`."""
    file, kind = QUANTIZED[name]
    network = weights.load(folder)
    config = network.config
    tensors = over_blocks(network, config, lambda _, values: (quantize(values, kind), kind))

    def write_vocabulary(writer):
        if (folder / "tokenizer.model").exists():
            return write_pieces(writer, folder)
        content = json.loads((folder / "tokenizer.json").read_text())
        return write_byte_vocabulary(writer, content, "qwen2", config.vocab_size)

    write_gguf(folder / file, config, write_vocabulary, tensors)
    # Samples and initial factors are those of golden.safetensors.
    batch = goldens.samples(goldens.tokenizer_of(folder), name)
    goldens.train(batch, name, model.targets, network, folder / "golden_quantized.safetensors", again=True)


def make_mixed(folder):
    """Writes `llama_k`: a model of K-quant blocks, and its goldens."""
    folder.mkdir(exist_ok=True)
    config = transformers.LlamaConfig(**MIXED_CONFIG, attn_implementation="eager")
    network = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    network.eval()
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:
            values = 1.0 + 0.2 * weights.noise(f"llama_k/{name}", tuple(parameter.shape))
            parameter.data = weights.exact(values.astype(np.float32), "float16")

    def blocks_of(name, values):
        part = name.split(".")[-2]
        gain = 2.0 if part == "token_embd" else 1.0
        rows, columns = values.shape
        return random_blocks(name, rows, columns, MIXED[part], gain / np.sqrt(columns)), MIXED[part]

    tensors = over_blocks(network, config, blocks_of)
    tokenizer = vocabularies.train_bytes(
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True), merges=41, before=["<unk>", "<s>", "</s>"]
    )
    assert tokenizer.get_vocab_size() == config.vocab_size
    content = json.loads(tokenizer.to_str())
    write_gguf(folder / "model.gguf", config,
               lambda writer: write_byte_vocabulary(writer, content, "gpt-2", config.vocab_size), tensors)
    batch = goldens.samples(tokenizer, "llama_k")
    goldens.train(batch, "llama_k", architectures.ALL_SEVEN, network, folder / "golden.safetensors")


def make(folder: Path, name, model):
    """Writes what a model has over quantized bases, if anything."""
    if name in QUANTIZED:
        make_hub_model(folder, name, model)
