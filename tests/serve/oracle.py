"""A llama model in float64, written from the formulas: what log-probabilities must be.

Reads a GGUF file of architecture `llama` with F32 tensors. Shares no code with llama.cpp or the trainer.
"""

import struct

import numpy as np

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
TEXT, ARRAY = 8, 9
ALIGNMENT = 32


class Reader:
    """Reads GGUF values one after the other."""

    def __init__(self, file):
        self.file = file

    def number(self, kind):
        form = SCALARS[kind]
        return struct.unpack(form, self.file.read(struct.calcsize(form)))[0]

    def text(self):
        return self.file.read(self.number(10)).decode("utf-8", "replace")

    def value(self, kind):
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            inner, count = self.number(4), self.number(10)
            return [self.value(inner) for _ in range(count)]
        return self.number(kind)


class Oracle:
    """log p(next token | tokens) of a whole model."""

    def __init__(self, path):
        self.weights = {}
        with open(path, "rb") as file:
            reader = Reader(file)
            assert file.read(4) == b"GGUF"
            reader.number(4)
            tensors, keys = reader.number(10), reader.number(10)
            meta = {}
            for _ in range(keys):
                key = reader.text()
                meta[key] = reader.value(reader.number(4))
            places = []
            for _ in range(tensors):
                name = reader.text()
                shape = [reader.number(10) for _ in range(reader.number(4))]
                assert reader.number(4) == 0, f"{name} is not F32"
                places.append((name, shape, reader.number(10)))
            start = -(-file.tell() // ALIGNMENT) * ALIGNMENT
            for name, shape, offset in places:
                file.seek(start + offset)
                values = np.frombuffer(file.read(4 * int(np.prod(shape))), "<f4")
                # The first dimension of GGUF is the innermost one.
                self.weights[name] = values.reshape(shape[::-1]).astype(np.float64)
        assert meta["general.architecture"] == "llama"
        self.blocks = meta["llama.block_count"]
        self.heads = meta["llama.attention.head_count"]
        self.kv_heads = meta["llama.attention.head_count_kv"]
        self.head_dim = meta["llama.rope.dimension_count"]
        self.epsilon = meta["llama.attention.layer_norm_rms_epsilon"]
        self.rope_base = meta["llama.rope.freq_base"]

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * self.weights[name]

    def rotate(self, x):
        """x: [t, heads, head_dim]; neighbouring values are a pair."""
        angles = self.rope_base ** (-np.arange(0, self.head_dim, 2) / self.head_dim)
        angles = np.arange(x.shape[0])[:, None, None] * angles
        even, odd = x[..., 0::2], x[..., 1::2]
        turned = np.empty_like(x)
        turned[..., 0::2] = even * np.cos(angles) - odd * np.sin(angles)
        turned[..., 1::2] = even * np.sin(angles) + odd * np.cos(angles)
        return turned

    def attention(self, x, block):
        weight = lambda name: self.weights[f"blk.{block}.attn_{name}.weight"].T
        t = x.shape[0]
        q = self.rotate((x @ weight("q")).reshape(t, self.heads, self.head_dim))
        k = self.rotate((x @ weight("k")).reshape(t, self.kv_heads, self.head_dim))
        v = (x @ weight("v")).reshape(t, self.kv_heads, self.head_dim)
        k, v = (np.repeat(part, self.heads // self.kv_heads, axis=1) for part in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(self.head_dim)
        scores[:, np.triu(np.ones((t, t), bool), 1)] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return np.einsum("hqk,khd->qhd", scores, v).reshape(t, -1) @ weight("output")

    def feed_forward(self, x, block):
        weight = lambda name: self.weights[f"blk.{block}.ffn_{name}.weight"].T
        gate = x @ weight("gate")
        return (gate / (1 + np.exp(-gate)) * (x @ weight("up"))) @ weight("down")

    def hidden(self, tokens):
        """[t, channels] after the last norm."""
        x = self.weights["token_embd.weight"][list(tokens)]
        for block in range(self.blocks):
            x = x + self.attention(self.norm(x, f"blk.{block}.attn_norm.weight"), block)
            x = x + self.feed_forward(self.norm(x, f"blk.{block}.ffn_norm.weight"), block)
        return self.norm(x, "output_norm.weight")

    def log_probabilities(self, tokens):
        """[t, vocabulary]: row i is what follows tokens[: i + 1]."""
        output = self.weights.get("output.weight", self.weights["token_embd.weight"])
        logits = self.hidden(tokens) @ output.T
        logits -= logits.max(-1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    def score(self, context, continuation):
        """Log-likelihood of a continuation, and whether it is the greedy one."""
        rows = self.log_probabilities(context + continuation)[len(context) - 1 : -1]
        said = rows[np.arange(len(continuation)), continuation]
        return said.sum(), bool((rows.argmax(-1) == continuation).all())

    def greedy(self, tokens, count, ends):
        """Up to `count` tokens, each the most probable one, without the one that ends."""
        said = []
        while len(said) < count:
            token = int(self.log_probabilities(tokens + said)[-1].argmax())
            if token in ends:
                break
            said.append(token)
        return said
