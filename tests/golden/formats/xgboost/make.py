"""Makes the golden XGBoost files: `pip install xgboost numpy`, then run this file; bounds are checked by hand."""

import struct
from pathlib import Path

import numpy as np
import xgboost

HERE = Path(__file__).parent
FROM = f"make.py, xgboost {xgboost.__version__}"
generator = np.random.default_rng(1)
inputs = generator.standard_normal((40, 3))
data = xgboost.DMatrix(inputs, (inputs[:, 0] > 0).astype(int))
trees = xgboost.train({"max_depth": 2}, data, 4)
linear = xgboost.train({"booster": "gblinear"}, data, 2)
for ending in ("json", "ubj"):
    trees.save_model(HERE / f"trees.{ending}")
    linear.save_model(HERE / f"linear.{ending}")


def named(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


# The layout of releases before 2.1, which nothing writes any more: one tree of three nodes.
settings = struct.pack("<fIiii", 0.5, 3, 0, 0, 0) + bytes(116)
tree = struct.pack("<6i", 1, 3, 0, 1, 3, 0) + bytes(124) + bytes(3 * 36)
booster = struct.pack("<i", 1) + bytes(156)
(HERE / "binary.model").write_bytes(b"binf" + settings + named(b"binary:logistic") + named(b"gbtree") + booster + tree)
leaves = sum(row.count("leaf") for row in trees.get_dump())
print(f"{leaves} leaves")
