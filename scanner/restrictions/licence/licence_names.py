"""Which licence card data names (`license`, `license_name`, `license_link`), and what is known of it by that alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.licences import LimitedLicence
from scanner.restrictions.interface import Declaration, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from config.licences import Licences, Part
    from scanner.restrictions.card.frontmatter import Path

MAX_NAMES = 200  # licences that a card names
MAX_LINK = 300  # characters
MAX_SHOWN = 60  # characters of a name in a reason


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A reason to think that a limit may stand where nobody has read yet.

    Attributes:
        reason: the reason, as reports show it.
        settled_by: the place whose reading settles it; None where no reading does.
        text: which of a licence's texts has to be among its files, where that place is the licence files.
    """

    reason: str
    settled_by: Place | None = None
    text: Part = "licence"


@dataclass(frozen=True, slots=True)
class NamedLicence:
    """A declaration that rests on a licence's name alone, and where the text that would confirm it stands."""

    declaration: Declaration
    title: str
    stands_in: Part = "licence"


@dataclass(frozen=True, slots=True)
class CardLicence:
    """What a card's licence means by its name or link.

    Attributes:
        limited: a licence known to limit territories.
        path: the key that names it.
        given: its name or link there.
        open_names: licences known to limit no territory, where the card names no other.
        suggests: why the licence's text may limit territories.
    """

    limited: LimitedLicence | None = None
    path: Path = ()
    given: str = ""
    open_names: tuple[str, ...] = ()
    suggests: tuple[Suggestion, ...] = ()


def name_licence(data: Mapping[str, Any], tagged: Sequence[str], licences: Licences) -> CardLicence:
    """Tell which licence card data names.

    Args:
        data: the card data; any JSON value may stand anywhere.
        tagged: ids from tags, which stand in for `license`.
        licences: what is known of licences.
    """
    ids = list(_strings(data.get("license"))) or list(tagged)
    names = list(_strings(data.get("license_name")))
    link = data.get("license_link")
    address = link[:MAX_LINK] if isinstance(link, str) else ""
    opened = [(given, free) for given in ids if (free := licences.find_open(given))]
    open_names: tuple[str, ...] = ()
    if ids and len(opened) == len(ids):
        address = ""  # a link beside them leads to the text of one of them
        open_names = tuple(free.title or given for given, free in opened)
    linked = licences.find_link(address)  # to one text; a name stands for every version of a licence
    if isinstance(linked, LimitedLicence):
        return CardLicence(linked, ("license_link",), address)
    for path, given in (*((("license_name",), one) for one in names), *((("license",), one) for one in ids)):
        if linked is None and (limited := licences.find_limited(given)):
            return CardLicence(limited, path, given, open_names)
    doubts = {given: unsure for given in (*ids, *names) if (unsure := linked or licences.find_unsure(given))}
    suggests = [
        Suggestion(f"licence {given[:MAX_SHOWN]}: {row.why}", Place.LICENCE_FILES, row.stands_in)
        for given, row in doubts.items()
    ]
    if not ids and (names or address):
        suggests.append(Suggestion("a licence is linked and its kind is not given", Place.LICENCE_FILES))
    if not doubts.keys() & set(names):
        shown = f" ({names[0][:MAX_SHOWN]})" if names else ""
        suggests += [
            Suggestion(f"licence {given[:MAX_SHOWN]}{shown} may limit territories", Place.LICENCE_FILES)
            for given in ids
            if given not in doubts and not licences.find_open(given)
        ]
    return CardLicence(open_names=open_names, suggests=tuple(suggests))


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts of a value that is one, or a list of some."""
    for item in value[:MAX_NAMES] if isinstance(value, list) else [value]:
        if isinstance(item, str) and item.strip():
            yield item.strip()
