"""Pickles of every protocol, as nodes; and what hostile ones get."""

from __future__ import annotations

import contextlib
import pickle
import struct
import time
import tracemalloc
from collections import OrderedDict, defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.errors import BudgetExceeded, EstimatorError, MalformedFile
from estimators.reading import pickles
from estimators.reading.pickle_nodes import Call, Dict, Global, Payload, PersistentId, Set, get, pairs_of, walk
from estimators.reading.pickles import Interpreter, PickleStream, load
from tests.builders import CountingReader

MIB = 1024 * 1024
plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False),
        st.text(max_size=300),
        st.binary(max_size=300),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
        st.frozensets(st.integers(), max_size=4),
    ),
    max_leaves=20,
)


def stream(raw: bytes, offset: int = 0) -> PickleStream:
    return PickleStream(CountingReader(raw, "model.pkl"), offset)


def value(raw: bytes) -> Any:
    return load(stream(raw)).value


def rebuilt(node: Any) -> Any:
    """Plain data out of nodes; calls that the lower protocols need for bytes and sets are made by hand."""
    if isinstance(node, tuple | list):
        return type(node)(rebuilt(item) for item in node)
    if isinstance(node, Dict):
        return {rebuilt(key): rebuilt(item) for key, item in pairs_of(node)}
    if isinstance(node, Set):
        return frozenset(rebuilt(item) for item in node.items)
    if isinstance(node, Call):
        arguments = rebuilt(node.arguments)
        if node.path.endswith(".encode"):
            return arguments[0].encode("latin-1")
        return b"" if node.path.endswith(".bytes") else frozenset(*arguments)
    return node


@pytest.mark.parametrize("protocol", range(6))
@settings(max_examples=60)
@given(data=plain)
def test_plain_data_comes_back(protocol: int, data: Any) -> None:
    raw = pickle.dumps(data, protocol)
    assert rebuilt(value(raw)) == data
    assert load(stream(b"xyz" + raw, 3)).end == len(raw) + 3


class Thing:
    def __init__(self) -> None:
        self.weights = [1.5, 2.5]


class Several(dict[str, int]):
    def __reduce_ex__(self, protocol: Any) -> Any:
        return Several, (), {"mode": 3}, iter([7]), iter([("a", 1)])


@pytest.mark.parametrize("protocol", range(6))
def test_objects_are_calls_with_a_state(protocol: int) -> None:
    node = value(pickle.dumps(Thing(), protocol))
    assert isinstance(node, Call)
    assert node.path.endswith(".Thing")
    assert get(node.state, "weights") == [1.5, 2.5]


@pytest.mark.parametrize("protocol", range(6))
def test_what_is_put_into_an_object(protocol: int) -> None:
    node = value(pickle.dumps(Several(), protocol))
    assert isinstance(node, Call)
    assert (node.items, list(pairs_of(node)), get(node.state, "mode")) == ([7], [("a", 1)], 3)


@pytest.mark.parametrize("protocol", range(6))
def test_dictionaries_of_other_kinds(protocol: int) -> None:
    for made in (OrderedDict(a=1), defaultdict(int, a=1)):
        assert get(value(pickle.dumps(made, protocol)), "a") == 1


def test_one_object_under_two_names_is_one_node() -> None:
    shared = [1]
    first, second = value(pickle.dumps([shared, shared]))
    assert first is second


def test_python_2_classes_and_memo_numbers() -> None:
    old_style = b"(i__main__\nThing\np1\n(dp2\nS'a'\np3\nI1\nsb."
    assert get(value(old_style).state, "a") == 1
    assert value(b"(c__main__\nThing\nI1\no.").arguments == (1,)
    assert value(b"S'a\\x62'\n.") == "ab"
    assert value(b"(I01\nI00\nL5L\nl.") == [True, False, 5]


def test_other_opcodes() -> None:
    assert value(b"\x80\x05\x97\x98.").kind == "buffer"
    assert value(b"\x80\x02\x82\x07.").code == 7
    assert value(b"Pkey 1\n.").value == "key 1"
    identifier = value(b"\x80\x02K\x05Q.")
    assert isinstance(identifier, PersistentId)
    assert identifier.value == 5
    assert value(b"\x80\x02(K\x01K\x021K\x03.") == 3
    made = value(b"\x80\x04cm\nC\n)}\x8c\x01kK\x01s\x92.")
    assert (made.path, get(made.keywords, "k")) == ("m.C", 1)


@pytest.mark.parametrize("protocol", range(6))
def test_long_values_are_stepped_over(protocol: int) -> None:
    data = {"bytes": bytes(3 * MIB), "text": "x" * 3 * MIB, "end": 1}
    raw = pickle.dumps(data, protocol)
    reader = CountingReader(raw, "model.pkl")
    node = load(PickleStream(reader)).value
    text = get(node, "text")
    assert isinstance(text, Payload)
    assert raw[text.offset : text.offset + text.length] == b"x" * 3 * MIB
    assert get(node, "end") == 1
    if protocol >= 3:
        assert sum(length for _, length in reader.ranges) < 512 * 1024


def test_several_pickles_in_one_file_and_bytes_behind_a_build() -> None:
    thing = pickle.dumps(Thing())
    source = stream(thing[:-1] + b"0123456789." + pickle.dumps("next"))
    first = load(source, after_build=lambda node, at: at.skip(10))
    assert first.value.path.endswith(".Thing")
    assert load(source).value == "next"


def test_objects_are_told_of_as_they_are_made() -> None:
    seen: list[str] = []
    load(stream(pickle.dumps([Thing(), OrderedDict()])), after_call=lambda call: seen.append(call.path))
    assert [name.rpartition(".")[2] for name in seen] == ["Thing", "OrderedDict"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80",
        b"\x80\x09.",
        b".",
        b"\xff.",
        b"t.",
        b"(.",
        b"K\x01(0000.",
        b"R.",
        b"K\x01b.",
        b"(K\x01b.",
        b"]K\x01s.",
        b"}(K\x01u.",
        b"h\x05.",
        b"g99999999999999999999\n.",
        b"Ix\n",
        b"p-1\n.",
        b"Fnan nan\n.",
        b"X\xff\xff\xff\xff",
        b"\x8d" + b"\xff" * 8,
        b"\x8e" + b"\x00" * 7 + b"\x80",
        b"T\xff\xff\xff\xff.",
        b"\x8b\xff\xff\xff\xff.",
        b"K\x01K\x02\x93.",
        b"(o.",
        b"S'a\\x\n.",
        b"cos",
        b"c" + b"a" * 100_000,
        b"\x95\xff",
    ],
)
def test_broken_pickles(raw: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"^model\.pkl: "):
        value(raw)


def test_calls_are_only_described() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return eval, ("1/0",)

    assert value(pickle.dumps(Evil())).arguments == ("1/0",)
    assert value(b"cos\nsystem\n(S'exit 1'\ntR.").path == "os.system"
    assert value(b"cno_such_module\nf\n)R.").path == "no_such_module.f"


def digits(count: int) -> bytes:
    return b"(I" + b"9" * count + b"\nL" + b"9" * count + b"L\n\x8b" + struct.pack("<i", count) + bytes(count) + b"t."


@pytest.mark.parametrize(
    "raw",
    [
        digits(20_000),
        digits(200_000),
        b"]" * 3_000_000,
        b"(" * 3_000_000,
        b"N" * 3_000_000,
        b"N" + b"2" * 3_000_000,
        b"N" + b"\x85" * 3_000_000 + b".",
        b"K\x00" * 400_000 + b"." + bytes(9),
        b"N" + b"".join(b"r" + struct.pack("<I", number * 1000) for number in range(300_000)) + b".",
        b"".join(b"cm%d\nn\n0" % number for number in range(300_000)) + b"N.",
        b"X\xa0\x0f\x00\x00" + "\N{GRINNING FACE}".encode() * 1000,
        ("\N{GRINNING FACE}" + "a" * 3000).encode().join([b"X\xbc\x0b\x00\x00"] * 20_000),
        b"]" + b"2a" * 1_000_000 + b".",
        b"".join(b"\x8a\xff" + b"\x7f" * 255 for _ in range(200_000)),
        b"S'" + b"x" * 5_000_000,
    ],
    ids=range(15),
)
def test_hostile_pickles_stay_small_and_short(raw: bytes) -> None:
    started = time.perf_counter()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        for node in walk(value(raw)):
            assert node is not None
    except EstimatorError:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 64 * MIB
    assert time.perf_counter() - started < 20  # traced, on a busy machine; 2 s without


def test_self_reference_is_walked_once() -> None:
    data: list[Any] = []
    data.append(data)
    assert len(list(walk(value(pickle.dumps(data))))) == 1


def test_what_was_read_before_a_stop_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MAX_OPCODES", 30)
    machine = Interpreter(stream(pickle.dumps([OrderedDict(a=1), list(range(300))])))
    with pytest.raises(BudgetExceeded):
        machine.run()
    assert any(isinstance(node, Global) for node in walk(machine.roots()))


@settings(max_examples=300)
@given(st.binary(max_size=120))
def test_any_bytes(raw: bytes) -> None:
    try:
        outcome = load(stream(raw))
    except EstimatorError:
        return
    assert outcome.end <= len(raw)


@settings(max_examples=200)
@given(st.binary(max_size=40), st.integers(0, 5), st.data())
def test_damaged_pickles(piece: bytes, protocol: int, data: st.DataObject) -> None:
    raw = bytearray(pickle.dumps([Thing(), OrderedDict(a=(1, 2)), {"b": 2.5}, b"c", Several()], protocol))
    at = data.draw(st.integers(0, len(raw)))
    raw[at : at + len(piece)] = piece
    with contextlib.suppress(EstimatorError):
        list(walk(load(stream(bytes(raw))).value))
