"""Writes out_of_domain.jsonl and out_of_domain_heldout.jsonl: questions that the field guide has nothing to say about.

Why: a device must say "outside my expertise" and not guess. It chooses the limit for that on the first file; the second
one, about other subjects, shows what the limit is worth. Half of the questions use the frames in which the guide's own
facts are asked, so that a limit cannot rest on the way of asking.

Pure standard library; the same input writes the same bytes.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "base"))

import wordings  # noqa: E402

# topic: (noun phrases that a frame asks for, whole questions)
CHOSEN_ON = {
    "cooking": (
        ["the boiling time of a soft egg", "a good recipe for lasagna", "the best flour for sourdough bread",
         "the secret of a crisp pizza crust", "a substitute for butter in cookies", "the right amount of salt for pasta"],
        ["How long should I roast a chicken?", "Why did my cheese sauce turn lumpy?", "Which wine goes with salmon?",
         "How do I keep avocados from turning brown?"],
    ),
    "sports": (
        ["the offside rule in soccer", "the winner of the last basketball final", "the length of a marathon",
         "the best way to serve in tennis", "the number of players in a rugby team", "the record for the high jump"],
        ["Who scored the most goals this season?", "How do I improve my golf swing?", "When does the hockey season begin?",
         "What is a good training plan for ten kilometers?"],
    ),
    "law": (
        ["the notice period for a rented flat", "the difference between a will and a trust", "the rules for copyright of photos",
         "the age of majority in France", "the deadline for an appeal in civil court", "the meaning of a power of attorney"],
        ["Can my landlord keep the deposit?", "How do I register a trademark?", "Who inherits when there is no will?",
         "Is a verbal contract binding?"],
    ),
    "money": (
        ["the interest rate of a savings account", "the difference between a stock and a bond", "the price of gold",
         "the tax on capital gains", "the best budget for a student", "the exchange rate of the euro"],
        ["Should I pay off my mortgage early?", "How does compound interest work?", "What makes a credit score go up?",
         "When should I start saving for a pension?"],
    ),
    "history": (
        ["the year of the French Revolution", "the first emperor of Rome", "the causes of the First World War",
         "the inventor of the printing press", "the capital of the Inca empire", "the route of Marco Polo"],
        ["Who painted the Mona Lisa?", "When did the Berlin wall come down?", "Why did the Roman empire fall?",
         "Who was the second president of the United States?"],
    ),
    "computers": (
        ["a good password manager", "the difference between a list and a tuple in Python", "the shortcut for a new browser tab",
         "the best laptop for video editing", "the meaning of error 404", "the command that lists files in Linux"],
        ["How do I reset my email password?", "Why is my phone battery draining so fast?", "How do I center a div?",
         "Which programming language should I learn first?"],
    ),
    "travel": (
        ["the best month to visit Japan", "the baggage allowance of a cheap airline", "a hotel near the Eiffel tower",
         "the visa rules for Brazil", "the fastest train from Paris to Lyon", "the nicest beaches of Portugal"],
        ["Do I need a passport for Ireland?", "How do I get over jet lag?", "What should I pack for a week in Rome?",
         "Is it cheaper to book flights on Tuesdays?"],
    ),
    "gardening": (
        ["the right time to prune roses", "a good soil for tomatoes", "the distance between apple trees",
         "the best compost for a balcony", "a plant that likes shade", "the depth at which to plant tulips"],
        ["Why are the leaves of my basil yellow?", "How often do I water a cactus?", "What keeps slugs away from lettuce?",
         "When do strawberries ripen?"],
    ),
    "music": (
        ["the chords of a twelve bar blues", "the number of strings on a violin", "the composer of the Four Seasons",
         "the tuning of a ukulele", "the best album of the Beatles", "the key signature of D major"],
        ["How do I learn to read sheet music?", "What is a syncopated rhythm?", "Who sings the song in that movie?",
         "How many symphonies did Beethoven write?"],
    ),
    "animals": (
        ["the life span of a tortoise", "the favorite food of a panda", "the fastest bird", "the right litter box for a kitten",
         "the gestation of an elephant", "the number of hearts of an octopus"],
        ["How do I teach my dog to sit?", "Why do cats purr?", "Do goldfish sleep?", "What do hedgehogs eat in winter?"],
    ),
}

HELD_OUT = {
    "astronomy": (
        ["the distance to the moon", "the number of moons of Jupiter", "the brightest star in the night sky",
         "the age of the universe", "the length of a day on Mars", "the name of our galaxy"],
        ["Why is the sky blue?", "How are black holes made?", "When is the next lunar eclipse?", "What are Saturn's rings made of?"],
    ),
    "movies": (
        ["the director of that space movie", "the longest film trilogy", "the actor in the new detective series",
         "the best comedy of last year", "the ending of the novel", "the voice of the cartoon rabbit"],
        ["Which film won the most awards?", "Who wrote Romeo and Juliet?", "What should I watch tonight?",
         "Is the book better than the movie?"],
    ),
    "mathematics": (
        ["the derivative of a sine", "the area of a circle", "the first ten prime numbers", "the square root of two",
         "the proof of the theorem of Pythagoras", "the sum of the angles of a triangle"],
        ["How do I solve a quadratic equation?", "What is an imaginary number?", "Why can I not divide by zero?",
         "How many sides has a dodecahedron?"],
    ),
    "language": (
        ["the plural of cactus", "the past tense of to swim", "a synonym for beautiful", "the German word for butterfly",
         "the difference between its and it is", "the origin of the word salary"],
        ["How do I write a cover letter?", "What does carpe diem mean?", "How do you say thank you in Korean?",
         "Where does the comma go in this sentence?"],
    ),
    "fashion": (
        ["the best color for a summer dress", "a gift for my grandmother", "the right size of a wedding ring",
         "the knot of a bow tie", "the trend of the season in shoes", "a haircut for curly hair"],
        ["How do I get red wine out of a white shirt?", "Can I wear brown shoes with a black suit?",
         "How do I wash a wool sweater?", "What is smart casual?"],
    ),
    "cars": (
        ["the tire pressure of a small car", "the interval for an oil change", "the cheapest electric car",
         "the resale value of a used van", "the best motor bike for beginners", "the fuel economy of a hybrid"],
        ["Why does my engine light come on?", "How do I parallel park?", "Should I lease or buy a car?",
         "How long does a car battery last?"],
    ),
    "health": (
        ["the best diet for losing weight", "the number of calories in a banana", "a stretch for a stiff neck",
         "the vitamin in oranges", "the right hours of sleep for a baby", "a good yoga pose in the morning"],
        ["Is coffee bad for me?", "How many steps should I walk every day?", "How do I stop biting my nails?",
         "Which sunscreen is best for my face?"],
    ),
    "business": (
        ["the difference between revenue and profit", "a name for my coffee shop", "the best day to send a newsletter",
         "the agenda of the board meeting", "the salary of an accountant", "the format of an invoice"],
        ["How do I ask my boss for a raise?", "What is a good slogan for a bakery?", "How do I write a business plan?",
         "When should a start-up hire its first manager?"],
    ),
    "geography": (
        ["the capital of Australia", "the longest river of Africa", "the population of Canada", "the highest lake",
         "the currency of Norway", "the borders of Switzerland"],
        ["Which country has the most islands?", "Is Greenland part of Europe?", "How deep is the Pacific ocean?",
         "What language do they speak in Brazil?"],
    ),
    "home": (
        ["the right height for a kitchen table", "the best paint for a ceiling", "a cure for a squeaky door",
         "the size of a queen mattress", "the price of a new sofa", "the nicest way to fold napkins"],
        ["How do I hang wallpaper?", "Which vacuum cleaner is quiet?", "How do I descale a kettle?",
         "What removes candle wax from a carpet?"],
    ),
}

FRAMES = {"out_of_domain.jsonl": wordings.TRAIN_FRAMES, "out_of_domain_heldout.jsonl": wordings.HELD_OUT_FRAMES}


def rows(topics, frames):
    """One row a question; frames are taken in turn."""
    asked = 0
    for topic, (phrases, questions) in topics.items():
        framed = []
        for phrase in phrases:
            framed.append(wordings.ask(frames[asked % len(frames)], phrase))
            asked += 1
        for number, question in enumerate(framed + questions, 1):
            assert question.isascii(), question
            yield {"id": f"{topic}-{number}", "topic": topic, "question": question}


def main():
    seen = set()
    for (name, frames), topics in zip(FRAMES.items(), (CHOSEN_ON, HELD_OUT)):
        lines = []
        for row in rows(topics, frames):
            assert row["question"].lower() not in seen, row
            seen.add(row["question"].lower())
            lines.append(json.dumps(row, separators=(", ", ": ")))
        (HERE / name).write_text("\n".join(lines) + "\n", encoding="ascii")
        print(name, len(lines), "questions")


main()
