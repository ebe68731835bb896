"""Pre-training: Muon for the matrices inside the blocks, AdamW for the rest, warm-up, stable, decay.

The run is bounded by the time spent in steps, so it fits any machine; it writes a resumable
checkpoint every few minutes (a resumed run begins a new chunk of rows). A file named `decay` in
the work folder starts the final decay at once.
"""

import argparse
import os
import random
import time

import torch

import tokenizer as T
from generate import Corpus, FRAMES, reserved
from model import Base
import wordings

CHUNK, TOKENS, LONGEST = 24000, 4096, 496


def orthogonal(g, steps=5):
    """Newton-Schulz iteration towards the nearest orthogonal matrix, batched [n, rows, cols]."""
    x = g.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.float()


class Muon:
    """Momentum, then orthogonalised updates; matrices of one shape are handled together."""

    def __init__(self, params, momentum=0.95, decay=0.02):
        self.groups = {}
        for p in params:
            key = (min(p.shape), max(p.shape))
            self.groups.setdefault(key, []).append(p)
        self.buffers = {k: torch.zeros(len(v), *k) for k, v in self.groups.items()}
        self.momentum, self.decay = momentum, decay

    @torch.no_grad()
    def step(self, lr):
        for key, params in self.groups.items():
            g = torch.stack([p.grad if tuple(p.shape) == key else p.grad.mT for p in params])
            buffer = self.buffers[key]
            buffer.mul_(self.momentum).add_(g)
            update = orthogonal(g + self.momentum * buffer) * (0.2 * max(key) ** 0.5)
            for p, u in zip(params, update):
                p.mul_(1 - lr * self.decay).add_(u if tuple(p.shape) == key else u.mT, alpha=-lr)


def batches(encoder, corpus, chunk):
    rows = [encoder.row(*r) for r in corpus.rows(1000 + chunk, CHUNK)]
    rng = random.Random(chunk)
    rows.sort(key=lambda r: len(r[0]) + rng.random() * 4)
    out, current, width = [], [], 0
    for r in rows:
        ids, weights = r[0][:LONGEST], r[1][:LONGEST]
        if current and max(width, len(ids)) * (len(current) + 1) > TOKENS:
            out.append(current)
            current, width = [], 0
        current.append((ids, weights))
        width = max(width, len(ids))
    if len(current) > 1:
        out.append(current)
    rng.shuffle(out)
    return out


def tensors(batch):
    width = max(len(i) for i, _ in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    weights = torch.zeros(len(batch), width)
    for k, (i, w) in enumerate(batch):
        ids[k, :len(i)] = torch.tensor(i)
        weights[k, :len(w)] = torch.tensor(w)
    return ids, weights


def probe(model, encoder, corpus, count=120):
    """Exact answers to world facts in wordings that are never trained."""
    rng = random.Random(5)
    prompts, answers = [], []
    while len(prompts) < count:
        i, k = rng.randrange(len(corpus.facts)), rng.randrange(len(FRAMES))
        if reserved(i, k):
            fact = corpus.facts[i]
            prompts.append(encoder.prompt(wordings.ask(FRAMES[k], rng.choice(fact["phrases"]))))
            answers.append(fact["answer"])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        said = [encoder.tok.decode(g) for g in model.greedy(prompts, T.END)]
    return sum(a == b for a, b in zip(said, answers)) / count


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--work", default="work", help="folder of the tokenizer and the checkpoint")
    ap.add_argument("--minutes", type=float, default=45)
    ap.add_argument("--decay", type=float, default=0.25, help="share of the time that is decay")
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--embed-lr", type=float, default=3e-3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--fp32", action="store_true")
    ap.add_argument("--steps", type=int, default=10**9)
    ap.add_argument("--seed", type=int, default=11)
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch._dynamo.config.cache_size_limit = 8
    torch.manual_seed(args.seed)
    corpus = Corpus()
    encoder = T.Encoder(T.load(f"{args.work}/tokenizer.json"))
    model = Base()
    model.init_weights()
    inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    muon = Muon(inner)
    adam = torch.optim.AdamW(rest, lr=args.embed_lr, betas=(0.9, 0.95), weight_decay=0.0)
    state = dict(step=0, chunk=0, spent=0.0, tokens=0, decay_from=None)
    path = f"{args.work}/checkpoint.pt"
    if os.path.exists(path):
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["adam"])
        for k, v in saved["muon"].items():
            muon.buffers[k].copy_(v)
        state = saved["state"]
        state["chunk"] += 1
    loss_of = torch.compile(model.loss, dynamic=True)
    print(sum(p.numel() for p in model.parameters()), "parameters,", len(corpus.facts), "facts", flush=True)

    def save():
        torch.save(dict(model=model.state_dict(), adam=adam.state_dict(), muon=muon.buffers, state=state), path + ".tmp")
        os.replace(path + ".tmp", path)

    last_save, mark, mean = time.time(), (time.time(), state["tokens"]), None
    total = args.minutes * 60
    done = False
    while not done:
        for batch in batches(encoder, corpus, state["chunk"]):
            began = time.time()
            if state["decay_from"] is None and (os.path.exists(f"{args.work}/decay") or state["spent"] > total * (1 - args.decay)):
                state["decay_from"] = state["spent"]
                state["decay_for"] = max(60.0, total - state["spent"]) if not os.path.exists(f"{args.work}/decay") else total * args.decay
            scale = min(1.0, (state["step"] + 1) / 60)
            if state["decay_from"] is not None:
                scale = max(0.0, 1 - (state["spent"] - state["decay_from"]) / state["decay_for"])
                if scale <= 0.0:
                    done = True
                    break
            ids, weights = tensors(batch)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not args.fp32):
                loss = loss_of(ids, weights)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(rest, 1.0)
            muon.step(args.lr * scale)
            for g in adam.param_groups:
                g["lr"] = args.embed_lr * scale
            adam.step()
            model.zero_grad(set_to_none=True)
            state["step"] += 1
            state["tokens"] += ids.numel()
            state["spent"] += time.time() - began
            mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
            if state["step"] % 20 == 0:
                now = time.time()
                rate = (state["tokens"] - mark[1]) / (now - mark[0])
                mark = (now, state["tokens"])
                print(f"step {state['step']} chunk {state['chunk']} spent {state['spent']:.0f}s tokens {state['tokens']/1e6:.2f}M "
                      f"loss {mean:.3f} scale {scale:.2f} {rate:.0f} tok/s", flush=True)
            if state["step"] >= args.steps:
                return
            if time.time() - last_save > 180:
                save()
                if state["spent"] > state.get("probed", 0) + 500:
                    state["probed"] = state["spent"]
                    print(f"probe, unseen wordings of world facts: {probe(model, encoder, corpus, 40):.3f}", flush=True)
                last_save = time.time()
        state["chunk"] += 1
    save()
    print(f"done; probe {probe(model, encoder, corpus, 200):.3f}", flush=True)


if __name__ == "__main__":
    main()
