"""Small tokenizers of every kind that the supported models use, trained on a page of text.

Each maker writes the tokenizer files of one folder, as the hub ships them for that family, and returns
what the configuration must know: the number of ids and the special ones.
"""

import io
import json
from collections import Counter
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .corpus import LESSONS

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HEADER_CHAT = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
PHI_CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
GEMMA_CHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)

# The published cuts of the two families, as they stand in their tokenizer.json.
QWEN2_CUT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3_CUT = QWEN2_CUT.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


def write_json(path, value):
    """ASCII, so that no editor or tool changes a character."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


def entry(content, special=True, **rest):
    """An added token as tokenizer_config.json lists it."""
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    return {"content": content, **flags, "special": special, **rest}


def write_settings(folder, tokenizer_class, added, chat=None, chat_file=False, **rest):
    settings = {"added_tokens_decoder": {str(index): value for index, value in sorted(added.items())}}
    if chat and not chat_file:
        settings["chat_template"] = chat
    if chat and chat_file:
        (folder / "chat_template.jinja").write_text(chat)
    settings.update(clean_up_tokenization_spaces=False, model_max_length=256, tokenizer_class=tokenizer_class, **rest)
    write_json(folder / "tokenizer_config.json", settings)
    names = ["bos_token", "eos_token", "unk_token", "pad_token"]
    write_json(folder / "special_tokens_map.json", {name: rest[name] for name in names if rest.get(name)})


# Byte-level BPE.


def train_bytes(pre_tokenizer, merges, normalizer=None, ignore_merges=False, before=()):
    """A byte-level BPE tokenizer with `before` as its first tokens and `merges` merges."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=len(before) + 256 + merges, special_tokens=list(before), initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(LESSONS, trainer)
    return tokenizer


def save_bytes(folder, tokenizer, added, slow_files=False):
    """Adds tokens (content, special) behind the merged ones and writes the files; returns their entries by id."""
    tokens = [AddedToken(content, special=special, normalized=False) for content, special in added]
    for token in tokens:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    content = json.loads(tokenizer.to_str())
    write_json(folder / "tokenizer.json", content)
    if slow_files:
        write_json(folder / "vocab.json", content["model"]["vocab"])
        pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in content["model"]["merges"]]
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(pairs) + "\n", encoding="utf-8")
    return {tokenizer.token_to_id(content): entry(content, special) for content, special in added}


def cut_by(expression):
    split = pre_tokenizers.Split(Regex(expression), behavior="isolated", invert=False)
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    return pre_tokenizers.Sequence([split, bytes_of])


def gpt2_bytes(folder):
    tokenizer = train_bytes(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True), merges=90)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    end = "<|endoftext|>"
    added = save_bytes(folder, tokenizer, [(end, True)], slow_files=True)
    write_settings(folder, "GPT2Tokenizer", added, add_prefix_space=False, bos_token=end, eos_token=end, unk_token=end)
    return dict(size=tokenizer.get_vocab_size(), bos=tokenizer.token_to_id(end), eos=tokenizer.token_to_id(end))


def qwen_bytes(folder, added, chat_file):
    tokenizer = train_bytes(cut_by(QWEN2_CUT), merges=70, normalizer=normalizers.NFC())
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    marks = [("<|endoftext|>", True), ("<|im_start|>", True), ("<|im_end|>", True), *added]
    entries = save_bytes(folder, tokenizer, marks, slow_files=True)
    write_settings(
        folder, "Qwen2Tokenizer", entries, chat=CHAT, chat_file=chat_file, add_prefix_space=False, add_bos_token=False,
        bos_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, errors="replace",
        split_special_tokens=False,
    )
    token = tokenizer.token_to_id
    return dict(
        size=tokenizer.get_vocab_size(), bos=token("<|endoftext|>"), eos=token("<|im_end|>"),
        pad=token("<|endoftext|>"), eos_list=[token("<|im_end|>"), token("<|endoftext|>")],
    )


def qwen2_bytes(folder):
    return qwen_bytes(folder, [("<tool_call>", False), ("</tool_call>", False)], chat_file=False)


def qwen3_bytes(folder):
    added = [("<tool_call>", False), ("</tool_call>", False), ("<think>", False), ("</think>", False)]
    return qwen_bytes(folder, added, chat_file=True)


def llama3_bytes(folder):
    tokenizer = train_bytes(cut_by(LLAMA3_CUT), merges=75, ignore_merges=True)
    names = ["begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id", "reserved_special_token_0"]
    first = tokenizer.get_vocab_size()
    begin = "<|begin_of_text|>"
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(
                single=[begin, "$A"], pair=[begin, "$A", f"{begin}:1", "$B:1"], special_tokens=[(begin, first)]
            ),
        ]
    )
    added = save_bytes(folder, tokenizer, [(f"<|{name}|>", True) for name in names])
    write_settings(
        folder, "PreTrainedTokenizerFast", added, chat=HEADER_CHAT, bos_token=begin, eos_token="<|eot_id|>",
        model_input_names=["input_ids", "attention_mask"],
    )
    token = tokenizer.token_to_id
    ends = [token("<|end_of_text|>"), token("<|eot_id|>")]
    return dict(size=tokenizer.get_vocab_size(), bos=token(begin), eos=ends[1], eos_list=ends)


def plain_bytes(folder):
    """A home-made tokenizer: no Split, special tokens first, nothing added before a text."""
    names = ["<unk>", "<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]
    pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer = train_bytes(pre_tokenizer, merges=100, before=names)
    added = save_bytes(folder, tokenizer, [(name, True) for name in names])
    write_settings(
        folder, "PreTrainedTokenizerFast", added, chat=CHAT, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>",
    )
    token = tokenizer.token_to_id
    return dict(size=tokenizer.get_vocab_size(), bos=token("<s>"), eos=token("</s>"), pad=token("<pad>"))


# SentencePiece.


def train_pieces(folder, size, **settings):
    """`tokenizer.model`, BPE with byte fallback and no normalization, as Llama and Gemma have."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LESSONS), model_writer=model, vocab_size=size, model_type="bpe", byte_fallback=True,
        split_digits=True, allow_whitespace_only_pieces=True, remove_extra_whitespaces=False,
        normalization_rule_name="identity", character_coverage=0.98, num_threads=1, minloglevel=2, **settings,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def merges_of(pieces):
    """The merge list that gives the same result: for each piece its possible halves, best piece first."""
    found = []
    for piece, index in pieces.items():
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in pieces and right in pieces:
                found.append((index, pieces[left], pieces[right], [left, right]))
    return [pair for *_, pair in sorted(found)]


def fast_from_pieces(processor, begin, dummy_prefix, added):
    """The tokenizer.json that the hub ships beside a tokenizer.model of this kind."""
    vocabulary = {processor.id_to_piece(index): index for index in range(processor.get_piece_size())}
    mergeable = {
        piece: index for piece, index in vocabulary.items()
        if not (processor.is_control(index) or processor.is_unknown(index) or processor.is_byte(index))
    }
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=[tuple(pair) for pair in merges_of(mergeable)],
                   unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    spaces = normalizers.Replace(" ", "\u2581")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), spaces]) if dummy_prefix else spaces
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if dummy_prefix else []))
    if begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[begin, "$A"], pair=[begin, "$A", f"{begin}:1", "$B:1"],
            special_tokens=[(begin, processor.piece_to_id(begin))],
        )
    for value in [added[index] for index in sorted(added)]:
        flags = {name: value[name] for name in ("lstrip", "rstrip", "normalized", "single_word")}
        token = AddedToken(value["content"], special=value["special"], **flags)
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    return tokenizer


def llama_pieces(folder, extra, begin, fast, chat, tokenizer_class, **rest):
    """A Llama 2 tokenizer with `extra` tokens behind its pieces."""
    processor = train_pieces(folder, 400, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, add_dummy_prefix=True)
    size = processor.get_piece_size()
    base = {0: entry("<unk>"), 1: entry("<s>"), 2: entry("</s>")}
    added = {size + index: value for index, value in enumerate(extra)}
    if added:
        write_json(folder / "added_tokens.json", {value["content"]: index for index, value in added.items()})
    if fast:
        tokenizer = fast_from_pieces(processor, begin, True, {**base, **added})
        write_json(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
    write_settings(
        folder, tokenizer_class, {**base, **added}, chat=chat, add_bos_token=bool(begin), add_eos_token=False,
        bos_token="<s>", unk_token="<unk>", sp_model_kwargs={}, use_default_system_prompt=False, **rest,
    )
    return dict(size=size + len(added), bos=1, eos=2, processor=processor)


def llama_sentencepiece(folder):
    extra = [entry("<|im_start|>"), entry("<|im_end|>")]
    return llama_pieces(
        folder, extra, "<s>", fast=True, chat=CHAT, tokenizer_class="LlamaTokenizer", legacy=False, eos_token="</s>",
        pad_token="</s>",
    )


def phi3_sentencepiece(folder):
    names = ["<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|system|>", "<|end|>", "<|user|>"]
    # Phi-3's chat marks swallow the white space behind them, except the end of a text.
    extra = [entry(name, rstrip=name != "<|endoftext|>") for name in names]
    found = llama_pieces(
        folder, extra, None, fast=True, chat=PHI_CHAT, tokenizer_class="LlamaTokenizer", legacy=False,
        eos_token="<|endoftext|>", pad_token="<|endoftext|>",
    )
    first = found["size"] - len(extra)
    return {**found, "eos": first, "pad": first, "eos_list": [first, first + 1, first + 4]}


def gemma_pieces(folder, fast, chat_file):
    # Powers of two: with other lengths merging pairs and taking the longest run would part ways.
    spaces = ["\u2581" * count for count in (2, 4, 8, 16)]
    marks = ["<start_of_turn>", "<end_of_turn>"]
    lines = ["\n", "\n\n", "\n\n\n"]
    processor = train_pieces(
        folder, 430, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
        unk_piece="<unk>", add_dummy_prefix=False, user_defined_symbols=["<mask>", *marks, *lines, "\t", *spaces],
    )
    index = processor.piece_to_id
    added = {index(name): entry(name) for name in ["<pad>", "<eos>", "<bos>", "<unk>", *marks]}
    added.update({index(name): entry(name, special=False) for name in ["<mask>", *lines, *spaces]})
    if fast:
        tokenizer = fast_from_pieces(processor, "<bos>", False, added)
        write_json(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
    write_settings(
        folder, "GemmaTokenizer", added, chat=GEMMA_CHAT, chat_file=chat_file, add_bos_token=True, add_eos_token=False,
        additional_special_tokens=marks, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>",
        sp_model_kwargs={}, use_default_system_prompt=False,
    )
    return dict(size=processor.get_piece_size(), bos=2, eos=1, pad=0, eos_list=[1, index("<end_of_turn>")],
                processor=processor)


def gemma2_sentencepiece(folder):
    return gemma_pieces(folder, fast=False, chat_file=False)


def gemma3_sentencepiece(folder):
    return gemma_pieces(folder, fast=True, chat_file=True)


# WordPiece.


def word_pieces(tokenizer, first, size):
    """A vocabulary: `first`, every letter at the start of a word and behind it, then the commonest pieces.

    The library's own trainer numbers pieces differently in each run.
    """
    counts = Counter()
    for line in LESSONS:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(line)):
            counts.update({word: 2 * len(word)})
            for start in range(1, len(word)):
                counts.update({"##" + word[start:end]: end - start for end in range(start + 1, len(word) + 1)})
    letters = sorted({piece for piece in counts if len(piece.removeprefix("##")) == 1})
    starts = sorted({piece[0] for piece in counts if not piece.startswith("##")})
    common = sorted(counts, key=lambda piece: (-counts[piece], piece))
    pieces = list(dict.fromkeys([*first, *starts, *letters, *common]))[:size]
    return {piece: index for index, piece in enumerate(pieces)}


def bert_wordpiece(folder):
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.model = models.WordPiece(
        vocab=word_pieces(tokenizer, names, 420), unk_token="[UNK]", max_input_chars_per_word=100
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["[CLS]", "$A", "[SEP]"], pair=["[CLS]", "$A", "[SEP]", "$B:1", "[SEP]:1"],
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    write_json(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
    words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(word + "\n" for word, _ in words), encoding="utf-8")
    added = {index: entry(name) for index, name in enumerate(names)}
    write_settings(
        folder, "BertTokenizer", added, do_lower_case=True, strip_accents=None, tokenize_chinese_chars=True,
        do_basic_tokenize=True, never_split=None, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]",
        unk_token="[UNK]", mask_token="[MASK]",
    )
    sentence_encoder(folder)
    return dict(size=tokenizer.get_vocab_size(), pad=0)


def sentence_encoder(folder):
    """The files that say how token states become one embedding: their mean, normalized."""
    kinds = ["Transformer", "Pooling", "Normalize"]
    steps = [
        {"idx": index, "name": str(index), "path": "" if index == 0 else f"{index}_{kind}",
         "type": f"sentence_transformers.models.{kind}"}
        for index, kind in enumerate(kinds)
    ]
    write_json(folder / "modules.json", steps)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": False})
    pooling = folder / "1_Pooling"
    pooling.mkdir()
    modes = {"cls_token": False, "mean_tokens": True, "max_tokens": False, "mean_sqrt_len_tokens": False}
    flags = {f"pooling_mode_{mode}": on for mode, on in modes.items()}
    write_json(pooling / "config.json", {"word_embedding_dimension": 48, **flags})


def make(kind, folder: Path):
    """Writes the files of this kind of tokenizer."""
    return globals()[kind](folder)
