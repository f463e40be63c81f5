"""A survey as JSON values (`hubscope.survey/1`), and its methods in words.

The JSON Schema ships beside this module as survey.schema.json; a test holds `to_json` to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from scanner.assessment import iso
from scanner.survey.estimates import LEVEL
from scanner.survey.population import DENOMINATORS, Denominator

if TYPE_CHECKING:
    from scanner.survey.conduct import Member, Result, Survey
    from scanner.survey.estimates import Share
    from scanner.survey.population import Population, Sizes

SCHEMA = "hubscope.survey/1"


def to_json(survey: Survey) -> dict[str, Any]:
    """The survey; every key is always there."""
    population, design, run = survey.plan.population, survey.plan.design, survey.run
    sampled, answered = [0] * len(design.strata), [0] * len(design.strata)
    for member in survey.counted:
        sampled[member.drawn.stratum] += 1
        answered[member.drawn.stratum] += not member.read.code
    return {
        "schema": SCHEMA,
        "hubscope": survey.tool_version,
        "finished_at": iso(survey.finished_at),
        "endpoint": run.endpoint,
        "run": {"id": run.id, "started_at": iso(run.started_at), "selection": run.selection},
        "seed": survey.seed,
        "budget": survey.plan.budget,
        "requests": dict(survey.requests),
        "confidence": LEVEL,
        "frame": {
            **_sizes(population.totals),
            "decided": _added(population, "decided"),
            "open": _sizes(_open(survey)),
            "shut": _added(population, "shut"),
            "not_distributed": population.outside,
        },
        "sample": {
            "models": len(survey.counted),
            "answered": sum(answered),
            "unread": dict(sorted(survey.unread.items())),
            "dropped": len(survey.members) - len(survey.counted),
            "identical_weights": survey.identical,
        },
        "strata": [
            {
                "label": stratum.label,
                **_sizes(stratum.totals),
                "all_taken": stratum.certain,
                "sampled": sampled[number],
                "answered": answered[number],
            }
            for number, stratum in enumerate(design.strata)
        ],
        "results": [_result(result, denominator, survey) for result in survey.results for denominator in DENOMINATORS],
        "models": [_member(member, survey) for member in survey.members],
        "methods": methods(survey),
    }


@cache
def json_schema() -> Mapping[str, Any]:
    """The JSON Schema of a survey."""
    text = files("scanner.survey").joinpath("survey.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = msgspec.json.decode(text)
    return schema


def methods(survey: Survey) -> str:
    """How it was done, in one paragraph to be cited."""
    population, run, plan = survey.plan.population, survey.run, survey.plan
    spent = sum(count for bucket, count in survey.requests.items() if bucket != "elsewhere")
    taken = sum(stratum.models for stratum in plan.design.strata if stratum.certain)
    unread = sum(survey.unread.values())
    listed = f"listed in run {run.id}"
    if run.base is not None:
        listed = f"listed in run {run.base}, brought up to date by what run {run.id} listed as changed since"
    decided = "Metadata" if run.deep == "never" else "Metadata, and the headers of weight files that were read,"
    drawn = (
        f"These were divided into {len(plan.design.strata):,} strata by downloads, seeming format, number in the name "
        f"and year of creation; {taken:,} were taken for certain because of their downloads, the others at random "
        f"within strata by a keyed hash of their ids (seed {survey.seed}), allocated in proportion to what each "
        f"stratum adds to the errors of the three shares, at least two a stratum. {len(survey.counted):,} were read "
        f"with {spent:,} of {plan.budget:,} requests; of these, {unread:,} stayed without an answer."
        if plan.design.strata
        else "So no sample was drawn."
    )
    text = (
        f"The frame is the {population.totals[0]:,} public models that {run.endpoint} {listed} of "
        f"hubscope, begun on {run.started_at:%Y-%m-%d}; {_many(population.outside)} in it but not distributed. "
        f"{decided} decided {_models(population, 'decided'):,} of them, {_models(population, 'shut'):,} had been "
        f"looked at and stayed undecided, and {len(population.open):,} were open. {drawn} Shares are separate ratio "
        "estimates "
        "with the known sum of each stratum; a distinct weight is a model with its quantised copies, and each of its "
        f"repositories counts with one over their number. Intervals ({LEVEL:.0%}) are stratified score intervals with "
        "finite population correction and Student's t; the first takes those without an answer to be like the others "
        "of their stratum, the worst case takes them to be all out and all in. Limits that only a text declares which "
        "nobody has read are not known, and exempt nothing."
    )
    dropped = len(survey.members) - len(survey.counted)
    if dropped:
        text += f" Left out: {dropped:,} read behind the first model of their stratum that was not reached."
    return text


def _many(number: int) -> str:
    return "1 more is" if number == 1 else f"{number:,} more are"


def denominator_words(denominator: Denominator) -> str:
    """What a share is a share of, for people."""
    return {
        Denominator.REPOSITORIES: "repositories",
        Denominator.WEIGHTS: "distinct weights",
        Denominator.DOWNLOADS: "downloads of 30 days",
    }[denominator]


def _sizes(sizes: Sizes) -> dict[str, Any]:
    return {"models": sizes[0], "distinct_weights": sizes[1], "downloads": sizes[2]}


def _kept(population: Population, part: str) -> list[Sizes]:
    return list((population.decided if part == "decided" else population.shut).values())


def _models(population: Population, part: str) -> int:
    return sum(sizes[0] for sizes in _kept(population, part))


def _added(population: Population, part: str) -> dict[str, Any]:
    kept = _kept(population, part)
    return _sizes((sum(s[0] for s in kept), sum(sorted(s[1] for s in kept)), sum(s[2] for s in kept)))


def _open(survey: Survey) -> Sizes:
    strata = survey.plan.design.strata
    models, weights, downloads = (sum(stratum.totals[d] for stratum in strata) for d in range(3))
    return int(models), weights, int(downloads)


def _result(result: Result, denominator: Denominator, survey: Survey) -> dict[str, Any]:
    found, undecided = result.shares[denominator], result.undecided[denominator]
    total = survey.plan.population.totals[DENOMINATORS.index(denominator)]
    return {
        "regulation": result.regulation,
        "declarations": "honoured" if result.honoured else "ignored",
        "denominator": str(denominator),
        "total": total,
        "in_scope": None if found is None else _share(found.missing_at_random),
        "unread_out": None if found is None else found.bounds[0],
        "unread_in": None if found is None else found.bounds[1],
        "worst_low": None if found is None else found.worst[0],
        "worst_high": None if found is None else found.worst[1],
        "undecided": _share(undecided),
    }


def _share(share: Share | None) -> dict[str, float] | None:
    return None if share is None else {"point": share.point, "low": share.low, "high": share.high}


def _member(member: Member, survey: Survey) -> dict[str, Any]:
    answers = {}
    for number, result in enumerate(survey.results):
        if result.honoured:
            answers[result.regulation] = {
                "honoured": member.read.pattern[number],
                "ignored": member.read.pattern[number + 1],
            }
    return {
        "model": member.read.name,
        "stratum": member.drawn.stratum,
        "rank": member.drawn.rank,
        "counted": member.counted,
        "in_scope": answers,
        "unread": member.read.code or None,
    }
