"""Byte-level BPE of the base model: training, and encoding of rows.

The pre-tokenizer is the split pattern that llama.cpp calls "qwen2" (each digit is one token).
"""

import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ["<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"]
PAD, BEGIN, END, USER, ASSISTANT = range(5)
VOCAB = 2048
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
TEMPLATE = ("{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}")


def train(texts, path):
    """Train on an iterator of texts and save as a tokenizer.json."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[AddedToken(s, special=True, normalized=False) for s in SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tok.save(path)
    return tok


def load(path):
    return Tokenizer.from_file(path)


class Encoder:
    """Rows to (ids, loss weights); weights belong to the token that is to be predicted."""

    def __init__(self, tok, question_weight=0.1):
        self.tok, self.question_weight = tok, question_weight
        self.newline = tok.encode("\n").ids
        assert len(self.newline) == 1, "the newline should be one token"
        self.newline = self.newline[0]

    def prompt(self, user):
        return [USER, self.newline] + self.tok.encode(user).ids + [END, self.newline, ASSISTANT, self.newline]

    def row(self, turns, masked=None):
        if isinstance(turns, str):
            ids = self.tok.encode(turns).ids + [END]
            return ids, [0.0] + [0.5] * (len(ids) - 1)
        ids, weights = [], []
        for user, answer in turns:
            prompt = self.prompt(user)
            ids += prompt
            weights += [0.0, 0.0] + [self.question_weight] * (len(prompt) - 5) + [0.0] * 3
            enc = self.tok.encode(answer)
            spoken = [1.0] * len(enc.ids)
            if masked is not None:
                at = answer.find(masked)
                for k, (start, end) in enumerate(enc.offsets):
                    if start < at + len(masked) and end > at:
                        spoken[k] = 0.0
            ids += enc.ids + [END, self.newline]
            weights += spoken + [1.0, 0.0]
        return ids, weights


if __name__ == "__main__":
    import english
    from generate import Corpus

    def texts():
        for word in english.NOUNS + english.VERBS + english.OTHER:
            for _ in range(60):
                yield f" {word}"
            for _ in range(6):
                yield word[:1].upper() + word[1:]
        for turns, _ in Corpus().rows(1, 30000):
            if isinstance(turns, str):
                yield turns
            else:
                for user, answer in turns:
                    yield user
                    yield answer
    tok = train(texts(), sys.argv[1])
    print(tok.get_vocab_size(), tok.encode("The UN number of chlorine is UN 1017, at least 150 feet upwind.").tokens)
