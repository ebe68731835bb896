#!/usr/bin/env python3
"""Make the small models of this folder, and what transformers and PEFT compute with them.

Each model is a folder as the Hugging Face hub ships one, with random weights and a tokenizer trained on a
page of text; beside them lie the goldens that tests compare with. Run by hand, with the versions
that VERSIONS.json names:

    pip install torch transformers peft tokenizers sentencepiece protobuf gguf
    python tests/models/make.py [NAME ...]

Everything is seeded: the same versions write the same files.
"""

import argparse
import importlib.metadata
import json
import shutil
from pathlib import Path

import torch
import transformers

from recipe import architectures, goldens, quantized, texts, vocabularies, weights

HERE = Path(__file__).resolve().parent
PACKAGES = ["torch", "transformers", "peft", "tokenizers", "sentencepiece", "safetensors", "gguf", "numpy"]


def make_folder(name):
    """Configuration, weights and tokenizer of one model."""
    model = architectures.MODELS[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tokenizer = vocabularies.make(model.tokenizer, folder)
    weights.write_config(folder, model, tokenizer)
    count = weights.make(folder, name, model)
    differing = texts.make(folder, tokenizer.get("processor"))
    print(f"{name}: {count} weights, vocabulary {tokenizer['size']} + {model.padding_rows}")
    for line in differing:
        print(f"  differs: {line}")
    goldens.make(folder, name, model)
    quantized.make(folder, name, model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="models to make; all when none is named")
    chosen = parser.parse_args().names or [*architectures.MODELS, "llama_k"]
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    (HERE / "VERSIONS.json").write_text(json.dumps(versions, indent=2) + "\n")
    for name in chosen:
        if name == "llama_k":
            quantized.make_mixed(HERE / name)
        else:
            make_folder(name)


if __name__ == "__main__":
    main()
