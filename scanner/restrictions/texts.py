"""Bytes of a repository's text file to characters, and which files are licence-like."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

MAX_TEXT_BYTES = 1024 * 1024  # what is read of one text; licences and cards lie far below
_LICENCE_NAME = re.compile(
    r"(?:licen[sc]e|copying|notice|use[-_ ]?policy|acceptable[-_ ]?use|terms)(?:[-_. ].*)?", re.IGNORECASE
)
# Endings of files that are no prose, however their names begin ("terms.json", "notice.png").
_OTHER_SUFFIXES = re.compile(
    r"pdf|docx?|odt|rtf|png|jpe?g|gif|svg|webp|zip|t?gz|tar|jsonl?|ya?ml|toml|csv|tsv|xml|py|js|ipynb|bin|safetensors|gguf"
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text of a repository, decoded.

    Attributes:
        path: where it lies in the repository.
        text: its characters; offsets of declarations count these.
        truncated: whether the file goes on behind the cap.
        encoding: how it was decoded.
        guessed: whether no encoding fitted and the characters beyond ASCII may be wrong.

    `unreadable` says why the text does not tell what the file says, None where it does.
    """

    path: str
    text: str
    truncated: bool = False
    encoding: str = "utf-8"
    guessed: bool = False

    @property
    def unreadable(self) -> str | None:
        """Why the text cannot be taken for what the file says: cut off, or in an encoding that could not be told."""
        if self.truncated:
            return f"{self.path} is longer than what is read of a text"
        beyond = sum(character > "\x7f" for character in self.text) if self.guessed else 0
        if self.text.count("\x00") * 20 > len(self.text) or beyond * 10 > len(self.text):
            return f"{self.path} is in an encoding that could not be told (UTF-8 is expected)"
        return None


def decode(path: str, data: bytes, cap: int = MAX_TEXT_BYTES, *, truncated: bool = False) -> TextFile:
    """Decode a file up to a cap of bytes: UTF-8, UTF-16 by its mark, else Latin-1, which is flagged.

    Args:
        path: where the file lies in the repository.
        data: its bytes, or their beginning.
        cap: bytes that are read at most.
        truncated: whether `data` is only the beginning.
    """
    truncated = truncated or len(data) > cap
    data = data[:cap]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return TextFile(path, data.decode("utf-16", errors="replace"), truncated, "utf-16")
    try:
        # An incremental decoder leaves a character alone that the cap has cut.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=not truncated)
    except UnicodeDecodeError:
        return TextFile(path, data.decode("latin-1"), truncated, "latin-1", guessed=True)
    return TextFile(path, text, truncated)


def is_licence_file(path: str) -> bool:
    """Tell whether a file's name is that of a licence, a notice or a use policy, in text form.

    Licences in folders count too: `LICENSES/…` and a component's own licence may carry the limit.
    """
    name = path.rpartition("/")[2]
    if not _LICENCE_NAME.fullmatch(name):
        return False
    suffix = name.rpartition(".")[2].casefold() if "." in name else ""
    return not _OTHER_SUFFIXES.fullmatch(suffix)
