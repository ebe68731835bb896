"""Opens what `halligan-host data export` wrote with the programs it was written for.

Needs datasets, pyarrow and mlcroissant. Run: python check_exports.py DATASET EXPORTS
DATASET is a dataset folder; EXPORTS holds hf/, rows.parquet, croissant/ and messages.jsonl made from it.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import mlcroissant
import pyarrow.parquet as parquet
from datasets import load_dataset, load_from_disk


def bare(row):
    return {key: row.get(key) for key in ["id", "group", "kind", "split", "messages", "text", "value"]}


def main():
    dataset, exports = Path(sys.argv[1]), Path(sys.argv[2])
    rows = {row["id"]: bare(row) for row in map(json.loads, (dataset / "rows.jsonl").read_text().splitlines())}

    loaded = load_from_disk(str(exports / "hf"))
    found = {row["id"]: bare(row) for split in loaded.values() for row in split}
    assert found == rows, "hf"
    for name, split in loaded.items():
        assert set(split["split"]) <= {name, None}, name
        split.map(lambda row: {"size": len(row["messages"] or [])})

    found = {row["id"]: bare(row) for row in parquet.read_table(exports / "rows.parquet").to_pylist()}
    assert found == rows, "parquet"
    assert len(load_dataset("parquet", data_files=str(exports / "rows.parquet"), split="train")) == len(rows)
    assert len(load_dataset("json", data_files=str(exports / "messages.jsonl"), split="train")) == len(rows)

    described = mlcroissant.Dataset(jsonld=str(exports / "croissant" / "croissant.json"))
    assert not described.metadata.issues.errors, described.metadata.issues.errors
    names = [record_set.uuid for record_set in described.metadata.record_sets]
    count = 0
    for name in names:
        for record in described.records(name):
            row = rows[record[f"{name}/id"].decode()]
            parts = record[f"{name}/messages"] or []
            said = [part[f"{name}/messages/content"].decode() for part in parts]
            assert said == [message["content"] for message in row["messages"] or []], row["id"]
            count += 1
    assert count == len(rows), "croissant"
    print(f"{len(rows)} rows are the same in hf, parquet, messages and croissant")


if __name__ == "__main__":
    main()
