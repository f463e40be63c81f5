"""Makes the golden file of ONNX Runtime's format: `pip install onnx onnxruntime`, then run this file."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent


def tensor(name, *shape, dtype=np.float32):
    return numpy_helper.from_array(np.full(shape, len(name), dtype), name)


# 16 x 8 in eight bits, whose scales and zero points do not count, and 8: 136.
graph = helper.make_graph(
    [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z", "w_zero"], ["m"]),
        helper.make_node("Cast", ["m"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["s", "w_scale"], ["both"]),
        helper.make_node("Mul", ["f", "both"], ["r"]),
        helper.make_node("Add", ["r", "b"], ["y"]),
    ],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
    [tensor("w", 16, 8, dtype=np.int8), tensor("w_zero", 8, dtype=np.int8), tensor("w_scale", 8), tensor("b", 8)],
)
with tempfile.TemporaryDirectory() as folder:
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), f"{folder}/m.onnx")
    command = ["-m", "onnxruntime.tools.convert_onnx_models_to_ort", folder, "--optimization_style", "Fixed"]
    subprocess.run([sys.executable, *command], check=True)
    shutil.copy(f"{folder}/m.ort", HERE / "dynamic.ort")
