"""Makes the golden tar archive as NeMo's `save_to` does: `pip install torch`, then run this file."""

import io
import tarfile
from pathlib import Path

import torch

HERE = Path(__file__).parent

stream = io.BytesIO()
torch.save({"encoder.weight": torch.zeros(6, 7), "decoder.bias": torch.zeros(7), "steps": torch.tensor(5)}, stream)
MEMBERS = {
    "model_config.yaml": b"target: nemo.collections.asr.models.EncDecCTCModel\n",
    "model_weights.ckpt": stream.getvalue(),
    "0a1b_tokenizer.vocab": b"a\nb\n",
}


def write(name: str, mode: str) -> None:
    with tarfile.open(HERE / name, mode) as archive:
        folder = tarfile.TarInfo("./")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for path, data in MEMBERS.items():
            member = tarfile.TarInfo(f"./{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


write("asr.nemo", "w")
write("../packed_archive/asr-gzip.nemo", "w:gz")
write("../packed_archive/asr.tar.xz", "w:xz")
