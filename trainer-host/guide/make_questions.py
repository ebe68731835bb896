"""Writes train.jsonl, gate.jsonl, heldout.jsonl and calibration.jsonl from facts.jsonl and the asking frames.

Why: an adapter has learned a fact only if it answers in words it was not trained on. So each fact
has eight trained wordings (training frames around its noun phrases, and hand-written questions),
and held-out wordings that never occur in training: held-out frames, and for every fourth fact the
last hand-written question. The gate set, which the device uses before it activates an adapter, is
in the style of training but in combinations that were not trained. The calibration set, from which
it learns how often its answers are right, is in held-out frames and hand-written words as well, never
those of the held-out set.

Pure standard library; the same seed writes the same bytes.
"""

import collections
import json
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "base"))

import wordings  # noqa: E402

SEED = 1907
TRAIN_WORDINGS = 8
TRAIN_OWN_QUESTIONS = 2
GATE_ROWS = 100
CALIBRATION_ROWS = 160
CALIBRATION_OWN_EVERY = 2
OWN_HELD_OUT_EVERY = 4
ANSWER_WORDS = range(6, 23)
VALUE_WORDS_MAX = 6


def normalised(text):
    """`text` as it is compared: lower case, no punctuation except inside numbers, single spaces."""
    text = text.lower().replace("'", "")
    return " ".join(re.findall(r"\d+(?:[.,/:]\d+)*|[a-z]+", text))


def contains(text, value):
    """Whether `value` occurs in `text` as whole words."""
    return f" {normalised(value)} " in f" {normalised(text)} "


class Deck:
    """Deals cards in shuffled order, and all of them before any comes twice."""

    def __init__(self, cards, rng):
        self.cards, self.rng, self.left = list(cards), rng, []

    def deal(self, fits):
        """The next card for which `fits` holds; the others stay in the deck."""
        for _ in range(2):
            for index, card in enumerate(self.left):
                if fits(card):
                    return self.left.pop(index)
            fresh = list(self.cards)
            self.rng.shuffle(fresh)
            self.left += fresh
        raise ValueError("no frame is left that gives a new question")


class Questions:
    """Asks every question at most once over all sets, as compared after normalising."""

    def __init__(self):
        self.owner = {}

    def is_new(self, question):
        return normalised(question) not in self.owner

    def take(self, fact, question):
        """Reserves `question` for `fact`."""
        if not self.is_new(question):
            raise ValueError(f"{fact['id']}: {question!r} is asked already")
        self.owner[normalised(question)] = fact["id"]
        return question

    def framed(self, fact, deck, phrase):
        """A new question from a dealt frame around `phrase`."""
        frame = deck.deal(lambda card: self.is_new(wordings.ask(card, phrase)))
        return self.take(fact, wordings.ask(frame, phrase))


def read_facts():
    """The facts, each checked to be complete and to be scorable."""
    facts = [json.loads(line) for line in (HERE / "facts.jsonl").read_text(encoding="ascii").splitlines()]
    assert len({fact["id"] for fact in facts}) == len(facts), "ids should be unique"
    owner = {}
    for fact in facts:
        name, answer, value = fact["id"], fact["answer"], fact["value"]
        assert contains(answer, value) and value.lower() in answer.lower(), name
        assert len(answer.split()) in ANSWER_WORDS, name
        assert len(value.split()) <= VALUE_WORDS_MAX, name
        assert not any(contains(answer, wrong) for wrong in fact.get("contradicts", [])), name
        assert 3 <= len(fact["phrases"]) <= 4 and 3 <= len(fact["questions"]) <= 5, name
        for text in fact["phrases"] + fact["questions"]:
            assert not contains(text, value), f"{name}: {text!r} gives its own answer away"
            assert owner.setdefault(normalised(text), name) == name, f"{text!r} asks two facts"
    return facts


def row(fact, question):
    """One dataset row."""
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": fact["answer"]}]
    made = {"id": fact["id"], "messages": messages, "value": fact["value"]}
    if "contradicts" in fact:
        made["contradicts"] = fact["contradicts"]
    return made


def make_sets(facts):
    """The rows of the four sets by name."""
    rng = random.Random(SEED)
    asked = Questions()
    train_deck = Deck(wordings.TRAIN_FRAMES, rng)
    # A frame that differs from a training frame only in case or punctuation holds nothing out.
    trained = {normalised(frame) for frame in wordings.TRAIN_FRAMES}
    held = [frame for frame in wordings.HELD_OUT_FRAMES if normalised(frame) not in trained]
    held_deck = Deck(held, rng)
    sets = {"train": [], "gate": [], "heldout": []}
    own_held = {fact["id"] for fact in facts[OWN_HELD_OUT_EVERY - 1::OWN_HELD_OUT_EVERY]}

    for fact in facts:
        for question in fact["questions"][:TRAIN_OWN_QUESTIONS]:
            sets["train"].append(row(fact, asked.take(fact, question)))
        phrases = list(fact["phrases"])
        for turn in range(TRAIN_WORDINGS - TRAIN_OWN_QUESTIONS):
            question = asked.framed(fact, train_deck, phrases[turn % len(phrases)])
            sets["train"].append(row(fact, question))

    for fact in facts:
        if fact["id"] in own_held:
            question = asked.take(fact, fact["questions"][-1])
        else:
            question = asked.framed(fact, held_deck, rng.choice(fact["phrases"]))
        sets["heldout"].append(row(fact, question))

    for number, fact in enumerate(rng.sample(facts, GATE_ROWS)):
        spare = fact["questions"][TRAIN_OWN_QUESTIONS:-1]
        if spare and number % OWN_HELD_OUT_EVERY == 0:
            question = asked.take(fact, spare[0])
        else:
            question = asked.framed(fact, train_deck, rng.choice(fact["phrases"]))
        sets["gate"].append(row(fact, question))

    rng.shuffle(sets["train"])

    # Last, so that the other sets do not depend on it.
    sets["calibration"] = []
    for number, fact in enumerate(rng.sample(facts, CALIBRATION_ROWS)):
        own = fact["questions"][-1]
        if number % CALIBRATION_OWN_EVERY == 0 and asked.is_new(own):
            question = asked.take(fact, own)
        else:
            question = asked.framed(fact, held_deck, rng.choice(fact["phrases"]))
        sets["calibration"].append(row(fact, question))
    return sets, len(own_held)


def check(facts, sets):
    """Asserts what the sets promise: no question twice, every fact trained and held out."""
    seen = collections.Counter(
        normalised(made["messages"][0]["content"]) for rows in sets.values() for made in rows
    )
    assert max(seen.values()) == 1, "no question should occur twice, within a set or over sets"
    ids = [fact["id"] for fact in facts]
    trained = collections.Counter(made["id"] for made in sets["train"])
    assert all(trained[name] == TRAIN_WORDINGS for name in ids)
    assert sorted(made["id"] for made in sets["heldout"]) == sorted(ids)
    for rows in sets.values():
        for made in rows:
            question, answer = (turn["content"] for turn in made["messages"])
            assert contains(answer, made["value"]) and not contains(question, made["value"]), made["id"]


def check_corrections(sets):
    """Asserts that no correction asks what the guide's questions ask, and that all are scorable."""
    path = HERE / "corrections.jsonl"
    guide = {normalised(made["messages"][0]["content"]) for rows in sets.values() for made in rows}
    text = path.read_text(encoding="ascii")
    seen = set()
    for made in map(json.loads, text.splitlines()):
        assert contains(made["correction"], made["value"]), made["id"]
        for question in [made["question"], *made["reworded"]]:
            plain = normalised(question)
            assert plain not in guide and plain not in seen, question
            assert not contains(question, made["value"]), question
            seen.add(plain)
    return len(text.splitlines())


def main():
    """Writes the sets and prints their sizes."""
    facts = read_facts()
    sets, own_held = make_sets(facts)
    check(facts, sets)
    for name, rows in sets.items():
        text = "".join(json.dumps(made) + "\n" for made in rows)
        assert text.isascii()
        (HERE / f"{name}.jsonl").write_text(text, encoding="ascii")
        print(f"{name}.jsonl: {len(rows)} rows")
    topics = collections.Counter(fact["topic"] for fact in facts)
    print(f"facts: {len(facts)}, {dict(topics)}; held-out questions in hand-written words: {own_held}")
    print(f"longest answer: {max(len(fact['answer'].split()) for fact in facts)} words")
    print(f"corrections.jsonl: {check_corrections(sets)} rows")


if __name__ == "__main__":
    main()
