"""Makes the golden fastText files: `pip install fasttext-numpy2-wheel`, then run this file."""

import json
import tempfile
from pathlib import Path

import fasttext

HERE = Path(__file__).parent
FROM = "make.py, fasttext 0.10.4"
lines = (" ".join(f"w{number % 40} w{word}" for word in range(5)) for number in range(90))
text = "\n".join(f"__label__{number % 3} {line}" for number, line in enumerate(lines))
cases = {}
with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    file.write(text)
    file.flush()
    plain = {"verbose": 0, "thread": 1, "epoch": 1, "dim": 10, "minCount": 1}
    model = fasttext.train_supervised(file.name, **plain)
    model.save_model(str(HERE / "supervised.bin"))
    count = model.get_input_matrix().size + model.get_output_matrix().size
    cases["supervised.bin"] = {"name": "model.ftz", "point": count, "exact": True, "stored": count, "from": FROM}
    model = fasttext.train_unsupervised(file.name, bucket=200, minn=2, maxn=3, **plain)
    model.save_model(str(HERE / "skipgram.bin"))
    count = model.get_input_matrix().size + model.get_output_matrix().size
    cases["skipgram.bin"] = {"name": "cc.de.300.bin", "point": count, "exact": True, "stored": count, "from": FROM}
    model = fasttext.train_supervised(file.name, wordNgrams=2, bucket=400, **plain)
    rows, labels = model.get_input_matrix().shape[0], model.get_output_matrix().shape[0]
    model.quantize(qnorm=True)
    model.save_model(str(HERE / "quantised.ftz"))
    cases["quantised.ftz"] = {"name": "lid.176.ftz", "point": 10 * (rows + labels), "exact": True, "from": FROM}
    model = fasttext.train_supervised(file.name, wordNgrams=2, bucket=400, **plain)
    model.quantize(file.name, cutoff=300, dsub=5)
    model.save_model(str(HERE / "pruned.ftz"))
    cases["pruned.ftz"] = {"name": "model.ftz", "point": 10 * (300 + labels), "exact": True, "from": FROM}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
