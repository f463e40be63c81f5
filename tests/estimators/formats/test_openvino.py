"""OpenVINO's XML: constants of all versions, their uses, and XML that nobody should parse."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import pytest

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.formats.openvino import models as openvino
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader

BITS = {"f32": 32, "f16": 16, "bf16": 16, "i8": 8, "u8": 8, "i4": 4, "u4": 4, "nf4": 4, "i32": 32, "i64": 64, "u1": 1}
Edge = tuple[int, int, int]


def const(number: int, kind: str, shape: Sequence[int], offset: int | None = None, size: int | None = None) -> str:
    count = 1
    for dimension in shape:
        count *= dimension
    size = -(-count * BITS.get(kind, 8) // 8) if size is None else size
    dims = ", ".join(map(str, shape))
    place = 1000 * number if offset is None else offset
    data = f'<data element_type="{kind}" shape="{dims}" offset="{place}" size="{size}"/>'
    return f'<layer id="{number}" name="c{number}" type="Const" version="opset1">{data}</layer>'


def layer(number: int, kind: str, inside: str = "") -> str:
    return f'<layer id="{number}" name="l{number}" type="{kind}" version="opset1">{inside}</layer>'


def net(layers: Sequence[str], edges: Sequence[Edge] = (), tag: str = 'net name="m" version="11"') -> bytes:
    lines = "".join(
        f'<edge from-layer="{source}" from-port="0" to-layer="{to}" to-port="{port}"/>' for source, to, port in edges
    )
    text = f"<{tag}><layers>{''.join(layers)}</layers><edges>{lines}</edges></{tag.split()[0]}>"
    return (b'<?xml version="1.0"?>\n' if tag.startswith("net") else b"") + text.encode()


def counted(data: bytes, enough: int | None = None) -> Estimate:
    return openvino.estimate(CountingReader(data, "m.xml"), Hints(enough=enough))


DECOMPRESSION = [
    layer(4, "Convert"),
    layer(5, "Convert"),
    layer(6, "Subtract"),
    layer(7, "Multiply"),
    layer(8, "Result"),
]
EDGES = [(1, 4, 0), (2, 5, 0), (4, 6, 0), (5, 6, 1), (6, 7, 0), (3, 7, 1), (7, 8, 0)]
BODY = net([const(1, "f32", [4, 5])], tag="body").decode()
OLD = (
    '<layer id="1" type="Convolution" precision="{}"><blobs>'
    '<weights offset="0" size="{}"/><biases offset="900" size="{}"/>'
)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(net([const(1, "f32", [3, 4]), const(2, "f16", [5]), const(3, "f32", [])]), 18, id="floats"),
        pytest.param(net([const(1, "i64", [3]), const(2, "i32", [9]), const(3, "u8", [90])]), 0, id="integers"),
        pytest.param(net([const(1, "u4", [6, 2]), const(2, "nf4", [8]), const(3, "u1", [9])]), 29, id="narrow"),
        pytest.param(net([const(1, "f32", [7], 0), const(2, "f32", [7], 0)]), 7, id="one place"),
        pytest.param(
            net([const(1, "u8", [8, 4]), const(2, "u8", [8, 1]), const(3, "f16", [8, 1]), *DECOMPRESSION], EDGES),
            32,
            id="decompression",
        ),
        pytest.param(
            net([const(1, "u4", [8, 4]), const(2, "u4", [8, 1]), const(3, "f16", [8, 1]), *DECOMPRESSION], EDGES),
            32,
            id="four bits",
        ),
        pytest.param(
            net(
                [
                    const(1, "i8", [4, 4]),
                    const(2, "f32", [4]),
                    const(3, "f32", [4]),
                    layer(4, "Convert"),
                    layer(5, "FakeQuantize"),
                ],
                [(1, 4, 0), (4, 5, 0), (2, 5, 1), (3, 5, 2)],
            ),
            16,
            id="ranges",
        ),
        pytest.param(
            net(
                [const(1, "f32", [4]), const(2, "f32", [4], 1000), layer(3, "FakeQuantize"), layer(4, "Add")],
                [(1, 3, 1), (2, 4, 1)],
            ),
            4,
            id="a range that is something else, too",
        ),
        pytest.param(net([layer(1, "TensorIterator", BODY), const(2, "f32", [3])]), 23, id="body"),
        pytest.param(
            net([OLD.format("FP32", 400, 20) + "</blobs></layer>"], tag='net name="m" version="7"'), 105, id="version 7"
        ),
        pytest.param(
            net([OLD.format("I8", 100, 5) + '<w-scale offset="9" size="2"/></blobs></layer>'], tag='net version="6"'),
            105,
            id="version 6 in eight bits",
        ),
        pytest.param(
            net(
                ['<layer id="1" type="Crop"><weights offset="0" size="60"/></layer>'],
                tag='net version="2" precision="FP16"',
            ),
            30,
            id="version 2",
        ),
        pytest.param(net([const(1, "string", [9])]), 0, id="text"),
    ],
)
def test_counts(data: bytes, count: int) -> None:
    assert openvino.matches(data, "m.xml")
    outcome = counted(data)
    assert (outcome.low, outcome.high, outcome.point, outcome.exact) == (count, count, count, True)


def test_types_nobody_knows_are_bounded() -> None:
    outcome = counted(net([const(1, "q7", [10])]))
    assert (outcome.low, outcome.high, outcome.exact) == (0, 640, False)


ENTITIES = b'<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><net>&b;</net>'


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(net([const(1, "f32", [100], size=399)]), id="fewer bytes than elements"),
        pytest.param(net([const(1, "f32", [2**40, 2**40])]), id="overflow"),
        pytest.param(net([const(1, "f32", [-3])]), id="negative"),
        pytest.param(net([const(1, "f32", [3], size=10**20)]), id="digits"),
        pytest.param(ENTITIES, id="entities"),
        pytest.param(b"<net>" * 200, id="depth"),
        pytest.param(net([const(1, "f32", [3])])[:-3], id="cut"),
        pytest.param(net([]), id="no layers"),
        pytest.param(b"", id="empty"),
        pytest.param(b'<net a="' + b"x" * (5 * 1024 * 1024), id="an endless attribute"),
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"m\.xml"):
        counted(data)


def test_many_elements_are_refused_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "MAX_ELEMENTS", 50_000)
    data = b"<net><layers>" + b"<a/>" * 60_000
    tracemalloc.start()
    with pytest.raises(BudgetExceeded):
        counted(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def test_a_long_text_is_left_early() -> None:
    data = net([const(1, "f32", [2000, 1000]), *[layer(number, "Add") for number in range(2, 20_000)]])
    reader = CountingReader(data, "m.xml")
    outcome = openvino.estimate(reader, Hints(enough=1_000_000))
    assert (outcome.low, outcome.high, outcome.partial, reader.requests) == (2_000_000, None, True, 1)
    assert counted(data).exact


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<net name="m">', True),
        (b'<?xml version="1.0"?><network>', False),
        (b'<?xml version="1.0"?><annotation>', False),
        (b"<!DOCTYPE html>", False),
    ],
)
def test_matches(front: bytes, expected: bool) -> None:
    assert openvino.matches(front, "m.xml") is expected
