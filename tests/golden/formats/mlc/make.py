"""Makes the golden MLC manifest: run this file. Laid out as apache/tvm's tvmjs.py dumps what mlc_llm converts."""

import json
from math import prod
from pathlib import Path

HERE = Path(__file__).parent
TENSORS = [
    ("model.embed_tokens.q_weight", [100, 8], "uint32", 4), ("model.embed_tokens.q_scale", [100, 2], "float16", 2),
    ("model.layers.0.mlp.q_weight", [32, 8], "uint32", 4), ("model.layers.0.mlp.q_scale", [32, 2], "float16", 2),
    ("model.norm.weight", [64], "float16", 2),
]  # fmt: skip
size = sum(prod(shape) * width for _, shape, _, width in TENSORS)
count = 8 * 8 * 132 + 64
records = [
    {
        "name": name,
        "shape": shape,
        "dtype": dtype,
        "format": "f32-to-bf16",
        "nbytes": prod(shape) * width,
        "byteOffset": 0,
    }
    for name, shape, dtype, width in TENSORS
]
manifest = {
    "metadata": {"ParamSize": len(TENSORS), "ParamBytes": float(size), "BitsPerParam": size * 8.0 / count},
    "records": [{"dataPath": "params_shard_0.bin", "format": "raw-shard", "nbytes": size, "records": records}],
}
(HERE / "manifest.json").write_text(json.dumps(manifest, indent=4), encoding="utf-8")
stored = sum(prod(shape) for _, shape, _, _ in TENSORS)
cases = {
    "manifest.json": {
        "name": "ndarray-cache.json", "point": count, "exact": True, "stored": stored, "from": "make.py"
    }
}  # fmt: skip
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
