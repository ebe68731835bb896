"""Runs lm-evaluation-harness against a server and compares every figure with the formulas.

usage: check_harness.py URL MODEL_F32.gguf GUIDE_FOLDER
"""

import json
import math
import os
import random
import re
import sys
import tempfile
from pathlib import Path

# Before the harness is imported: nothing may be downloaded.
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TQDM_DISABLE="1")

import lm_eval
import requests
from lm_eval.tasks import TaskManager

from oracle import Oracle

# llama.cpp computes in f32 what the oracle computes in f64: about 1e-6 a token, and a text has at most 500.
LOGLIKELIHOOD_TOLERANCE = 2e-3
# Of a perplexity, which is the exponential of a mean.
RELATIVE_TOLERANCE = 1e-4
QUESTIONS = 12
CHOICES = 4
CONTEXT = 512
BEGIN, END = "<|begin|>", "<|end|>"


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(name, items):
    Path(name).write_text("".join(json.dumps(item) + "\n" for item in items))


def make_data(guide):
    chosen = rows(guide / "heldout.jsonl")[::7][:QUESTIONS]
    draw = random.Random(3)
    choice, answer = [], []
    for row in chosen:
        question, right = (message["content"] for message in row["messages"])
        others = [other["messages"][1]["content"] for other in chosen if other is not row]
        choices = draw.sample(others, CHOICES - 1)
        target = draw.randrange(CHOICES)
        choices.insert(target, right)
        choice.append({"question": question, "choices": choices, "target": target})
        answer.append({"question": question, "answer": right.rstrip(".")})
    paragraphs = (guide / "field-guide.md").read_text().split("\n\n")
    rolling = [{"text": text} for text in paragraphs[1:40:6] if 20 < len(text) < 900]
    # One text longer than the context, so that the harness rolls.
    rolling.append({"text": " ".join(paragraphs[1:60])[:4000]})
    write("choice.jsonl", choice)
    write("answer.jsonl", answer)
    write("rolling.jsonl", rolling)
    return choice, answer, rolling


class Server:
    def __init__(self, url):
        self.url = url

    def tokenize(self, text):
        body = {"prompt": text, "add_special_tokens": False}
        return requests.post(self.url + "/tokenize", json=body, timeout=60).json()["tokens"]

    def detokenize(self, tokens):
        return requests.post(self.url + "/detokenize", json={"tokens": tokens}, timeout=60).json()["prompt"]


def prompt(question):
    return f"<|user|>\n{question}{END}\n<|assistant|>\n"


def expected_choice(oracle, server, docs):
    acc, acc_norm, details = [], [], []
    for doc in docs:
        context = prompt(doc["question"])
        # The harness moves the white space that ends a context to the continuation.
        spaces = len(context) - len(context.rstrip())
        context, tail = context[:-spaces], context[-spaces:]
        scores = []
        for text in doc["choices"]:
            whole, start = server.tokenize(context + tail + text), len(server.tokenize(context))
            scores.append(oracle.score(whole[:start], whole[start:]))
        likely = [score for score, _ in scores]
        normed = [score / len(text) for score, text in zip(likely, doc["choices"])]
        acc.append(likely.index(max(likely)) == doc["target"])
        acc_norm.append(normed.index(max(normed)) == doc["target"])
        details.append(scores)
    mean = lambda values: sum(values) / len(values)
    return {"acc": mean(acc), "acc_norm": mean(acc_norm)}, details


def expected_rolling(oracle, server, docs):
    """The harness scores a text in windows: each token once, each window as full as it can be."""
    begin = server.tokenize(BEGIN)[0]
    longest = CONTEXT - 2
    total, words, byte_count, details = 0.0, 0, 0, []
    for doc in docs:
        tokens = server.tokenize(doc["text"])
        first = min(longest, len(tokens))
        score = oracle.score([begin], tokens[:first])[0]
        done = first
        while done < len(tokens):
            count = min(len(tokens) - done, longest)
            end = done + count
            window = tokens[end - longest - 1 : end]
            score += oracle.score(window[:-count], window[-count:])[0]
            done = end
        details.append(score)
        total += score
        words += len(re.split(r"\s+", doc["text"]))
        byte_count += len(doc["text"].encode())
    figures = {
        "word_perplexity": math.exp(-total / words),
        "byte_perplexity": math.exp(-total / byte_count),
        "bits_per_byte": -total / byte_count / math.log(2),
    }
    return figures, details


def expected_answers(oracle, server, docs):
    end = server.tokenize(END)[0]
    answers = []
    for doc in docs:
        text = server.detokenize(oracle.greedy(server.tokenize(prompt(doc["question"])), 24, {end}))
        for stop in ("\n", "."):
            text = text.split(stop)[0]
        answers.append(text)
    right = [answer == doc["answer"] for answer, doc in zip(answers, docs)]
    return {"exact_match": sum(right) / len(right)}, answers


def main():
    url, model, guide = sys.argv[1], sys.argv[2], Path(sys.argv[3]).resolve()
    tasks = str(Path(__file__).resolve().parent / "tasks")
    oracle, server = Oracle(model), Server(url)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        choice, answer, rolling = make_data(guide)
        results = lm_eval.simple_evaluate(
            model="local-completions",
            model_args={
                "model": "base",
                "base_url": url + "/v1/completions",
                "tokenizer_backend": "remote",
                "max_length": CONTEXT,
                "batch_size": 4,
                "num_concurrent": 1,
            },
            tasks=["halligan_choice", "halligan_rolling", "halligan_answer"],
            task_manager=TaskManager(include_path=tasks, include_defaults=False),
            log_samples=True,
            bootstrap_iters=0,
        )
        os.chdir("/")
    figures, samples = results["results"], results["samples"]
    worst = 0.0

    def same(what, found, wanted, tolerance):
        assert abs(found - wanted) <= tolerance, f"{what}: {found} instead of {wanted}"
        print(f"  {what:<32} {found:.10g}   formula {wanted:.10g}")

    wanted, details = expected_choice(oracle, server, choice)
    for name, value in wanted.items():
        same(f"choice {name}", figures["halligan_choice"][f"{name},none"], value, 0.0)
    for sample in samples["halligan_choice"]:
        for (found, greedy), (score, is_greedy) in zip(sample["filtered_resps"], details[sample["doc_id"]]):
            worst = max(worst, abs(float(found) - score))
            assert str(greedy) == str(is_greedy), sample
    wanted, details = expected_rolling(oracle, server, rolling)
    for name, value in wanted.items():
        same(f"rolling {name}", figures["halligan_rolling"][f"{name},none"], value, RELATIVE_TOLERANCE * value)
    for sample in samples["halligan_rolling"]:
        found = sample["filtered_resps"][0]
        found = float(found[0] if isinstance(found, (list, tuple)) else found)
        worst = max(worst, abs(found - details[sample["doc_id"]]))
    assert worst <= LOGLIKELIHOOD_TOLERANCE, f"a log-likelihood is off by {worst}"
    print(f"  worst error of a log-likelihood  {worst:.2e} nats")
    wanted, answers = expected_answers(oracle, server, answer)
    same("answer exact_match", figures["halligan_answer"]["exact_match,none"], wanted["exact_match"], 0.0)
    for sample in samples["halligan_answer"]:
        assert sample["filtered_resps"][0].strip() == answers[sample["doc_id"]].strip(), sample
    print("lm-evaluation-harness agrees with the formulas")


if __name__ == "__main__":
    main()
