"""Makes the golden pickles: `pip install scikit-learn joblib numpy torch`, then run this file."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder

HERE = Path(__file__).parent
TEXTS = ["one two", "two three", "three four", "four one"]
LABELS = [0, 1, 0, 1]
examples = np.random.default_rng(0).standard_normal((40, 3))
targets = (examples[:, 0] > 0).astype(int)


def write(name: str, model: object, protocol: int = 4) -> None:
    (HERE / name).write_bytes(pickle.dumps(model, protocol))


pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
for protocol in (0, 2, 5):
    write(f"pipeline-protocol-{protocol}.bin", pipeline, protocol)
network = MLPClassifier((4,), max_iter=2).fit(examples, targets)
joblib.dump(network, HERE / "network.bin")
for method in ("zlib", "bz2", "xz"):
    joblib.dump(network, HERE / f"network-{method}.bin", compress=(method, 3))
write("forest.bin", RandomForestClassifier(2, random_state=0).fit(examples, targets))
write("neighbours.bin", KNeighborsClassifier().fit(examples, targets))
write("labels.bin", LabelEncoder().fit(["a", "b"]))
write("q-table.bin", {"env_id": "Taxi-v3", "learning_rate": 0.7, "eval_seed": [16, 54], "qtable": np.zeros((20, 6))})
write("module.bin", torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3)))
