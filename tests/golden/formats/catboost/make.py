"""Makes the golden CatBoost file: `pip install catboost numpy`, then run this file; bounds are checked by hand."""

from pathlib import Path

import numpy as np
from catboost import CatBoostClassifier

HERE = Path(__file__).parent
generator = np.random.default_rng(1)
inputs = generator.standard_normal((40, 3))
model = CatBoostClassifier(iterations=3, depth=2, verbose=0, allow_writing_files=False)
model.fit(inputs, (inputs[:, 0] > 0).astype(int))
model.save_model(str(HERE / "trees.cbm"))
print(model.get_leaf_values().size, "leaf values")
