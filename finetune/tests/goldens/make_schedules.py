"""Writes schedules.json: learning-rate factors of Hugging Face transformers (made with 5.23.0, torch 2.x).

Run: python make_schedules.py > schedules.json
"""

import json
import sys

import torch
from transformers import optimization as hf


def factors(make, steps):
    """The factor at each step, read through a real optimizer."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


CASES = []


def case(name, make, steps, **settings):
    CASES.append({"schedule": name, "steps": steps, **settings, "factors": factors(make, steps)})


for steps, warmup in [(20, 5), (13, 0), (30, 3)]:
    case("constant", lambda o: hf.get_constant_schedule_with_warmup(o, warmup), steps, warmup=warmup)
    case("linear", lambda o: hf.get_linear_schedule_with_warmup(o, warmup, steps), steps, warmup=warmup)
    case("cosine", lambda o: hf.get_cosine_schedule_with_warmup(o, warmup, steps), steps, warmup=warmup)
    for floor in [0.1, 0.5]:
        case(
            "cosine",
            lambda o: hf.get_cosine_with_min_lr_schedule_with_warmup(o, warmup, steps, min_lr_rate=floor),
            steps,
            warmup=warmup,
            floor=floor,
        )
    for cycles in [1, 2, 3]:
        case(
            "cosine-restarts",
            lambda o: hf.get_cosine_with_hard_restarts_schedule_with_warmup(o, warmup, steps, num_cycles=cycles),
            steps,
            warmup=warmup,
            cycles=cycles,
        )
    for share, decay, theirs, floor in [
        (0.2, "cosine", "cosine", 0.0),
        (0.5, "linear", "linear", 0.1),
        (0.3, "sqrt", "1-sqrt", 0.05),
    ]:
        decay_steps = -int(-steps * share // 1)
        case(
            "wsd",
            lambda o: hf.get_wsd_schedule(
                o, warmup, decay_steps, num_training_steps=steps, decay_type=theirs, min_lr_ratio=floor
            ),
            steps,
            warmup=warmup,
            decay_share=share,
            decay=decay,
            floor=floor,
        )

json.dump(CASES, sys.stdout, indent=None, separators=(",", ":"))
