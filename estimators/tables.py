"""Which file tells the shapes of what a weight file holds, by names alone: an `.index`, an `.xml`, a manifest.

One row a format. What is named here is read instead of the weight file, whose bytes have no header of their own (or one
that costs more to read).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")

_TENSORFLOW_SHARD = re.compile(r"\.data-\d{5}-of-\d{5}\Z")
_TFJS_SHARD = re.compile(r"[-_.]?(?:group\d+-)?shard\d+(?:of\d+)?(?:\.bin)?\Z|\A(?:model\.)?weights\.bin\Z")
_GRAPH_ENDINGS = (".onnx", ".ort")


def _beside(*endings: str, own: str = ".bin") -> Callable[[str], Iterator[str]]:
    """The file of the same name with one of these endings."""

    def tables(path: str) -> Iterator[str]:
        stem, dot, ending = path.rpartition(".")
        if (dot + ending).lower() == own:
            yield from (stem + other for other in endings)

    return tables


def _tensorflow(path: str) -> Iterator[str]:
    """The index of a checkpoint; in a SavedModel also the graph, which holds constants."""
    if _TENSORFLOW_SHARD.search(path):
        yield _TENSORFLOW_SHARD.sub(".index", path)
    elif path.endswith("saved_model.pb"):
        yield path
        yield path.removesuffix("saved_model.pb") + "variables/variables.index"


def _tfjs(path: str) -> Iterator[str]:
    """The manifest, which may be named for the model or not."""
    folder, slash, name = path.rpartition("/")
    if not _TFJS_SHARD.search(name):
        return
    stem = _TFJS_SHARD.sub("", name)
    names = (f"{stem}-weights_manifest.json", f"{stem}.json", "model.json", "weights_manifest.json")
    yield from (folder + slash + name for name in names)


def _coreml(path: str) -> Iterator[str]:
    """The program of a package, as written or compiled, whose constants point into the weight files."""
    package, found, _ = path.partition("com.apple.CoreML/weights/")
    if found:
        yield package + "com.apple.CoreML/model.mlmodel"
    package, found, _ = path.partition(".mlmodelc/")
    if found:
        yield package + ".mlmodelc/model.mil"


def _onnx(path: str) -> Iterator[str]:
    """The graph itself; data files beside it are named by it."""
    if path.lower().endswith(_GRAPH_ENDINGS):
        yield path


def _mnn(path: str) -> Iterator[str]:
    """The network, which tells what lies in the `.mnn.weight` beside it."""
    yield path.removesuffix(".weight")


def _paddle(path: str) -> Iterator[str]:
    """The program of an inference model, of Paddle 2 or 3."""
    yield from _beside(".pdmodel", ".json", own=".pdiparams")(path)
    if path.lower().endswith(".pdmodel"):
        yield path


def _distributed(path: str) -> Iterator[str]:
    """The metadata of a distributed checkpoint, which states every tensor of all ranks."""
    if path.lower().endswith(".distcp"):
        yield path.rpartition("/")[0] + "/.metadata" if "/" in path else ".metadata"


def _mlc(path: str) -> Iterator[str]:
    """The manifest of MLC LLM's shards, by its newer and its older name."""
    folder, slash, _ = path.rpartition("/")
    return (folder + slash + name for name in ("tensor-cache.json", "ndarray-cache.json"))


# By format: all of the named files that are there, or, where `first` is set, the first of them.
TABLES: Mapping[str, tuple[Callable[[str], Iterator[str]], bool]] = {
    "tensorflow": (_tensorflow, False),
    "tfjs": (_tfjs, True),
    "openvino": (_beside(".xml"), True),
    "ncnn": (_beside(".param"), True),
    "mlc": (_mlc, True),
    "paddle": (_paddle, True),
    "onnx": (_onnx, True),
    "mnn": (_mnn, True),
    "coreml": (_coreml, True),
    "pytorch": (_distributed, True),
}


def names_beside(path: str) -> Iterator[str]:
    """Where the tables of a weight file would lie, whatever its format turns out to be; none may be there."""
    for names, _ in TABLES.values():
        yield from (name for name in names(path) if name != path)


def tables_of(path: str, form: str, entries: Mapping[str, Entry]) -> list[Entry]:
    """The tables that a weight file of this format has among the repository's files.

    Args:
        path: of the weight file.
        form: name of its format.
        entries: the repository's files by path.
    """
    names, first = TABLES.get(form, (None, False))
    if names is None:
        return []
    found = [entries[name] for name in names(path) if name in entries]
    return found[:1] if first else found
