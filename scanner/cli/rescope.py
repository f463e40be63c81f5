"""`hubscope rescope`: re-run the regulations over what is stored, without any network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import common

if TYPE_CHECKING:
    from scanner.rescope import Moves, Outcome

EXAMPLES = common.examples(
    "hubscope rescope --dry-run",
    "hubscope rescope",
    "hubscope rescope --regulation my-rule.toml --dry-run --format json",
)

SCHEMA = "hubscope.rescope/1"
NAMED = 5  # models that each kind of change names


class Form(StrEnum):
    """Formats of what came of it."""

    TEXT = "text"
    JSON = "json"


@common.guarded
def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show how totals would move, and store nothing.")] = False,
    form: Annotated[Form, typer.Option("--format", help="Tables for people, or one JSON object.")] = Form.TEXT,
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Decide anew from stored facts: every model of the catalogue, by the regulations as they are now.

    With --regulation only those are applied; without, verdicts of regulations that are not in the settings end.
    """
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from notifiers.render.safe import escape_unseen_json
    from scanner.assessment import dump
    from scanner.catalogue.database import only_writer
    from scanner.rescope import rescope

    settings = common.load_settings(config)
    regulations = common.load_regulations(settings, regulation)
    engine = common.open_catalogue(settings, create=False)
    with nullcontext() if dry_run else only_writer(engine):
        outcome = rescope(
            engine,
            regulations,
            common.tool_version(),
            only_these=bool(regulation),
            dry_run=dry_run,
            named=NAMED,
            watch=lambda done: common.log.debug("%s models judged", f"{done:,}"),
        )
    if form is Form.JSON:
        sys.stdout.write(escape_unseen_json(dump(to_json(outcome, dry_run=dry_run)).decode()) + "\n")
    else:
        sys.stdout.write("".join(told(outcome, dry_run=dry_run)))


def to_json(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """What came of it as JSON values; every key is always there."""
    from dataclasses import asdict

    def both(totals: Any) -> dict[str, Any] | None:
        return None if totals is None else asdict(totals)

    return {
        "schema": SCHEMA,
        "dry_run": dry_run,
        "run": outcome.run_id,
        "follows": outcome.followed.id,
        "selection": outcome.followed.selection,
        "changes": outcome.changes,
        "regulations": [
            {
                "id": moves.regulation,
                "rule_changed": moves.rule_changed,
                "before": both(moves.before),
                "after": both(moves.after),
                "first_judged": {str(status): count for status, count in moves.first.items()},
                "moved": [asdict(group) for group in moves.groups],
                "other_reasons": moves.reworded,
                "elsewhere": moves.elsewhere,
            }
            for moves in outcome.regulations
        ],
        "ended": [{"regulation": name, "verdicts": count} for name, count in outcome.closed.items()],
    }


def told(outcome: Outcome, *, dry_run: bool) -> Iterator[str]:
    """What came of it for people: a table a regulation, what moves, and where it stands."""
    from notifiers.render.safe import visible
    from notifiers.render.words import models
    from scanner.cli.summary import difference_table

    run, silent = outcome.followed, not outcome.closed
    for moves in outcome.regulations:
        rule = {True: "; the rule was changed since", False: "", None: ""}[moves.rule_changed]
        title = f"{moves.regulation}: models of run {run.id}, {visible(run.selection)}{rule}"
        before, after = moves.before, moves.after
        honouring = (before.honouring if before else None, after.honouring)
        yield difference_table(title, honouring, (before.ignoring if before else None, after.ignoring))
        lines = list(_moved(moves))
        silent = silent and not lines
        yield from (f"  {line}\n" for line in lines)
    for name, count in outcome.closed.items():
        yield f"{name} is not applied any more: the verdicts of {models(count)} end.\n"
    if not outcome.changes:
        yield "No verdict changes, so no run was added.\n" if not dry_run else "No verdict would change.\n"
        return
    if silent:
        yield "Only margins or next steps change.\n"
    if dry_run:
        yield "Nothing was stored (--dry-run).\n"
    else:
        yield f"Stored as run {outcome.run_id}; `hubscope diff {run.id} {outcome.run_id}` shows every change.\n"


def _moved(moves: Moves) -> Iterator[str]:
    from notifiers.render.safe import LIMIT_NAME, visible
    from notifiers.render.words import CHANGE_WORDS, integer, models
    from scanner.cli.summary import WORDS

    if any(moves.first.values()):
        counts = ", ".join(f"{integer(count)} {WORDS[status]}" for status, count in moves.first.items())
        yield f"Judged for the first time: {counts}"
    for group in moves.groups:
        names = ", ".join(visible(change.model, LIMIT_NAME) for change in group.models)
        more = ", …" if len(group.models) < group.count else ""
        yield f"{CHANGE_WORDS[group.kind]}: {integer(group.count)} ({names}{more})"
    if moves.reworded:
        yield f"Other reasons for the same verdict: {models(moves.reworded)}"
    if moves.elsewhere:
        yield f"Outside of that run, with a first verdict, another one or other reasons: {models(moves.elsewhere)}"
