"""The forms of `hubscope survey` for people: text and Markdown, and the plan before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from notifiers.render.safe import visible
from scanner.survey.conduct import windows
from scanner.survey.document import denominator_words, methods
from scanner.survey.population import DENOMINATORS

if TYPE_CHECKING:
    from scanner.survey.conduct import Plan, Result, Survey
    from scanner.survey.estimates import Estimate, Share

NO_NUMBER = "–"
QUOTAS = (("anonymously", 500, 3_000), ("with a free token", 1_000, 5_000))
"""The Hub's documented quotas for five minutes (API, files), September 2025."""

HEADS = ("share in scope", "estimate", "95% interval", "worst case", "still undecided")


def plan_lines(plan: Plan, run: int | None) -> Iterator[str]:
    """What a survey will do and cost."""
    population = plan.population
    opened = len(population.open)
    yield f"Survey of run {run}: {population.totals[0]:,} models in the frame, {opened:,} of them open"
    if not opened:
        yield "Nothing is open, so no request is made"
        return
    certain = sum(stratum.models for stratum in plan.design.strata if stratum.certain)
    taken = f", {certain:,} models taken for certain" if certain else ""
    yield f"{len(plan.design.strata):,} strata{taken}; about {plan.expected:,} models to be read"
    pages = min(plan.expected, plan.budget)
    files = max(min(plan.budget - pages, opened * 3), 0)
    minutes = ", ".join(f"{max(windows(pages, api), windows(files, rest))} {how}" for how, api, rest in QUOTAS)
    yield f"At most {plan.budget:,} requests, about {pages:,} of them for pages of models; minutes at most: {minutes}"


def text(survey: Survey) -> str:
    """The survey for a terminal."""
    from rich import box
    from rich.table import Table

    from scanner.cli.summary import rendered

    parts = [f"{line}\n" for line in _head(survey)]
    for result in survey.results:
        table = Table(
            title=_title(result), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for number, name in enumerate(HEADS):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in _rows(result):
            table.add_row(*row)
        parts.append("\n" + rendered(table))
    parts.append(f"\n{methods(survey)}\n")
    return visible_lines("".join(parts))


def markdown(survey: Survey) -> str:
    """The survey as a page that can be published."""
    lines = ["# Share of models in scope", "", *(f"- {line}" for line in _head(survey)), ""]
    for result in survey.results:
        lines += [f"## {_title(result)}", "", _row(HEADS), _row(["---", *["---:"] * (len(HEADS) - 1)])]
        lines += [*(_row(cells) for cells in _rows(result)), ""]
    heads = ("stratum", "models", "distinct weights", "downloads", "sampled", "answered")
    lines += ["## Strata", "", _row(heads), _row(["---", *["---:"] * (len(heads) - 1)])]
    lines += [*(_row(cells) for cells in _strata(survey)), "", "## Methods", "", methods(survey), ""]
    return visible_lines("\n".join(lines))


def visible_lines(shown: str) -> str:
    """Text whose lines hold nothing that a terminal would act on."""
    return "".join(f"{visible(line)}\n" for line in shown.splitlines())


def _head(survey: Survey) -> Iterator[str]:
    run, population = survey.run, survey.plan.population
    yield f"{run.endpoint}, run {run.id} of {run.started_at:%Y-%m-%d}, surveyed on {survey.finished_at:%Y-%m-%d}"
    yield f"hubscope {survey.tool_version}, seed {survey.seed}, budget {survey.plan.budget:,} requests"
    models, weights, downloads = population.totals
    yield f"Frame: {models:,} repositories, {weights:,.0f} distinct weights, {downloads:,} downloads of 30 days"
    strata = survey.plan.design.strata
    yield f"Sample: {len(survey.counted):,} of {len(population.open):,} open models in {len(strata):,} strata"
    if survey.unread:
        reasons = ", ".join(f"{count:,} {code}" for code, count in sorted(survey.unread.items()))
        yield f"Without an answer: {reasons}"
    if survey.identical:
        yield f"{survey.identical:,} models of the sample hold weights of another one of it, by digest"


def _title(result: Result) -> str:
    return f"{result.regulation}: declarations {'honoured' if result.honoured else 'ignored'}"


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    for denominator in DENOMINATORS:
        found, left = result.shares[denominator], result.undecided[denominator]
        yield (f"of {denominator_words(denominator)}", *_cells(found), "–" if left is None else _interval(left))


def _cells(found: Estimate | None) -> tuple[str, str, str]:
    if found is None:
        return NO_NUMBER, NO_NUMBER, NO_NUMBER
    random = found.missing_at_random
    worst = _from_to(*found.worst)
    return (NO_NUMBER, NO_NUMBER, worst) if random is None else (_percent(random.point), _interval(random), worst)


def _interval(share: Share) -> str:
    return _from_to(share.low, share.high)


def _from_to(low: float, high: float) -> str:
    return _percent(low) if low == high else f"{_percent(low)} to {_percent(high)}"


def _percent(share: float) -> str:
    """Two places; never 0% for something nor 100% for less than everything."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(100 * share, 0.01), 99.99):.2f}%"


def _strata(survey: Survey) -> Iterator[tuple[str, ...]]:
    sampled = [0] * len(survey.plan.design.strata)
    answered = [0] * len(sampled)
    for member in survey.counted:
        sampled[member.drawn.stratum] += 1
        answered[member.drawn.stratum] += not member.read.code
    for number, stratum in enumerate(survey.plan.design.strata):
        models, weights, downloads = stratum.totals
        figures = (f"{models:,}", f"{weights:,.0f}", f"{downloads:,}", f"{sampled[number]:,}", f"{answered[number]:,}")
        yield (stratum.label, *figures)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
