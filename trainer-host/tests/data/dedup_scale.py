"""Near-duplicates at scale: time of a large run, and recall and precision against brute force on a sample.

Needs nothing beyond Python. Run: python dedup_scale.py HALLIGAN_HOST [ROWS [SAMPLE]]
Texts have 120 to 280 words from a vocabulary of 20,000 by Zipf's law; one in five is an earlier text with up to
twelve words changed.
"""

import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

THRESHOLD = 0.7
WORDS = 5


def write(path, count, seed):
    generator = random.Random(seed)
    vocabulary = [f"w{number}" for number in range(20_000)]
    weights = list(itertools.accumulate(1 / (number + 1) for number in range(len(vocabulary))))
    texts = []
    with open(path, "w") as file:
        for number in range(count):
            if texts and generator.random() < 0.2:
                words = list(generator.choice(texts))
                for _ in range(generator.choice([0, 1, 2, 4, 8, 12])):
                    words[generator.randrange(len(words))] = generator.choice(vocabulary)
            else:
                words = generator.choices(vocabulary, cum_weights=weights, k=generator.randint(120, 280))
            texts.append(words)
            file.write(json.dumps({"id": f"d{number}", "text": " ".join(words)}) + "\n")


def similar_pairs(path):
    """All pairs that share a shingle, compared exactly: no pair with similarity above 0 is left out."""
    rows = [json.loads(line) for line in open(path)]
    shingles = []
    for row in rows:
        words = row["text"].split()
        shingles.append({tuple(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1)})
    holders = defaultdict(list)
    for number, own in enumerate(shingles):
        for shingle in own:
            holders[shingle].append(number)
    shared = defaultdict(int)
    for numbers in holders.values():
        for pair in itertools.combinations(numbers, 2):
            shared[pair] += 1
    similarity = lambda a, b, both: both / (len(shingles[a]) + len(shingles[b]) - both)
    return {(rows[a]["id"], rows[b]["id"]) for (a, b), both in shared.items() if similarity(a, b, both) >= THRESHOLD}


def run(program, path, folder):
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [program, "data", "dedup", path, "-o", folder / "out.jsonl", "--threshold", str(THRESHOLD), "--json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(output.splitlines()[-1]), time.monotonic() - started, cpu, after.ru_maxrss / 1000


def main():
    program = Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    sample = int(sys.argv[3]) if len(sys.argv) > 3 else 5_000
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder / "sample.jsonl", sample, 1)
        report, *_ = run(program, folder / "sample.jsonl", folder)
        found = {(pair["a"], pair["b"]) for pair in report["pairs"]}
        expected = similar_pairs(folder / "sample.jsonl")
        right = len(found & expected)
        print(f"{sample} rows, {len(expected)} pairs: recall {right / len(expected)}, precision {right / len(found)}")
        write(folder / "rows.jsonl", count, 1)
        report, wall, cpu, memory = run(program, folder / "rows.jsonl", folder)
        print(f"{count} rows, {report['pairs_total']} pairs: {wall:.1f} s, {cpu:.1f} CPU s, {memory:.0f} MB at most")


if __name__ == "__main__":
    main()
