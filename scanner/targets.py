"""What a word on the command line names: a model of a Hub, or something on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scanner.errors import UsageError

# The Hub's own rules for names: letters, digits, "-", "_", ".", at most 96 characters a part, no "--" or "..",
# neither starting nor ending with "-" or ".". Source: huggingface_hub `validate_repo_id`.
_PART = r"(?![-.])(?!.*(?:--|\.\.))[\w.\-]{1,96}(?<![-.])"
_NAME = re.compile(rf"(?:{_PART}/)?{_PART}\Z", re.ASCII)
_LOCAL = ("./", "../", "/", "~")
_FILE_ENDINGS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".onnx", ".json", ".md", ".txt")


@dataclass(frozen=True, slots=True)
class Target:
    """One target of `hubscope check`.

    Attributes:
        given: the word as it was typed.
        kind: where it leads.
        name: owner/name of a hub's model; empty for a local target.
        revision: the revision after "@", if there is one.
        path: the local path.
    """

    given: str
    kind: Literal["huggingface", "modelscope", "local"]
    name: str = ""
    revision: str | None = None
    path: Path | None = None


def hub_name(text: str) -> str | None:
    """The text as a model's id on the Hub; None where no model can be called so."""
    return text if _NAME.match(text) and not text.endswith(".git") else None


def parse_target(text: str) -> Target:
    """Tell what a word names. It is local if it exists on disk, or is written like a path.

    Raises:
        UsageError: a path that does not exist, or something that is neither path nor name.
    """
    if not text.strip():
        raise UsageError("an empty target names nothing; a model id, a file or a folder is wanted")
    if text.startswith("modelscope:"):
        raise UsageError(f"{text}: ModelScope cannot be asked by this version; Hugging Face ids, files and folders can")
    path = _path(text)
    if path is not None and _exists(path):
        return Target(text, "local", path=path)
    if text.startswith(_LOCAL) or text in {".", ".."} or "\\" in text or text.lower().endswith(_FILE_ENDINGS):
        raise UsageError(f"{text}: there is no such file or folder")
    name, at, revision = text.partition("@")
    if hub_name(name) is None or (at and not revision):
        raise UsageError(
            f"{text!r} is no model id (owner/name, owner/name@revision) and no file or folder of that name"
        )
    return Target(text, "huggingface", name, revision or None)


def _path(text: str) -> Path | None:
    """The text as a path; None where its `~` names nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a NUL: no path of this machine
        return False
