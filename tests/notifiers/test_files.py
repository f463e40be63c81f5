import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifiers.errors import NotifierError, WriteError
from notifiers.files import write


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_text(tmp_path: Path) -> None:
    assert write(tmp_path / "report.md", "模型 \ud800\n")
    assert (tmp_path / "report.md").read_bytes() == "模型 \ufffd\n".encode()
    assert names(tmp_path) == ["report.md"]


def test_writes_lines_as_they_come(tmp_path: Path) -> None:
    write(tmp_path / "models.csv", (f"{number}\n" for number in range(100_000)))
    assert (tmp_path / "models.csv").read_text(encoding="utf-8").count("\n") == 100_000


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write(path, "one")
    before = path.stat()
    assert not write(path, "one")
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert write(path, "two")
    assert path.read_text(encoding="utf-8") == "two"
    assert names(tmp_path) == ["report.md"]


def test_same_length_other_content(tmp_path: Path) -> None:
    write(tmp_path / "report.md", "a" * 200_000 + "b")
    assert write(tmp_path / "report.md", "a" * 200_000 + "c")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "report.md", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.md").stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    write(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights elsewhere")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "latest.md"
    link.symlink_to(tmp_path / "real" / "report.md")
    write(link, "x")
    assert link.is_symlink()
    assert names(tmp_path / "real") == ["report.md"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing/report.md", "its folder does not exist"),
        ("file/report.md", "a file where a folder should be"),
        ("folder", "it is a folder"),
        ("n" * 300, "the name is too long"),
        ("nul\0l", "null"),
    ],
)
def test_a_place_that_cannot_be_is_told(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError, match=why) as caught:
        write(tmp_path / name, "x")
    assert caught.value.path == tmp_path / name
    assert isinstance(caught.value, NotifierError)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("step", ["os.open", "os.fsync", "pathlib.Path.replace", "pathlib.Path.chmod"])
def test_a_fault_at_any_step_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    path = tmp_path / "report.md"
    write(path, "old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        with pytest.raises(WriteError, match=r"cannot write '.*report\.md': ."):
            write(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["report.md"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")
@pytest.mark.parametrize("content", ["x" * 1_000_000, ["x" * 100_000] * 10], ids=["text", "lines"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, content: str | list[str]) -> None:
    """A limit on file size fails a real write in the middle, as a full disk does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        with pytest.raises(WriteError, match="larger than the system"):
            write(tmp_path / "models.csv", content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError("bug"), OSError(errno.ENOSPC, "of the source"), KeyboardInterrupt()])
def test_an_error_of_the_source_passes_and_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def lines() -> Iterator[str]:
        yield "first\n"
        raise error

    (tmp_path / "models.csv").write_text("old", encoding="utf-8")
    with pytest.raises(type(error)) as caught:
        write(tmp_path / "models.csv", lines())
    assert caught.value is error
    assert names(tmp_path) == ["models.csv"]
    assert (tmp_path / "models.csv").read_text(encoding="utf-8") == "old"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is unwritable for root")
def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WriteError, match="permission denied"):
            write(tmp_path / "report.md", "x")
    finally:
        tmp_path.chmod(0o700)
