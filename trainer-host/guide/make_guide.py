"""Writes field-guide.md from facts.jsonl, sections.json and checklists.json.

Why: the guide and the question sets must say the same thing, so both are made from one list of
facts. Each passage is one paragraph: a lead sentence, the statements of its facts verbatim, and
its source, so that a full-text search for a fact finds the paragraph and the source together.
Checklists are numbered lists, which the device works through item by item; they hold no facts.
"""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
TITLES = {"wildland": "Wildland fire", "hazmat": "Hazardous materials", "sar": "Search and rescue"}
STATEMENTS_PER_PARAGRAPH = 6
HEAD = """# Example field guide

Demonstration document, not for operational use. It was written for the Halligan project so that
a field assistant has something real to learn, to look up and to be corrected on. The values were
taken from the public sources named after each paragraph. Editions change and local orders come
first: before anyone acts on a value, read it in the current edition of its source.

The guide has four parts: wildland fire, hazardous materials, search and rescue, and checklists.
Each paragraph ends with its source in brackets.
"""


def read_facts():
    """The facts by id, in file order."""
    lines = (HERE / "facts.jsonl").read_text(encoding="ascii").splitlines()
    return {fact["id"]: fact for fact in map(json.loads, lines)}


def paragraphs(passage, facts):
    """The paragraphs of one passage; long lists of statements become several paragraphs."""
    statements = [facts[name]["answer"] for name in passage["facts"]]
    count = -(-len(statements) // STATEMENTS_PER_PARAGRAPH)
    size = -(-len(statements) // count)
    for start in range(0, len(statements), size):
        lead = [passage["lead"]] if start == 0 else []
        yield " ".join(lead + statements[start:start + size] + ["[Source: " + passage["source"] + "]"])


def checklist(entry):
    """A checklist as a section: its introduction, then a numbered list."""
    items = [f"{number}. {item}" for number, item in enumerate(entry["items"], 1)]
    return "\n".join(["### " + entry["title"], "", entry["intro"] + " [Source: " + entry["source"] + "]", "", *items, ""])


def main():
    """Writes the guide and checks that it holds each fact exactly once."""
    facts = read_facts()
    sections = json.loads((HERE / "sections.json").read_text(encoding="ascii"))
    parts, topic, placed = [HEAD], None, []
    for section in sections:
        if section["topic"] != topic:
            topic = section["topic"]
            parts.append("## " + TITLES[topic] + "\n")
        parts.append("### " + section["section"] + "\n\n" + section["intro"] + "\n")
        for passage in section["passages"]:
            for name in passage["facts"]:
                fact = facts[name]
                assert fact["topic"] == topic and fact["section"] == section["section"], name
                assert fact["source"] == passage["source"], name
            placed += passage["facts"]
            parts += [text + "\n" for text in paragraphs(passage, facts)]
    checklists = json.loads((HERE / "checklists.json").read_text(encoding="ascii"))
    parts += ["## Checklists\n", *map(checklist, checklists)]
    text = "\n".join(parts)
    assert sorted(placed) == sorted(facts), "each fact should be in the guide once"
    assert all(fact["answer"] in text for fact in facts.values())
    assert text.isascii()
    (HERE / "field-guide.md").write_text(text, encoding="ascii")
    print(f"field-guide.md: {len(sections)} sections, {len(facts)} facts, {len(checklists)} checklists, {len(text)} bytes")


if __name__ == "__main__":
    main()
