"""Makes the golden skops files: `pip install scikit-learn skops`, then run this file."""

import zipfile
from pathlib import Path

import numpy as np
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

HERE = Path(__file__).parent
examples = np.random.default_rng(0).standard_normal((40, 3))
targets = (examples[:, 0] > 0).astype(int)
skops.io.dump(
    make_pipeline(StandardScaler(), LogisticRegression()).fit(examples, targets),
    HERE / "pipeline.skops",
    compression=zipfile.ZIP_DEFLATED,
)
skops.io.dump(DecisionTreeClassifier(max_depth=2).fit(examples, targets), HERE / "tree.skops")
