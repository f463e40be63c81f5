"""Makes the golden `.npy` files: `pip install numpy ml_dtypes`, then run this file."""

from pathlib import Path

import ml_dtypes
import numpy as np

HERE = Path(__file__).parent
np.save(HERE / "float32.npy", np.zeros((3, 4), np.float32))
np.save(HERE / "bfloat16.npy", np.zeros((3, 4), ml_dtypes.bfloat16))
np.save(HERE / "structured.npy", np.zeros(3, [("id", np.int64), ("mean", np.float64), ("axes", np.float32, (2, 2))]))
np.save(HERE / "integers.npy", np.arange(40))
