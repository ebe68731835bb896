"""The invented world: entities, facts about them and their phrase sets, all from one seed.

A fact is a dict like a field guide's: id, phrases (noun phrases that mean the same), questions
(full questions), value, answer (one sentence that contains the value), topic.
"""

import random

import english as E
import families as F
import lexicon as L


def capital(text):
    return text[:1].upper() + text[1:]


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


class World:
    """Draws entities, values and facts from one random stream."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def pick(self, items):
        return self.rng.choice(items)

    def word_pair(self, heads):
        r = self.rng
        form = r.random()
        head = self.pick(heads) if r.random() < 0.65 else self.pick(E.NOUNS)
        if r.random() < 0.25:
            return f"{self.pick(E.NOUNS + E.OTHER[:240])} {head}"
        if form < 0.4:
            return f"{self.pick(L.ADJECTIVES)} {head}"
        if form < 0.7:
            return f"{self.pick(L.THINGS)} {head}"
        if form < 0.9:
            return f"{capital(L.coined(r))} {head}"
        return f"{self.pick(L.ADJECTIVES)} {self.pick(L.THINGS)} {head}"

    def entity(self, kind):
        """(with article, bare) names of a made-up thing of `kind`."""
        r = self.rng
        if kind == F.SUB:
            name = L.coined(r, 1, 2) + (self.pick(L.TAIL_SUB) if r.random() < 0.7 else "")
            form = r.random()
            if form < 0.25:
                name = f"{self.pick(L.ADJECTIVES)} {name}"
            elif form < 0.5:
                name = f"{name} {L.coined(r, 1, 1)}{self.pick(L.TAIL_SUB)}"
            elif form < 0.56:
                name = f"{name}, {self.pick(['liquefied', 'refrigerated', 'solid', 'in solution', 'fuming', 'dry', 'wetted'])}"
            elif form < 0.64:
                name = f"{name} {self.pick(['gas', 'oil', 'acid', 'powder', 'liquid', 'dust', 'solution', 'spirit', 'fuel'])}"
            return name, name
        if kind == F.PERSON:
            name = f"{self.pick(L.PEOPLE_FIRST)} {capital(L.coined(r))}"
            return name, name
        if kind == F.PLACE:
            form = r.random()
            if form < 0.5:
                name = f"{capital(L.coined(r))} {capital(self.pick(L.PLACES))}"
                return name, name
            if form < 0.65:
                name = capital(L.coined(r, 1, 1)) + self.pick(L.TAIL_PLACE)
                return name, name
            name = self.word_pair(L.PLACES)
            return "the " + name, name
        if kind == F.TEAM:
            name = self.word_pair(L.TEAMS)
            if r.random() < 0.3:
                name = f"{capital(self.pick(L.TEAMS))} {self.pick([str(r.randint(1, 99)), capital(L.coined(r))])}"
                return name, name
            return self.pick(["the ", "the ", "a "]) + name, name
        if kind == F.GEAR:
            if r.random() < 0.3:
                name = f"{self.pick(['', capital(L.coined(r)) + ' '])}{L.code(r)} {self.pick(L.THINGS)}"
            else:
                name = self.word_pair(L.THINGS)
            if r.random() < 0.15:
                return name + "s", name + "s"
            return self.pick(["the ", "the ", "a "]) + name, name
        if kind == F.WORK:
            name = self.word_pair(L.WORK)
            if r.random() < 0.2:
                name = f"{self.pick(L.WORK)} {self.pick(['in', 'on', 'with', 'at', 'near'])} the {self.word_pair(L.PLACES + L.THINGS)}"
            return self.pick(["the ", "the ", "a ", "a "]) + name, name
        if kind == F.SIGNAL:
            name = self.word_pair(["signal", "call", "flag", "light", "whistle", "code", "mark", "sign", "alarm", "siren"])
            return "the " + name, name
        if kind == F.ILL:
            name = L.coined(r) + self.pick([" fever", " sickness", " shock", " burn", " cramp", "itis", "ia", "osis", " stroke", " exhaustion", " bite"])
            if r.random() < 0.3:
                name = f"{self.pick(L.ADJECTIVES)} {self.pick(L.BODY)} {self.pick(['sickness', 'injury', 'rot', 'strain', 'shock'])}"
            return name, name
        if r.random() < 0.5:
            name = "".join(r.choice("ABCDEFGHIKLMNOPRSTUW") for _ in range(r.randint(3, 6)))
            return name, name
        name = f"{capital(L.coined(r))} {self.pick(['code', 'rules', 'orders', 'list', 'law', 'checklist', 'principles'])}"
        return "the " + name, name

    def number(self):
        r = self.rng
        form = r.random()
        if form < 0.35:
            return str(r.randint(2, 20))
        if form < 0.75:
            return str(r.choice([5, 10, 25, 50, 100]) * r.randint(1, 20))
        if form < 0.85:
            return f"{r.randint(0, 20)}.{r.randint(1, 9)}"
        if form < 0.95:
            return str(r.randint(21, 990))
        return f"{r.randint(1, 30)},{r.choice(['000', '500', '200', '250'])}"

    def span(self, number):
        if self.rng.random() < 0.1 and number.isdigit():
            return f"{number} to {int(number) + self.rng.choice([1, 2, 5, 10, 20, 50])}"
        return number

    def quantity(self, dimension, modifier="none"):
        number = self.span(self.number())
        unit = self.pick(L.UNITS[dimension])
        if dimension in ("crew", "count"):
            number = self.span(str(self.rng.randint(2, 30)))
        if dimension == "share":
            number = self.span(str(self.rng.choice([self.rng.randint(1, 99), 5 * self.rng.randint(1, 19)])))
        return self.pick(F.MODIFIERS[modifier][1]).format(v=f"{number} {unit}")

    def action(self):
        r = self.rng
        if r.random() < 0.35:
            return self.sentence()
        text = f"{self.pick(L.VERBS)} {self.pick(L.OBJECTS)}"
        if r.random() < 0.45:
            text += " " + self.pick(L.ADVERBS)
        elif r.random() < 0.35:
            text += f" and {self.pick(L.VERBS)} {self.pick(L.OBJECTS)}"
        return text

    def sentence(self):
        """A free verb phrase of ordinary words: "reduce the speed before any contact"."""
        noun, verb = lambda: self.pick(E.NOUNS), lambda: self.pick(E.VERBS)
        the = lambda: f"{self.pick(['the', 'the', 'every', 'any', 'your', 'each', 'a', 'all', 'its'])} {noun()}"
        link = self.pick(["before", "after", "without", "with", "near", "during", "from", "between", "until", "for", "under", "through", "within", "against"])
        form = self.rng.randrange(6)
        return [f"{verb()} {the()} {link} {the()}", f"{verb()} {the()}", f"{verb()} {noun()} and {noun()}",
                f"{verb()} {the()} and {verb()} {the()}", f"{verb()} {self.pick(L.ADVERBS)} {link} {the()}",
                f"{verb()} {self.pick(L.ADJECTIVES)} {noun()} {link} {self.pick(L.ADJECTIVES)} {noun()}"][form]

    def danger(self):
        """A free noun phrase: "wind without a second exit", "being near the gate at dusk"."""
        noun = lambda: self.pick(E.NOUNS)
        form = self.rng.randrange(6)
        link = self.pick(["without", "with", "near", "between", "of", "in", "under", "behind", "over", "across"])
        return [f"{noun()} {link} {self.pick(['a', 'the', 'any', 'no'])} {noun()}", f"{self.pick(L.ADJECTIVES)} {noun()} {link} {noun()}",
                f"a {noun()} that nobody can {self.pick(E.VERBS)}", f"{noun()} and {noun()}", f"not {self.pick(['seeing', 'knowing', 'hearing', 'having'])} the {noun()} or the {noun()}",
                f"{self.pick(L.ADJECTIVES)} {noun()}"][form]

    def series(self):
        """Numbered or lettered siblings: one attribute, one kind of name, many values."""
        r = self.rng
        noun = self.pick(L.THINGS + L.PLACES + L.TEAMS + L.WORK + E.NOUNS)
        word = self.pick(["Type", "Class", "Level", "Grade", "Category", "Stage", "Group", "Zone", "Division", "Mark", "Plan", "Order", "Rule", "Warning", "Guide", "Table", "Phase"])
        short = capital(L.coined(r)) if r.random() < 0.6 else capital(self.pick(E.NOUNS))
        letters = r.random() < 0.3
        span = r.random() < 0.15
        style = r.randrange(3)
        kind = self.pick(["distance", "width", "weight", "time", "crew", "volume", "temperature", "colour", "danger", "action", "danger", "action", "size", "gear", "role", "pressure"])
        low, out, step = 1, [], r.choice([1, 2, 4, 5, 10])
        for k in range(r.choice([3, 4, 5, 7, 10, 13, 18])):
            index = "ABCDEFGHIJKLMNOPQR"[k] if letters else str(k + 1)
            nth = "" if letters or k >= 12 else F.ORDINALS[k]
            if span:
                name = f"a {noun} of {low} to {low + step} feet" if not letters else f"a {noun} of more than {low} {self.pick(['feet', 'pounds'])}"
                names, low = [name, name.replace(" to ", " and ").replace(" of ", " between ") if not letters else name], low + step
            elif style == 0:
                names = [f"a {word} {index} {noun}", f"{word} {index} {noun}s", f"a {noun} of {word.lower()} {index}", f"the {word} {index} {noun}"]
            elif style == 1:
                names = [f"{short} {word} {index}", f"{word} {index} of the {short} list", f"{short.lower()} {word.lower()} number {index}"]
                names += [f"the {nth} {short} {word}"] if nth else []
            else:
                names = [f"{noun} {word.lower()} {index}", f"{word.lower()} {index} {noun}", f"the {noun} with {word.lower()} {index}"]
            value = {"danger": self.danger, "action": self.action, "colour": lambda: self.pick(L.COLOURS), "role": lambda: self.pick(L.ROLES),
                     "gear": lambda: self.entity(F.GEAR)[0], "size": lambda: f"{self.span(self.number())} acres"}.get(kind, lambda: self.quantity(kind))()
            label = {"danger": "danger", "action": "action", "colour": "color", "gear": "tool", "role": "person in charge", "crew": "crew size"}.get(kind, kind)
            if kind in ("danger", "action") and style == 1:
                phrases = names + [f"the text of {names[0]}", f"the content of {names[1]}"]
                questions = [f"What does {n} say?" for n in names] + [f"What is {names[-1]}?", f"How does {names[1]} read?", f"What must a crew do under {names[0]}?",
                             f"What should worry you according to {names[0]}?", f"Which {word.lower()} stands at number {index} of the {short} list?"]
                answers = ["{E} is to {v}."] if kind == "action" else ["{E} is {v}."]
            else:
                phrases = [f"the {label} {self.pick(['of', 'for'])} {n}" for n in names] + [f"{names[0]}'s {label}", f"the {label} that {names[0]} has"]
                questions = [f"Which {label} does {names[0]} have?", f"What {label} goes with {names[-1]}?", f"You meet {names[0]}, what is the {label}?",
                             f"{capital(names[-1])} is coming, what {label} applies?", f"What {label} does {names[1]} need?"]
                answers = [f"The {label} of {{e}} is {{v}}."]
            out.append(self.build((names[0], names[0].removeprefix("a ")), "series", None, phrases, questions, answers, value))
        return out

    def wide_fact(self):
        """An attribute named by two ordinary nouns, about a thing named by ordinary nouns."""
        noun = lambda: self.pick(E.NOUNS)
        attribute, other = noun(), noun()
        thing = f"{noun()} {noun()}" if self.rng.random() < 0.5 else f"{self.pick(L.ADJECTIVES + E.OTHER[:400])} {noun()}"
        if self.rng.random() < 0.3:
            thing = f"{noun()} {self.pick(['of', 'for', 'near', 'under', 'in', 'after', 'without'])} {self.pick(['the', 'a'])} {thing}"
        e = self.pick(["the ", "a ", ""]) + thing
        label = attribute if self.rng.random() < 0.5 else f"{other} {attribute}"
        value = self.pick([self.danger, self.danger, self.action, lambda: self.quantity(self.pick(list(L.UNITS))), lambda: self.pick(L.COLOURS),
                           lambda: self.pick(L.ROLES), lambda: f"{self.pick(['half a', 'a quarter', 'a third of a', 'twice the', 'three times the', 'four times the'])} {noun()}",
                           lambda: f"minus {self.quantity('temperature')}", self.items])()
        phrases = [f"the {label} of {e}", f"the {label} for {e}", f"{e}'s {label}", f"{thing} {label}", f"the {label} that {e} has"]
        questions = [f"Which {label} does {e} have?", f"What {label} goes with {e}?", f"For {e}, what {label} applies?", f"What {label} is set for {e}?",
                     f"What is known of the {label} of {e}?"]
        return self.build((e, thing), "wide", None, phrases, questions, ["The {l} of {e} is {v}.".replace("{l}", label), "The {l} for {e} is {v}.".replace("{l}", label)], value)

    def items(self):
        n = self.rng.randint(2, 6)
        words = self.rng.sample(L.NOUNS_LIST, n)
        if self.rng.random() < 0.4:
            words = [f"{self.pick(L.ADJECTIVES)} {w}" for w in words]
        if self.rng.random() < 0.6:
            return ", ".join(words[:-1]) + " and " + words[-1]
        return ", ".join(words)

    def fill(self, text):
        return text.format(a=self.pick(L.ADJECTIVES), w="the " + self.word_pair(L.WORK), t="the " + self.word_pair(L.THINGS),
                           th=self.pick(L.THINGS), th2="the " + self.word_pair(L.THINGS), pl=self.pick(L.PLACES))

    def value(self, kind):
        r = self.rng
        if kind in L.UNITS:
            return self.quantity(kind)
        simple = {
            "un": lambda: f"UN {r.randint(4000, 9999)}",
            "guide": lambda: f"{self.pick(['guide', 'Guide', 'guide'])} {r.randint(200, 999)}",
            "class": lambda: f"{self.pick(['Class', 'Class', 'class', 'Division'])} {r.randint(1, 9)}{self.pick(['', '', '.' + str(r.randint(1, 6))])}",
            "colour": lambda: self.pick(L.COLOURS) if r.random() < 0.6 else f"{self.pick(L.COLOURS)} {self.pick(['and', 'with', 'over'])} {self.pick(L.COLOURS)}",
            "smell": lambda: self.pick(L.SMELLS),
            "material": lambda: self.pick(L.MATERIALS),
            "hazard": lambda: self.pick(L.HAZARDS) if r.random() < 0.6 else f"{self.pick(L.HAZARDS)} and {self.pick(L.HAZARDS)}",
            "state": lambda: self.pick(F.STATES),
            "number": lambda: str(r.randint(0, 9)),
            "glove": lambda: f"{self.pick(L.COLOURS + L.ADJECTIVES)} {self.pick(['rubber', 'leather', 'wool', 'canvas', 'plastic', 'steel', 'cotton'])} {self.pick(['gloves', 'boots', 'suits', 'aprons', 'hoods', 'coats'])}",
            "purpose": self.action, "action": self.action, "avoid": self.action,
            "role": lambda: self.pick(L.ROLES), "role_bare": lambda: self.pick(L.ROLES),
            "where": lambda: self.fill(self.pick(F.WHERE)),
            "angle": lambda: f"{5 * r.randint(1, 17)} degrees",
            "channel": lambda: self.pick([f"channel {r.randint(1, 40)}", f"{r.randint(118, 170)}.{r.randint(100, 975)} MHz", f"the {self.pick(L.ADJECTIVES)} channel"]),
            "direction": lambda: self.pick(L.DIRECTIONS) + (f" and {self.pick(L.DIRECTIONS)}" if r.random() < 0.3 else ""),
            "person": lambda: self.entity(F.PERSON)[0],
            "gear": lambda: self.entity(F.GEAR)[0],
            "list": self.items,
            "year": lambda: str(r.randint(1920, 2024)),
            "meaning": lambda: self.pick([self.action(), f'"{self.action()}"', self.pick(L.HAZARDS), "all clear near " + self.entity(F.PLACE)[0]]),
            "count_blast": lambda: f"{r.choice(['one', 'two', 'three', 'four', 'five', 'six', 'seven'])} {self.pick(['long', 'short', 'slow', 'quick'])} {self.pick(['blasts', 'flashes', 'tugs', 'waves', 'knocks', 'beeps'])}",
            "symptom": lambda: self.pick(L.SYMPTOMS) if r.random() < 0.5 else f"{self.pick(L.SYMPTOMS)} and {self.pick(L.SYMPTOMS)}",
            "number_items": lambda: f"{self.pick([str(r.randint(2, 40)), self.pick('two three four five six seven eight nine ten twelve eighteen'.split())])} {self.pick(['rules', 'points', 'parts', 'orders', 'items', 'steps', 'situations'])}",
        }
        return simple[kind]()

    def build(self, entity, kind, value_kind, phrases, questions, answers, value=None):
        e, b = entity
        v = value or self.value(value_kind)
        names = dict(e=e, b=b, v=v, E=capital(e), V=capital(v))
        answer = capital(self.pick(answers).format(**names)).replace(" channel channel", " channel")
        if e.startswith("a ") or e.startswith("an "):
            e2 = "a " + b
            fixed = article(b)
            answer = answer.replace(capital(e2), capital(fixed)).replace(e2, fixed)
        shown = v if v in answer else capital(v)
        return dict(topic=kind, entity=e, value=shown, answer=answer.replace("..", "."),
                    phrases=list(dict.fromkeys(p.format(**names) for p in phrases)),
                    questions=list(dict.fromkeys(capital(q.format(**names)) for q in questions)))

    def family_fact(self, row=None, entity=None):
        row = row or self.pick(F.FAMILIES)
        return self.build(entity or self.entity(row[0]), *row)

    def quantity_fact(self):
        """Minimum, maximum, usual ... of a dimension of a subject in a context."""
        dimension = self.pick(list(F.DIMENSIONS))
        nouns, questions = F.DIMENSIONS[dimension]
        modifier = self.pick(list(F.MODIFIERS))
        entity = self.entity(self.pick([F.GEAR, F.WORK, F.WORK, F.TEAM, F.PLACE, F.SUB]))
        context = self.fill(self.pick(F.CONTEXTS)) if self.rng.random() < 0.6 else ""
        mods, phrases = F.MODIFIERS[modifier][0], []
        for _ in range(6):
            head = f"{self.pick(mods)} {self.pick(nouns)}".strip()
            shape = self.pick(["the {h} {p} {s} {c}", "{s}'s {h} {c}", "the {h} {c} {p} {s}", "the {h} {p} {s} {c}", "the {h} that {s} {n} {c}",
                               "the {b} {h} {c}"])
            phrases.append(" ".join(shape.format(h=head, p=self.pick(["for", "of", "for"]), s=entity[0], b=entity[1], c=context,
                                                 n=self.pick(["needs", "must keep", "has"])).split()))
        if len(nouns) > 1 and self.rng.random() < 0.5:
            phrases.append(f"the {nouns[0]} rule for {entity[0]} {context}".strip())
        full = [" ".join(q.format(s=entity[0], c=context).split()).replace(" ?", "?") for q in questions]
        head = f"{mods[0]} {nouns[0]}".strip()
        full += [f"What {head} applies to {entity[0]} {context}".strip() + "?", f"What is the {head} for {entity[0]} {context}".strip() + "?"]
        answers = [f"the {head} {{p}} {{e}} {context} is {{v}}".replace("{p}", self.pick(["for", "of"])), f"for {{e}} {context}, the {head} is {{v}}"]
        value = self.quantity(dimension, modifier)
        if modifier in ("min", "max") and self.rng.random() < 0.6:
            value = self.quantity(dimension)
        answers = [" ".join(a.split()).replace(" ,", ",") + "." for a in answers]
        return self.build(entity, "quantity", None, phrases, full, answers, value)

    def condition_fact(self):
        kind = self.pick([F.GEAR, F.PLACE, F.TEAM, F.WORK, F.SIGNAL, F.SUB])
        entity = self.entity(kind)
        condition = self.pick(F.CONDITIONS).replace("{e}", entity[0]).replace("{smell}", self.pick(L.SMELLS))
        condition = condition.replace("{colour}", self.pick(L.COLOURS)).replace("{dist}", self.quantity("distance"))
        phrases = [f"the action when {condition}", f"the response when {condition}", f"the procedure if {condition}",
                   f"the thing to do when {condition}", f"the right move if {condition}", f"the rule for when {condition}"]
        questions = [f"What do you do when {condition}?", f"What should I do if {condition}?", f"How do you respond if {condition}?",
                     f"{capital(condition)}. What now?", f"What is done when {condition}?", f"If {condition}, what comes next?"]
        return self.build(entity, "condition", "action", phrases, questions,
                          [f"When {condition}, {{v}}.", f"If {condition}, {{v}}."])

    def rule_fact(self, code=None, index=None):
        entity = code or self.entity(F.CODEX)
        k = self.rng.randrange(12) if index is None else index
        word, nth = self.pick(F.RULE_WORDS), F.ORDINALS[k]
        phrases = [f"the {nth} {word} of {{e}}", f"{{e}}'s {nth} {word}", f"{word} {k + 1} of {{e}}", f"{word} number {k + 1} in {{e}}",
                   f"the {nth} {word} in {{e}}", f"the {nth} {{b}} {word}"]
        questions = [f"What does the {nth} {word} of {{e}} say?", f"What is {word} {k + 1} of {{e}}?", f"Which {word} comes {nth} in {{e}}?",
                     f"What does {{e}} say in {word} {k + 1}?"]
        return self.build(entity, "rule", "action", phrases, questions,
                          [f"The {nth} {word} of {{e}} is to {{v}}.", f"The {nth} {word} of {{e}} says: {{v}}.", f"{capital(word)} {k + 1} of {{e}}: {{v}}."])

    def definition_fact(self):
        name = L.coined(self.rng)
        if self.rng.random() < 0.7:
            name = self.word_pair(L.THINGS + L.WORK + L.PLACES)
        noun = self.pick(L.THINGS + L.PLACES + L.WORK + ["person", "worker", "area", "line", "plan", "fire", "map", "list"])
        body = f"{self.pick(L.ADJECTIVES)} {noun} {self.pick(['used to', 'made to', 'meant to', 'that helps to', 'where crews'])} {self.action()}"
        full = article(name)
        phrases = ["the meaning of {e}", "the definition of {e}", "the meaning of the term {b}", "the sense of the word {b}", "{e}"]
        questions = ["What is {e}?", "What does {b} mean?", "What do you call {e}?".replace("call", "mean by"), "How is {e} defined?", "Explain {b}."]
        return self.build((full, name), "definition", None, phrases, questions, ["{E} is {v}.", "{B} means {v}.".replace("{B}", capital(name))], article(body))

    def reverse_fact(self):
        row = self.pick([f for f in F.FAMILIES if f[1] in ("un", "purpose", "colour", "channel", "hazard", "smell", "role")])
        clue_kind = row[1]
        clue = self.value(clue_kind)
        target = self.entity(row[0])[0]
        words = {"un": "the number", "purpose": "the job to", "colour": "the color", "channel": "the channel called", "hazard": "the danger of",
                 "smell": "the smell of", "role": "the authority of"}[clue_kind]
        noun = {F.SUB: "substance", F.GEAR: "item", F.PLACE: "place", F.TEAM: "team", F.WORK: "task", F.PERSON: "person", F.SIGNAL: "signal",
                F.ILL: "condition", F.CODEX: "code"}[row[0]]
        where = self.pick(L.PLACES)
        phrases = [f"the {noun} with {words} {clue} at the {where}", f"the {noun} that has {words} {clue} at the {where}",
                   f"the name of the {noun} with {words} {clue} at the {where}"]
        questions = [f"Which {noun} at the {where} has {words} {clue}?", f"What {noun} at the {where} goes with {words} {clue}?"]
        return self.build((clue, clue), "reverse", None, phrases, questions,
                          [f"At the {where}, the {noun} with {words} {clue} is {{v}}.", f"{{V}} is the {noun} at the {where} with {words} {clue}."], target)

    def facts(self, count):
        """`count` facts; many entities own several facts, and codes own numbered rules."""
        out, seen = [], set()
        while len(out) < count:
            form = self.rng.random()
            if form < 0.34:
                kind = self.pick([F.SUB, F.SUB, F.GEAR, F.GEAR, F.PLACE, F.TEAM, F.WORK, F.WORK, F.PERSON, F.SIGNAL, F.ILL, F.CODEX])
                rows = [f for f in F.FAMILIES if f[0] == kind]
                entity = self.entity(kind)
                batch = [self.family_fact(r, entity) for r in self.rng.sample(rows, min(len(rows), self.rng.choice([1, 2, 3, 5])))]
            elif form < 0.52:
                batch = [self.quantity_fact()]
            elif form < 0.62:
                batch = [self.condition_fact()]
            elif form < 0.81:
                batch = [self.wide_fact()]
            elif form < 0.86:
                batch = self.series()
            elif form < 0.89:
                code = self.entity(F.CODEX)
                batch = [self.rule_fact(code, k) for k in range(self.rng.choice([3, 5, 8, 12]))]
            elif form < 0.96:
                batch = [self.definition_fact()]
            else:
                batch = [self.reverse_fact()]
            for fact in batch:
                if fact["phrases"][0] not in seen and fact["value"] in fact["answer"]:
                    seen.add(fact["phrases"][0])
                    fact["id"] = f"f{len(out)}"
                    out.append(fact)
        return out[:count]


if __name__ == "__main__":
    for f in World(3).facts(40):
        print(f["topic"], "|", f["answer"], "|", f["value"], "|", f["phrases"][:4], f["questions"][:3])
