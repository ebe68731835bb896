"""Writes formats.bin: random blocks of every format and their weights as the `gguf` package decodes them.

Needs the Python packages gguf and numpy; made with gguf 0.19.0 and numpy 2.4.6. Per format, in the
order of `Format::ALL`: BLOCKS blocks of raw bytes, then their weights as f32, little endian. Scales are
finite random halves, everything else is random bits, so that every bit of a block is exercised.
"""

import pathlib
from importlib.metadata import version

import gguf
import numpy as np

NAMES = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS".split()
# Byte offsets of the halves (scales and minima) in a block.
HALVES = {
    "F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ4_NL": [0], "IQ4_XS": [0],
}
BLOCKS = 3

random = np.random.default_rng(20240611)
parts = []
for name in NAMES:
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    count = BLOCKS * (32 if elements == 1 else 1)
    if name == "F32":
        raw = random.standard_normal((count, 1), dtype=np.float32).view(np.uint8)
    elif name == "BF16":
        raw = random.standard_normal((count, 1), dtype=np.float32).view(np.uint8)[:, 2:]
    else:
        raw = random.integers(0, 256, (count, size), dtype=np.uint8)
    raw = np.ascontiguousarray(raw)
    for at in HALVES.get(name, []):
        halves = random.standard_normal((count, 1)).astype(np.float16)
        raw[:, at : at + 2] = halves.view(np.uint8)
    weights = gguf.quants.dequantize(raw, kind).astype("<f4").reshape(-1)
    assert weights.size == count * elements
    parts += [raw.tobytes(), weights.tobytes()]

target = pathlib.Path(__file__).with_name("formats.bin")
target.write_bytes(b"".join(parts))
print(target.name, target.stat().st_size, "bytes; gguf", version("gguf"), "numpy", np.__version__)
