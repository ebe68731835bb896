"""`tokens.json`: what the Hugging Face tokenizer of a folder makes of the hostile texts."""

import json

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from .corpus import HOSTILE


def make(folder, processor=None):
    """Writes the file; returns a line for each text on which two readers of the folder differ.

    `tokenizer.json` is read as it stands: the classes of transformers 5 rebuild parts of it from defaults.
    Without one, transformers converts `tokenizer.model`.
    """
    wrapped = AutoTokenizer.from_pretrained(folder)
    file = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file)) if file.exists() else wrapped.backend_tokenizer
    rows, differing = [], []
    for name, text in HOSTILE.items():
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        special = tokenizer.encode(text, add_special_tokens=True).ids
        rows.append(json.dumps({"name": name, "text": text, "ids": ids, "with_special": special}, ensure_ascii=True))
        if wrapped(text, add_special_tokens=True)["input_ids"] != special:
            differing.append(f"transformers on {name!r}: {wrapped(text)['input_ids']}, file {special}")
        # SentencePiece does not look for tokens that were added behind it.
        if processor and "<" not in text and processor.encode(text) != ids:
            differing.append(f"SentencePiece on {name!r}: {processor.encode(text)}, file {ids}")
    # One text a line, so that a change shows as one.
    (folder / "tokens.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
    return differing
