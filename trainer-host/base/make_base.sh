#!/usr/bin/env bash
# Makes the base model again: invented text, pre-training, GGUF, judgement. About 45 minutes on 2 cores.
# Needs Python 3.11 or later and the packages of requirements.txt (PYTHON=path/to/python to choose one).
set -euo pipefail
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
work="${WORK:-work}"
mkdir -p "$work"
# Large buffers stay in the process between steps, and waiting threads sleep: both matter on CPUs.
export OMP_WAIT_POLICY=PASSIVE MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184
cp tokenizer.json "$work/tokenizer.json" # "tokenizer.py tokenizer.json" trains a new one
"$python" train.py --work "$work" --minutes "${MINUTES:-43}"
"$python" export_gguf.py --checkpoint "$work/checkpoint.pt" --tokenizer "$work/tokenizer.json" \
    --out "$work/halligan-base-q8_0.gguf"
"$python" try_lora.py --base "$work/halligan-base-q8_0.gguf" --tokenizer "$work/tokenizer.json" \
    --train ../guide/train.jsonl --heldout ../guide/heldout.jsonl
echo "If the scores are good: cp $work/halligan-base-q8_0.gguf ."
