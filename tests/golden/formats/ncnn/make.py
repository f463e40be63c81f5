"""Makes the golden ncnn files: `pip install pnnx torch`, then run this file."""

import json
import tempfile
from pathlib import Path

import pnnx
import torch
from torch import nn

HERE = Path(__file__).parent
FROM = "make.py, pnnx and torch 2.13.0; the size of the .bin that pnnx wrote bears it out"


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)
        self.slope = nn.PReLU(8)
        self.recurrent = nn.GRU(8, 5, batch_first=True)
        self.product = nn.Linear(5, 7)

    def forward(self, inputs):
        features = self.slope(self.convolution(inputs)).flatten(2).transpose(1, 2)
        return self.product(self.recurrent(features)[0])


network = Network().eval()
with tempfile.TemporaryDirectory() as folder:
    pnnx.export(network, f"{folder}/tiny.pt", (torch.zeros(1, 3, 8, 8),))
    for ending in ("ncnn", "pnnx"):
        text = (Path(folder) / f"tiny.{ending}.param").read_text(encoding="utf-8")
        (HERE / f"tiny.{ending}.param").write_text(text, encoding="utf-8")
count = sum(parameter.numel() for parameter in network.parameters())
# Of the GRU's two biases, ncnn keeps the sums for two gates and both for the third.
cases = {
    "tiny.ncnn.param": {"name": "model.ncnn.param", "point": count - 10, "exact": True, "from": FROM},
    "tiny.pnnx.param": {"name": "model.pnnx.param", "point": count, "exact": True, "from": FROM},
}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
