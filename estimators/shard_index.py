"""Read the index of a model split over several files: `*.safetensors.index.json`, `pytorch_model.bin.index.json`.

Spec: huggingface_hub, serialization/_base.py (`StateDictSplit`), and its readers in transformers and diffusers:
`{"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}`. Files are named relative to the index's folder.

An index is a claim: it may name files that are not there, leave out files that are, or be older than the files. What it
says of sizes is given as said; only headers of the files themselves are believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from estimators.errors import MalformedFile

MAX_INDEX_BYTES = 24 * 1024 * 1024  # the largest models' have 15 MB, for 100,000 tensors; parsed, it takes twice that
MAX_NAMED_FILES = 10_000  # the largest models have fewer than 1,000
MAX_FILE_NAME = 1_000  # characters
SHOWN_CHARACTERS = 80
INDEX_ENDINGS = (
    ".safetensors.index.json",
    ".bin.index.json",
    ".pt.index.json",
    ".msgpack.index.json",
    ".h5.index.json",
)


class _Index(msgspec.Struct):
    weight_map: dict[str, str]
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


_INDEX = msgspec.json.Decoder(_Index)
_METADATA = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NUMBER = msgspec.json.Decoder(int | float)


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """What one index says.

    Attributes:
        path: of the index.
        files: paths of the files it names, sorted; relative names joined to the index's folder.
        tensors: how many it lists.
        total_size: bytes of all tensors, as claimed; None where it does not say.
        total_parameters: as claimed; None where it does not say.
        strange: names that cannot be files of the repository (absolute, outside of it, too long).
    """

    path: str
    files: tuple[str, ...]
    tensors: int
    total_size: int | None = None
    total_parameters: int | None = None
    strange: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """An index beside the files that are there.

    Attributes:
        present: files that it names and that are there.
        missing: files that it names and that are not.
        unnamed: files of the same kind in its folder that it does not name.
    """

    present: tuple[str, ...]
    missing: tuple[str, ...]
    unnamed: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all that the index names is there."""
        return not self.missing


def is_index(path: str) -> bool:
    """Whether a file is called as an index of shards is."""
    return path.lower().endswith(INDEX_ENDINGS)


def index_stem(path: str) -> str:
    """The name that an index and its shards have in common: `model` of `a/model.safetensors.index.json`."""
    name = path.rpartition("/")[2]
    return name[: -max(len(ending) for ending in INDEX_ENDINGS if name.lower().endswith(ending))]


def is_index_of(path: str, shards: Iterable[str]) -> bool:
    """Whether a file is called as the index of these safetensors shards is, and lies beside them."""
    if not path.lower().endswith(INDEX_ENDINGS[0]):
        return False
    start = f"{path[: -len(INDEX_ENDINGS[0])]}-"
    return all(shard.startswith(start) and "/" not in shard[len(start) :] for shard in shards)


def read_index(path: str, text: bytes) -> ShardIndex:
    """Read an index.

    Args:
        path: of the index inside the repository.
        text: its bytes.

    Raises:
        MalformedFile: it is no index, or one past all reason.
    """
    if len(text) > MAX_INDEX_BYTES:
        raise MalformedFile(path, f"index has {len(text)} bytes; at most {MAX_INDEX_BYTES} are read")
    try:
        index = _INDEX.decode(text.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise MalformedFile(path, f"is no index of shards: {str(exc)[:200]}") from exc
    named = set(index.weight_map.values())
    if len(named) > MAX_NAMED_FILES:
        raise MalformedFile(path, f"index names {len(named)} files; at most {MAX_NAMED_FILES} are allowed")
    folder = path.rpartition("/")[0]
    files, strange = set(), []
    for name in sorted(named):
        joined = _joined(folder, name)
        if joined is None:
            strange.append(name[:SHOWN_CHARACTERS])
        else:
            files.add(joined)
    metadata = _metadata(index.metadata)
    return ShardIndex(
        path,
        tuple(sorted(files)),
        len(index.weight_map),
        _claim(metadata, "total_size"),
        _claim(metadata, "total_parameters"),
        tuple(strange),
    )


def coverage(index: ShardIndex, paths: Iterable[str]) -> Coverage:
    """Set an index beside a repository's files.

    Args:
        index: what the index says.
        paths: all files of the repository.
    """
    there = set(paths)
    folder = index.path.rpartition("/")[0]
    ending = _shard_ending(index.path)
    named = set(index.files)
    unnamed = sorted(
        path
        for path in there - named
        if path.rpartition("/")[0] == folder and path.lower().endswith(ending) and not is_index(path)
    )
    return Coverage(
        tuple(path for path in index.files if path in there),
        tuple(path for path in index.files if path not in there),
        tuple(unnamed),
    )


def _shard_ending(path: str) -> str:
    """The ending of the files that an index is about: what precedes `.index.json`."""
    stem = path.rpartition("/")[2].lower().removesuffix(".index.json")
    return "." + stem.rpartition(".")[2]


def _joined(folder: str, name: str) -> str | None:
    """A named file's path in the repository; None for names that no file of it can have."""
    if not name or len(name) > MAX_FILE_NAME or name.startswith(("/", "\\")) or "\0" in name or ":" in name:
        return None
    parts: list[str] = folder.split("/") if folder else []
    for part in name.replace("\\", "/").split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or None


def _metadata(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The metadata where it is an object; it may hold anything, and only two numbers matter."""
    try:
        return _METADATA.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _claim(metadata: dict[str, msgspec.Raw], key: str) -> int | None:
    """A number of the metadata, where it is one that a model can have; some writers store it as a float or a text."""
    raw = metadata.get(key)
    if raw is None:
        return None
    try:
        value = _NUMBER.decode(bytes(raw).strip(b'"'))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if not 0 <= value < 2**63 or value != int(value):
        return None
    return int(value)
