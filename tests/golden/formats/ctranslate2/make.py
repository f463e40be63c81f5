"""Makes the golden CTranslate2 models: `pip install ctranslate2`, then run this file."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ctranslate2.specs import model_spec, transformer_spec

HERE = Path(__file__).parent
WIDTH, WORDS = 8, 20
# One layer without biases: embeddings 20 x 8 (the projection is an alias), attention 24 x 8 and 8 x 8, feed forward
# 32 x 8 and 8 x 32, three norms of 16: 976 parameters.
SHAPES = {
    "self_attention/linear_0/weight": (24, 8), "self_attention/linear_1/weight": (8, 8),
    "ffn/linear_0/weight": (32, 8), "ffn/linear_1/weight": (8, 32), "gamma": (8,), "beta": (8,),
    "embeddings/weight": (WORDS, WIDTH), "projection/weight": (WORDS, WIDTH),
}  # fmt: skip


def fill(layer: model_spec.LayerSpec, name: str, value: object) -> None:
    shape = next((shape for ending, shape in SHAPES.items() if name.endswith(ending)), None)
    if value is None and shape:
        # The projection is the embeddings again, which makes it an alias.
        seed = 1 if shape == (WORDS, WIDTH) else len(name)
        setattr(layer, name.rpartition("/")[2], np.random.default_rng(seed).random(shape, np.float32))


for quantization in ("float16", "int8"):
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(1, 2, pre_norm=True)
    model_spec.visit_spec(spec, fill)
    spec.register_vocabulary([f"word{number}" for number in range(WORDS)])
    spec.validate()
    spec.optimize(quantization=quantization)
    with TemporaryDirectory() as folder:
        spec.save(folder)
        shutil.copy(Path(folder) / "model.bin", HERE / f"decoder-{quantization}.bin")
