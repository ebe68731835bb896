"""Asks a device the questions of tool_calls_heldout.jsonl and counts the right calls.

    python3 score_tool_calls.py ../../target/release/halligan tool_calls.gguf [every]

Sets up a home of its own with the built-in base, the adapter, the guide, a list to tick and the example hazard
table, turns the router off, and asks every row (or every so many) through `halligan ask --tools`. A call is right
if the first one has the expected tool and exactly the expected arguments; a question of the guide must get none.
Nothing is allowed to change, so calls that ask first are made and refused.
"""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CHECKS = "# Station\n\n## Boat launch\n\n- [ ] Vests on\n- [ ] Fuel on\n- [ ] Line clear\n"


def run(halligan, home, *arguments):
    """Standard output of a command on this home; exit code 3 is a result, too."""
    done = subprocess.run([halligan, "--home", home, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def set_up(halligan, adapter, folder):
    """A home whose model alone decides what is called."""
    checks, home = folder / "checks.md", folder / "home"
    checks.write_text(CHECKS, encoding="ascii")
    base = HERE.parent / "base" / "halligan-base-q8_0.gguf"
    run(halligan, home, "setup", "--model", base, "--adapter", adapter, "--docs", HERE / "field-guide.md", checks)
    run(halligan, home, "tools", "import-table", HERE / "hazards.csv", "--name", "guide")
    run(halligan, home, "tools", "router", "off")
    return home


def main():
    """Prints the counts of each tool and what was wrong."""
    halligan, adapter = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    every = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rows = [json.loads(line) for line in (HERE / "tool_calls_heldout.jsonl").read_text(encoding="ascii").splitlines()]
    counts = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as folder:
        home = set_up(halligan, adapter, pathlib.Path(folder))
        for row in rows[::every]:
            turn = json.loads(run(halligan, home, "ask", "--tools", "--json", row["question"]).splitlines()[-1])
            calls = [used["call"] for used in turn["tools"]]
            count = counts[row["tool"]]
            count["asked"] += 1
            if row["tool"] is None:
                tool = not calls
                whole = tool and row["value"].lower() in turn["answer"].lower()
            else:
                tool = bool(calls) and calls[0]["name"] == row["tool"]
                whole = tool and calls[0]["arguments"] == row["arguments"]
            count["tool"] += tool
            count["whole"] += whole
            if not whole:
                print(f"  {row['question']} -> {calls or turn['answer']}")
    print(f"{'':16} asked  right tool  right arguments")
    total = collections.Counter()
    for tool, count in counts.items():
        print(f"{tool or 'none, the guide':16} {count['asked']:5} {count['tool']:11} {count['whole']:16}")
        if tool:
            total.update(count)
    share = {name: 100 * total[name] / total["asked"] for name in ("tool", "whole")}
    print(f"{'all tools':16} {total['asked']:5} {share['tool']:9.1f} % {share['whole']:14.1f} %")


if __name__ == "__main__":
    main()
