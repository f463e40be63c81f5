"""Makes the golden ONNX files: `pip install onnx`, then run this file."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent


def tensor(name, *shape, dtype=np.float32):
    return numpy_helper.from_array(np.zeros(shape, dtype), name)


def save(name, nodes, initializers, **more):
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", ins, outs, initializers, **more)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, producer_name="make.py"), HERE / name)


def branch(name, *shape):
    """A graph of an If node, with a constant of its own."""
    value = helper.make_node("Constant", [], [name], value=tensor("", *shape))
    out = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
    return helper.make_graph([value], name, [], [out], [tensor(name + "_stored", 2, 3)])


# 16 x 8 and 8, the constant of 70 (not that of 64), the branch's 2 x 3 and 80, and the other's 2 x 3: 298.
save(
    "constants-and-branches.onnx",
    [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["a"]),
        helper.make_node("Constant", [], ["c64"], value=tensor("", 64)),
        helper.make_node("Constant", [], ["c70"], value_floats=[0.0] * 70),
        helper.make_node("Constant", [], ["i90"], value_ints=[1] * 90),
        helper.make_node("If", ["t"], ["y"], then_branch=branch("then", 80), else_branch=branch("else", 5)),
    ],
    [
        tensor("w", 16, 8), tensor("b", 8, dtype=np.float16), tensor("indices", 500, dtype=np.int64),
        tensor("t", dtype=np.bool_),
    ],
)  # fmt: skip

# Weights of 16 x 8 in eight bits with a bias of 8, 24 x 10 in four bits a value, 16 x 40 in blocks, 5 x 5 sparse: 1041.
rows = [
    tensor("w", 16, 8, dtype=np.int8), tensor("w_scale", 8), tensor("w_zero", 8, dtype=np.int8),
    tensor("b", 8, dtype=np.int32), tensor("b_scale", 8),
    helper.make_tensor("w4", TensorProto.INT4, [24, 10], [0] * 240), tensor("w4_scale", 24, 1),
    tensor("packed", 40, 1, 16, dtype=np.uint8), tensor("packed_scales", 40),
    helper.make_tensor("z4", TensorProto.UINT4, [8], [0] * 8),
]  # fmt: skip
save(
    "quantised.onnx",
    [
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["wd"], axis=1),
        helper.make_node("DequantizeLinear", ["b", "b_scale"], ["bd"], axis=0),
        helper.make_node("Transpose", ["w4"], ["w4t"]),
        helper.make_node("DequantizeLinear", ["w4t", "w4_scale"], ["w4d"], axis=0, block_size=10),
        helper.make_node(
            "MatMulNBits", ["x", "packed", "packed_scales", "z4"], ["y"], domain="com.microsoft", K=16, N=40, bits=4,
            block_size=32,
        ),
    ],
    rows,
    sparse_initializer=[
        helper.make_sparse_tensor(tensor("s", 2), helper.make_tensor("si", TensorProto.INT64, [2], [3, 7]), [5, 5])
    ],
)  # fmt: skip
