"""What a deep read needs to know of a model, in as few bytes as it has: a third of all models wait for one at first.

Files that say nothing of the weights by their names are left out (`estimators/kinds.py`), unless sizes or digests were
told; what is restored counts, and is planned for, as the whole is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from estimators.kinds import Bearing, bearing
from estimators.roles import FileEntry
from scanner.facts import ModelFacts

if TYPE_CHECKING:
    from scanner.restrictions.interface import Gated

WORTH_DEFLATING = 600  # bytes; shorter ones save less than the work is worth


class Parts(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """The facts that counting, opening files and reading texts rest on; see ModelFacts.

    Attributes:
        files: paths; `None` where the source told no files.
        parameters: elements by dtype.
        sizes, digests: by path, for files whose sizes and digests the source told.
    """

    name: str
    sha: bytes | None
    files: Iterable[str] | None
    base_model: str | None = None
    gated: Any = False
    adapter: bool = False
    described: bool = False
    quantization: Any = None
    total: int | None = None
    parameters: Any = None
    gguf_total: int | None = None
    sizes: dict[str, int] = {}
    digests: dict[str, str] = {}


_PACKER = msgspec.msgpack.Encoder()
_UNPACKER = msgspec.msgpack.Decoder(Parts)


def packed(parts: Parts) -> bytes:
    """The bytes of some facts."""
    data = _PACKER.encode(parts)
    if len(data) < WORTH_DEFLATING:
        return b"\x00" + data
    return b"\x01" + zlib.compress(data, 1, -zlib.MAX_WBITS)


def pack(facts: ModelFacts, *, whole: bool = False) -> bytes:
    """What a deep read needs of a model's facts.

    Args:
        facts: what the source told.
        whole: keep the names of all files, as reading texts needs them.
    """
    files = facts.files
    sizes = {entry.path: entry.size for entry in files or () if entry.size is not None}
    paths = None if files is None else [entry.path for entry in files]
    if paths is not None and not whole and not sizes and not facts.digests and not facts.given:
        paths = bearing_files(paths)
    return packed(
        Parts(
            facts.name,
            bytes.fromhex(facts.sha) if facts.sha else None,
            paths,
            facts.base_model,
            facts.gated,
            facts.adapter,
            facts.described,
            facts.quantization,
            facts.safetensors_total,
            facts.safetensors_parameters,
            facts.gguf_total,
            sizes,
            dict(facts.digests),
        )
    )


def bearing_files(paths: Iterable[str]) -> list[str]:
    """The files of a list without sizes that counting and reading may have to do with."""
    told = {path: bearing(path) for path in paths}
    if Bearing.ALL in told.values():
        return list(told)
    return [path for path, one in told.items() if one is not Bearing.NONE]


def unpack(data: bytes, *, key: str, source: str = "huggingface", downloads: int = 0) -> ModelFacts:
    """The facts of a payload.

    Args:
        data: what `pack` or `QuickJudge` made.
        key: the model's id, which stands beside the payload.
        source: where it is.
        downloads: likewise.

    Raises:
        ValueError: the bytes are no payload.
    """
    try:
        parts = _UNPACKER.decode(zlib.decompress(data[1:], -zlib.MAX_WBITS) if data[:1] == b"\x01" else data[1:])
    except zlib.error as error:
        raise ValueError(f"not a payload ({error})") from error
    files = None
    if parts.files is not None:
        files = tuple(FileEntry(path, parts.sizes.get(path)) for path in parts.files)
    gated: Gated = parts.gated
    parameters: Mapping[str, Any] | None = parts.parameters
    return ModelFacts(
        key=key,
        name=parts.name,
        source=source,
        sha=parts.sha.hex() if parts.sha else None,
        downloads=downloads,
        gated=gated,
        base_model=parts.base_model,
        adapter=parts.adapter,
        safetensors_total=parts.total,
        safetensors_parameters=parameters,
        gguf_total=parts.gguf_total,
        files=files,
        digests=parts.digests,
        quantization=parts.quantization,
        described=parts.described,
    )
