"""Makes the golden manifests, as tensorflowjs 4 and face-api.js write them (the shards are not needed)."""

import json
from pathlib import Path

HERE = Path(__file__).parent
HALF = {"dtype": "float16", "original_dtype": "float32"}
EIGHT = {"dtype": "uint8", "scale": 0.005, "min": -0.7, "original_dtype": "float32"}
GRAPH = [
    {"name": "conv/weights", "shape": [3, 3, 3, 8], "dtype": "float32", "quantization": HALF},
    {"name": "conv/bn/moving_mean", "shape": [8], "dtype": "float32", "quantization": EIGHT},
    {"name": "scalar", "shape": [], "dtype": "float32"},
    {"name": "reshape/shape", "shape": [2], "dtype": "int32", "quantization": {**EIGHT, "original_dtype": "int32"}},
    {"name": "flag", "shape": [], "dtype": "bool"},
]
LAYERS = [
    {"name": "dense/kernel", "shape": [8, 4], "dtype": "float32"},
    {"name": "dense/bias", "shape": [4], "dtype": "float32"},
    {"name": "dense/kernel/m", "shape": [8, 4], "dtype": "float32", "group": "optimizer"},
]


def write(name: str, value: object) -> None:
    (HERE / name).write_text(json.dumps(value), encoding="utf-8")


def groups(weights: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{"paths": ["group1-shard1of1.bin"], "weights": weights}]


topology = {"node": [{"name": "input", "op": "Placeholder"}], "versions": {"producer": 1395}}
write("graph.json", {"format": "graph-model", "modelTopology": topology, "weightsManifest": groups(GRAPH)})
write("layers.json", {"modelTopology": {"class_name": "Sequential"}, "weightsManifest": groups(LAYERS)})
write("bare.json", [{"weights": GRAPH[:2], "paths": ["tiny_face_detector_model-shard1"]}])
