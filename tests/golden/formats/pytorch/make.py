"""Makes the golden PyTorch files, legacy ones included: `pip install torch`, then run this file."""

import io
import zipfile
from pathlib import Path

import torch

HERE = Path(__file__).parent
LEGACY = HERE.parent / "pytorch_legacy"
ZOO = HERE.parent / "stable-baselines3"
torch.manual_seed(0)


class Net(torch.nn.Module):
    """A convolution with BatchNorm, and a head whose weight is tied to the embedding's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
        self.embedding = torch.nn.Embedding(5, 4)
        self.head = torch.nn.Linear(4, 5)
        self.head.weight = self.embedding.weight
        self.register_buffer("positions", torch.arange(10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Anything that uses the weights."""
        return self.head(self.norm(self.conv(images)).mean((2, 3))) + torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])


net, other = Net(), Net()
optimizer = torch.optim.AdamW(net.parameters())
net(torch.zeros(2, 3, 4, 4)).sum().backward()
optimizer.step()
base = torch.zeros(64)
matrix = torch.zeros(4, 6)
quantised = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(4, 3)), dtype=torch.qint8)


def keep_members(path: Path, dropped: tuple[str, ...]) -> None:
    """Write a zip again without the members that hold sources and traces."""
    with zipfile.ZipFile(path) as packed:
        kept = [(member, packed.read(member)) for member in packed.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in kept:
            if not member.filename.endswith(dropped):
                archive.writestr(member.filename, data, member.compress_type)


CASES = {
    "state-dict": net.state_dict(),
    "module": net,
    "training": {
        "epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "best_acc": torch.tensor(0.5),
        "rng_state": torch.get_rng_state()[:8], "ema": {"module": other.state_dict()},
    },
    "gan": {"G": net.state_dict(), "D": {"w": torch.zeros(2, 3)}, "G_ema": other.state_dict()},
    "views": {"a": base[:16].view(4, 4), "b": base[8:24], "left": matrix[:, :2], "right": matrix[:, 2:]},
    "kinds": {
        "sparse": torch.eye(3).to_sparse(), "quantised": torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8),
        "f8": torch.ones(3).to(torch.float8_e4m3fn), "parameter": torch.nn.Parameter(torch.ones(2)),
        "complex": torch.ones(2, dtype=torch.complex64), "mask": torch.ones(9, dtype=torch.bool),
        "empty": torch.ones(0),
    },
    "dynamic-quantised": quantised.state_dict(),
}  # fmt: skip
for name, value in CASES.items():
    torch.save(value, HERE / f"{name}.pt")
    if name != "module":  # the legacy format keeps the sources of modules
        torch.save(value, LEGACY / f"{name}.pt", _use_new_zipfile_serialization=False)
torch.save(net.state_dict(), HERE / "protocol-4.pt", pickle_protocol=4)
torch.jit.script(net.eval()).save(HERE / "torchscript.pt")
torch.jit.trace(net.eval(), torch.zeros(1, 3, 4, 4)).save(HERE / "traced.pt")
torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 4, 4),)), HERE / "exported.pt2")
for name in ("torchscript.pt", "traced.pt", "exported.pt2"):
    keep_members(HERE / name, (".debug_pkl", "model.json", "sample_inputs/model.pt"))
with zipfile.ZipFile(HERE / "state-dict.pt") as packed, zipfile.ZipFile(HERE / "deflated.pt", "w", 8) as deflated:
    for member in packed.namelist():
        deflated.writestr(member, packed.read(member))
# The layout of stable-baselines3's save_to_zip_file, without the library.
policy, state = io.BytesIO(), io.BytesIO()
torch.save(net.state_dict(), policy)
torch.save(optimizer.state_dict(), state)
with zipfile.ZipFile(ZOO / "policy.zip", "w") as archive:
    archive.writestr("data", '{"policy_class": {}}')
    archive.writestr("policy.pth", policy.getvalue())
    archive.writestr("policy.optimizer.pth", state.getvalue())
    archive.writestr("_stable_baselines3_version", "2.7.0")
