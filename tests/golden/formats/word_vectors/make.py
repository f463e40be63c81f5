"""Makes the golden word vectors: `pip install gensim`, then run this file."""

import json
import sqlite3
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors

HERE = Path(__file__).parent
FROM = "make.py, gensim 4.4"
generator = np.random.default_rng(1)
vectors = KeyedVectors(20)
vectors.add_vectors([f"wört{number}" for number in range(30)], generator.standard_normal((30, 20)).astype(np.float32))
vectors.save_word2vec_format(HERE / "binary.bin", binary=True)
vectors.save_word2vec_format(HERE / "text.vec")
(HERE / "tiny.magnitude").unlink(missing_ok=True)
database = sqlite3.connect(HERE / "tiny.magnitude")
database.execute("CREATE TABLE magnitude (key TEXT, dim_0 INTEGER, dim_1 INTEGER)")
database.commit()
database.close()
size = (HERE / "tiny.magnitude").stat().st_size
exact = {"point": 600, "exact": True, "stored": 600, "from": FROM}
cases = {
    "binary.bin": {"name": "GoogleNews-word2vec.bin", **exact},
    "text.vec": {"name": "wiki.de.vec", **exact},
    "tiny.magnitude": {"name": "glove.magnitude", "low": size // 32, "high": size, "from": "make.py, sqlite3"},
}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
