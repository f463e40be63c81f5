"""Which estimator reads a file: its first bytes before its name; and what every registered estimator promises."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators import registry
from estimators.errors import MalformedFile
from estimators.filetypes import Role, classify
from estimators.formats.ggml import gguf
from estimators.formats.pytorch import zip_files as pytorch_zip
from estimators.formats.safetensors import files as safetensors
from estimators.interface import Basis, ByteReader, Estimate, Estimator, Hints, Unestimated
from estimators.readers import READERS
from estimators.registry import estimate_file, reader_by_name
from tests.builders import CountingReader, GgufWriter, safetensors_file

GOLDEN: dict[str, tuple[bytes, int]] = {
    "*.safetensors": (safetensors_file({"a.weight": ("F32", (3, 4)), "b": ("I64", (2,))}), 12),
    "*.gguf": (GgufWriter().file([("a", 0, (3, 4)), ("b", 26, (2,))]), 12),
}


# Formats of files that tell the shapes of what others hold.
TABLES = {
    "Core ML compiled", "MLC", "ncnn", "OpenVINO", "Paddle program", "PyTorch distributed", "TensorFlow checkpoint",
    "TensorFlow.js",
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "estimator"),
    [
        ("model.safetensors", safetensors.estimate),
        ("a/b/MODEL.SAFETENSORS", safetensors.estimate),
        ("x-Q4_K_M.gguf", gguf.estimate),
        (".gguf", gguf.estimate),
        ("model.bin", pytorch_zip.estimate),
        ("model.engine", None),
        ("safetensors", None),
        ("model.safetensors/readme", None),
        ("", None),
    ],
)
def test_estimators_by_name(path: str, estimator: Estimator | None) -> None:
    found = reader_by_name(path)
    assert (found and found.estimate) is estimator


def test_every_name_of_a_format_finds_a_reader_of_it() -> None:
    for reader in READERS:
        for pattern in reader.names:
            found = reader_by_name("a/" + pattern.replace("*", "x"))
            assert found is not None, pattern
            assert pattern in found.names, pattern


def test_every_name_of_a_format_has_the_role_of_weights_or_of_their_table() -> None:
    for reader in READERS:
        for pattern in reader.names:
            role = classify("vocab/" + pattern.replace("*", "model"))  # spaCy's names mean something in folders only
            assert role in (Role.WEIGHTS, Role.ARCHIVE) or reader.format in TABLES, pattern


@pytest.mark.parametrize("pattern", GOLDEN)
@pytest.mark.parametrize("name", ["right", "wrong.bin", "wrong.gguf", "wrong.safetensors", "none"])
def test_the_bytes_decide_before_the_name(pattern: str, name: str) -> None:
    data, parameters = GOLDEN[pattern]
    reader = CountingReader(data, pattern.replace("*", "model") if name == "right" else name)
    estimate = estimate_file(reader, Hints())
    assert isinstance(estimate, Estimate)
    assert (estimate.point, estimate.exact) == (parameters, True)
    assert reader.requests == 1


@pytest.mark.parametrize("pattern", GOLDEN)
def test_every_estimator_reads_in_splits_and_fails_in_its_family(pattern: str) -> None:
    data, _ = GOLDEN[pattern]
    name = pattern.replace("*", "model")
    for length in range(len(data) - 48):
        outcome = estimate_file(CountingReader(data[:length], name), Hints())
        assert isinstance(outcome, Unestimated)
        assert outcome.reason == "malformed-file"
        assert outcome.message.startswith(name)
    limited = estimate_file(CountingReader(data, name, budget=4), Hints())
    assert isinstance(limited, Unestimated)
    assert (limited.reason, limited.requests) == ("read-budget", 0)


def test_where_the_first_guess_is_wrong_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(reader: ByteReader, hints: Hints) -> Estimate:
        raise MalformedFile(reader.name, "is something else")

    eager = replace(READERS[0], format="eager", names=("*.eager",), matches=lambda front, name: True, estimate=refuse)
    monkeypatch.setattr(registry, "READERS", (eager, *READERS))
    data, parameters = GOLDEN["*.gguf"]
    outcome = estimate_file(CountingReader(data, "x.gguf"), Hints())
    assert isinstance(outcome, Estimate)
    assert outcome.point == parameters
    outcome = estimate_file(CountingReader(data[:20], "x.gguf"), Hints())
    assert isinstance(outcome, Unestimated)
    assert outcome.message == "x.gguf: is something else"


@pytest.mark.parametrize("name", ["policy.pt", "arrays.bin", "arrays.dat"])
def test_a_zip_under_another_formats_name_is_read_for_what_it_is(name: str) -> None:
    zipped = io.BytesIO()
    np.savez(zipped, w=np.zeros((30, 40)), b=np.zeros(30))
    outcome = estimate_file(CountingReader(zipped.getvalue(), name), Hints())
    assert isinstance(outcome, Estimate)
    assert (outcome.point, outcome.exact) == (1230, True)


def test_what_nothing_reads_is_said_so() -> None:
    outcome = estimate_file(CountingReader(b"nothing known" + bytes(100), "model.engine"), Hints())
    assert isinstance(outcome, Unestimated)
    assert (outcome.reason, outcome.requests, outcome.bytes_read) == ("unknown-format", 1, 32 * 1024)
    assert isinstance(estimate_file(CountingReader(b"", "empty"), Hints()), Unestimated)


def test_evidence_says_what_it_cost() -> None:
    for pattern, basis in (("*.safetensors", Basis.SAFETENSORS_HEADER), ("*.gguf", Basis.GGUF_HEADER)):
        estimate = estimate_file(CountingReader(GOLDEN[pattern][0], "x" + pattern[1:]), Hints())
        assert isinstance(estimate, Estimate)
        (row,) = estimate.evidence
        assert (row.basis, row.requests, row.bytes_read, row.point) == (basis, 1, 32 * 1024, 12)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=120),
    st.sampled_from(["a.safetensors", "a.gguf", "a.bin"]),
    st.sampled_from([b"", b"GGUF\3\0\0\0", b"\x40" + bytes(7) + b'{"']),
)
def test_any_bytes_under_any_name(data: bytes, name: str, start: bytes) -> None:
    outcome = estimate_file(CountingReader(start + data, name, budget=1 << 20), Hints())
    assert isinstance(outcome, Estimate | Unestimated)
