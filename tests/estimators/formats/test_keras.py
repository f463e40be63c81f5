"""Keras zips: where the weights lie, in whatever way the zip was made, and layers whose variables are numbers."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from estimators import results
from estimators.bounds import ZERO
from estimators.errors import MalformedFile
from estimators.formats.hdf5 import keras
from estimators.formats.hdf5.keras_variables import Variables
from estimators.interface import Estimate, Hints
from estimators.packing import Tensor
from tests.builders import CountingReader, elements

GOLDEN = Path(__file__).parents[2] / "golden" / "formats" / "keras"
MIB = 1024 * 1024


def members_of(name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(GOLDEN / name) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def read(data: bytes, size: int | None = -1) -> tuple[Estimate, CountingReader]:
    source = CountingReader(data, "model.keras", size=size)
    assert keras.matches(data[:200], "model.keras")
    return keras.estimate(source, Hints()), source


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("order", [1, -1])
def test_zips_of_any_making(method: int, order: int) -> None:
    members = members_of("trained.keras")
    data = zipped({name: members[name] for name in list(members)[::order]}, method)
    estimate, _ = read(data)
    assert (estimate.point, estimate.exact) == (32, True)


def test_a_long_configuration_before_the_weights_costs_one_more_range() -> None:
    members = members_of("trained.keras")
    members["config.json"] += b" " * MIB
    estimate, source = read(zipped(members))
    assert (estimate.point, source.requests) == (32, 2)


def test_a_zip_without_weights_is_refused() -> None:
    with pytest.raises(MalformedFile, match=r"no model\.weights\.h5"):
        read(zipped({"metadata.json": b"{}", "config.json": b"{}", "model.weights.npz": b""}))


def test_other_zips_are_not_claimed() -> None:
    other = zipped({"config.json": b"{}", "model.safetensors": b""})
    assert not keras.matches(other, "model.zip")
    assert not keras.matches(zipped({"data.pkl": b""}), "model.keras")


def layer(*variables: tuple[str, tuple[int, ...]]) -> dict[int, Tensor]:
    return {
        number: Tensor(f"layers/a/vars/{number}", dtype, shape, elements(shape))
        for number, (dtype, shape) in enumerate(variables)
    }


HISTORY = ("F32", (1024,))
SCALAR = ("F32", ())


@pytest.mark.parametrize(
    ("variables", "int8", "expected"),
    [
        (layer(("F32", (8, 4)), ("F32", (4,))), False, (36, 36)),
        (layer(("I8", (8, 4)), ("F32", (4,)), ("F32", (4,))), True, (36, 36)),
        (layer(("I8", (8, 4)), ("F32", (4,))), True, (32, 32)),
        (layer(("I8", (8, 4)), ("F32", (4,))), False, (32, 68)),  # a byte may hold two
        (layer(("I8", (8, 3)), ("F32", (5,)), ("F32", (1, 5)), ("I8", (1, 5)), ("F32", (8,))), False, (45, 45)),
        (layer(("F32", (8, 4)), ("F32", (4,)), SCALAR, HISTORY, SCALAR, HISTORY, SCALAR, HISTORY), False, (36, 36)),
        (layer(("U8", (9,)), ("F32", (4,))), False, (4, 4)),  # a vector of bytes is no weight
        (layer(("I64", ()), ("F32", (4,))), False, (4, 4)),
    ],
)
def test_numbered_variables(variables: dict[int, Tensor], *, int8: bool, expected: tuple[int, int]) -> None:
    tally = results.tally_for("x", Hints())
    collected = Variables(int8=int8)
    for number, tensor in variables.items():
        collected.add("layers/a/vars", number, tensor)
    left, why = collected.settle(tally, whole=True)
    interval = tally.finish().interval + left
    assert (interval.low, interval.high) == expected
    assert bool(why) is (left != ZERO)


def test_of_a_layer_that_was_seen_in_part_only_the_weight_is_certain() -> None:
    tally = results.tally_for("x", Hints())
    collected = Variables()
    for number, tensor in layer(("F32", (8, 4)), ("F32", (4,))).items():
        collected.add("layers/a/vars", number, tensor)
    left, _ = collected.settle(tally, whole=False)
    assert (tally.finish().interval.low, left.high) == (32, 8)
