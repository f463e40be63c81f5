"""Count parameters in PyTorch's zip files: `torch.save` since 1.6, TorchScript, Lightning, whole modules.

Spec: pytorch, torch/serialization.py `_save` and caffe2/serialize/inline_container.h (layout: a folder with `data.pkl`
and one stored member for each storage, aligned), torch/csrc/jit/serialization/export_module.cpp (TorchScript:
`data.pkl`, `code/`, `constants.pkl`).

`data.pkl` is the first entry of what `torch.save` writes, so it is read from the front, as far as its STOP. Where
something else comes first (TorchScript), or the storages that it names do not explain the file's size, the zip's
directory is read (zips.py). The pickle is interpreted by our own machine (pickles.py); storages are never read.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import BudgetExceeded, MalformedFile, beyond_doubt
from estimators.formats.pytorch import export as pytorch_export
from estimators.formats.pytorch.checkpoints import Count
from estimators.formats.pytorch.storages import storage_bytes
from estimators.interface import ByteReader, Estimate, Hints
from estimators.reading import zips
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.pickle_nodes import Call
from estimators.reading.pickles import Pickle, PickleStream, load
from estimators.reading.views import Pages

if TYPE_CHECKING:
    from collections.abc import Mapping

PICKLE = "data.pkl"
MAX_PACKAGE_BYTES = 8 * 1024 * 1024  # of all pickles of a package, in two seconds; each may be as slow as a file
LOCAL_HEADER_BYTES = 30
# Of a storage, beside its bytes: local header, padding to 64, descriptor and directory entry; and of a file.
OVERHEAD_BYTES, FILE_OVERHEAD_BYTES = 512, 8192
SPARE_BYTES = 64 * 1024  # before or between members, that no member explains; what an archive is wrapped in

# First members of PyTorch's archives, below their one folder.
_FIRST_MEMBER = re.compile(
    r"(?:[^/]+/)?(?:data\.pkl|data/\d+|constants\.pkl|constants/\d+|\.format_version|\.data/.+|bytecode\.pkl|"
    r"code/__torch__.*|data/(?:weights|constants|aotinductor)/.+|archive_format|serialized_exported_program\.json|"
    r"serialized_state_dict\.(?:pt|json))"
)
_VERSION_MARKS = (b"/version", b"/.data/version")  # members that every archive of PyTorch's has
_NAMES = (".pt", ".pth", ".bin", ".ckpt", ".pth.tar", ".pt2", ".ptl", ".torchscript", ".th", ".pyth", ".chkpt")


def matches(front: bytes, name: str) -> bool:
    """Whether a file is a zip whose first member is one of PyTorch's, or a zip with a PyTorch ending."""
    first = zips.first_name(front)
    return bool(first) and (bool(_FIRST_MEMBER.fullmatch(first)) or name.endswith(_NAMES))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one PyTorch zip.

    Raises:
        MalformedFile: the zip or its pickle is broken, or tensors do not fit in the file.
        ReadFailed, BudgetExceeded: from the reader, or a pickle beyond the caps.
    """
    source = front_reader(reader)
    first = zips.first_name(source.front())
    named = source.name.lower().endswith(_NAMES) or not first.endswith(PICKLE)
    with beyond_doubt(named and bool(_FIRST_MEMBER.fullmatch(first))):
        pickle = _front_pickle(source)
        if pickle is not None and _explains(source, pickle):
            count = Count(source.name, hints)
            count.add(pickle.value)
            return count.estimate(source)
        return _by_directory(source, pickle, hints)


def _front_pickle(source: FrontReader) -> Pickle | None:
    """`data.pkl` where it is the first member and stored as it is."""
    header = source.read(0, LOCAL_HEADER_BYTES)
    name = zips.first_name(source.front())
    if len(header) < LOCAL_HEADER_BYTES or name.rpartition("/")[2] != PICKLE:
        return None
    flags, method = struct.unpack_from("<HH", header, 6)
    if method != zips.STORED or flags & zips.ENCRYPTED:
        return None
    name_length, extra_length = struct.unpack_from("<HH", header, 26)
    return load(PickleStream(source, LOCAL_HEADER_BYTES + name_length + extra_length))


def _explains(source: FrontReader, pickle: Pickle) -> bool:
    """Whether the pickle and its storages fill the file, so that nothing else of size can be in it."""
    if isinstance(pickle.value, Call) and pickle.value.path.startswith("__torch__"):
        return False  # TorchScript: its constants are another member
    if source.size is None:
        return True
    if source.size <= len(source.front()) and not any(mark in source.front() for mark in _VERSION_MARKS):
        return False  # some other zip that begins with a file of this name
    sizes = storage_bytes(source.name, pickle.value)
    rest = source.size - pickle.end - sum(sizes.values())
    return 0 <= rest <= FILE_OVERHEAD_BYTES + OVERHEAD_BYTES * len(sizes)


def _by_directory(source: FrontReader, pickle: Pickle | None, hints: Hints) -> Estimate:
    pages = Pages(source)
    members = {member.name: member for member in zips.members_of(pages)}
    count = Count(source.name, hints)
    root = _root(members)
    if root is not None:
        if pickle is None or members[root + PICKLE].at:
            pickle = _load(pages, members[root + PICKLE])
        _check_storages(source.name, pickle, members, root + "data/")
        count.add(pickle.value)
        if root + "constants.pkl" in members:
            count.add(_load(pages, members[root + "constants.pkl"]).value, constants=True)
    elif not any(add(count, pages, members) for add in _OTHER_LAYOUTS):
        raise MalformedFile(source.name, f"zip of {len(members)} members has no data.pkl of PyTorch's")
    return count.estimate(source, unseen=_outside(members, root or ""))


def _root(members: Mapping[str, zips.Member]) -> str | None:
    """The folder of `data.pkl`, where PyTorch wrote it: the version lies beside it."""
    roots = [name.removesuffix(PICKLE) for name in members if name.rpartition("/")[2] == PICKLE]
    own = [root for root in roots if f"{root}version" in members or f"{root}.data/version" in members]
    return min(own, key=len, default=None)


def _load(pages: Pages, member: zips.Member) -> Pickle:
    return load(PickleStream(zips.open_member(pages, member)))


def _check_storages(file: str, pickle: Pickle, members: Mapping[str, zips.Member], folder: str) -> None:
    """Raise if a storage that the pickle names is not there, or smaller than it says."""
    for key, size in storage_bytes(file, pickle.value).items():
        member = members.get(folder + key)
        if member is None or member.size < size:
            held = "nothing" if member is None else f"{member.size} bytes"
            raise MalformedFile(file, f"storage {key[:40]!r} of {size} bytes: {held} in the zip")


def _add_package(count: Count, pages: Pages, members: Mapping[str, zips.Member]) -> bool:
    """`torch.package`: pickles among Python sources, and storages in `.data/`."""
    stored = [name for name in members if re.search(r"(?:\A|/)\.data/\d+\.storage\Z", name)]
    pickles = [name for name in members if name.endswith(".pkl")]
    if not stored or not pickles:
        return False
    if sum(members[name].size for name in pickles) > MAX_PACKAGE_BYTES:
        raise BudgetExceeded(pages.name, f"has pickles of more than {MAX_PACKAGE_BYTES} bytes in all")
    values = [_load(pages, members[name]).value for name in pickles[:100]]
    count.add(values)
    return True


def _outside(members: Mapping[str, zips.Member], root: str) -> Interval | None:
    """What may lie in bytes without a member, as where several zips follow each other, or beside PyTorch's folder."""
    first = min((member.at for member in members.values()), default=0)
    beside = sum(member.packed for name, member in members.items() if not name.startswith(root))
    another = any(name.rpartition("/")[2] == PICKLE and not name.startswith(root) for name in members)
    if first + beside <= SPARE_BYTES and not another:
        return None
    return Interval(0, PARAMETERS_PER_BYTE_AT_MOST * (first + beside))


_OTHER_LAYOUTS = (pytorch_export.add_exported, pytorch_export.add_first_script, _add_package)
"""Zips without a `data.pkl`: each function tells whether the zip is one of its own, and counts it."""
