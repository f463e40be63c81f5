"""Makes the golden zip archives: `pip install torch safetensors`, then run this file."""

import io
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save

HERE = Path(__file__).parent


def checkpoint(tensors: dict[str, torch.Tensor]) -> bytes:
    stream = io.BytesIO()
    torch.save(tensors, stream)
    return stream.getvalue()


with zipfile.ZipFile(HERE / "model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("model/config.json", '{"hidden_size": 4}')
    archive.writestr("model/model.safetensors", save({"a.weight": torch.zeros(40, 50), "a.bias": torch.zeros(40)}))
    archive.writestr(
        "model/pytorch_model.bin", checkpoint({"a.weight": torch.zeros(40, 50), "a.bias": torch.zeros(40)})
    )
    archive.writestr("model/vocab.txt", "a\nb\n")

with zipfile.ZipFile(HERE / "pictures.zip", "w") as archive:
    for number in range(5):
        archive.writestr(f"train/{number}.png", b"\x89PNG\r\n\x1a\n" + bytes(40))
    archive.writestr("README.md", "five pictures")

# TorchServe: a zip with a model, a handler and a manifest; encoder and decoder add up.
with zipfile.ZipFile(HERE / "served.mar", "w") as archive:
    archive.writestr("encoder.pth", checkpoint({"w": torch.zeros(3, 3)}))
    archive.writestr("decoder.pth", checkpoint({"w": torch.zeros(3, 4), "step": torch.tensor(3)}))
    archive.writestr("handler.py", "import torch\n")
    archive.writestr("MAR-INF/MANIFEST.json", "{}")
