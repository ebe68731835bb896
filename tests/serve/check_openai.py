"""Asks a server through the `openai` Python client: every call that the README promises.

usage: check_openai.py URL TOKEN MODEL_F32.gguf ENCODER_FOLDER
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import openai

from oracle import Oracle

# llama.cpp's chat context keeps keys and values as 16-bit floats.
LOGPROB_TOLERANCE = 2e-2
# The exact path keeps 32 bits.
EXACT_TOLERANCE = 1e-4
# llama.cpp has the tanh form of GELU by a table of 16-bit values where BERT has the exact one.
VECTOR_TOLERANCE = 5e-3
QUESTION = "What is the safe distance for chlorine?"


def refused(status, part, call):
    try:
        call()
    except openai.APIStatusError as error:
        assert error.status_code == status, (error.status_code, error.message)
        assert part in error.message, error.message
        return
    raise AssertionError(f"not refused: {part}")


def sentences(folder):
    """Texts, and the vectors that sentence-transformers made of them."""
    texts = {row["name"]: row["text"] for row in json.loads(Path(folder, "tokens.json").read_text())}
    data = Path(folder, "golden.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    place = header["embeddings"]
    start, end = (8 + length + offset for offset in place["data_offsets"])
    vectors = np.frombuffer(data[start:end], "<f4").reshape(place["shape"])
    return [texts[name] for name in json.loads(header["__metadata__"]["texts"])], vectors


def main():
    url, token, model, encoder = sys.argv[1:5]
    oracle = Oracle(model)
    client = openai.OpenAI(base_url=url + "/v1", api_key=token)
    ask = [{"role": "user", "content": QUESTION}]

    names = [model.id for model in client.models.list()]
    assert names == ["halligan", "active", "base", "encoder"], names
    meta = client.models.retrieve("base").meta
    assert meta["n_ctx"] == 512, meta

    chat = client.chat.completions.create(
        model="base", messages=ask, max_tokens=12, temperature=0, logprobs=True, top_logprobs=3
    )
    said = chat.choices[0]
    assert said.finish_reason in ("stop", "length") and said.message.role == "assistant"
    assert chat.usage.total_tokens == chat.usage.prompt_tokens + chat.usage.completion_tokens
    tokens = said.logprobs.content
    assert len(tokens) == chat.usage.completion_tokens, (len(tokens), chat.usage)
    text = b"".join(bytes(token.bytes) for token in tokens).decode()
    assert text.strip() == said.message.content.strip(), (text, said.message.content)

    # Chat against the formulas: prompt by the template, tokens by the server, figures by the oracle.
    root = openai.OpenAI(base_url=url, api_key=token)
    tokenize = lambda text: root.post(
        "/tokenize", body={"prompt": text, "add_special_tokens": False}, cast_to=object
    )["tokens"]
    prompt = tokenize(f"<|user|>\n{QUESTION}<|end|>\n<|assistant|>\n")
    assert len(prompt) == chat.usage.prompt_tokens, (len(prompt), chat.usage)
    worst = 0.0
    read = list(prompt)
    for token in tokens:
        row = oracle.log_probabilities(read)[-1]
        best = np.sort(row)[::-1][:3]
        found = [top.logprob for top in token.top_logprobs]
        assert len(found) == 3 and found == sorted(found, reverse=True)
        worst = max(worst, np.abs(best - found).max(), abs(token.logprob - best[0]))
        read.append(int(row.argmax()))
    assert worst <= LOGPROB_TOLERANCE, worst
    print(f"  chat logprobs against the formulas: worst {worst:.2e} nats over {len(tokens)} tokens")

    stream = client.chat.completions.create(
        model="base", messages=ask, max_tokens=12, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    pieces = list(stream)
    grown = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert grown == said.message.content, (grown, said.message.content)
    assert pieces[-1].usage.completion_tokens == chat.usage.completion_tokens

    draw = lambda seed: client.chat.completions.create(
        model="base", messages=ask, max_tokens=12, temperature=1.2, top_p=0.9, seed=seed
    ).choices[0].message.content
    assert draw(5) == draw(5), "the same seed says the same"
    assert len({draw(seed) for seed in range(4)}) > 1, "other seeds say other things"

    first_word = said.message.content.split()[1]
    stopped = client.chat.completions.create(model="base", messages=ask, max_tokens=12, temperature=0, stop=[first_word])
    assert first_word not in stopped.choices[0].message.content and stopped.choices[0].finish_reason == "stop"

    schema = {
        "type": "object",
        "properties": {"metres": {"type": "integer", "minimum": 0, "maximum": 999}, "sure": {"type": "boolean"}},
        "required": ["metres", "sure"],
        "additionalProperties": False,
    }
    shaped = client.chat.completions.create(
        model="base",
        messages=ask,
        max_tokens=60,
        response_format={"type": "json_schema", "json_schema": {"name": "distance", "schema": schema, "strict": True}},
    )
    value = json.loads(shaped.choices[0].message.content)
    assert set(value) == {"metres", "sure"} and isinstance(value["metres"], int), value

    tools = [
        {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "Finds a substance.",
                "parameters": {
                    "type": "object",
                    "properties": {"substance": {"type": "string", "enum": ["chlorine", "ammonia"]}},
                    "required": ["substance"],
                    "additionalProperties": False,
                },
            },
        }
    ]
    for choice in ("required", {"type": "function", "function": {"name": "look_up"}}):
        called = client.chat.completions.create(
            model="base", messages=ask, tools=tools, tool_choice=choice, max_tokens=80
        ).choices[0]
        assert called.finish_reason == "tool_calls", called
        call = called.message.tool_calls[0]
        assert call.function.name == "look_up"
        assert json.loads(call.function.arguments)["substance"] in ("chlorine", "ammonia")
    stream = client.chat.completions.create(
        model="base", messages=ask, tools=tools, tool_choice="required", max_tokens=80, stream=True
    )
    calls = [piece.choices[0].delta.tool_calls for piece in stream if piece.choices[0].delta.tool_calls]
    assert calls[0][0].function.name == "look_up"

    prompts = [tokenize("Keep upwind of the spill."), tokenize("Chlorine is")]
    echoed = client.completions.create(
        model="base", prompt=prompts, max_tokens=1, temperature=0, logprobs=1, echo=True, seed=1
    )
    for choice, tokens in zip(echoed.choices, prompts):
        figures = choice.logprobs
        assert len(figures.token_logprobs) == len(tokens) + 1 and figures.token_logprobs[0] is None
        rows = oracle.log_probabilities(tokens)
        for place, found in enumerate(figures.token_logprobs[1:-1]):
            assert math.isclose(found, rows[place, tokens[place + 1]], abs_tol=EXACT_TOLERANCE), (place, found)
            assert math.isclose(max(figures.top_logprobs[place + 1].values()), rows[place].max(), abs_tol=EXACT_TOLERANCE)
    streamed = client.completions.create(model="base", prompt="Chlorine is", max_tokens=6, temperature=0, stream=True)
    whole = client.completions.create(model="base", prompt="Chlorine is", max_tokens=6, temperature=0)
    assert "".join(piece.choices[0].text for piece in streamed) == whole.choices[0].text

    texts, wanted = sentences(encoder)
    found = np.array([row.embedding for row in client.embeddings.create(model="encoder", input=texts).data])
    errors = np.linalg.norm(found - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
    assert errors.max() <= VECTOR_TOLERANCE, errors
    print(f"  embeddings against sentence-transformers: worst {errors.max():.2e} over {len(texts)} texts")
    refused(404, "encoder", lambda: client.embeddings.create(model="active", input="x"))

    refused(404, "no model `gpt-4o`", lambda: client.chat.completions.create(model="gpt-4o", messages=ask))
    refused(400, "context", lambda: client.chat.completions.create(
        model="base", messages=[{"role": "user", "content": "chlorine " * 900}]
    ))
    refused(400, "temperature", lambda: client.chat.completions.create(model="base", messages=ask, temperature=-1))
    refused(401, "token", lambda: openai.OpenAI(base_url=url + "/v1", api_key="wrong").models.list())
    print("the openai client agrees")


if __name__ == "__main__":
    main()
