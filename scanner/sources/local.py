"""A folder or a file on this machine, read as a repository would be; nothing of it is imported or executed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from estimators.roles import FileEntry
from scanner.errors import Refused, UsageError
from scanner.facts import ModelFacts
from scanner.ranges import DEFAULT_BUDGET_BYTES, LocalFile

MAX_FILES = 100_000
MAX_CONFIG_BYTES = 4 * 1024 * 1024
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__"})  # none holds what a model is distributed as


class LocalFolder:
    """Facts and files of a folder, or of a single file seen as a folder with only that in it."""

    name = "local"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path if path.is_dir() else path.parent

    def model(self) -> ModelFacts:
        """The folder as a model; its card data is for the reader of restrictions to find in README.md.

        Raises:
            UsageError: the folder cannot be listed, or holds more files than any model.
        """
        files = tuple(self._files())
        paths = {entry.path for entry in files}
        config = self._json("config.json") if "config.json" in paths else None
        adapter = self._json("adapter_config.json") if "adapter_config.json" in paths else None
        base = (adapter or {}).get("base_model_name_or_path")
        quantization = (config or {}).get("quantization_config")
        return ModelFacts(
            key=f"local:{self.path}",
            name=str(self.path),
            source=self.name,
            files=files,
            base_model=base if isinstance(base, str) and base else None,
            quantization=quantization if isinstance(quantization, dict) else None,
            described=any(key in (config or {}) for key in ("architectures", "model_type")),
        )

    def file(self, path: str, *, budget: int = DEFAULT_BUDGET_BYTES) -> LocalFile:
        """A file to be read in pieces."""
        return LocalFile(self._root / path, path, budget=budget)

    def text(self, path: str, *, max_bytes: int) -> bytes:
        """The first `max_bytes` of a file.

        Raises:
            Refused: `file-unreadable`.
        """
        try:
            with (self._root / path).open("rb") as file:
                return file.read(max_bytes)
        except OSError as error:
            raise Refused("file-unreadable", f"{path} cannot be read ({error.strerror})") from error

    def _files(self) -> Iterator[FileEntry]:
        if not self.path.is_dir():
            yield FileEntry(self.path.name, self.path.stat().st_size)
            return
        count = 0

        def fail(error: OSError) -> None:
            if error.filename == str(self.path):
                raise UsageError(f"{self.path} cannot be listed ({error.strerror})") from error

        for folder, subfolders, names in os.walk(self.path, onerror=fail):
            subfolders[:] = sorted(name for name in subfolders if name not in SKIPPED_FOLDERS)
            for name in sorted(names):
                path = Path(folder, name)
                # A link to a file is followed (a model cache is made of them); a pipe or a socket is no file at all.
                if not path.is_file():
                    continue
                count += 1
                if count > MAX_FILES:
                    raise UsageError(f"{self.path} holds more than {MAX_FILES:,} files; name a model's own folder")
                yield FileEntry(path.relative_to(self.path).as_posix(), path.stat().st_size)

    def _json(self, path: str) -> dict[str, Any] | None:
        try:
            value = msgspec.json.decode(self.text(path, max_bytes=MAX_CONFIG_BYTES))
        except (ValueError, Refused):
            return None  # what it would have told is unknown; the weights still speak for themselves
        return value if isinstance(value, dict) else None
