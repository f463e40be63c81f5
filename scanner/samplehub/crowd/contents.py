"""The bytes of a model's files, made when somebody asks: real headers, and zeros for the weights behind them.

The digest of a file in LFS is made from what determines it, not from its bytes: gigabytes of zeros need not be hashed,
and weights that are equal still have equal digests, in whatever repository they lie.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scanner.samplehub.crowd import rows, sizes
from scanner.samplehub.crowd.layout import layout
from scanner.samplehub.files import archives, gguf, hdf5, onnx, pickles, safetensors, torch
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.gguf import Quantised
from scanner.samplehub.files.tensors import Tensor, Tensors, partition, stored
from scanner.samplehub.files.text import card as card_text
from scanner.samplehub.population import shapes
from scanner.samplehub.population.making import as_json, llama_config, text_model
from scanner.samplehub.repository import GITATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scanner.samplehub.crowd.models import Model, Models, Weights

GGML_KINDS = {"Q4_K_M": "Q4_K", "Q5_K_M": "Q5_K"}
VOCABULARIES = (32_000, 128_256, 49_152, 2_000)  # tokens in a GGUF header
PICKLE_LAST = 12  # one in so many zips has its pickle behind the storages
IN_LFS = {"safetensors", "zip", "gguf", "onnx", "hdf5", "pickle", "agent", "component", "optimizer", "arguments"}
LICENCE = "Permission is granted to use, copy and modify this model, provided that this notice is kept.\n"
BODY = "# {}\n\nTrained on what was at hand. See the files for details.\n\nRevision {}.\n"


class Files(dict[str, Blob]):
    """A model's files by path; each is made at the first look, and only its name is known before."""

    def __init__(self, models: Models, model: Model) -> None:
        super().__init__()
        self._models, self._model = models, model
        self._roles = {".gitattributes": "attributes"} | dict(layout(model))

    def __missing__(self, path: str) -> Blob:
        if path not in self._roles:
            raise KeyError(path)
        self[path] = made = _blob(self._models, self._model, path, self._roles[path])
        return made

    def get(self, path: str, default: Any = None) -> Any:
        """The file, or the default where there is none."""
        return self[path] if path in self._roles else default

    def __contains__(self, path: object) -> bool:
        return path in self._roles

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __len__(self) -> int:
        return len(self._roles)

    def __bool__(self) -> bool:
        return True

    def of_digest(self, wanted: str) -> Blob | None:
        """The file in LFS with this digest."""
        for path, role in self._roles.items():
            if role.split(" ")[0] in IN_LFS and digest(self._model, path, role) == wanted:
                return self[path]
        return None

    def keys(self) -> Any:
        """The paths."""
        return self._roles.keys()

    def items(self) -> Any:
        """Paths and files, all of them made."""
        return [(path, self[path]) for path in self._roles]

    def values(self) -> Any:
        """The files, all of them made."""
        return [self[path] for path in self._roles]


def digest(model: Model, path: str, role: str) -> str:
    """SHA-256 of a file in LFS: the same for the same role of the same weights."""
    own = role.split(" ")[0] not in ("safetensors", "zip", "component")
    whose = f"{model.number} {path}" if own else ""
    folder = path.rpartition("/")[0] if role.startswith(("safetensors", "zip")) else ""
    return hashlib.sha256(f"{model.weights} {role} {folder} {whose}".encode()).hexdigest()


def _blob(models: Models, model: Model, path: str, role: str) -> Blob:
    kind, *numbers = role.split(" ")
    blob = MAKERS[kind](models, model, path, numbers)
    if kind in IN_LFS:
        vars(blob)["sha256"] = digest(model, path, role)  # in place of the cached property's own work
    return blob


@lru_cache(maxsize=8)
def _parts(weights: Weights, parts: int) -> list[Tensors]:
    """The tensors of each shard; remembered, since who asks for one shard asks for the next."""
    found = sizes.tensors(weights)
    return [found] if parts == 1 else partition(found, parts)


def _part(model: Model, numbers: list[str]) -> Tensors:
    return _parts(model.weights, int(numbers[1]))[int(numbers[0]) - 1]


def _safetensors(_: Models, model: Model, __: str, numbers: list[str]) -> Blob:
    return safetensors.sparse(_part(model, numbers), {"format": "pt"})


def _zip(_: Models, model: Model, __: str, numbers: list[str]) -> Blob:
    if model.weights.form == "rl":
        return torch.write(policy(model))
    return torch.write(
        _part(model, numbers),
        folder="pytorch_model" if model.kind == "bin" else "archive",
        pickle_last=model.weights.draw % PICKLE_LAST == 0,
    )


def _index(_: Models, model: Model, __: str, numbers: list[str]) -> Blob:
    role, parts = numbers[0], int(numbers[1])
    stem, suffix = ("model", "safetensors") if role == "safetensors" else ("pytorch_model", "bin")
    groups = _parts(model.weights, parts)
    names = {name: f"{stem}-{n:05}-of-{parts:05}.{suffix}" for n, group in enumerate(groups, 1) for name in group}
    metadata: dict[str, Any] = {"total_size": sum(tensor.nbytes for group in groups for tensor in group.values())}
    if model.declared == "overridden":
        metadata["total_parameters"] = rows.OVERRIDING_TOTAL
    return as_json({"metadata": metadata, "weight_map": names})


def _component(_: Models, model: Model, __: str, numbers: list[str]) -> Blob:
    return safetensors.sparse(sizes.components(model.weights)[numbers[0]], {"format": "pt"})


@lru_cache(maxsize=len(VOCABULARIES))
def _vocabulary(size: int) -> gguf.Encoded:
    return gguf.Encoded.of(gguf.vocabulary(size))


def _gguf(_: Models, model: Model, __: str, numbers: list[str]) -> Blob:
    return _splits(model.weights, model.stem, GGML_KINDS.get(numbers[0], numbers[0]), int(numbers[2]))[
        int(numbers[1]) - 1
    ]


@lru_cache(maxsize=2)
def _splits(weights: Weights, name: str, kind: str, parts: int) -> list[Blob]:
    plain = sizes.decoder_tensors(weights.count, "F16")
    quantised = {name: _fitting(tensor) for name, tensor in shapes.as_gguf(plain, kind).items()}
    keys: dict[str, gguf.Value] = {
        "general.architecture": "llama", "general.name": name, "general.quantization_version": 2,
        "llama.context_length": 8192, "llama.block_count": sizes.decoder(weights.count).layers,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": _vocabulary(VOCABULARIES[weights.draw & 3]),
        "tokenizer.ggml.add_bos_token": True,
    }  # fmt: skip
    return [gguf.write(quantised, keys)] if parts == 1 else [*gguf.splits(quantised, keys, "part", parts).values()]


def _fitting(tensor: Quantised) -> Quantised:
    """Rows that are no whole number of blocks are kept in a wider type, as llama.cpp does."""
    if len(tensor.shape) < 2 or tensor.shape[-1] % gguf.TYPES[tensor.kind][1] == 0:
        return tensor
    return Quantised("Q8_0" if tensor.shape[-1] % 32 == 0 else "F16", tensor.shape)


def _onnx(_: Models, model: Model, __: str, ___: list[str]) -> Blob:
    return onnx.write(sizes.vision_tensors(model.weights.count))


def _hdf5(_: Models, model: Model, __: str, ___: list[str]) -> Blob:
    found = (
        sizes.encoder_tensors(model.weights.count, position_ids=False)
        if model.weights.count > 10**6
        else sizes.vision_tensors(model.weights.count)
    )
    return hdf5.write({name.replace(".", "/") + ":0": tensor for name, tensor in found.items()})


def policy(model: Model) -> Tensors:
    """A small agent of exactly so many parameters."""
    found = shapes.perceptron(8, 16, 16, prefix="mlp_extractor.policy_net.")
    found["action_net.weight"] = Tensor("F32", (model.weights.count - stored(found),))
    return found


def _moments(found: Tensors) -> Tensors:
    return {f"state.{n}.{name}": t for n, t in enumerate(found.values()) for name in ("exp_avg", "exp_avg_sq")}


def _optimizer(_: Models, model: Model, __: str, ___: list[str]) -> Blob:
    found = policy(model) if model.weights.form == "rl" else sizes.vision_tensors(min(model.weights.count, 4 * 10**8))
    return torch.write(_moments(found), folder="optimizer")


def _agent(_: Models, model: Model, __: str, ___: list[str]) -> Blob:
    found = policy(model)
    members: dict[str, str | Blob] = {
        "data": '{"policy_class": {}, "n_envs": 16, "gamma": 0.999}',
        "pytorch_variables.pth": torch.write({}),
        "policy.pth": torch.write(found),
        "policy.optimizer.pth": torch.write(_moments(found)),
        "_stable_baselines3_version": "2.7.0",
        "system_info.txt": "- OS: Linux\n- Python: 3.11\n- Stable-Baselines3: 2.7.0\n",
    }
    return archives.write(members)


def _pickle(_: Models, model: Model, __: str, ___: list[str]) -> Blob:
    fitted = pickles.instance(
        "sklearn.linear_model._logistic",
        "LogisticRegression",
        {
            "C": pickles.number(1),
            "coef_": pickles.numpy_array(Tensor("F64", (1, model.weights.count - 1))),
            "intercept_": pickles.numpy_array(Tensor("F64", (1,))),
            "_sklearn_version": pickles.text("1.6.1"),
        },
    )
    return Blob.of(b"\x80\x03" + fitted + b".")


def _config(_: Models, model: Model, __: str, ___: list[str]) -> Blob:
    form, count = model.weights.form, model.weights.count
    architecture, kind = rows.CLASSES[form]
    if form in ("decoder", "gptq", "mlx", "gguf"):
        hidden, layers, vocab, _rest = sizes.decoder(count, packed=form in rows.PACKING)
        more: dict[str, Any] = {"quantization_config": rows.PACKING[form]} if form in rows.PACKING else {}
        dtype = model.weights.dtype if form == "decoder" else "F16"
        return as_json(
            llama_config(
                hidden=hidden, layers=layers, intermediate=3 * hidden, kv=hidden // 4, vocab=vocab, tied=True,
                dtype=dtype, **more,
            )
        )  # fmt: skip
    return as_json(text_model(architecture, kind))


def _adapter(models: Models, model: Model, __: str, ___: list[str]) -> Blob:
    base = models.at_base(model.base).first_name if model.base is not None else None
    return as_json(
        {"base_model_name_or_path": base, "peft_type": "LORA", "r": 8, "target_modules": ["q_proj", "v_proj"]}
    )


def _card(models: Models, model: Model, __: str, ___: list[str]) -> Blob:
    return Blob.of(card_text(rows.card(models, model), BODY.format(model.stem, len(model.fate.committed_in))))


def _text(_: Models, __: Model, path: str, ___: list[str]) -> Blob:
    return Blob.of(f"# {path}\n")


def _json(_: Models, __: Model, path: str, ___: list[str]) -> Blob:
    return as_json({"file": path.rpartition("/")[2], "version": 1})


MAKERS: dict[str, Callable[[Models, Model, str, list[str]], Blob]] = {
    "safetensors": _safetensors, "zip": _zip, "index": _index, "component": _component, "gguf": _gguf, "onnx": _onnx,
    "hdf5": _hdf5, "optimizer": _optimizer, "agent": _agent, "pickle": _pickle, "config": _config, "adapter": _adapter,
    "card": _card, "text": _text, "json": _json,
    "tokenizer": lambda *_: as_json({"version": "1.0", "model": {"type": "BPE", "vocab": {"</s>": 0}, "merges": []}}),
    "licence": lambda *_: Blob.of(LICENCE),
    "attributes": lambda *_: Blob.of(GITATTRIBUTES),
    "arguments": lambda *_: torch.write({"seed": Tensor("I64", (1,))}, folder="archive"),
    "events": lambda *_: Blob.of(b"\x18\0\0\0\0\0\0\0" + b"brain.Event:2"),
    "picture": lambda *_: Blob(180_000, ((0, b"\x89PNG\r\n\x1a\n"),)),
}  # fmt: skip
