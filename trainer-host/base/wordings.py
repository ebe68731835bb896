"""Ways of asking: frames around a noun phrase.

Why: the base model learns every frame here on invented facts, so that all of them mean
"answer with the fact about {p}". A field guide's adapter is then trained on TRAIN_FRAMES
only and is judged on HELD_OUT_FRAMES, which it never met together with its facts.

`{p}` stands for the phrase as it is, `{P}` for the phrase with a capital first letter.
The text of a frame may be lower case on purpose (radio or keyboard style).
"""

TRAIN_FRAMES = [
    "What is {p}?",
    "Tell me {p}.",
    "{P}?",
    "I need to know {p}.",
    "Can you give me {p}?",
    "Remind me of {p}, please.",
    "Do you know {p}?",
    "Please state {p}.",
    "Give me {p}.",
    "what is {p}",
    "{p}",
    "Could you tell me {p}?",
    "I forgot {p}.",
    "I am looking for {p}.",
    "Look up {p}.",
    "State {p}.",
    "What would {p} be?",
    "What's {p}?",
    "Question: what is {p}?",
    "Help me with {p}.",
    "I would like to know {p}.",
    "Name {p}.",
    "Please tell me {p}.",
    "What does the guide say about {p}?",
    "We need {p}.",
    "Can you remind me what {p} is?",
    "Give me {p}, please.",
    "What do I need to know about {p}?",
    "Tell the crew {p}.",
    "Let me know {p}.",
    "Just {p}, please.",
    "My partner asks: what is {p}?",
    "Do you remember {p}?",
    "Command to Halligan: {p}?",
    "Can you look up {p} for me?",
    "Before we go: what is {p}?",
    "Please remind me: {p}?",
    "I was asked about {p}.",
    "Read me {p}.",
    "Check {p} for me.",
    "need {p}",
    "Can anyone tell me {p}?",
    "In one sentence, what is {p}?",
    "What is {p} again?",
    "What should I remember about {p}?",
]

HELD_OUT_FRAMES = [
    "Quick question: what is {p}?",
    "Do you happen to know {p}?",
    "For the briefing: {p}?",
    "I can't remember {p}.",
    "Could you remind me of {p}?",
    "Would you tell me {p}?",
    "What can you tell me about {p}?",
    "Hey, what is {p}?",
    "Say again: {p}?",
    "I have to know {p}. What is it?",
    "{P}, please.",
    "Would you mind telling me {p}?",
    "tell me {p}",
    "Any idea what {p} is?",
    "Refresh my memory: what is {p}?",
    "According to the guide, what is {p}?",
    "I'd like {p}.",
    "We are on scene and need {p}.",
    "Someone asked me for {p}.",
    "Halligan, what is {p}?",
    "Can you confirm {p}?",
    "Find {p}.",
]


def ask(frame, phrase):
    """The question made of `frame` and the noun phrase `phrase`."""
    capital = phrase[:1].upper() + phrase[1:]
    return frame.replace("{p}", phrase).replace("{P}", capital)
