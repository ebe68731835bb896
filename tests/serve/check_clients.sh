#!/usr/bin/env bash
# Asks `halligan serve` with the real clients: check_clients.sh PYTHON
#
# PYTHON is an interpreter with what requirements.txt names; `./x clients` makes one and comes here.
# Needs the two binaries (./x test or cargo build --release). Nothing is downloaded.
set -euo pipefail
python=${1:?usage: check_clients.sh PYTHON}
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
target=${CARGO_TARGET_DIR:-$root/target}/release
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"

work=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

# The same weights in F32: llama.cpp then rounds nothing to 8 bits, and the formulas can be compared sharply.
"$target/halligan-host" quantize "$root/trainer-host/base/halligan-base-q8_0.gguf" -o "$work/base.gguf" \
    --type F32 --allow-requantize --no-report >/dev/null 2>&1
"$target/halligan-host" convert "$root/tests/models/bert" -o "$work/encoder.gguf" --type f32 >/dev/null 2>&1

# start [FLAG..]: a server on a free port; sets `url`.
start() {
    "$target/halligan" --home "$work/home" --model "$work/base.gguf" serve --port 0 --json "$@" >"$work/out" &
    server=$!
    for _ in $(seq 200); do
        url=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$work/out")
        if [ -n "$url" ] && "$python" -c "import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=5)" "$url/health" 2>/dev/null; then
            return 0
        fi
        sleep 0.1
    done
    echo "error: the server did not start; its output is above" >&2
    exit 1
}

start --token s3cret --encoder "$work/encoder.gguf"
(cd "$here" && "$python" check_openai.py "$url" s3cret "$work/base.gguf" "$root/tests/models/bert")
kill -TERM "$server"
wait "$server" || { echo "error: the server did not end well after SIGTERM" >&2; exit 1; }
start
(cd "$here" && "$python" check_harness.py "$url" "$work/base.gguf" "$root/trainer-host/guide")
