"""Texts out of folders, wheels, zips and JSON Lines, each named as a repository would name it: README.md or LICENSE."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scanner.restrictions.reader import decode, is_licence_file

_TEXT_ENDINGS = frozenset({"", ".md", ".rst", ".txt", ".license", ".rule"})
_LICENCE_ENDINGS = (".license", ".rule")  # licences and notices, with a head of their own between two lines of dashes
_HEAD = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
_NAMES = re.compile(r"copyright|metadata|readme(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a source, named as a repository would name it."""

    source: str
    id: str
    file: str
    text: str


def texts(source: Path) -> Iterator[Text]:
    """Yield the texts of a folder, a zip or a file of JSON Lines; any other file is a text itself."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and _is_text(path.name):
                yield from _text(source.name, str(path.relative_to(source)), path.read_bytes())
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith("/") and _is_prose(name):
                    ending = Path(name).suffix.upper() if name.lower().endswith(_LICENCE_ENDINGS) else "others"
                    yield from _text(f"{source.name} {ending}", name, archive.read(name))
    elif source.suffix == ".jsonl":
        with source.open(encoding="utf-8") as lines:
            for row in map(json.loads, filter(str.strip, lines)):
                yield Text(source.name, row["id"], row["file"], row["text"])
    else:
        yield from _text(source.name, source.name, source.read_bytes())


def _is_text(name: str) -> bool:
    return Path(name).suffix.lower() in _TEXT_ENDINGS


def _is_prose(path: str) -> bool:
    """Tell the texts of a wheel from its code and data."""
    name = path.rpartition("/")[2]
    return _is_text(name) and (
        name.lower().endswith(_LICENCE_ENDINGS) or is_licence_file(path) or bool(_NAMES.fullmatch(name))
    )


def _text(source: str, path: str, data: bytes) -> Iterator[Text]:
    """Yield a file as a card or a licence, without what stands around its prose; nothing where it holds no text."""
    decoded = decode(path, data)
    name = path.rpartition("/")[2].lower()
    if decoded.unreadable:
        return
    if name == "metadata":  # core metadata: the description stands behind the first empty line
        yield Text(source, path, "README.md", decoded.text.partition("\n\n")[2])
    elif name.endswith(_LICENCE_ENDINGS):
        yield Text(source, path, "LICENSE", _HEAD.sub("", decoded.text.replace("\r\n", "\n")))
    elif is_licence_file(name) or name == "copyright":
        yield Text(source, path, "LICENSE", decoded.text)
    else:
        yield Text(source, path, "README.md", decoded.text)
