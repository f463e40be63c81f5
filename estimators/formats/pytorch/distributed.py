"""Count parameters in checkpoints of `torch.distributed.checkpoint` by `.metadata`, the table of all `.distcp` files.

Spec: pytorch, torch/distributed/checkpoint/metadata.py (`Metadata.state_dict_metadata`: name to
`TensorStorageMetadata` with dtype and full size) and filesystem.py (a `.distcp` file is one zip of `torch.save` behind
the other, without names).

`.metadata` is a pickle and is read whole, opcode by opcode. A `.distcp` file cannot tell weights from optimizer state,
so its size is all that is said of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimators import bounds, results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.pickled.arrays import elements_of
from estimators.formats.pytorch.storages import dtype_of
from estimators.formats.pytorch.tensors import size_of
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.packing import Tensor
from estimators.reading.front import front_reader
from estimators.reading.pickle_nodes import Call, get, pairs_of
from estimators.reading.pickles import PickleStream, begins_pickle, load

if TYPE_CHECKING:
    from estimators.reading.pickle_nodes import Node

_MODULE = b"torch.distributed.checkpoint.metadata"
SHARD_ENDING = ".distcp"


def matches(front: bytes, name: str) -> bool:
    """Whether a file is a pickle of checkpoint metadata, or a shard by its name."""
    return (begins_pickle(front) and _MODULE in front[:200]) or (name.endswith(SHARD_ENDING) and front[:2] == b"PK")


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of a whole checkpoint by its metadata, or bound those of one shard.

    Raises:
        MalformedFile: the pickle is broken, or is no table of tensors.
        ReadFailed, BudgetExceeded: from the reader, or a pickle beyond the caps.
    """
    source = front_reader(reader)
    if source.front()[:2] == b"PK":
        interval = Interval(0, bounds.size_interval(source.size, compressed=False).high)
        return results.of_interval(source, Basis.PYTORCH_PICKLE, interval, note="names are in .metadata, not in shards")
    value = load(PickleStream(source)).value
    table = get(value.state, "state_dict_metadata") if isinstance(value, Call) else None
    if table is None:
        raise MalformedFile(source.name, "has no state_dict_metadata")
    tally = results.tally_for(source.name, hints)
    for name, entry in pairs_of(table):
        if isinstance(name, str) and isinstance(entry, Call) and entry.path.endswith(".TensorStorageMetadata"):
            tally.add(_tensor(source.name, name, entry))
    return results.of_tally(source, Basis.PYTORCH_PICKLE, tally)


def _tensor(file: str, name: str, entry: Call) -> Tensor:
    try:
        shape = size_of(get(entry.state, "size"))
    except TypeError as exc:
        raise MalformedFile(file, f"{name[:80]!r} has no size") from exc
    properties: Node = get(entry.state, "properties")
    state = properties.state if isinstance(properties, Call) else None
    named = dtype_of(state[0] if isinstance(state, tuple) and state else get(state, "dtype"))
    return Tensor(name, named[0] if named else "unknown", shape, elements_of(file, shape))
