"""A repository's own name in its files: written in one way, lists that differ in nothing else are one list.

What such a name means for counting is left to `estimators/kinds.py`; here it is only found and put back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from estimators.kinds import OWN, sense_of_name

if TYPE_CHECKING:
    from scanner.sources.rows import Row

_TORN = re.compile(rb'\0[^-_. /"]')  # what would be a name of the repository's begins another word
_OF_A_TEXT = re.compile(r"licen|copy|notice|use|usage|terms|tos|eula|legal|agreement|prohibited|readme", re.IGNORECASE)


class OwnName(NamedTuple):
    """A repository's own name, as its files have it.

    Attributes:
        sense: see `kinds.sense_of_name`.
        general: the list of files, the same for all names of this sense.
    """

    name: str
    sense: str
    general: bytes


def own_name(model: str, raw: bytes) -> OwnName | None:
    """The repository's own name, where its files repeat it and it names no text; None where they do not."""
    name = model.rpartition("/")[2]
    if name.encode() not in raw:
        if not name.endswith(("-GGUF", "-gguf")):
            return None
        name = name[:-5]
        if name.encode() not in raw:
            return None
    sense = None if name == "rfilename" or _OF_A_TEXT.search(name) else sense_of_name(name)
    if sense is None:
        return None
    own = name.encode()
    general = raw.replace(b'"' + own, b'"\0').replace(b"/" + own, b"/\0")
    if _TORN.search(general) or own.lower() in general.lower():
        return None
    return OwnName(name, sense, general + b"\0" + sense.encode())


def by_own_name(paths: tuple[str, ...], row: Row) -> tuple[str, ...]:
    """The paths with the repository's own name in its places."""
    if not any(OWN in path for path in paths):
        return paths
    name = row.name.rpartition("/")[2]
    own = name if name.encode() in bytes(row.siblings) else name[:-5]
    return tuple(path.replace(OWN, own) for path in paths)


def with_own(path: str, own: str) -> str:
    """A path with the repository's own name written in one way."""
    return f"/{path}".replace(f"/{own}", f"/{OWN}")[1:]
