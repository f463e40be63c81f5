"""Makes the golden graphs: `pip install tensorflow`, then run this file."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent


def node(graph: tf.compat.v1.GraphDef, name: str, value: np.ndarray, dtype: tf.DType | None = None) -> None:
    made = graph.node.add()
    made.name, made.op = name, "Const"
    made.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype))
    made.attr["dtype"].type = made.attr["value"].tensor.dtype


graph = tf.compat.v1.GraphDef()
graph.node.add(name="input", op="Placeholder")
node(graph, "kernel", np.arange(96, dtype="f").reshape(8, 12))
node(graph, "settings", np.arange(64, dtype="f"))  # no more than 64 elements: does not count
node(graph, "bias", np.float32(0), tf.float32)
graph.node[-1].attr["value"].tensor.tensor_shape.dim.add().size = 100  # one value for all of them
node(graph, "indices", np.arange(200))
node(graph, "half", np.arange(70, dtype="e"))
eight = graph.node.add(name="kernel_quantized", op="Const")
eight.attr["value"].tensor.dtype = tf.quint8.as_datatype_enum
eight.attr["value"].tensor.tensor_shape.dim.add().size = 128
eight.attr["value"].tensor.tensor_content = bytes(128)
function = graph.library.function.add()
function.signature.name = "inner"
inner = tf.compat.v1.GraphDef()
node(inner, "weights", np.arange(80, dtype="d"))
function.node_def.extend(inner.node)
(HERE / "frozen.pb").write_bytes(graph.SerializeToString())


class Module(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.variable = tf.Variable(np.zeros((10, 10), "f"))

    @tf.function(input_signature=[tf.TensorSpec([1, 10], tf.float32)])
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x, self.variable) + tf.reduce_sum(tf.constant(np.arange(300, dtype="f")))


with tempfile.TemporaryDirectory() as folder:
    tf.saved_model.save(Module(), folder)
    shutil.copy(Path(folder) / "saved_model.pb", HERE / "saved_model.pb")
