"""What transformers and PEFT compute with a model: logits, loss, gradients, and twenty optimizer steps.

All in F32 on the CPU, one thread, eager attention. Tensors of `golden.safetensors`, t tokens, v vocabulary:

    tokens.N [t] i32, trained.N [t] u8     sample N; trained[i] = 1 where token i is a target (never the first)
    rows [n] i32                           rows of sample 0 whose logits follow
    logits.base, logits.adapted [n, v]     without and with the initial adapter
    long.tokens, long.rows, long.logits    where the model computes a long sample in another way (phi3)
    initial.NAME [..] f16                  every factor at the start, exactly
    gradient.NAME [..] f32                 its gradient there
    final.NAME [..] f16                    every factor after the steps, rounded
    loss [1], losses [20]                  mean over all targets of all samples, before each step

NAME is PEFT's. The file's metadata, under `settings`, holds `adapter_config` and `optimizer`.
"""

import json

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from . import weights
from .corpus import HOSTILE, LESSONS

LENGTHS = [48, 33, 17]
# Beyond phi3's original positions.
LONG = 272
# First rows, both sides of a window of 16, and the last ones.
ROWS = [0, 1, 15, 16, 17, 31, 47]
STEPS = 20
OPTIMIZER = dict(lr=5e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
RANK, ALPHA = 4, 8


def tokenizer_of(folder):
    return AutoTokenizer.from_pretrained(folder).backend_tokenizer


def samples(tokenizer, kind, lengths=LENGTHS):
    """Token ids: passages of text with every fifth token drawn at random, and which of them are targets."""
    stream = [index for line in LESSONS for index in tokenizer.encode(line, add_special_tokens=False).ids]
    random = np.random.default_rng(len(kind))
    found, at = [], 0
    for number, length in enumerate(lengths):
        tokens = stream[at : at + length]
        for place in range(4, length, 5):
            tokens[place] = int(random.integers(tokenizer.get_vocab_size()))
        at += length
        trained = [1] * length
        trained[0] = 0
        if number == 1:
            # A prompt that is not learned, as in a conversation.
            trained[:12] = [0] * 12
        found.append((torch.tensor(tokens), torch.tensor(trained)))
    return found


def logits_of(network, tokens):
    with torch.no_grad():
        return network(input_ids=tokens[None], use_cache=False).logits[0]


def mean_loss(network, batch):
    """Mean negative log-likelihood over the targets of all samples together."""
    total, count = 0.0, 0
    for tokens, trained in batch:
        logits = network(input_ids=tokens[None], use_cache=False).logits[0]
        losses = torch.nn.functional.cross_entropy(logits[:-1], tokens[1:], reduction="none")
        total = total + (losses * trained[1:]).sum()
        count += int(trained[1:].sum())
    return total / count


def adapt(network, kind, targets):
    """PEFT's adapter, both factors random and not zero, so that no gradient vanishes."""
    fan_in_fan_out = kind == "gpt2"
    settings = LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=targets, bias="none", task_type="CAUSAL_LM",
        fan_in_fan_out=fan_in_fan_out,
    )
    adapted = get_peft_model(network, settings)
    factors = {}
    for name, parameter in adapted.named_parameters():
        if not parameter.requires_grad:
            continue
        # PEFT saves without the adapter's name.
        short = name.replace(".default.", ".")
        scale = 1.0 / np.sqrt(parameter.shape[1]) if "lora_A" in name else 0.05
        values = scale * weights.noise(f"{kind}/{short}", tuple(parameter.shape))
        parameter.data = torch.from_numpy(values.astype(np.float16)).float()
        factors[short] = parameter
    return adapted, factors, settings


def checked(kind, start, losses, found):
    """A golden that could not show a mistake is none."""
    spread = found["logits.base"].std().item()
    assert 0.5 < spread < 5, f"{kind}: logits spread over {spread}"
    moved = (found["logits.adapted"] - found["logits.base"]).abs().max().item()
    assert moved > 0.05, f"{kind}: the adapter moves logits by {moved}"
    for name, tensor in found.items():
        assert tensor.isfinite().all(), f"{kind}: {name}"
        if name.startswith("gradient."):
            assert tensor.norm() > 1e-6 * start, f"{kind}: {name} vanishes"
    assert losses[-1] < 0.9 * losses[0], f"{kind}: losses {losses[0]} to {losses[-1]}"
    print(f"  logits spread {spread:.2f}, moved {moved:.2f}, loss {losses[0]:.4f} to {losses[-1]:.4f}")


def train(batch, kind, targets, network, file, long=None, again=False):
    """Computes the goldens over `network` and writes them to `file`.

    `again` leaves out what is the same as over another base: samples, initial factors, and the last ones.
    """
    found = {}
    for number, (tokens, trained) in enumerate(batch):
        found[f"tokens.{number}"] = tokens.to(torch.int32)
        found[f"trained.{number}"] = trained.to(torch.uint8)
    found["rows"] = torch.tensor(ROWS, dtype=torch.int32)
    found["logits.base"] = logits_of(network, batch[0][0])[ROWS]
    if long:
        (tokens, _), rows = long, [258, 271]
        found["long.tokens"], found["long.rows"] = tokens.to(torch.int32), torch.tensor(rows, dtype=torch.int32)
        found["long.logits"] = logits_of(network, tokens)[rows]
    adapted, factors, settings = adapt(network, kind, targets)
    found["logits.adapted"] = logits_of(adapted, batch[0][0])[ROWS]
    found.update({f"initial.{name}": factor.detach().half() for name, factor in factors.items()})
    optimizer = torch.optim.AdamW(list(factors.values()), **OPTIMIZER)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss(adapted, batch)
        loss.backward()
        if step == 0:
            found.update({f"gradient.{name}": factor.grad.clone() for name, factor in factors.items()})
            found["loss"] = loss.detach().reshape(1)
        losses.append(loss.item())
        optimizer.step()
    found["losses"] = torch.tensor(losses, dtype=torch.float32)
    # Half the bytes; the losses are the sharp test of the steps.
    found.update({f"final.{name}": factor.detach().half() for name, factor in factors.items()})
    checked(kind, losses[0], losses, found)
    settings = settings.to_dict()
    wanted = ["peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "bias", "fan_in_fan_out", "use_rslora"]
    described = {key: getattr(settings[key], "value", settings[key]) for key in wanted}
    described["target_modules"] = sorted(targets)
    # One entry: the order of several would change from run to run.
    metadata = {"settings": json.dumps({"adapter_config": described, "optimizer": {**OPTIMIZER, "steps": STEPS}})}
    same = ("tokens.", "trained.", "initial.", "final.") if again else ()
    kept = {key: tensor.contiguous() for key, tensor in found.items() if not key.startswith(same)}
    save_file(kept, file, metadata=metadata)


def embed(folder):
    """Mean-pooled, normalized sentence embeddings: `embeddings` [n, hidden] for the texts in `texts.N` order."""
    network = weights.load(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    names = ["plain words", "digits", "Greek", "Rust", "emoji"]
    texts = [HOSTILE[name] for name in names]
    rows, found = [], {}
    for number, text in enumerate(texts):
        ids = tokenizer.encode(text).ids
        with torch.no_grad():
            states = network(input_ids=torch.tensor([ids])).last_hidden_state[0]
        found[f"tokens.{number}"] = torch.tensor(ids, dtype=torch.int32)
        rows.append(torch.nn.functional.normalize(states.mean(dim=0), dim=0))
    found["embeddings"] = torch.stack(rows)
    likeness = found["embeddings"] @ found["embeddings"].T
    assert (likeness - torch.eye(len(rows))).abs().max() < 0.99, "embeddings do not differ"
    print(f"  embeddings alike by {likeness.min():.2f} at least")
    save_file(found, folder / "golden.safetensors", metadata={"texts": json.dumps(names)})


def matters(folder, kind, network):
    """Each special part of the architecture must change the logits, or the goldens would not test it."""
    tokens, _ = samples(tokenizer_of(folder), kind)[0]
    before = logits_of(network, tokens)
    changes = {
        "gemma2": ["sliding_window", "attn_logit_softcapping", "final_logit_softcapping", "post_norms"],
        "gemma3": ["sliding_window", "post_norms", "qk_norm"],
        "qwen3": ["qk_norm"],
        "qwen2": ["bias"],
        "gpt2": ["bias"],
    }.get(kind, [])
    for change in changes:
        other = weights.load(folder)
        if change in ("sliding_window", "attn_logit_softcapping", "final_logit_softcapping"):
            config = weights.load_config(folder)
            setattr(config, change, 4096 if change == "sliding_window" else None)
            other = type(other).from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="eager")
            other.eval()
        for name, parameter in other.named_parameters():
            norm = "post_attention_layernorm" in name or "post_feedforward_layernorm" in name
            part = change == "post_norms" and norm or change == "qk_norm" and ("q_norm" in name or "k_norm" in name)
            if part or change == "bias" and name.endswith("bias"):
                parameter.data.zero_()
        moved = (logits_of(other, tokens) - before).abs().max().item()
        print(f"  without its {change} logits move by {moved:.2f}")
        assert moved > 0.02, f"{kind}: {change} does not matter"


def make(folder, kind, model):
    """Writes `golden.safetensors`."""
    if kind == "bert":
        return embed(folder)
    matters(folder, kind, weights.load(folder))
    tokenizer = tokenizer_of(folder)
    long = samples(tokenizer, kind, [LONG])[0] if kind == "phi3" else None
    train(samples(tokenizer, kind), kind, model.targets, weights.load(folder), folder / "golden.safetensors", long)
