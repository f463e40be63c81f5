"""Executables that carry GGUF files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from estimators.formats.ggml import llamafile
from estimators.interface import Estimate, Hints, Unestimated
from estimators.registry import estimate_file
from tests.builders import CountingReader, GgufWriter

MODEL = GgufWriter().file([("token_embd.weight", 2, (64, 100)), ("output_norm.weight", 0, (64,))])
PROJECTOR = GgufWriter().file([("mm.0.weight", 1, (64, 8))])


def executable(members: Mapping[str, bytes], magic: bytes = b"MZqFpD='\n", *, packed: bool = False) -> bytes:
    """A program with a zip at its end, whose offsets count from the front of the file."""
    file = io.BytesIO()
    file.write(magic + b"\x90" * 200_000)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def read(data: bytes, name: str = "m.llamafile") -> Estimate | Unestimated:
    return estimate_file(CountingReader(data, name), Hints())


@pytest.mark.parametrize("magic", [b"MZqFpD='\n", b"jartsr='\n", b"\x7fELF\2\1\1"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_gguf_files_inside_are_added_up(magic: bytes, packed: bool) -> None:
    data = executable({".args": b"-m\nmodel.gguf", "model.gguf": MODEL, "mmproj.gguf": PROJECTOR}, magic, packed=packed)
    found = read(data)
    assert isinstance(found, Estimate)
    assert (found.point, found.exact, found.stored_elements) == (6464 + 512, True, 6976)
    assert "2 GGUF files" in found.evidence[0].note


def test_a_portable_executable_needs_no_name() -> None:
    found = read(executable({"model.gguf": MODEL}), "chat.exe")
    assert isinstance(found, Estimate)
    assert found.point == 6464
    assert not llamafile.matches(b"\x7fELF\2\1\1", "python3")


def test_the_program_is_not_read() -> None:
    reader = CountingReader(executable({"model.gguf": MODEL}) + b"", "m.llamafile")
    assert isinstance(estimate_file(reader, Hints()), Estimate)
    assert len(reader.ranges) <= 4


def test_a_runtime_without_weights_holds_nothing() -> None:
    found = read(executable({"help.txt": b"usage"}))
    assert isinstance(found, Estimate)
    assert (found.low, found.high, found.exact) == (0, 0, True)


def test_broken_ones_are_errors() -> None:
    whole = executable({"model.gguf": MODEL})
    for data in (whole[:-30], whole[:1000], executable({"model.gguf": b"GGUF" + bytes(50)})):
        found = read(data)
        assert isinstance(found, Unestimated)
        assert found.reason == "malformed-file"
