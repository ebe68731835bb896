"""Makes the files under foreign/: rows as other programs write them, to be imported by the tests.

Needs datasets and pyarrow. Run: python make_foreign_rows.py
"""

import json
import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import pyarrow as pa
import pyarrow.parquet as parquet
from datasets import Dataset, DatasetDict, Features, List, Value

HERE = Path(__file__).parent / "foreign"


def rows(first, count):
    """Questions with answers; every third has a system message."""
    for number in range(first, first + count):
        messages = [
            {"role": "user", "content": f"What is the code of item {number}?\nSay it briefly."},
            {"role": "assistant", "content": f"The code of item {number} is K-{7 * number}."},
        ]
        if number % 3 == 0:
            messages.insert(0, {"role": "system", "content": "You are a field assistant."})
        yield {"id": f"item-{number}", "messages": messages}


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    features = Features({"id": Value("string"), "messages": List({"role": Value("string"), "content": Value("string")})})
    splits = {"train": list(rows(0, 7)), "test": list(rows(7, 3))}
    made = {name: Dataset.from_list(split, features=features, split=name) for name, split in splits.items()}
    DatasetDict(made).save_to_disk(HERE / "hugging_face")

    # Large strings and an integer id, as pandas and polars write them; no group, kind or split.
    message = pa.struct([("role", pa.large_string()), ("content", pa.large_string())])
    schema = pa.schema([("id", pa.int64()), ("messages", pa.large_list(message)), ("score", pa.float64())])
    table = pa.table(
        {
            "id": list(range(5)),
            "messages": [row["messages"] for row in rows(20, 5)],
            "score": [0.5] * 5,
        },
        schema=schema,
    )
    parquet.write_table(table, HERE / "rows.parquet", compression="snappy")
    parquet.write_table(pa.table({"question": ["a"]}), HERE / "no_rows.parquet")

    with open(HERE / "alpaca.jsonl", "w") as file:
        for number in range(4):
            row = {"instruction": f"Name item {number}.", "input": "in Greek" if number % 2 else "", "output": f"Item {number}."}
            file.write(json.dumps(row) + "\n")
    with open(HERE / "sharegpt.jsonl", "w") as file:
        for number in range(4):
            turns = [{"from": "human", "value": f"Item {number}?"}, {"from": "gpt", "value": f"It is {number}."}]
            file.write(json.dumps({"id": f"s{number}", "conversations": turns * 2}) + "\n")


if __name__ == "__main__":
    main()
