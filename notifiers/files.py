"""Write a report or an export to disk: whole or not at all.

The content goes to a temporary file in the same folder, is forced to disk and then takes the name in one step, so that
a reader sees the old file or the new one. A file that already holds the same bytes is left alone, so that a delivery
may be repeated.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from notifiers.errors import WriteError
from notifiers.render.safe import encodable

_BLOCK = 1 << 16  # bytes compared at a time

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up: free some space or choose another folder",
    errno.EFBIG: "it would be larger than the system lets a file be",
    errno.EACCES: "permission denied: choose a folder you may write to",
    errno.EPERM: "permission denied: choose a folder you may write to",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOENT: "its folder does not exist: create it first",
    errno.ENOTDIR: "part of the path is a file where a folder should be",
    errno.EISDIR: "it is a folder: name a file in it",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


def write(path: Path, content: str | Iterable[str] | Iterable[bytes]) -> bool:
    """Write a text, lines as they come in UTF-8, or bytes as they come, to `path`.

    Whatever the parts themselves raise passes through as it is; it leaves nothing behind either.

    Args:
        path: the file; its folder must exist. A symbolic link is followed, so that the link stays a link.
        content: the text; lines carry their own line ends.

    Returns:
        False where the file already had that content and was not touched.

    Raises:
        WriteError: it could not be written; what stood there before still stands.
    """
    with _translated(path):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            return _pass_on(path, target, (content,) if isinstance(content, str) else content)
        temporary = target.with_name(f".hubscope-{secrets.token_hex(8)}.tmp")
        # Made by hand and not by tempfile, which would keep the umask from having its say.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        _fill(path, descriptor, (content,) if isinstance(content, str) else content)
        with _translated(path):
            return _put_in_place(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _pass_on(path: Path, target: Path, parts: Iterable[str] | Iterable[bytes]) -> bool:
    """Write into a pipe or a device, which is never replaced by a file."""
    with _translated(path):
        stream = target.open("wb")
    with stream:
        for part in parts:
            with _translated(path):
                stream.write(_bytes(part))
                stream.flush()
    return True


def _fill(path: Path, descriptor: int, parts: Iterable[str] | Iterable[bytes]) -> None:
    """Write everything and force it to disk; an error of the source is not taken for one of the disk."""
    stream = os.fdopen(descriptor, "wb", buffering=_BLOCK)
    try:
        for part in parts:
            with _translated(path):
                stream.write(_bytes(part))
        with _translated(path):
            stream.flush()
            os.fsync(stream.fileno())
    finally:
        # Closing writes what is left and so fails again on a full disk; the first failure has already been told.
        with suppress(OSError):
            stream.close()


def _bytes(part: str | bytes) -> bytes:
    return part if isinstance(part, bytes) else encodable(part).encode()


def _put_in_place(temporary: Path, target: Path) -> bool:
    """Give the temporary file the name, unless the file of that name is the same already."""
    if target.is_file():
        if _same(temporary, target):
            return False
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))  # a file that exists keeps who may read it
    temporary.replace(target)
    _force_folder(target.parent)
    return True


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size or not os.access(other, os.R_OK):
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(_BLOCK):
            if block != right.read(_BLOCK):
                return False
    return True


def _force_folder(folder: Path) -> None:
    """Make the new name survive a power cut; where folders cannot be opened the file itself is safe all the same."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Errors of the file system as one sentence that names the file and says what to do."""
    try:
        yield
    except (OSError, ValueError) as exc:  # ValueError: a null byte in the name
        number = exc.errno if isinstance(exc, OSError) else None
        why = _ADVICE.get(number or 0) or getattr(exc, "strerror", None) or str(exc)
        raise WriteError(path, f"cannot write {str(path)!r}: {why}") from exc
