"""Makes the golden tables of variables: `pip install tensorflow tf_keras`, then run this file.

Run without arguments it starts itself three times, since Keras 2, Keras 3 and graphs do not go together in one process.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def trained(keras):
    import numpy as np

    layers = keras.layers
    model = keras.Sequential([layers.Input((8,)), layers.Dense(16), layers.BatchNormalization(), layers.Dense(4)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((4, 8), "f"), np.zeros((4, 4), "f"), verbose=0)
    return model


def keras2(folder: Path) -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf

    model = trained(tf.keras)
    model.save(folder / "saved")
    shutil.copy(folder / "saved" / "variables" / "variables.index", HERE / "keras2-saved-model.index")


def keras3(folder: Path) -> None:
    import tensorflow as tf

    model = trained(tf.keras)
    tf.train.Checkpoint(net=model, my_optimizer=model.optimizer).save(folder / "both")
    shutil.copy(folder / "both-1.index", HERE / "keras3-with-optimizer.index")
    model.export(folder / "exported")
    shutil.copy(folder / "exported" / "variables" / "variables.index", HERE / "keras3-export.index")


def graphs(folder: Path) -> None:
    import tensorflow as tf

    old = tf.compat.v1
    old.disable_eager_execution()
    kernel = old.get_variable("net/kernel", [8, 16])
    parts = old.get_variable("net/table", [100, 8], partitioner=old.fixed_size_partitioner(4))
    for name, shape in (("net/kernel/adam_m", [8, 16]), ("t5/kernel", [32, 8]), ("t5/kernel_slot_vr", [32])):
        old.get_variable(name, shape)
    loss = tf.reduce_sum(kernel) + tf.reduce_sum(old.nn.embedding_lookup(parts, [1, 2]))
    step = old.train.AdamOptimizer().minimize(loss, global_step=old.train.get_or_create_global_step())
    with tf.control_dependencies([step]):
        tf.train.ExponentialMovingAverage(0.99).apply([kernel])
    with old.Session() as session:
        session.run(old.global_variables_initializer())
        old.train.Saver().save(session, str(folder / "model.ckpt"))
        old.train.Saver(write_version=old.train.SaverDef.V1).save(session, str(folder / "old.ckpt"))
    shutil.copy(folder / "model.ckpt.index", HERE / "slots-and-slices.index")
    shutil.copy(folder / "old.ckpt", HERE / "first-version.ckpt")


if len(sys.argv) > 1:
    with tempfile.TemporaryDirectory() as made:
        {"keras2": keras2, "keras3": keras3, "graphs": graphs}[sys.argv[1]](Path(made))
else:
    for part in ("keras2", "keras3", "graphs"):
        subprocess.run([sys.executable, __file__, part], check=True)
