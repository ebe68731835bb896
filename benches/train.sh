#!/usr/bin/env bash
# Times `halligan-host bench train` against PyTorch with PEFT on the same machine, turn by turn, and prints the
# ratios. Build first (./x test or cargo build --release --workspace --bins --tests).
#
#   benches/train.sh PYTHON [SHAPE] [SEQ] [ROUNDS]
#
# PYTHON needs torch, transformers and peft. A run on a machine that is busy with other work is worth nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?give a Python that has torch, transformers and peft}
shape=${2:-qwen2.5-0.5b}
seq=${3:-512}
rounds=${4:-3}
host="${CARGO_TARGET_DIR:-target}/release/halligan-host"
[ -x "$host" ] || { echo "error: $host is missing; run: cargo build --release --workspace --bins --tests" >&2; exit 1; }
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for round in $(seq "$rounds"); do
    echo "round $round of $rounds" >&2
    "$python" benches/peft_train.py --shape "$shape" --seq "$seq" --steps 3 2>/dev/null >>"$lines"
    for type in Q8_0 Q4_K_M; do
        for recompute in never half; do
            "$host" bench train --shape "$shape" --type "$type" --seq "$seq" --steps 3 --device cpu \
                --recompute "$recompute" --json 2>/dev/null |
                sed "s/^{/{\"recompute\":\"$recompute\",/" >>"$lines"
        done
    done
done
"$python" - "$lines" <<'PY'
import json
import statistics
import sys

runs = {}
for line in open(sys.argv[1]):
    run = json.loads(line)
    name = run.get("trainer") or f"{run['type']}, recompute {run['recompute']}"
    runs.setdefault(name, []).append(run)
peer = runs.pop("peft")
speed = statistics.median(run["tokens_per_second"] for run in peer)
memory = statistics.median(run["peak_rss_bytes"] for run in peer)
versions = ", ".join(f"{name} {version}" for name, version in peer[0]["versions"].items())
print(f"| trainer | tokens/s | of PEFT | peak RSS | of PEFT |\n|---|---|---|---|---|")
print(f"| {versions}, f32 | {speed:.1f} | 1.00 | {memory / 1e9:.2f} GB | 1.00 |")
for name, found in runs.items():
    ratios = [ours["tokens_per_second"] / theirs["tokens_per_second"] for ours, theirs in zip(found, peer)]
    own = statistics.median(run["tokens_per_second"] for run in found)
    rss = statistics.median(run["peak_rss_bytes"] for run in found)
    print(f"| {name} | {own:.1f} | {statistics.median(ratios):.2f} | {rss / 1e9:.2f} GB | {rss / memory:.2f} |")
PY
