"""Makes the golden thinc models: `pip install thinc torch msgpack msgpack-numpy`, then run this file."""

from pathlib import Path

import msgpack
import msgpack_numpy
import numpy as np
import torch
from thinc.api import HashEmbed, PyTorchWrapper, Softmax, chain

HERE = Path(__file__).parent
model = chain(HashEmbed(8, 20, column=0), Softmax(3, 8))
model.initialize(X=np.zeros((2, 1), np.uint64), Y=np.zeros((2, 3), np.float32))
(HERE / "layers.bin").write_bytes(model.to_bytes())
model = chain(PyTorchWrapper(torch.nn.Linear(4, 6)), Softmax(3, 6))
model.initialize(X=np.zeros((2, 4), np.float32), Y=np.zeros((2, 3), np.float32))
(HERE / "shim.bin").write_bytes(model.to_bytes())
# The layout of thinc 7, which spaCy 2 used: no version of it installs beside today's Python.
weight = {b"name": b"W", b"offset": 0, b"shape": (3, 8), b"value": np.zeros((3, 8), np.float32)}
layers = [{b"dims": {}, b"params": []}, {b"dims": {"nI": 8, "nO": 3}, b"params": [weight]}]
(HERE / "thinc-7.bin").write_bytes(msgpack.packb({b"weights": layers}, default=msgpack_numpy.encode))
