"""`hubscope explain`: every piece of evidence behind a verdict, in order."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import common
from scanner.errors import UsageError

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.assessment import Assessment

EXAMPLES = common.examples(
    "hubscope explain owner/name",
    "hubscope explain owner/name --run 3 --format json",
)


class Form(StrEnum):
    """Formats of an explanation."""

    TEXT = "text"
    JSON = "json"


@common.guarded
def command(
    model: Annotated[str, typer.Argument(help="A model of the catalogue, owner/name.")],
    form: Annotated[Form, typer.Option("--format", help="For people, or the object of `check`.")] = Form.TEXT,
    run: common.RunOption = "latest",
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Show what a model's verdict rests on: verdict, count, declarations with their quotes."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from scanner.assessment import dump, to_json

    _, regulations, reader, found = common.open_run(run, regulation, config)
    assessment = reader.find(model, found)
    if assessment is None:
        raise UsageError(f"{model} is not in the catalogue as of run {found.id}; `hubscope check {model}` asks the Hub")
    assessment = with_conditions(assessment, regulations)
    if form is Form.JSON:
        sys.stdout.write(dump(to_json(assessment)).decode() + "\n")
    else:
        sys.stdout.write("\n".join(explained(assessment)) + "\n")


def with_conditions(assessment: Assessment, regulations: Sequence[Regulation]) -> Assessment:
    """A stored assessment with the legs of its verdicts, which are made from the stored facts.

    Status and reasons stay those that were stored, also where the regulation's data has changed since.
    """
    legs = {v.regulation: v.conditions for v in assessment.judged(regulations).verdicts}
    verdicts = (replace(v, conditions=legs[v.regulation]) for v in assessment.verdicts if v.regulation in legs)
    return replace(assessment, verdicts=tuple(verdicts))


def explained(assessment: Assessment) -> Iterator[str]:
    """The explanation line by line: the answer first, then what it rests on."""
    from notifiers.render.safe import visible
    from scanner.assessment import iso
    from scanner.cli.evidence import counted
    from scanner.cli.summary import WORDS

    yield visible(assessment.name)
    yield f"  revision {assessment.revision or 'unknown'}, observed {iso(assessment.observed_at)}"
    for verdict in assessment.verdicts:
        margin = f", {verdict.margin:,g} times the threshold" if verdict.margin is not None else ""
        yield f"\n{verdict.regulation}: {WORDS[verdict.status].upper()}{margin}"
        for condition in verdict.conditions:
            met = {True: "yes", False: "no", None: "unknown"}[condition.met]
            assumed = ", assumed" if condition.assumed else ""
            yield f"  {condition.leg:<12} {met}{assumed}: {visible(condition.why)}"
        yield f"  reasons      {', '.join(verdict.reasons)}"
        if verdict.status is not verdict.status_ignoring_declarations:
            yield f"  without declarations it would be {WORDS[verdict.status_ignoring_declarations]}"
        if verdict.next_step:
            yield f"  next step    {verdict.next_step}"
    yield ""
    yield from counted(assessment)
    yield from _limits(assessment)


def _limits(assessment: Assessment) -> Iterator[str]:
    from scanner.cli.evidence import declared

    restrictions = assessment.restrictions
    places = ", ".join(restrictions.read) or "nothing"
    yield f"\nRestrictions: {restrictions.status} (read: {places})"
    yield from (f"  {line}" for line in declared(restrictions))
    if restrictions.country_asked:
        yield "  the gate asks for a country, which is not by itself a limit"
