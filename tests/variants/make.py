#!/usr/bin/env python3
"""Logits of the small models of `tests/models` under other configurations, as transformers computes them.

Each file holds `tokens.0`, `rows` and `logits.base` as the goldens there do; its metadata names the `model` whose
weights and tokenizer are used and the `change` of its config.json (null removes a key). Run by hand:

    pip install torch transformers safetensors
    python tests/variants/make.py
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
ROWS = [0, 1, 20, 63, 64, 99]

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0}
LAYERS = ["full_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention",
          "full_attention", "full_attention"]
VARIANTS = {
    "yarn": ("mistral", {"rope_parameters": YARN}),
    "yarn_with_gain": ("mistral", {"rope_parameters": {**YARN, "attention_factor": 1.3, "beta_fast": 16.0}}),
    "yarn_with_scales": ("mistral", {"rope_parameters": {**YARN, "mscale": 0.7, "mscale_all_dim": 0.4}}),
    "yarn_of_transformers_4": (
        "llama", {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}}
    ),
    "linear": ("qwen3", {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 10000.0}}),
    "dynamic": ("llama3", {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}),
    "partial_rotation": ("phi3", {"rope_scaling": None, "partial_rotary_factor": 0.5}),
    "query_scale_2": ("gemma2", {"query_pre_attn_scalar": 100}),
    "query_scale_3": ("gemma3", {"query_pre_attn_scalar": 7}),
    "kinds_of_layers": ("gemma3", {
        "rope_scaling": None, "rope_theta": None, "rope_local_base_freq": None, "layer_types": LAYERS,
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0},
        },
    }),
}


def logits(model, change, tokens):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / model
        shutil.copytree(MODELS / model, folder)
        config = json.loads((folder / "config.json").read_text())
        config.update(change)
        config = {key: value for key, value in config.items() if value is not None or key not in change}
        (folder / "config.json").write_text(json.dumps(config))
        settings = AutoConfig.from_pretrained(folder, attn_implementation="eager")
        network = AutoModelForCausalLM.from_pretrained(
            folder, config=settings, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        with torch.no_grad():
            return network(input_ids=tokens[None], use_cache=False).logits[0]


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(5, 300, (100,), generator=generator)
    plain = {}
    for name, (model, change) in VARIANTS.items():
        plain.setdefault(model, logits(model, {}, tokens))
        changed = logits(model, change, tokens)
        moved = (changed - plain[model]).abs().max().item()
        assert moved > 0.1, f"{name}: the change moves logits by {moved} only"
        found = {
            "tokens.0": tokens.to(torch.int32), "rows": torch.tensor(ROWS, dtype=torch.int32),
            "logits.base": changed[ROWS].contiguous(),
        }
        metadata = {"variant": json.dumps({"model": model, "change": change})}
        save_file(found, HERE / f"{name}.safetensors", metadata=metadata)
        print(f"{name}: logits move by {moved:.2f}")


if __name__ == "__main__":
    main()
