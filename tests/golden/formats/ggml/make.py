"""Makes the golden GGML files: run this file. Their programs' converters are gone, or want whole models.

Laid out as whisper.cpp's models/convert-pt-to-ggml.py and the converters of early 2023 write them, with tiny sizes.
"""

import json
import struct
from math import prod
from pathlib import Path

HERE = Path(__file__).parent
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34)}  # F32, F16, Q4_0, Q8_0 since May 2023
OLD_BLOCKS = {**BLOCKS, 2: (32, 20)}


def numbers(*values):
    return struct.pack(f"<{len(values)}i", *values)


def words(count, scored=False):
    text = (f"tök{number}".encode() for number in range(count))
    return b"".join(numbers(len(word)) + word + (b"\0" * 4 if scored else b"") for word in text)


def tensors(start, rows, blocks=BLOCKS, aligned=False):
    data = bytearray(start)
    for name, kind, dims in rows:
        data += numbers(len(dims), len(name), kind, *dims) + name.encode()
        data += bytes(-len(data) % 32 if aligned else 0)
        block, size = blocks[kind]
        data += bytes(prod(dims) // block * size)
    return bytes(data)


def whisper():
    """One layer of each kind, with 11 + 15 + 24 tensors as whisper.cpp wants them."""
    state, big = 2, 8
    rows = [
        ("decoder.positional_embedding", 0, (state, 4)),
        ("encoder.positional_embedding", 0, (state, 6)),
        ("decoder.token_embedding.weight", 1, (state, 10)),
        ("encoder.conv1.weight", 1, (3, 4, state)),
        ("encoder.conv1.bias", 0, (1, state)),
        ("encoder.conv2.weight", 1, (3, state, state)),
        ("encoder.conv2.bias", 0, (1, state)),
    ]
    rows += [
        (f"{side}.{kind}", 0, (state,)) for side in ("encoder.ln_post", "decoder.ln") for kind in ("weight", "bias")
    ]
    for side, attentions in (("encoder", ("attn",)), ("decoder", ("attn", "cross_attn"))):
        head = f"{side}.blocks.0."
        for attention in attentions:
            rows += [(f"{head}{attention}_ln.{kind}", 0, (state,)) for kind in ("weight", "bias")]
            rows += [
                (f"{head}{attention}.{part}.weight", 1, (state, state)) for part in ("query", "key", "value", "out")
            ]
            rows += [(f"{head}{attention}.{part}.bias", 0, (state,)) for part in ("query", "value", "out")]
        rows += [(f"{head}mlp_ln.{kind}", 0, (state,)) for kind in ("weight", "bias")]
        rows += [
            (f"{head}mlp.0.weight", 1, (state, big)),
            (f"{head}mlp.0.bias", 0, (big,)),
            (f"{head}mlp.2.weight", 1, (big, state)),
            (f"{head}mlp.2.bias", 0, (state,)),
        ]
    head = b"lmgg" + numbers(10, 6, state, 1, 1, 4, state, 1, 1, 4, 1) + numbers(4, 3) + bytes(48)
    return tensors(head + numbers(10) + words(10), rows), rows


def llama(aligned):
    rows = [("tok_embeddings.weight", 2, (32, 20)), ("norm.weight", 0, (32,)), ("output.weight", 2, (32, 20))]
    rows += [(f"layers.0.attention.{part}.weight", 2, (32, 32)) for part in ("wq", "wk", "wv", "wo")]
    rows += [(f"layers.0.feed_forward.{part}.weight", 2, (32, 32)) for part in ("w1", "w2", "w3")]
    rows += [(f"layers.0.{part}.weight", 0, (32,)) for part in ("attention_norm", "ffn_norm")]
    start = (b"tjgg" + numbers(3) if aligned else b"lmgg") + numbers(20, 32, 32, 4, 1, 8, 2)
    return tensors(start + words(20, scored=aligned), rows, BLOCKS if aligned else OLD_BLOCKS, aligned), rows


def rwkv():
    rows = [("emb.weight", 1, (4, 10)), ("blocks.0.ln1.weight", 0, (4,)), ("head.weight", 1, (4, 10))]
    return tensors(b"fmgg" + numbers(101, 10, 4, 1, 1), rows), rows


cases = {}
for file, name, (data, rows) in (
    ("whisper.bin", "ggml-tiny.bin", whisper()),
    ("llama-ggml.bin", "ggml-model-q4_0.bin", llama(aligned=False)),
    ("llama-ggjt3.bin", "ggml-vic7b.ggml", llama(aligned=True)),
    ("rwkv.bin", "rwkv-4.ggml", rwkv()),
):
    (HERE / file).write_bytes(data)
    count = sum(prod(dims) for _, _, dims in rows)
    cases[file] = {"name": name, "point": count, "exact": True, "stored": count, "from": "make.py"}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
