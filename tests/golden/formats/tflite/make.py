"""Makes the golden TensorFlow Lite files: `pip install tensorflow`, then run this file.

The converter makes two of them; the rest are written by the classes that come with it.
"""

from pathlib import Path

import flatbuffers
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

HERE = Path(__file__).parent


def model() -> tf.keras.Model:
    return tf.keras.Sequential([tf.keras.layers.Input((8,)), tf.keras.layers.Dense(6), tf.keras.layers.Dense(3)])


def converted() -> None:
    converter = tf.lite.TFLiteConverter.from_keras_model(model())
    (HERE / "float.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_keras_model(model())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([np.random.rand(1, 8).astype("f")] for _ in range(3))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    (HERE / "int8.tflite").write_bytes(converter.convert())


def tensor(name: str, kind: int, shape: list[int], buffer: int, scale: list[float] | None = None) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.type, made.shape, made.buffer = name, kind, shape, buffer
    if scale is not None:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = scale, [0] * len(scale)
    return made


def written(name: str, tensors: list[schema.TensorT], buffers: list[bytes], appended: bytes = b"") -> None:
    """A model with these tensors and buffers; `appended` lies behind the FlatBuffer and belongs to the last buffer."""
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [schema.SubGraphT()], []
    model.subgraphs[0].tensors, model.subgraphs[0].operators = tensors, [schema.OperatorT()]
    model.subgraphs[0].inputs, model.subgraphs[0].outputs = [], []
    model.buffers = [schema.BufferT()]
    for data in buffers:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8) if data else None
        model.buffers.append(buffer)

    def packed() -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    if appended:
        last = model.buffers[-1]
        last.offset, last.size = 2, len(appended)
        last.offset = len(packed())
    (HERE / name).write_bytes(packed() + appended)


def hand_made() -> None:
    kinds = schema.TensorType
    sparse = tensor("sparse", kinds.FLOAT32, [16, 16], 1)
    sparse.sparsity = schema.SparsityParametersT()
    sparse.sparsity.traversalOrder, sparse.sparsity.dimMetadata = [0, 1], []
    blocks = tensor("blocks", kinds.INT4, [4, 8], 2)
    blocks.quantization = schema.QuantizationParametersT()
    blocks.quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    blocks.quantization.details = schema.BlockwiseQuantizationT()
    blocks.quantization.details.scales, blocks.quantization.details.blockSize = 2, 8
    blocks.quantization.details.zeroPoints = 0
    written(
        "sparse-and-blockwise.tflite",
        [sparse, blocks, tensor("blocks/scales", kinds.FLOAT16, [4, 1], 3), tensor("shape", kinds.INT32, [2], 4)],
        [bytes(40), bytes(16), bytes(8), bytes(8)],
    )
    written(
        "shared-and-appended.tflite",
        [
            tensor("one", kinds.FLOAT32, [5, 2], 1),
            tensor("the same", kinds.FLOAT32, [2, 5], 1),
            tensor("bias", kinds.INT32, [5], 2, [0.5]),
            tensor("indices", kinds.INT64, [3], 3),
            tensor("appended", kinds.FLOAT16, [30], 4),
        ],
        [bytes(40), bytes(20), bytes(24), b""],
        bytes(60),
    )
    # MediaPipe's language models for GPUs: no operators, shapes in bytes, scales as tensors of their own.
    names = [("w", kinds.INT4, 32), ("w_quantized_scale", kinds.FLOAT32, 16), ("norm.scale", kinds.FLOAT32, 16)]
    made = schema.ModelT()
    made.version, made.subgraphs, made.operatorCodes = 3, [schema.SubGraphT()], []
    made.subgraphs[0].tensors = [tensor(name, kind, [size], at + 1) for at, (name, kind, size) in enumerate(names)]
    made.subgraphs[0].operators = []
    made.buffers = [schema.BufferT() for _ in range(4)]
    for buffer, (_, _, size) in zip(made.buffers[1:], names, strict=True):
        buffer.data = np.zeros(size, np.uint8)
    builder = flatbuffers.Builder(1024)
    builder.Finish(made.Pack(builder), b"TFL3")
    (HERE / "shapes-in-bytes.bin").write_bytes(bytes(builder.Output()))


converted()
hand_made()
