"""Checkpoint to GGUF (F16 or Q8_0), atomically, and a check that reads the file back.

Tensors carry llama.cpp's names. llama.cpp's Llama graph rotates neighbouring pairs of a head,
the checkpoint rotates halves; so the rows of q and k are interleaved within each head.
"""

import argparse
import hashlib
import json
import os

import gguf
import numpy as np
import torch

import model as M
import tokenizer as T


def interleave(w, heads):
    """Rows of each head from half-split order (0..15, 16..31) to pairs (0, 16, 1, 17, ...)."""
    rows, cols = w.shape
    return w.reshape(heads, 2, rows // heads // 2, cols).swapaxes(1, 2).reshape(rows, cols)


def names(state):
    """(GGUF name, float32 array) of every tensor, in file order."""
    take = {k: v.float().numpy() for k, v in state.items()}
    yield "token_embd.weight", take["model.embed_tokens.weight"]
    for i in range(M.LAYERS):
        p = f"model.layers.{i}."
        yield f"blk.{i}.attn_norm.weight", take[p + "input_layernorm.weight"]
        yield f"blk.{i}.attn_q.weight", interleave(take[p + "self_attn.q_proj.weight"], M.HEADS)
        yield f"blk.{i}.attn_k.weight", interleave(take[p + "self_attn.k_proj.weight"], M.KV_HEADS)
        yield f"blk.{i}.attn_v.weight", take[p + "self_attn.v_proj.weight"]
        yield f"blk.{i}.attn_output.weight", take[p + "self_attn.o_proj.weight"]
        yield f"blk.{i}.ffn_norm.weight", take[p + "post_attention_layernorm.weight"]
        yield f"blk.{i}.ffn_gate.weight", take[p + "mlp.gate_proj.weight"]
        yield f"blk.{i}.ffn_up.weight", take[p + "mlp.up_proj.weight"]
        yield f"blk.{i}.ffn_down.weight", take[p + "mlp.down_proj.weight"]
    yield "output_norm.weight", take["model.norm.weight"]


def write(state, tokenizer_path, out, quantized):
    spec = json.load(open(tokenizer_path))["model"]
    tokens = [t for t, _ in sorted(spec["vocab"].items(), key=lambda kv: kv[1])]
    merges = [m if isinstance(m, str) else " ".join(m) for m in spec["merges"]]
    kinds = [gguf.TokenType.CONTROL if t in T.SPECIALS else gguf.TokenType.NORMAL for t in tokens]
    w = gguf.GGUFWriter(out + ".tmp", "llama")
    w.add_type(gguf.GGUFType.MODEL)
    w.add_name("Halligan Base 5M")
    w.add_basename("halligan-base")
    w.add_size_label("5M")
    w.add_license("MIT OR Apache-2.0")
    w.add_description("Small English question-and-answer model, trained only on invented field-manual facts by the "
                      "generator beside it. It knows no real substance, order or place. Made to carry adapters.")
    w.add_languages(["en"])
    w.add_context_length(M.CONTEXT)
    w.add_embedding_length(M.HIDDEN)
    w.add_block_count(M.LAYERS)
    w.add_feed_forward_length(M.FFN)
    w.add_head_count(M.HEADS)
    w.add_head_count_kv(M.KV_HEADS)
    w.add_key_length(M.HEAD_DIM)
    w.add_value_length(M.HEAD_DIM)
    w.add_rope_dimension_count(M.HEAD_DIM)
    w.add_rope_freq_base(M.THETA)
    w.add_layer_norm_rms_eps(M.EPS)
    w.add_vocab_size(M.VOCAB)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if quantized else gguf.LlamaFileType.MOSTLY_F16)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    w.add_token_merges(merges)
    w.add_bos_token_id(T.BEGIN)
    w.add_eos_token_id(T.END)
    w.add_eot_token_id(T.END)
    w.add_pad_token_id(T.PAD)
    w.add_add_bos_token(False)
    w.add_add_eos_token(False)
    w.add_chat_template(T.TEMPLATE)
    for name, array in names(state):
        array = np.ascontiguousarray(array)
        if array.ndim == 1:
            w.add_tensor(name, array.astype(np.float32))
        elif quantized:
            kind = gguf.GGMLQuantizationType.Q8_0
            w.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            w.add_tensor(name, array.astype(np.float16))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    with open(out + ".tmp", "rb") as f:
        os.fsync(f.fileno())
    os.replace(out + ".tmp", out)


def read_back(path):
    """Checkpoint-shaped state from a GGUF file, dequantized, with q and k put back."""
    reader = gguf.GGUFReader(path)
    got = {t.name: torch.from_numpy(np.array(gguf.quants.dequantize(t.data, t.tensor_type), dtype=np.float32)) for t in reader.tensors}

    def halves(w, heads):
        rows, cols = w.shape
        return w.reshape(heads, rows // heads // 2, 2, cols).transpose(1, 2).reshape(rows, cols)

    state = {"model.embed_tokens.weight": got["token_embd.weight"], "model.norm.weight": got["output_norm.weight"]}
    for i in range(M.LAYERS):
        p, b = f"model.layers.{i}.", f"blk.{i}."
        state[p + "input_layernorm.weight"] = got[b + "attn_norm.weight"]
        state[p + "post_attention_layernorm.weight"] = got[b + "ffn_norm.weight"]
        state[p + "self_attn.q_proj.weight"] = halves(got[b + "attn_q.weight"], M.HEADS)
        state[p + "self_attn.k_proj.weight"] = halves(got[b + "attn_k.weight"], M.KV_HEADS)
        state[p + "self_attn.v_proj.weight"] = got[b + "attn_v.weight"]
        state[p + "self_attn.o_proj.weight"] = got[b + "attn_output.weight"]
        for ours, theirs in (("gate", "gate"), ("up", "up"), ("down", "down")):
            state[p + f"mlp.{ours}_proj.weight"] = got[b + f"ffn_{theirs}.weight"]
    return state


def check(state, path):
    """Relative error of the logits: checkpoint against the file as it reads back."""
    base, back = M.Base(), M.Base()
    base.load_state_dict(state)
    back.load_state_dict(read_back(path))
    ids = torch.randint(5, M.VOCAB, (4, 64), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        a, b = base(ids), back(ids)
    return ((a - b).norm() / a.norm()).item(), (a.argmax(-1) == b.argmax(-1)).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoint", default="work/checkpoint.pt")
    ap.add_argument("--tokenizer", default="tokenizer.json")
    ap.add_argument("--out", required=True)
    ap.add_argument("--f16", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    state = torch.load(args.checkpoint)["model"]
    write(state, args.tokenizer, args.out, not args.f16)
    error, agree = check(state, args.out)
    digest = hashlib.sha256(open(args.out, "rb").read()).hexdigest()
    print(f"{args.out}: {os.path.getsize(args.out)} bytes, sha256 {digest}")
    print(f"logits of the file against the checkpoint: relative error {error:.5f}, same argmax {agree:.4f}")


if __name__ == "__main__":
    main()
