"""Makes the golden LightGBM file: `pip install lightgbm numpy`, then run this file; bounds are checked by hand."""

from pathlib import Path

import lightgbm
import numpy as np

HERE = Path(__file__).parent
generator = np.random.default_rng(1)
inputs = generator.standard_normal((80, 3))
data = lightgbm.Dataset(inputs, (inputs[:, 0] > 0).astype(int))
settings = {"objective": "binary", "num_leaves": 4, "min_data_in_leaf": 3, "verbose": -1}
booster = lightgbm.train(settings, data, 3)
booster.save_model(HERE / "trees.txt")
print(booster.trees_to_dataframe().split_feature.isna().sum(), "leaves")
