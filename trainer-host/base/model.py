"""The base model in plain PyTorch: Llama architecture, names as in Hugging Face checkpoints.

RMSNorm, rotary positions (half-split, as Hugging Face stores them), grouped-query attention,
SwiGLU, tied embeddings. Shapes: ids [rows, length], hidden [rows, length, HIDDEN].
"""

import torch
import torch.nn.functional as F
from torch import nn

VOCAB, HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, FFN = 2048, 256, 6, 8, 4, 32, 704
CONTEXT, THETA, EPS = 512, 10000.0, 1e-5


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * self.weight


def rotary(length):
    """cos and sin, each [length, HEAD_DIM]."""
    frequency = THETA ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM)
    angle = torch.outer(torch.arange(length).float(), frequency)
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    half = HEAD_DIM // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = nn.Linear(HIDDEN, HEADS * HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(HIDDEN, KV_HEADS * HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(HIDDEN, KV_HEADS * HEAD_DIM, bias=False)
        self.o_proj = nn.Linear(HEADS * HEAD_DIM, HIDDEN, bias=False)

    def forward(self, x, cos, sin):
        rows, length, _ = x.shape
        q = self.q_proj(x).view(rows, length, HEADS, HEAD_DIM).transpose(1, 2)
        k = self.k_proj(x).view(rows, length, KV_HEADS, HEAD_DIM).transpose(1, 2)
        v = self.v_proj(x).view(rows, length, KV_HEADS, HEAD_DIM).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        k = k.repeat_interleave(HEADS // KV_HEADS, 1)
        v = v.repeat_interleave(HEADS // KV_HEADS, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(rows, length, HEADS * HEAD_DIM))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(HIDDEN, FFN, bias=False)
        self.up_proj = nn.Linear(HIDDEN, FFN, bias=False)
        self.down_proj = nn.Linear(FFN, HIDDEN, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.self_attn = Norm(), Attention()
        self.post_attention_layernorm, self.mlp = Norm(), Mlp()

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCAB, HIDDEN)
        self.layers = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = Norm()


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Inner()
        cos, sin = rotary(CONTEXT)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def init_weights(self):
        for name, p in self.named_parameters():
            if p.ndim == 2:
                std = 0.02 if "embed" in name else HIDDEN ** -0.5 * 0.7
                if "o_proj" in name or "down_proj" in name:
                    std = 0.02 / (2 * LAYERS) ** 0.5
                nn.init.normal_(p, std=std)

    def hidden(self, ids):
        x = self.model.embed_tokens(ids)
        cos, sin = self.cos[:ids.shape[1]], self.sin[:ids.shape[1]]
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return self.model.norm(x)

    def forward(self, ids):
        return F.linear(self.hidden(ids), self.model.embed_tokens.weight)

    def loss(self, ids, weights):
        """Weighted mean cross-entropy of the next tokens; weights [rows, length] of each token."""
        h = self.hidden(ids)[:, :-1].reshape(-1, HIDDEN)
        target, w = ids[:, 1:].reshape(-1), weights[:, 1:].reshape(-1)
        logits = F.linear(h, self.model.embed_tokens.weight).float()
        each = F.cross_entropy(logits, target, reduction="none")
        return (each * w).sum() / w.sum()

    @torch.no_grad()
    def greedy(self, prompts, end, limit=48):
        """Greedy continuations of a list of prompts (lists of ids), prompts of one length at a time."""
        out = [None] * len(prompts)
        groups = {}
        for i, p in enumerate(prompts):
            groups.setdefault(len(p), []).append(i)
        for length, members in groups.items():
            ids = torch.tensor([prompts[i] for i in members])
            alive = torch.ones(len(members), dtype=torch.bool)
            for _ in range(limit):
                step = F.linear(self.hidden(ids)[:, -1], self.model.embed_tokens.weight).argmax(-1)
                step = torch.where(alive, step, torch.full_like(step, end))
                alive &= step != end
                ids = torch.cat([ids, step[:, None]], 1)
                if not alive.any() or ids.shape[1] >= CONTEXT:
                    break
            for row, i in enumerate(members):
                tail = ids[row, length:].tolist()
                out[i] = tail[:tail.index(end)] if end in tail else tail
        return out
