"""Count parameters in skops files: fitted models of scikit-learn and kin, saved without pickle.

Spec: skops/io/_persist.py, _numpy.py, _general.py, _sklearn.py: a zip of `schema.json`, which describes the objects,
and a `.npy` for each array.

Reads the schema and the header of each array. The schema is turned into the nodes that a pickle of the same model
gives, so that both count alike (models.py). Nothing that it names is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.formats.nested import Nested
from estimators.formats.numpy.members import array_members, heads, is_array
from estimators.formats.pickled.arrays import OBJECTS, RECORDS, Array
from estimators.formats.pickled.models import Models
from estimators.interface import Basis, Estimate, Hints
from estimators.reading import npy, zips
from estimators.reading.front import front_reader
from estimators.reading.pickle_nodes import Call, Dict, Global, Node, Payload
from estimators.reading.views import Pages

if TYPE_CHECKING:
    from estimators.interface import ByteReader
    from estimators.reading.zips import Member

SCHEMA = "schema.json"
MAX_SCHEMA_BYTES = 1_800_000  # parsed, it takes up to thirty times as much; 100 trees have 1.7 MB
MAX_DEPTH = 100  # of objects; real ones nest about 10 deep
MAX_NODES = 300_000
LOCAL_HEADER_BYTES = 30
_KEYS = ("__class__", "__module__", "__loader__", "__id__", "key_types", "protocol", "_skops_version", "is_json")
_CONTAINERS = {"builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset"}


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as a zip, and is either named as skops' or begins with its schema."""
    return front.startswith(zips.MAGIC) and (name.endswith(".skops") or zips.first_name(front) == SCHEMA)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one skops file.

    Raises:
        MalformedFile: the zip, the schema or an array contradicts its format.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    members = {member.name: member for member in array_members(source)}
    schema = members.get(SCHEMA)
    if schema is None:
        raise MalformedFile(source.name, f"is a zip without {SCHEMA}")
    found = Nested(source, hints)
    if schema.size > MAX_SCHEMA_BYTES:
        found.unseen = Interval(0, sum(member.size for member in members.values()))
        return found.estimate(Basis.PICKLE, note=f"{SCHEMA} has {schema.size} bytes, more than are parsed")
    root = _parsed(source.name, zips.open_member(Pages(source), schema).read(0, schema.size))
    arrays = dict(heads(source, [member for name, member in members.items() if is_array(name)]))
    headers = {member.name: header for member, header in arrays.items()}
    tree = _Tree(source, members, headers)
    models = Models(source.name, found, tree.array)
    models.add(tree.node(root, 0))
    models.finish()
    found.unseen += Interval(0, tree.unread)
    return models.estimate(Basis.PICKLE)


def _parsed(file: str, text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise MalformedFile(file, f"{SCHEMA} is no JSON: {str(exc)[:200]}") from exc


class _Tree:
    """Turns a schema into nodes."""

    def __init__(self, source: ByteReader, members: Mapping[str, Member], headers: Mapping[str, npy.Header]) -> None:
        self.unread = 0
        self._source = source
        self._members = members
        self._headers = headers
        self._arrays: dict[int, Array] = {}
        self._by_file: dict[str, Call] = {}
        self._count = 0

    def array(self, node: Node) -> Array | None:
        """The array that a node stands for."""
        return self._arrays.get(id(node))

    def node(self, value: Any, depth: int) -> Node:
        """The node for a part of the schema.

        Raises:
            MalformedFile: it is nested too deeply or has too many parts.
        """
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise MalformedFile(self._source.name, f"{SCHEMA} has more than {MAX_NODES} parts, or nests {depth} deep")
        if isinstance(value, list):
            return [self.node(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if "__class__" not in value:
            return Dict([part for key, item in value.items() for part in (key, self.node(item, depth + 1))])
        file = value.get("file")
        if isinstance(file, str):
            return self._stored(file, value)
        return self._object(value, depth)

    def _object(self, value: dict[str, Any], depth: int) -> Node:
        path = f"{value.get('__module__')}.{value['__class__']}"
        content = value.get("content")
        if path == "builtins.str" and isinstance(content, str):
            return content
        inner = self.node(content, depth + 1)
        if path in _CONTAINERS or path == "builtins.dict":
            return inner
        if value.get("type") == "json" and isinstance(inner, list):  # an array of objects
            node = Call(Global("skops", "array"), ())
            self._arrays[id(node)] = Array(OBJECTS, (len(inner),), len(inner), inner, {})
            return node
        rest = {key: item for key, item in value.items() if key not in _KEYS and key != "content"}
        made = Call(Global(str(value.get("__module__")), str(value["__class__"])), (self.node(rest, depth + 1),))
        made.state = inner
        return made

    def _stored(self, file: str, value: dict[str, Any]) -> Node:
        """What lies in a member of its own; the same member is the same node."""
        header, member = self._headers.get(file), self._members.get(file)
        if member is None:
            raise MalformedFile(self._source.name, f"{SCHEMA} names {file[:80]!r}, which is no member")
        if header is None:
            return self._bytes(member)
        known = self._by_file.get(file)
        if known is not None:
            return known
        if not header.shape and value["__class__"] != "ndarray":
            made = Call(Global("numpy.core.multiarray", "scalar"), ())
        else:
            made = Call(Global("skops", "array"), ())
            self._arrays[id(made)] = self._array(file, header, member)
        self._by_file[file] = made
        return made

    def _array(self, file: str, header: npy.Header, member: Member) -> Array:
        if header.length + header.data_bytes > member.size:
            raise MalformedFile(self._source.name, f"array {file[:80]!r} does not fit in its member of {member.size}")
        if len(header.fields) == 1 and not header.fields[0].name:
            dtype = header.fields[0].dtype
            return Array(dtype, header.shape, header.elements, [], {})
        fields = {field.name: field.dtype for field in header.fields}
        return Array(RECORDS, header.shape, header.elements, [], fields)

    def _bytes(self, member: Member) -> Node:
        """A member that is no array: a booster, a sparse matrix, or bytes."""
        if member.method != zips.STORED or member.name.endswith(".npz"):
            self.unread += member.size * PARAMETERS_PER_BYTE_AT_MOST
            return None
        header = self._source.read(member.at, LOCAL_HEADER_BYTES)
        start = member.at + LOCAL_HEADER_BYTES + int.from_bytes(header[26:28], "little")
        return Payload("bytes", start + int.from_bytes(header[28:30], "little"), member.size)
