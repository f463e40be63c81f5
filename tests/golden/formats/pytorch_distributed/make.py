"""Makes the golden files of a distributed checkpoint: `pip install torch`, then run this file."""

import shutil
import tempfile
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp

HERE = Path(__file__).parent
STATE = {
    "model": {"a.weight": torch.zeros(30, 4), "b": torch.zeros(7, dtype=torch.bfloat16), "ids": torch.arange(5)},
    "optimizer": {"state": {0: {"exp_avg": torch.zeros(30, 4)}}, "param_groups": [{"lr": 1}]},
    "step": 3,
}
with tempfile.TemporaryDirectory() as folder:
    dcp.save(STATE, checkpoint_id=folder)
    shutil.copy(Path(folder) / ".metadata", HERE / "metadata.pickle")
    shutil.copy(Path(folder) / "__0_0.distcp", HERE / "__0_0.distcp")
