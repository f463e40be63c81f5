"""Whether a declaration takes a model out of a regulation's scope, and what else declarations give to say. Pure.

A declaration exempts only if it is the model's own, in effect, no embargo clause, of a kind that the regulation's data
honours, and if it excludes the territory or limits use to places that leave it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.territories import load_territories
from scanner.reasons import REASONS
from scanner.restrictions.interface import LICENCE_DIFFERS, Declaration, Kind, Place, Restrictions, Status
from scanner.verdict import Condition, Leg, Subject, Twin

if TYPE_CHECKING:
    from config.regulation import Regulation

EXEMPTING = ("excluded-by-declaration", "excluded-by-implication")
BY_NAME = "licence-by-name"


def exemption_leg(regulation: Regulation, subject: Subject) -> Leg:
    """Whether a declaration takes the model out, and everything about declarations worth saying."""
    restrictions = subject.restrictions
    effects = dict.fromkeys(reason for item in restrictions.items if (reason := effect_of(item, regulation)))
    effective = exempting_declaration(regulation, restrictions)
    told = _told(regulation, restrictions, effective)
    if effective is not None:
        item, reason = effective
        others = (*told, *(code for code in effects if code not in EXEMPTING))
        note = f"; {regulation.declaration_note}" if regulation.declaration_note else ""
        named = " (the licence's name alone; no text was read for it)" if item.by_name else ""
        why = f'{item.kind} in {item.file}: "{_shorten(item.quote)}"{named}{note}'
        if subject.twin is Twin.CONFIRMED:
            why += "; void, the same weights lie on a platform of the territory"
            return _leg(False, why), ("twin-on-platform", *others)
        if subject.twin is Twin.LIKELY:
            why += "; void if the weights that look the same on a platform of the territory are the same"
            return _leg(None, why), ("twin-likely", reason, *others)
        return Condition("exemption", True, bool(note) or item.by_name, why), (reason, *others)
    if restrictions.status is Status.NOT_READ:
        why = "something suggests a limit that could not be read"
        return _leg(None, why), (*effects, *told, "restriction-unverified")
    why = REASONS[next(iter(effects))] if effects else "no declaration excludes the territory"
    if restrictions.status is Status.NONE_IN_METADATA or not texts_read(restrictions):
        why = f"{why.rstrip('.')}; not every place of declarations was read"
        return Condition("exemption", False, True, why), (*effects, *told, "card-not-read")
    return _leg(False, why), (*effects, *told)


def exempting_declaration(regulation: Regulation, restrictions: Restrictions) -> tuple[Declaration, str] | None:
    """The first declaration that takes a model out, with its reason code; None where there is none.

    One that rests on a licence's name alone comes behind those whose words were read.
    """
    for item in sorted(restrictions.items, key=lambda one: one.by_name):
        reason = effect_of(item, regulation)
        if reason in EXEMPTING:
            return item, reason
    return None


def effect_of(item: Declaration, regulation: Regulation) -> str | None:
    """The reason code that one declaration adds, or None where it does not concern the territory."""
    territory, contains = regulation.territory, load_territories().contains
    named = contains(item.excluded, territory)
    left_out = bool(item.limited_to) and not contains(item.limited_to, territory)
    alone = not named and set(item.limited_to) == {territory} and item.kind is not Kind.EMBARGO
    if alone and item.active and item.inherited_from is None:
        return "limited-to-territory"
    if not (named or left_out):
        return None
    if item.kind is Kind.EMBARGO:
        return "embargo-does-not-exempt"
    if not item.active:
        return "declaration-inactive"
    if item.inherited_from is not None:
        return "inherited-does-not-exempt"
    if regulation.declaration_effect != "out_of_scope" or str(item.kind) not in regulation.exempting_kinds:
        return "declaration-not-honoured"
    return "excluded-by-declaration" if named else "excluded-by-implication"


def texts_read(restrictions: Restrictions) -> bool:
    """Whether the model's own texts were read; what its base model declares exempts nothing."""
    return {Place.CARD, Place.LICENCE_FILES} <= set(restrictions.read)


def _told(
    regulation: Regulation, restrictions: Restrictions, effective: tuple[Declaration, str] | None
) -> tuple[str, ...]:
    """What a reader has to know of the declarations' footing: a name alone, or a text that differs from it."""
    looked_at = [effective[0]] if effective else restrictions.items
    named = any(item.by_name and effect_of(item, regulation) for item in looked_at)
    differs = any(finding.code == LICENCE_DIFFERS for finding in restrictions.findings)
    return (*((BY_NAME,) if named else ()), *((LICENCE_DIFFERS,) if differs else ()))


def _leg(met: bool | None, why: str) -> Condition:
    return Condition("exemption", met, False, why)


def _shorten(text: str, limit: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
