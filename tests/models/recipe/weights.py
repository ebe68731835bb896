"""Random weights that make every part of a model matter, in the file format of the hub.

Values are exact in F16 (and in BF16 where stored so), so that a conversion to either loses nothing, and
large enough that logits spread over several units: a mistake then shows far above rounding.
"""

import json
import zlib

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

NORMS = ("norm", "layernorm", "ln_1", "ln_2", "ln_f")
EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "position_embeddings", "token_type_embeddings", "wpe")


def noise(seed, shape):
    return np.random.default_rng(zlib.crc32(seed.encode())).standard_normal(shape).astype(np.float32)


def exact(values, stored):
    """Rounded to the stored type; what F16 cannot hold as well becomes zero."""
    rounded = torch.from_numpy(values).to(torch.float16)
    if stored == "bfloat16":
        short = torch.from_numpy(values).to(torch.bfloat16).to(torch.float32)
        rounded = torch.where(short.to(torch.float16).to(torch.float32) == short, short, torch.zeros(()))
    return rounded.to(torch.float32)


def value_of(name, shape, kind, model):
    """Values for a tensor by the role that its name tells."""
    module = name.rsplit(".", 2)[-2].lower()
    draw = noise(f"{kind}/{name}", shape)
    if module.endswith(NORMS):
        # Gemma stores the gain less one.
        centre = 0.0 if kind.startswith("gemma") or name.endswith("bias") else 1.0
        return centre + 0.2 * draw
    if name.endswith("bias"):
        return 0.3 * draw
    if module in EMBEDDINGS:
        tied = model.config.get("tie_word_embeddings", True)
        return (2.0 / np.sqrt(shape[1]) if tied else 1.0) * draw
    if module == "lm_head":
        return 2.0 / np.sqrt(shape[1]) * draw
    # GPT-2 keeps its matrices as inputs x outputs.
    inputs = shape[0] if kind == "gpt2" else shape[1]
    gain = model.sharpness if module in ("q_proj", "k_proj", "qkv_proj", "c_attn", "query", "key") else 1.0
    return gain / np.sqrt(inputs) * draw


def load_config(folder):
    return AutoConfig.from_pretrained(folder, attn_implementation="eager")


def empty(folder):
    """The model of a folder's configuration in F32, weights not set."""
    config = load_config(folder)
    maker = AutoModel if config.model_type == "bert" else AutoModelForCausalLM
    return maker.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()


def make(folder, kind, model):
    """Writes `model.safetensors`."""
    network = empty(folder)
    tensors = {}
    # Tied names share one tensor; buffers that are no parameter are not stored.
    for name, parameter in network.named_parameters():
        if name.startswith("pooler."):
            continue
        values = exact(np.asarray(value_of(name, tuple(parameter.shape), kind, model), np.float32), model.stored)
        tensors[name] = values.to(getattr(torch, model.stored)).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return sum(tensor.numel() for tensor in tensors.values())


def load(folder):
    """The model of a folder in F32, by way of transformers' own reading of the files."""
    config = load_config(folder)
    maker = AutoModel if config.model_type == "bert" else AutoModelForCausalLM
    extra = {"add_pooling_layer": False} if config.model_type == "bert" else {}
    network = maker.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", **extra)
    return network.eval()


def write_config(folder, model, tokenizer):
    """`config.json` and `generation_config.json`, with what the tokenizer decides."""
    config = dict(model.config)
    config["vocab_size"] = tokenizer["size"] + model.padding_rows
    special = {f"{name}_token_id": tokenizer[name] for name in ("bos", "eos", "pad") if name in tokenizer}
    config.update(special)
    config["transformers_version"] = "5.0.0" if "dtype" in config else "4.46.0"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    if config["model_type"] == "bert":
        return
    generation = {**special, **model.generation, "transformers_version": config["transformers_version"]}
    if "eos_list" in tokenizer:
        generation["eos_token_id"] = tokenizer["eos_list"]
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2, sort_keys=True) + "\n")
