"""Makes the golden Core ML files: `pip install coremltools==9.0 scikit-learn`, then run this file."""

import shutil
import tempfile
from pathlib import Path

import coremltools as ct
import coremltools.optimize.coreml as cto
import numpy as np
from coremltools.converters import mil
from coremltools.models import datatypes
from coremltools.models.neural_network import NeuralNetworkBuilder

HERE = Path(__file__).parent


def zeros(*shape):
    return np.zeros(shape, np.float32)


# 3 x 3 x 3 x 5 and 5, four times 5 of the normalisation, 80 x 7 and 7: 727.
builder = NeuralNetworkBuilder([("x", datatypes.Array(3, 4, 4))], [("y", None)], disable_rank5_shape_mapping=True)
builder.add_convolution(
    "c", 3, 5, 3, 3, 1, 1, "same", 1, zeros(3, 3, 3, 5), zeros(5), True, input_name="x", output_name="a"
)
builder.add_batchnorm("n", 5, zeros(5), zeros(5), zeros(5), zeros(5), input_name="a", output_name="b")
builder.add_flatten("f", 0, "b", "d")
builder.add_inner_product("i", zeros(7, 80), zeros(7), 80, 7, True, "d", "y")
ct.models.MLModel(builder.spec, skip_model_load=True).save(HERE / "network.mlmodel")


# 16 x 3 x 3 x 3 and 16, 20 x 16 and 20, 5 x 20 and 5 (which stand in the program itself): 893.
@mil.Builder.program(input_specs=[mil.Builder.TensorSpec(shape=(1, 3, 8, 8))], opset_version=ct.target.iOS18)
def program(x):
    random = np.random.default_rng(0)
    y = mil.Builder.conv(
        x=x, weight=random.random((16, 3, 3, 3)).astype("f"), bias=random.random(16).astype("f"), pad_type="same"
    )
    y = mil.Builder.reduce_mean(x=y, axes=[2, 3])
    y = mil.Builder.linear(x=y, weight=random.random((20, 16)).astype("f"), bias=random.random(20).astype("f"))
    return mil.Builder.linear(x=y, weight=random.random((5, 20)).astype("f"), bias=random.random(5).astype("f"))


def save(name, model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m.mlpackage")
        shutil.copy(f"{folder}/m.mlpackage/Data/com.apple.CoreML/model.mlmodel", HERE / name)


model = ct.convert(program, minimum_deployment_target=ct.target.iOS18, skip_model_load=True)
save("program.mlmodel", model)
linear = cto.OpLinearQuantizerConfig(dtype="int4", granularity="per_block", block_size=2, weight_threshold=0)
save("program-int4.mlmodel", cto.linear_quantize_weights(model, cto.OptimizationConfig(global_config=linear)))
palette = cto.OpPalettizerConfig(mode="uniform", nbits=3, weight_threshold=0)
save("program-palettes.mlmodel", cto.palettize_weights(model, cto.OptimizationConfig(global_config=palette)))
