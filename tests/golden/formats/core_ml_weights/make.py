"""Makes the golden weight files of Core ML packages: `pip install coremltools==9.0`, then run this file."""

import shutil
import tempfile
from pathlib import Path

import coremltools as ct
import coremltools.optimize.coreml as cto
import numpy as np
from coremltools.converters import mil

HERE = Path(__file__).parent


# 20 x 16 and 20, 30 x 20 and 30: 970 in the file.
@mil.Builder.program(input_specs=[mil.Builder.TensorSpec(shape=(1, 16))], opset_version=ct.target.iOS18)
def program(x):
    random = np.random.default_rng(0)
    y = mil.Builder.linear(x=x, weight=random.random((20, 16)).astype("f"), bias=random.random(20).astype("f"))
    return mil.Builder.linear(x=y, weight=random.random((30, 20)).astype("f"), bias=random.random(30).astype("f"))


def save(name, model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m.mlpackage")
        shutil.copy(f"{folder}/m.mlpackage/Data/com.apple.CoreML/weights/weight.bin", HERE / name)
        (HERE / name).chmod(0o644)


model = ct.convert(program, minimum_deployment_target=ct.target.iOS18, skip_model_load=True)
save("floats.bin", model)
linear = cto.OpLinearQuantizerConfig(mode="linear", weight_threshold=0)
save("eight-bits.bin", cto.linear_quantize_weights(model, cto.OptimizationConfig(global_config=linear)))
