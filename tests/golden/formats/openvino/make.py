"""Makes the golden OpenVINO files: `pip install openvino`, then run this file. Only the `.xml` is kept."""

import tempfile
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(0)


def save(name, result, inputs):
    with tempfile.TemporaryDirectory() as folder:
        ov.save_model(ov.Model([result], inputs, "m"), f"{folder}/m.xml", compress_to_fp16=False)
        (HERE / name).write_bytes(Path(folder, "m.xml").read_bytes())


def constant(*shape, dtype=np.float32):
    if dtype is np.float32:
        return ops.constant(RANDOM.random(shape).astype(dtype))
    return ops.constant(RANDOM.integers(1, 100, shape).astype(dtype))


# 20 x 8, 8 (used twice), and 8 x 8 in eight bits whose scales (8) and zero points (8) do not count: 232.
x = ops.parameter([1, 20], np.float32)
bias = constant(1, 8)
y = ops.add(ops.add(ops.matmul(x, constant(20, 8), False, False), bias), bias)
weight = ops.convert(constant(8, 8, dtype=np.uint8), "f32")
weight = ops.multiply(ops.subtract(weight, ops.convert(constant(8, 1, dtype=np.uint8), "f32")), constant(8, 1))
save("decompressed.xml", ops.matmul(y, weight, False, True), [x])

# 6 x 3 x 3 x 3 floats quantised in the graph; four ranges of 6, or of 1, that do not count: 162.
x = ops.parameter([1, 3, 8, 8], np.float32)
ranges = [ops.constant(np.full((6, 1, 1, 1), value, np.float32)) for value in (-1, 1, -2, 2)]
weight = ops.fake_quantize(constant(6, 3, 3, 3), *ranges, 256)
save("ranges.xml", ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1]), [x])
