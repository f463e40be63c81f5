"""Makes the golden Keras files: `pip install keras jax`, then run this file with KERAS_BACKEND=jax."""

from pathlib import Path

import keras
from keras import layers

HERE = Path(__file__).parent

# 3 * 4 + 4 + 4 * 4 parameters; the seed of the dropout and the optimizer's state do not count.
model = keras.Sequential([layers.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)])
model.compile("sgd", "mse")
model.save(HERE / "trained.keras")

# 6 * 4 + 4 and 4 * 3 + 3, a weight a byte and two a byte.
for mode in ("int8", "int4"):
    model = keras.Sequential([layers.Input((6,)), layers.Dense(4), layers.Dense(3)])
    model.quantize(mode)
    model.save(HERE / f"{mode}.keras")

keras.config.set_dtype_policy("bfloat16")
model = keras.Sequential([layers.Input((3,)), layers.Dense(4, use_bias=False)])
model.save(HERE / "bfloat16.keras")
