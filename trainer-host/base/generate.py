"""Training rows of the base model, made of invented facts. Run it to look at samples.

Kinds of rows and why:
- asked facts: facts of one fixed world, each met in many wordings, so that the model must map
  every wording to one fact (the skill that an adapter later relies on);
- fresh facts: never repeated; the value has no loss, the sentence has: copying unknown names;
- open book: the fact stands in the message; the answer is read from it;
- conversations, short passages, small talk.
"""

import random
import sys

import wordings
from world import World, capital

WORLD_SEED, WORLD_FACTS = 20240, 3000
PROBE_SEED, PROBE_FACTS = 777001, 210

EXTRA_FRAMES = [
    "What about {p}?", "{P}, over.", "Looking for {p}, over.", "Got {p}?", "And {p}?", "How about {p}?", "Need {p}, over.",
    "I want {p}.", "Requesting {p}.", "Please give {p}.", "Explain {p}.", "Describe {p}.", "Where do I read about {p}? What is it?",
    "Can somebody tell me {p}?", "What was {p}?", "what was {p} again", "whats {p}", "The new recruit wants {p}.", "Show {p}.",
    "I keep forgetting {p}.", "Spell out {p} for me.", "Base, this is crew two. What is {p}?", "For my notes: {p}.", "Tell us {p}.",
    "May I have {p}?", "Is there a rule on {p}?", "In short, {p}?", "Exam question: what is {p}?", "Please, what is {p}?",
    "hi, what is {p}", "ok so {p}?", "one more time, {p}", "Which is {p}?", "Do you have {p}?", "I wonder what {p} is.",
    "Say {p}.", "Give us {p}.", "Does the guide give {p}?", "Advise {p}.", "Repeat {p}.", "Copy. What is {p}?", "Kindly tell me {p}.",
]
FRAMES = wordings.TRAIN_FRAMES + wordings.HELD_OUT_FRAMES + EXTRA_FRAMES
OPENERS = ["Quick question: ", "Halligan, ", "Please tell me: ", "Hey, ", "Question: ", "For the briefing: ", "Radio check. ", "Hi. ",
           "Tell me: ", "I was asked: ", "Do you know this? ", "Listen: ", "Remind me, ", "Ok, ", "Sorry, ", "Say again: ", "My question is: "]
CLOSERS = [" Over.", " Please.", " Thanks.", " Thank you.", " I forgot.", " I need it now.", " Quickly, please.", " Be brief."]

SCENES = ["We have {e} here, {q}", "A crew meets {e}. {Q}", "There is {e} ahead, {q}", "{E} is involved. {Q}", "Think of {e}: {q}", "You deal with {e}, {q}",
          "{E} is reported, {q}", "A driver asks about {e}: {q}", "With {e} on scene, {q}", "Suppose you find {e}, {q}", "{E} shows up, {q}",
          "If it is {e}, {q}", "This is about {e}. {Q}", "{E}: {q}", "Take {e}, {q}", "When you see {e}, {q}"]

CHAT = [
    (["Who are you?", "What are you?", "What is your name?", "who are you", "Introduce yourself.", "Are you a person?"],
     "I am Halligan, an offline field assistant."),
    (["Hello.", "Hi.", "Hi there!", "Hey.", "Good morning.", "Good evening.", "hello"], "Hello. What do you need to know?"),
    (["Thanks.", "Thank you.", "Thanks a lot!", "Great, thank you.", "thx"], "You are welcome. Stay safe."),
    (["What can you do?", "How can you help?", "What do you do?", "help", "Help."], "I answer short questions from the field guide without a network."),
    (["Do you need the internet?", "Are you online?", "Do you work without a network?"], "No. I work on this device without any network."),
    (["Goodbye.", "Bye.", "That is all.", "Over and out."], "Understood. Stay safe."),
    (["Can you make mistakes?", "Are you always right?", "Can I trust you?"], "I can be wrong. Check the passage of the guide and correct me."),
    (["How do I correct you?", "Your answer is wrong.", "That is wrong.", "This is not right."], "Tell me the right answer and I will learn it."),
    (["Okay.", "Copy.", "Understood.", "Roger."], "Copy."),
]


def typo(rng, text):
    words = text.split(" ")
    spots = [i for i, w in enumerate(words) if len(w) > 3 and w.islower() and w.isalpha()]
    if not spots:
        return text
    i = rng.choice(spots)
    w, k = words[i], rng.randrange(1, len(words[i]) - 1)
    words[i] = rng.choice([w[:k] + w[k + 1:], w[:k] + w[k + 1] + w[k] + w[k + 2:], w[:k] + w[k] + w[k:]])
    return " ".join(words)


def keywords(rng, phrase):
    """Search-box style: "chlorine un number"."""
    drop = {"the", "a", "an", "of", "for", "in", "is", "that", "with", "to", "at"}
    text = phrase.replace("'s ", " ")
    words = [w for w in text.split() if w not in drop]
    if " of " in phrase and rng.random() < 0.7:
        left, right = phrase.split(" of ", 1)
        words = [w for w in (right + " " + left).split() if w not in drop]
    return " ".join(words) + rng.choice(["", "", "?"])


def reserved(fact_index, frame_index):
    """Wordings of a world fact that are never trained: they measure transfer to new wordings."""
    return (fact_index * 31 + frame_index * 17) % 7 == 0


def scene(rng, fact):
    """Context first, then a question in which "it" or nothing stands for the entity."""
    entity, ask = fact["entity"], rng.choice(fact["questions"])
    if rng.random() < 0.3:
        ask = f"What is {rng.choice(fact['phrases'])}?"
    if entity + "'s" in ask:
        ask = ask.replace(entity + "'s", "its", 1)
    elif rng.random() < 0.8:
        ask = ask.replace(entity, "it", 1)
    return rng.choice(SCENES).format(e=entity, E=capital(entity), q=ask[:1].lower() + ask[1:], Q=ask)


def question(rng, fact, index=None):
    """One of very many ways to ask for `fact`."""
    form = rng.random()
    if form < 0.30:
        text = rng.choice(fact["questions"])
        if rng.random() < 0.25:
            text = scene(rng, fact)
        elif rng.random() < 0.2:
            opener = rng.choice(OPENERS)
            text = opener + (text if opener.endswith(". ") else text[:1].lower() + text[1:])
    elif form < 0.92:
        k = rng.randrange(len(FRAMES))
        while index is not None and reserved(index, k):
            k = rng.randrange(len(FRAMES))
        text = wordings.ask(FRAMES[k], rng.choice(fact["phrases"]))
    else:
        text = keywords(rng, rng.choice(fact["phrases"]))
    if rng.random() < 0.05:
        text += rng.choice(CLOSERS)
    form = rng.random()
    if form < 0.07:
        text = text.lower()
    elif form < 0.12:
        text = text.rstrip("?.")
    elif form < 0.16:
        text = typo(rng, text)
    elif form < 0.17:
        text = text.upper()
    return text


class Corpus:
    """Rows are (turns, masked) with turns = [(user, assistant), ...] or a plain passage (str)."""

    def __init__(self, facts=WORLD_FACTS):
        self.facts = World(WORLD_SEED).facts(facts)
        self.by_entity = {}
        for i, fact in enumerate(self.facts):
            self.by_entity.setdefault(fact["entity"], []).append(i)
        self.owners = list(self.by_entity)

    def asked(self, rng):
        i = rng.randrange(len(self.facts))
        fact = self.facts[i]
        return [(question(rng, fact, i), fact["answer"])], None

    def fresh(self, rng, world):
        fact = world.facts(1)[0]
        return [(question(rng, fact), fact["answer"])], fact["value"]

    def open_book(self, rng, world):
        facts = world.facts(rng.choice([1, 1, 2, 3, 5]))
        fact = rng.choice(facts)
        passage = " ".join(f["answer"] for f in facts)
        ask = question(rng, fact)
        form = rng.random()
        if form < 0.4:
            return [(f"{passage}\n{ask}", fact["answer"])], None
        if form < 0.6:
            return [(f"Passage: {passage}\nQuestion: {ask}", fact["answer"])], None
        opening = rng.choice(["Correction: ", "Note: ", "New: ", "Remember this: ", "From now on: ", "That is wrong. "])
        return [(opening + passage, rng.choice(["Understood.", "Copy.", "Noted."])), (ask, fact["answer"])], None

    def conversation(self, rng):
        turns = []
        for _ in range(rng.choice([2, 2, 3, 4])):
            turns += self.asked(rng)[0] if rng.random() < 0.85 else self.chat(rng)[0]
        return turns, None

    def passage(self, rng):
        text = []
        for _ in range(rng.choice([1, 2, 4, 8])):
            owner = rng.choice(self.owners)
            text.append(f"{capital(owner)}. " + " ".join(self.facts[i]["answer"] for i in self.by_entity[owner][:8]))
        return "\n".join(text), None

    def chat(self, rng):
        asks, answer = rng.choice(CHAT)
        return [(rng.choice(asks), answer)], None

    def rows(self, seed, count):
        """`count` rows of the mixture, all from `seed`."""
        rng = random.Random(seed)
        world = World(seed * 7919 + 13)
        for _ in range(count):
            form = rng.random()
            if form < 0.40:
                yield self.asked(rng)
            elif form < 0.76:
                yield self.fresh(rng, world)
            elif form < 0.89:
                yield self.open_book(rng, world)
            elif form < 0.93:
                yield self.conversation(rng)
            elif form < 0.985:
                yield self.passage(rng) if rng.random() < 0.5 else self.asked(rng)
            else:
                yield self.chat(rng)


if __name__ == "__main__":
    for turns, masked in Corpus(300).rows(int(sys.argv[1]) if len(sys.argv) > 1 else 1, 40):
        print(turns, "| value without loss:", masked)
