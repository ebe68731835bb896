"""Does a base learn a field guide? LoRA over a base file, then questions it never met.

Facts come from JSONL rows (`--train`, `--heldout`), or, without them, from a held-back invented
world with the same division: training frames and two phrases for the adapter, held-out frames and
another phrase or question for the judgement. Scoring is the strict match that the demo uses.
"""

import argparse
import json
import math
import random
import re
import time

import torch
from torch import nn

import export_gguf
import tokenizer as T
import wordings
from generate import PROBE_FACTS, PROBE_SEED
from model import Base
from world import World


class Lora(nn.Module):
    """A frozen linear layer plus B A x * alpha / r; A is [r, in], B is [out, r]."""

    def __init__(self, linear, rank, alpha):
        super().__init__()
        self.linear, self.scale = linear, alpha / rank
        self.a = nn.Parameter(torch.empty(rank, linear.in_features))
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x):
        return self.linear(x) + (x @ self.a.mT @ self.b.mT) * self.scale


def wrap(model, rank, alpha):
    for p in model.parameters():
        p.requires_grad_(False)
    for layer in model.model.layers:
        for holder in (layer.self_attn, layer.mlp):
            for name, child in list(holder.named_children()):
                setattr(holder, name, Lora(child, rank, alpha))
    return [p for p in model.parameters() if p.requires_grad]


def normal(text):
    text = " ".join(text.lower().split())
    text = re.sub(r"(?<=\d)[,.:](?=\d)", lambda m: {",": "\x01", ".": "\x02", ":": "\x03"}[m.group()], text)
    text = re.sub(r"[^\w\s\x01\x02\x03]", " ", text)
    return " ".join(text.split())


def right(said, row):
    said, value, reference = normal(said), normal(row["value"]), normal(row["messages"][-1]["content"])
    pattern = lambda t: r"(?<!\w)" + re.escape(t) + r"(?!\w)"
    number = r"\d[\d\x01\x02\x03]*"
    return (re.search(pattern(value), said) is not None
            and set(re.findall(number, said)) <= set(re.findall(number, reference))
            and not any(re.search(pattern(normal(c)), said) for c in row.get("contradicts", [])))


def invented(seed):
    """(train rows, held-out rows) of a world that pre-training never saw."""
    rng = random.Random(seed)
    train, held = [], []
    for fact in World(seed).facts(PROBE_FACTS):
        def row(q):
            return {"id": fact["id"], "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": fact["answer"]}], "value": fact["value"]}
        phrases, questions = fact["phrases"][:4], fact["questions"]
        asked = [wordings.ask(f, phrases[k % max(1, len(phrases) - 1)]) for k, f in enumerate(rng.sample(wordings.TRAIN_FRAMES, 6))]
        train += [row(q) for q in asked + questions[:min(2, len(questions) - 1)]]
        if len(held) % 4 == 3:
            held.append(row(questions[-1]))
        else:
            held.append(row(wordings.ask(rng.choice(wordings.HELD_OUT_FRAMES), rng.choice(phrases))))
    return train, held


def score(model, encoder, rows, show=0):
    prompts = [encoder.prompt(r["messages"][0]["content"]) for r in rows]
    said = [encoder.tok.decode(g) for g in model.greedy(prompts, T.END)]
    good = [right(s, r) for s, r in zip(said, rows)]
    exact = sum(s == r["messages"][-1]["content"] for s, r in zip(said, rows)) / len(rows)
    for s, r, g in zip(said, rows, good):
        if show and not g:
            show -= 1
            print(f"   wrong: {r['messages'][0]['content']!r} -> {s!r} (want {r['value']!r})")
    return sum(good) / len(good), exact


def tune(model, encoder, rows, args):
    params = wrap(model, args.rank, args.alpha)
    optim = torch.optim.AdamW(params, lr=args.lr, betas=(0.9, args.beta2), weight_decay=0.0)
    data = [encoder.row([(r["messages"][0]["content"], r["messages"][1]["content"])]) for r in rows]
    data = [(ids, [float(x >= 1) for x in w]) for ids, w in data]
    total_tokens = sum(len(i) for i, _ in data)
    steps = max(1, round(args.epochs * total_tokens / args.tokens))
    rng, queue, began, losses = random.Random(args.seed), [], time.time(), []
    for step in range(steps):
        batch, size = [], 0
        while size < args.tokens:
            if not queue:
                queue = data[:]
                rng.shuffle(queue)
            batch.append(queue.pop())
            size += len(batch[-1][0])
        width = max(len(i) for i, _ in batch)
        ids, weights = torch.zeros(len(batch), width, dtype=torch.long), torch.zeros(len(batch), width)
        for k, (i, w) in enumerate(batch):
            ids[k, :len(i)], weights[k, :len(w)] = torch.tensor(i), torch.tensor(w)
        warm = max(1, int(0.03 * steps))
        scale = min(1.0, (step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * max(0, step - warm) / max(1, steps - warm)))
        for g in optim.param_groups:
            g["lr"] = args.lr * max(scale, 0.0)
        loss = model.loss(ids, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optim.step()
        optim.zero_grad()
        losses.append(loss.item())
        if (step + 1) % max(1, steps // 8) == 0:
            print(f"  step {step + 1}/{steps} loss {sum(losses[-10:]) / len(losses[-10:]):.4f} {time.time() - began:.0f}s", flush=True)
    return steps, time.time() - began


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--base", default="halligan-base-q8_0.gguf", help="GGUF or checkpoint")
    ap.add_argument("--tokenizer", default="tokenizer.json")
    ap.add_argument("--train")
    ap.add_argument("--heldout")
    ap.add_argument("--lr", type=float, default=6e-3)
    ap.add_argument("--epochs", type=float, default=4)
    ap.add_argument("--tokens", type=int, default=1024, help="tokens of one step")
    ap.add_argument("--rank", type=int, default=16)
    ap.add_argument("--alpha", type=float, default=32)
    ap.add_argument("--beta2", type=float, default=0.99)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--show", type=int, default=12)
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model = Base()
    model.load_state_dict(torch.load(args.base)["model"] if args.base.endswith(".pt") else export_gguf.read_back(args.base))
    encoder = T.Encoder(T.load(args.tokenizer))
    if args.train:
        train, held = ([json.loads(line) for line in open(p) if line.strip()] for p in (args.train, args.heldout))
    else:
        train, held = invented(PROBE_SEED)
    model.eval()
    base, _ = score(model, encoder, held)
    steps, seconds = tune(model, encoder, train, args)
    tuned, exact = score(model, encoder, held, args.show)
    print(f"lr {args.lr} epochs {args.epochs} tokens/step {args.tokens}: {steps} steps, {seconds:.0f} s; "
          f"held-out: base {base:.3f}, adapter {tuned:.3f}, word for word {exact:.3f}; trained rows {score(model, encoder, train[::9])[0]:.3f}")


if __name__ == "__main__":
    main()
