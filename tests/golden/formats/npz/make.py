"""Makes the golden `.npz` files: `pip install numpy scipy mlx[cpu]`, then run this file."""

from pathlib import Path

import mlx.core as mx
import numpy as np
import scipy.sparse

HERE = Path(__file__).parent
arrays = {"embedding": np.ones((20, 8), np.float16), "bias": np.zeros(8), "step": np.array(7), "names": np.array(["a"])}
np.savez(HERE / "stored.npz", **arrays)
np.savez_compressed(HERE / "deflated.npz", **arrays)
np.savez(
    HERE / "training-state.npz",
    **{"params/kernel": np.zeros((4, 4)), "opt/mu/kernel": np.zeros((4, 4)), "extra/seconds": np.array(1.5)},
)
scipy.sparse.save_npz(HERE / "sparse.npz", scipy.sparse.csr_matrix(np.eye(5)))
weight, scales, biases = mx.quantize(mx.zeros((32, 128)), group_size=64, bits=4)
mx.savez(
    HERE / "mlx-quantised.npz",
    **{
        "layers.0.weight": weight,
        "layers.0.scales": scales,
        "layers.0.biases": biases,
        "norm.weight": mx.zeros((128,), dtype=mx.bfloat16),
    },
)
