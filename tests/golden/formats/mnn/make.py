"""Makes the golden MNN files: `pip install MNN onnx torch`, then run this file."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
network = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1), nn.Flatten(), nn.Linear(64, 10)
)
count = sum(parameter.numel() for parameter in network.parameters())
cases = {}
with tempfile.TemporaryDirectory() as folder:
    graph = f"{folder}/tiny.onnx"
    torch.onnx.export(network.eval(), (torch.zeros(1, 3, 8, 8),), graph, dynamo=False, opset_version=13)
    for name, options in (("plain", []), ("half", ["--fp16"]), ("eight-bits", ["--weightQuantBits", "8"])):
        command = [Path(sys.executable).parent / "mnnconvert", "-f", "ONNX", "--modelFile", graph, "--bizCode", "x"]
        subprocess.run([*command, "--MNNModel", HERE / f"{name}.mnn", *options], check=True, capture_output=True)
        cases[f"{name}.mnn"] = {"name": "model.mnn", "point": count, "exact": True, "from": "make.py, MNN 3.6.1"}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
