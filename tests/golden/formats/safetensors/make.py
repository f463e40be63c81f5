"""Makes the golden safetensors files: `pip install safetensors numpy`, then run this file."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
save_file(
    {"a.weight": np.zeros((3, 4), np.float32), "position_ids": np.zeros(2, np.int64)},
    HERE / "floats-and-integers.safetensors",
)
