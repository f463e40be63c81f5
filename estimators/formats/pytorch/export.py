"""Weights of programs in zips without `data.pkl`: exported by `torch.export` (`.pt2`), or the first TorchScript.

Spec: pytorch, torch/export/pt2_archive/constants.py (layout of the archive since 2.8: `data/weights/` and
`data/constants/`, each with a table `…_config.json` of names, files and shapes), torch/_export/serde/schema.py
(`ScalarType`, `TensorMeta`); before, `serialized_state_dict.pt` beside `serialized_exported_program.json`. TorchScript
of 1.0 to 1.3: torch/csrc/jit/export.cpp and caffe2/proto/torch.proto (`ModelDef`, written as JSON).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST
from estimators.errors import MalformedFile
from estimators.formats.pickled.arrays import elements_of
from estimators.packing import Tensor
from estimators.reading import zips
from estimators.reading.pickles import PickleStream, load

if TYPE_CHECKING:
    from estimators.formats.pytorch.checkpoints import Count
    from estimators.interface import ByteReader

MAX_TABLE_BYTES = 8 * 1024 * 1024
MAX_INNER_FILES = 8  # state dicts and constants of one archive

# `ScalarType` of the schema, and bytes of an element.
SCALAR_TYPES = {
    1: ("U8", 1), 2: ("I8", 1), 3: ("I16", 2), 4: ("I32", 4), 5: ("I64", 8), 6: ("F16", 2), 7: ("F32", 4),
    8: ("F64", 8), 9: ("C32", 4), 10: ("C64", 8), 11: ("C128", 16), 12: ("BOOL", 1), 13: ("BF16", 2), 28: ("U16", 2),
    29: ("F8_E4M3", 1), 30: ("F8_E5M2", 1), 31: ("F8_E4M3FNUZ", 1), 32: ("F8_E5M2FNUZ", 1),
}  # fmt: skip
# Types in `model.json`.
FIRST_TYPES = {
    "FLOAT": "F32", "FLOAT16": "F16", "DOUBLE": "F64", "BFLOAT16": "BF16", "INT64": "I64", "INT32": "I32",
    "INT16": "I16", "INT8": "I8", "UINT8": "U8", "BYTE": "U8", "BOOL": "BOOL",
}  # fmt: skip


def add_exported(count: Count, source: ByteReader, members: Mapping[str, zips.Member]) -> bool:
    """Count an exported program's weights; whether the zip is one.

    Raises:
        MalformedFile: a table is broken, or does not fit the members.
    """
    tables = [name for name in members if name.endswith(("_weights_config.json", "_constants_config.json"))]
    inner = [
        name for name in members if name.rpartition("/")[2] in ("serialized_state_dict.pt", "serialized_constants.pt")
    ]
    for name in tables[:MAX_INNER_FILES]:
        _add_table(count, source, members, name)
    for name in inner[:MAX_INNER_FILES]:
        _add_state_dict(count, source, members[name])
    compiled = [member.size for name, member in members.items() if "data/aotinductor/" in name]
    if compiled:  # the weights may be inside a library
        count.unseen += PARAMETERS_PER_BYTE_AT_MOST * sum(compiled)
    return bool(tables or inner or compiled)


def add_first_script(count: Count, source: ByteReader, members: Mapping[str, zips.Member]) -> bool:
    """Count TorchScript of before 1.4, whose `model.json` is a table of tensors; whether the zip is one."""
    name = next((name for name in members if name.rpartition("/")[2] == "model.json"), "")
    folder = name.rpartition("/")[0]
    if not name or not any("/tensors/" in "/" + member for member in members):
        return False
    file = f"{source.name}!{name}"
    rows = _json(source, members[name], file).get("tensors")
    if not isinstance(rows, list):
        raise MalformedFile(file, "has no list of tensors")
    seen: set[str] = set()
    for row in rows:
        try:
            key, shape = str(row["data"]["key"]), tuple(int(size) for size in row.get("dims", ()))
            kind = FIRST_TYPES.get(row.get("dataType"), "unknown")
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise MalformedFile(file, "a tensor has no key and dims") from exc
        if f"{folder}/{key}".lstrip("/") not in members:
            raise MalformedFile(file, f"{key[:80]} is not in the zip")
        if key not in seen:
            seen.add(key)
            count.tally.add(Tensor(key, kind, shape, elements_of(file, shape)))
    return True


def _json(source: ByteReader, member: zips.Member, file: str) -> dict[str, Any]:
    if member.size > MAX_TABLE_BYTES:
        raise MalformedFile(file, f"table has {member.size} bytes; at most {MAX_TABLE_BYTES} are read")
    try:
        value = json.loads(zips.open_member(source, member).read(0, member.size))
    except (ValueError, RecursionError) as exc:
        raise MalformedFile(file, f"is no JSON: {str(exc)[:100]}") from exc
    if not isinstance(value, dict):
        raise MalformedFile(file, "is no JSON object")
    return value


def _add_table(count: Count, source: ByteReader, members: Mapping[str, zips.Member], table: str) -> None:
    file = f"{source.name}!{table}"
    try:
        rows = _json(source, members[table], file)["config"]
        entries = [(str(name), row["path_name"], row["tensor_meta"]) for name, row in rows.items()]
    except (KeyError, TypeError, AttributeError) as exc:
        raise MalformedFile(file, f"is no table of tensors: {str(exc)[:100]}") from exc
    folder = table.rpartition("/")[0] + "/"
    constants = table.endswith("_constants_config.json")
    seen: set[str] = set()
    for name, path, meta in entries:
        if meta is None or not isinstance(path, str) or path in seen:  # tied weights share a file
            continue
        seen.add(path)
        tensor, width = _tensor(file, name, meta)
        held = members.get(folder + path)
        if held is None or held.size < tensor.elements * width:
            raise MalformedFile(file, f"{name[:80]}: its {tensor.elements * width} bytes are not in {path[:80]}")
        if not constants or tensor.elements > 64:
            count.tally.add(tensor)


def _tensor(file: str, name: str, meta: Any) -> tuple[Tensor, int]:
    try:
        shape = tuple(size["as_int"] for size in meta["sizes"])
        dtype, width = SCALAR_TYPES.get(meta["dtype"], ("unknown", 1))
    except (KeyError, TypeError) as exc:
        raise MalformedFile(file, f"{name[:80]}: no sizes and dtype") from exc
    return Tensor(name, dtype, shape, elements_of(file, shape)), width


def _add_state_dict(count: Count, source: ByteReader, member: zips.Member) -> None:
    """A file of `torch.save` inside the archive."""
    inner = zips.open_member(source, member)
    found = {entry.name: entry for entry in zips.members_of(inner)}
    pickle = next((entry for name, entry in found.items() if name.rpartition("/")[2] == "data.pkl"), None)
    if pickle is None:
        raise MalformedFile(inner.name, "has no data.pkl")
    constants = "constants" in member.name
    count.add(load(PickleStream(zips.open_member(inner, pickle))).value, constants=constants)
