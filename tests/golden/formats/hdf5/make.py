"""Makes the golden HDF5 files: `pip install h5py`, then run this file."""

from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).parent


def floats(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


# As Keras 2 saves a model with its optimizer: a kernel of 8 x 4, its bias and a BatchNorm.
with h5py.File(HERE / "legacy.h5", "w") as file:
    file.attrs["keras_version"] = "2.11.0"
    weights = file.create_group("model_weights")
    for layer, shapes in {
        "dense": {"kernel:0": (8, 4), "bias:0": (4,)},
        "batch_normalization": {"gamma:0": (4,), "beta:0": (4,), "moving_mean:0": (4,), "moving_variance:0": (4,)},
        "dropout": {},
    }.items():
        group = weights.create_group(layer)
        group.attrs["weight_names"] = [f"{layer}/{name}".encode() for name in shapes]
        for name, shape in shapes.items():
            group.create_dataset(f"{layer}/{name}", data=floats(*shape))
    state = file.create_group("optimizer_weights/Adam")
    state["iterations:0"] = np.int64(7)
    state["m/dense/kernel:0"] = floats(8, 4)

# Types and layouts, with headers of the newer kind. 30 + 6 + 20 + 2 + 1 elements count, and 24 behind two links.
with h5py.File(HERE / "kinds.hdf5", "w", libver=("v108", "v110"), userblock_size=512) as file:
    file["big_endian"] = floats(5, 6).astype(">f4")
    file["complex"] = np.ones(6, np.complex64)
    file.create_dataset("packed", data=floats(4, 5), chunks=(2, 5), compression="gzip")
    file["half"] = np.ones(2, np.float16)
    file["scalar"] = np.float64(1)
    file["group/first"] = floats(24)
    file["group/again"] = file["group/first"]
    file["group/loop"] = file["group"]
    file["group/soft"] = h5py.SoftLink("/half")
    file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
    file["labels"] = np.arange(100)
    file["flags"] = np.array([True, False])
    file["words"] = np.array([b"a", b"b"])
    file["nothing"] = h5py.Empty("f4")

# Columns of a table may be weights or not.
with h5py.File(HERE / "table.h5", "w") as file:
    file["table"] = np.zeros(3, dtype=[("index", "i8"), ("x", "f4"), ("y", "f4")])
    file["weight"] = floats(7)
