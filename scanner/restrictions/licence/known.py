"""Known licences held against the texts that were read: which text counts, and where a text differs from what is known.

A name does not fix a text, and a title does not either: first versions of a licence differ from later ones, and authors
change texts. Where a text was read, what it says is declared, and a difference from what its name or title stands for
is a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from config.licences import LimitedLicence, UnsureLicence
from scanner.restrictions.interface import LICENCE_DIFFERS, Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from config.licences import Licences, Part, Recognised
    from scanner.restrictions.card.metadata import MetadataReading
    from scanner.restrictions.markup.texts import TextFile
    from scanner.restrictions.prose.text import Prose

Limits: TypeAlias = tuple[frozenset[str], frozenset[str]]
"""What is excluded, and what use is limited to."""

NO_LIMITS: Limits = (frozenset(), frozenset())
LICENCE_NAMES = ("licen", "copying", "terms")
MAX_NAMED = 3  # files that a message names


@dataclass(frozen=True, slots=True)
class ReadText:
    """A licence-like file, read to its end.

    Attributes:
        path: where it lies.
        text: its characters.
        limits: what it declares.
        recognised: whose text it is, by its title; None where the title is not known.
    """

    path: str
    text: str
    limits: Limits
    recognised: Recognised | None

    @property
    def name(self) -> str:
        """The file's own name, in small letters."""
        return self.path.rpartition("/")[2].casefold()


def read_texts(files: Sequence[TextFile], found: Sequence[Prose], licences: Licences) -> tuple[ReadText, ...]:
    """Bring files and what was found in each together.

    Args:
        files: licence-like files.
        found: what each of them declares.
        licences: what is known of licences.
    """
    return tuple(
        ReadText(one.path, one.text, _limits_of(prose), licences.recognise(one.text))
        for one, prose in zip(files, found, strict=True)
    )


def was_read(texts: Sequence[ReadText], part: Part, licences: Licences) -> bool:
    """Tell whether a licence's own text, or its use policy, is among the files: a NOTICE alone is neither.

    Args:
        texts: the licence-like files.
        part: which of the two is asked for.
        licences: what is known of licences; a text whose title is known counts whatever its file is called.
    """
    if part == "licence":
        return any(
            one.name.startswith(LICENCE_NAMES) or (one.recognised is not None and one.recognised.part == "licence")
            for one in texts
        )
    return any(("use" in one.name and "polic" in one.name) or licences.holds_policy(one.text) for one in texts)


def differences(texts: Sequence[ReadText], metadata: MetadataReading, licences: Licences) -> tuple[Finding, ...]:
    """Say where the texts differ from what the card names, and from what their titles stand for.

    Args:
        texts: the licence-like files, read to their ends.
        metadata: what the card data says of the licence.
        licences: what is known of licences.
    """
    by_title = list(_by_title(texts, licences))
    told = {known for known, _ in by_title}
    by_name = [message for known, message in _by_name(texts, metadata, licences) if known not in told]
    return tuple(
        Finding(LICENCE_DIFFERS, message) for message in dict.fromkeys((*by_name, *(text for _, text in by_title)))
    )


def _by_title(texts: Sequence[ReadText], licences: Licences) -> Iterator[tuple[Limits, str]]:
    for one in texts:
        found = one.recognised
        if found is None or isinstance(found.licence, UnsureLicence):
            continue
        known = _known(found, one.text, licences)
        if known != one.limits:
            title = found.licence.title or one.path
            yield (
                known,
                f"{one.path} has the title of {title}, known to {describe(known)}, but as it was read it "
                f"{describe(one.limits, says=True)}; what was read counts",
            )


def _by_name(texts: Sequence[ReadText], metadata: MetadataReading, licences: Licences) -> Iterator[tuple[Limits, str]]:
    declared = _joined(texts)
    for named in metadata.by_name:
        known = _limits(named.declaration.excluded, named.declaration.limited_to)
        if was_read(texts, named.stands_in, licences) and known != declared:
            yield known, _named(named.title, known, texts, declared)
    if texts and metadata.open_names and not metadata.by_name and declared != NO_LIMITS:
        yield NO_LIMITS, _named(" and ".join(metadata.open_names[:MAX_NAMED]), NO_LIMITS, texts, declared)


def _named(title: str, known: Limits, texts: Sequence[ReadText], declared: Limits) -> str:
    speaking = [one.path for one in texts if one.limits != NO_LIMITS] or [one.path for one in texts]
    files = ", ".join(speaking[:MAX_NAMED]) + (" and others" if len(speaking) > MAX_NAMED else "")
    says = describe(declared, says=True)
    return f"the card names {title}, known to {describe(known)}, but {files} {says}; what was read counts"


def describe(limits: Limits, *, says: bool = False) -> str:
    """Put limits into words: "exclude EU, GB and KR"; as what a text says: "excludes EU, GB and KR"."""
    excluded, limited_to = limits
    parts = [f"{'excludes' if says else 'exclude'} {_listed(excluded)}"] if excluded else []
    parts += [f"{'limits' if says else 'limit'} use to {_listed(limited_to)}"] if limited_to else []
    return " and ".join(parts) or f"{'limits' if says else 'limit'} no territory"


def _known(found: Recognised, text: str, licences: Licences) -> Limits:
    """What is known of a text: a limit in the use policy stands in the licence only where the policy follows it."""
    row = found.licence
    if isinstance(row, LimitedLicence) and (found.part == row.stands_in or licences.holds_policy(text)):
        return _limits(row.excluded, row.limited_to)
    return NO_LIMITS


def _joined(texts: Sequence[ReadText]) -> Limits:
    excluded = frozenset(code for one in texts for code in one.limits[0])
    return excluded, frozenset(code for one in texts for code in one.limits[1])


def _limits_of(prose: Prose) -> Limits:
    grants = [one for one in prose.declarations if one.kind is not Kind.EMBARGO]
    return _limits((c for one in grants for c in one.excluded), (c for one in grants for c in one.limited_to))


def _limits(excluded: Iterable[str], limited_to: Iterable[str]) -> Limits:
    return frozenset(excluded), frozenset(limited_to)


def _listed(codes: frozenset[str]) -> str:
    names = sorted(codes)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
