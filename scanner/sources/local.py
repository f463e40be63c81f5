"""A folder or a file on this machine, read as a repository would be; nothing of it is imported or executed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from estimators.errors import EstimatorError
from estimators.packed.quantization import settings_of
from estimators.roles import FileEntry
from estimators.tables import names_beside
from scanner.errors import Refused, UsageError
from scanner.facts import ModelFacts
from scanner.ranges import DEFAULT_BUDGET_BYTES, LocalFile

MAX_FILES = 100_000
# The settings' own files with the method that each is about: AutoGPTQ's and AutoAWQ's from before they wrote into
# config.json, and ModelOpt's.
QUANTIZATION_FILES = {"quantize_config.json": "gptq", "quant_config.json": "awq", "hf_quant_config.json": "modelopt"}
MAX_CONFIG_BYTES = 4 * 1024 * 1024
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__"})  # none holds what a model is distributed as
DOWNLOADS = ".cache/huggingface"  # where `hf download --local-dir` keeps what is not complete yet; never uploaded
MAX_POINTER_BYTES = 1024  # git-lfs: "Pointer files must be less than 1024 bytes"
# Source: git-lfs, docs/spec.md. What a clone holds where git-lfs is not installed, in place of the weights.
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\nsize (\d{1,18})\n?"
)


class LocalFolder:
    """Facts and files of a folder, or of a single file seen as a folder with that and its tables in it."""

    name = "local"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._alone = not path.is_dir()  # one file, in whatever folder
        self._root = path.parent if self._alone else path

    def model(self) -> ModelFacts:
        """The folder as a model; its card data is for the reader of restrictions to find in README.md.

        Raises:
            UsageError: the folder cannot be listed, or holds more files than any model.
        """
        files = tuple(self._files())
        paths = {entry.path for entry in files}
        config = self._json("config.json") if "config.json" in paths or self._alone else None
        adapter = self._json("adapter_config.json") if "adapter_config.json" in paths else None
        base = (adapter or {}).get("base_model_name_or_path")
        described = not self._alone and any(key in (config or {}) for key in ("architectures", "model_type"))
        return ModelFacts(
            key=f"local:{self.path}",
            name=str(self.path),
            source=self.name,
            files=files,
            base_model=base if isinstance(base, str) and base else None,
            adapter="adapter_config.json" in paths,
            quantization=self._quantization(config or {}),
            described=described,
            given=(self.path.name,) if self._alone else (),
        )

    def file(self, path: str, *, budget: int = DEFAULT_BUDGET_BYTES) -> LocalFile | UnreadableFile:
        """A file to be read in pieces."""
        if self._pointer(path) is not None:
            return UnreadableFile(path, "lfs-pointer", "is a git-lfs pointer; `git lfs pull` fetches the file itself")
        try:
            return LocalFile(self._root / path, path, budget=budget)
        except EstimatorError as error:
            return UnreadableFile(path, "file-unreadable", str(error).removeprefix(f"{path}: "))

    def text(self, path: str, *, max_bytes: int) -> bytes:
        """The first `max_bytes` of a file.

        Raises:
            Refused: `file-unreadable`.
        """
        try:
            # Non-blocking: opening a pipe that somebody put in a model folder must not hang.
            descriptor = os.open(self._root / path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Refused("file-unreadable", f"{path} is no regular file")
                return file.read(max_bytes)
        except OSError as error:
            raise Refused("file-unreadable", f"{path} cannot be read ({error.strerror})") from error

    def _files(self) -> Iterator[FileEntry]:
        if not self.path.is_dir():
            if not self.path.is_file():
                raise UsageError(f"{self.path} is neither a file nor a folder")
            yield self._entry(self.path.name)
            for name in dict.fromkeys(names_beside(self.path.name)):  # what tells the shapes in a file without header
                if (self._root / name).is_file():
                    yield self._entry(name)
            return
        for number, path in enumerate(self._walk(), 1):
            if number > MAX_FILES:
                raise UsageError(f"{self.path} holds more than {MAX_FILES:,} files; name a model's own folder")
            yield self._entry(path)

    def _walk(self) -> Iterator[str]:
        """Paths of files in a fixed order; links are followed (a model cache is made of them), to each folder once."""
        seen: set[tuple[int, int]] = set()
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                status = os.stat(self.path / folder)  # noqa: PTH116 - the same as the line below
                names = sorted(os.listdir(self.path / folder))  # noqa: PTH208 - names, not paths: they may not be UTF-8
            except OSError as error:
                if not folder:
                    raise UsageError(f"{self.path} cannot be listed ({error.strerror})") from error
                yield f"{folder}/"  # something is in there; an unknown file of unknown size says so
                continue
            place = (status.st_dev, status.st_ino)
            if place in seen:
                continue
            seen.add(place)
            inner: list[str] = []
            for name in names:
                path = f"{folder}/{name}" if folder else name
                kind = _kind(self.path / path)
                if kind == "folder" and self._leads_out(path):
                    kind = "file"  # not followed: a name of unknown size stands for whatever lies there
                if kind == "folder" and name not in SKIPPED_FOLDERS and path != DOWNLOADS:
                    inner.append(path)
                elif kind == "file":
                    yield path
            waiting += reversed(inner)

    def _leads_out(self, path: str) -> bool:
        """Whether a folder is a link to somewhere outside the one that is checked, or back above itself."""
        inner = self.path / path
        return inner.is_symlink() and not inner.resolve().is_relative_to(self.path.resolve())

    def _entry(self, path: str) -> FileEntry:
        """A file with its size; with the size of the weights that a git-lfs pointer stands for."""
        if path.endswith("/"):
            return FileEntry(path, None)  # a folder that may not be listed
        pointed = self._pointer(path)
        if pointed is not None:
            return FileEntry(path, pointed)
        try:
            status = (self._root / path).stat()
        except OSError:
            return FileEntry(path, None)  # a link that leads nowhere, say: there should be a file, of whatever size
        return FileEntry(path, status.st_size if stat.S_ISREG(status.st_mode) else None)

    def _pointer(self, path: str) -> int | None:
        """The size that a git-lfs pointer tells; None where the file is none."""
        try:
            if (self._root / path).stat().st_size >= MAX_POINTER_BYTES:
                return None
            found = _POINTER.fullmatch(self.text(path, max_bytes=MAX_POINTER_BYTES))
        except (OSError, Refused):
            return None
        return int(found[2]) if found else None

    def _quantization(self, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """How the model's weights are packed, from `config.json` or from the file of an older or other writer."""
        block = settings_of(config)
        if block is not None:
            return block
        for name, method in QUANTIZATION_FILES.items():
            block = settings_of(self._json(name) or {})
            if block is not None:
                return {"quant_method": method, **block}
        return None

    def _json(self, path: str) -> dict[str, Any] | None:
        try:
            value = msgspec.json.decode(self.text(path, max_bytes=MAX_CONFIG_BYTES))
        except (ValueError, RecursionError, Refused):
            return None  # what it would have told is unknown; the weights still speak for themselves
        return value if isinstance(value, dict) else None


class UnreadableFile:
    """A file that is there and cannot be read; it says so when it is opened."""

    size = None
    requests = 0
    bytes_read = 0

    def __init__(self, name: str, code: str, message: str) -> None:
        self.name = name
        self._error = Refused(code, f"{name} {message}")

    def open(self) -> NoReturn:
        """Tell why.

        Raises:
            Refused: always.
        """
        raise self._error

    def read(self, offset: int, length: int) -> NoReturn:
        """See open."""
        del offset, length
        raise self._error


def _kind(path: Path) -> str:
    """Tell "folder" or "file".

    What a link leads to counts. One that leads nowhere, or where nobody may look, is a file that cannot be read, and so
    is a pipe, a socket or a device: it bears a name that weights may bear, and nobody knows what is behind it.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "file"
