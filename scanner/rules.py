"""What a run was judged by: a digest of each regulation's data, kept with the run. Pure.

A model's verdict may change because the model did, or because the rule did. With the digests of both runs at hand a
comparison can tell the second case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from config.regulation import Regulation

MIXED = "+"
"""Joins the digests of a rule that was changed while a run was interrupted."""

Rules = Mapping[str, str]
"""Digests by the ids of regulations."""


def rules_of(regulations: Iterable[Regulation]) -> dict[str, str]:
    """The digest of each regulation's data, by its id."""
    return {regulation.id: digest_of(regulation) for regulation in regulations}


def digest_of(regulation: Regulation) -> str:
    """A digest of everything a regulation's file says.

    Values that are the defaults are left out: a file that writes them down says the same as one that does not, and so
    does a later version of hubscope that knows more keys.
    """
    values = regulation.model_dump(mode="json", exclude_defaults=True)
    return hashlib.blake2b(msgspec.json.encode(values, order="sorted"), digest_size=12).hexdigest()


def gone_on(before: Rules | None, now: Rules) -> dict[str, str] | None:
    """The rules of a run that is gone on with.

    Args:
        before: of its first stretch; None where that is not known.
        now: of the stretch that begins.

    Returns:
        Both digests of a rule that was changed in between, since some models were judged by each.
    """
    if before is None:
        return None
    found = dict(before)
    for name, digest in now.items():
        parts = found[name].split(MIXED) if name in found else []
        found[name] = MIXED.join(dict.fromkeys([*parts, digest]))
    return found


def changed(before: Rules | None, after: Rules | None, regulation: str) -> bool | None:
    """Whether a rule's data differ between two runs; None where one of them does not say."""
    if before is None or after is None or regulation not in before or regulation not in after:
        return None
    return before[regulation] != after[regulation]


def rule_notes(before: Rules | None, after: Rules | None, regulation: str) -> Iterator[str]:
    """What a comparison has to say of the rule itself."""
    if changed(before, after, regulation):
        yield f"the rule {regulation} was changed between these runs, which moves models that did not change"
    elif before is not None and regulation not in before:
        yield f"the earlier run was not judged by {regulation}"
    elif after is not None and regulation not in after:
        yield f"the later run was not judged by {regulation}"
