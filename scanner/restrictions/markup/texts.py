"""Texts of a repository: bytes to characters, and which files are licence-like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scanner.restrictions.markup.encodings import FALLBACK, decode_bytes

MAX_TEXT_BYTES = 1024 * 1024  # what is read of one text; licences and cards lie far below
_BEGINS = re.compile(
    r"(?:licen[sc](?:es?|ing)|copying|copyright|notices?|use[-_ ]?policy|usage[-_ ]?(?:policy|terms)"
    r"|acceptable[-_ ]?use|terms|tos|eula|legal|agreement|use[-_ ]?restrictions?|prohibited[-_ ]?uses?)(?:[-_. ].*)?",
    re.IGNORECASE,
)
_CONTAINS = re.compile(
    r"(?!un|.*(?:third[-_ ]?part|plate|driver)).*licen[sc]es?(?:[-_. ].*)?"
    r"|.*[-_. ](?:eula|agreement|use[-_ ]?policy|acceptable[-_ ]?use[-_ ]?policy|terms(?:[-_ ]of[-_ ](?:use|service))?)"
    r"(?:[-_. ].*)?"
    r"|.*(?:许可|許可|授权|授權|协议|協議|使用条款|使用條款|ライセンス|利用規約|使用許諾|라이선스|라이센스|이용약관"
    r"|lizenz|nutzungsbedingungen|licencia|licenza|licença|лицензи).*",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"(?:.*/)?licen[sc]es?/[^/]+", re.IGNORECASE)
_TEXT_SUFFIXES = frozenset(
    ["", "md", "markdown", "mdx", "txt", "text", "rst", "html", "htm", "xhtml", "org", "adoc", "asciidoc", "tex",
     "license", "licence"]
)  # fmt: skip
# Endings of files that are no prose, however their names begin ("terms.json", "notice.png").
_OTHER_SUFFIXES = re.compile(
    r"pdf|docx?|odt|rtf|png|jpe?g|gif|svg|webp|bmp|ico|mp[34]|wav|zip|t?gz|tar|bz2|xz|zst|7z|jsonl?|ya?ml|toml|ini|cfg"
    r"|csv|tsv|xml|parquet|arrow|py|ipynb|js|ts|tsx|css|sh|bat|java|c|h|cc|cpp|hpp|cs|go|rs|rb|php|bin|safetensors|gguf"
    r"|pt|pth|ckpt|onnx|h5|npz|npy|pkl|db|lock|sha256|asc|sig"
)
# How files begin that are no text, and what they are.
_NO_TEXT = (
    (b"\x1f\x8b", "is compressed (gzip)"),
    (b"BZh", "is compressed (bzip2)"),
    (b"\xfd7zXZ\x00", "is compressed (xz)"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd)"),
    (b"PK\x03\x04", "is an archive (zip)"),
    (b"%PDF-", "is a PDF"),
    (b"\xd0\xcf\x11\xe0", "is a document of an office program"),
    (b"\x89PNG", "is a picture"),
    (b"\xff\xd8\xff", "is a picture"),
    (b"version https://git-lfs.github.com/spec/", "is only a pointer to a large file"),
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text of a repository, decoded.

    Attributes:
        path: where it lies in the repository.
        text: its characters; offsets of declarations count these.
        truncated: whether the file goes on behind the cap.
        encoding: how it was decoded; empty where the file is no text.
        guessed: whether the encoding was told by the letters it yields, and they may be wrong.
        no_text: what the file is instead of a text; empty where it is one.

    `unreadable` says why the text does not tell what the file says, None where it does.
    """

    path: str
    text: str
    truncated: bool = False
    encoding: str = "utf-8"
    guessed: bool = False
    no_text: str = ""

    @property
    def unreadable(self) -> str | None:
        """Why the text cannot be taken for what the file says: no text, cut off, or in an encoding not to be told."""
        if self.no_text:
            return f"{self.path} {self.no_text} and was not read"
        if self.truncated:
            return f"{self.path} is longer than what is read of a text (1 MiB, if the settings say nothing else)"
        unknown = self.guessed and self.encoding == FALLBACK
        beyond = sum(character > "\x7f" for character in self.text) if unknown else 0
        damaged = self.text.count("\ufffd") * 10 > len(self.text)
        if damaged or self.text.count("\x00") * 20 > len(self.text) or beyond * 10 > len(self.text):
            return f"{self.path} is in an encoding that could not be told (UTF-8 is expected)"
        return None


def decode(path: str, data: bytes, cap: int = MAX_TEXT_BYTES, *, truncated: bool = False) -> TextFile:
    """Decode a file up to a cap of bytes. What is compressed is never inflated.

    Args:
        path: where the file lies in the repository.
        data: its bytes, or their beginning.
        cap: bytes that are read at most.
        truncated: whether `data` is only the beginning.
    """
    truncated = truncated or len(data) > cap
    for beginning, kind in _NO_TEXT:
        if data.startswith(beginning):
            return TextFile(path, "", truncated, "", no_text=kind)
    decoded = decode_bytes(data[:cap], truncated=truncated)
    return TextFile(path, decoded.text, truncated, decoded.encoding, decoded.guessed)


def is_licence_file(path: str) -> bool:
    """Tell whether a file's name is that of a licence, a notice or a use policy, in text form.

    Licences in folders count too: `LICENSES/…` and a component's own licence may carry the limit.
    """
    name = path.rpartition("/")[2]
    suffix = name.rpartition(".")[2].casefold() if "." in name else ""
    if _BEGINS.fullmatch(name):
        return not _OTHER_SUFFIXES.fullmatch(suffix)
    if suffix not in _TEXT_SUFFIXES:
        return False
    return _CONTAINS.fullmatch(name) is not None or _FOLDER.fullmatch(path) is not None
