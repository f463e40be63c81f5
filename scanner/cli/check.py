"""`hubscope check`: assess now, nothing stored."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import common
from scanner.errors import HubscopeError, SourceError

if TYPE_CHECKING:
    from scanner.assessment import Assessment

EXAMPLES = common.examples(
    "hubscope check owner/name",
    "hubscope check ./my-model --format json",
    "hubscope check README.md",
    "hubscope check owner/name@v1.0 --exact",
)


class Form(StrEnum):
    """Formats of the answers."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


@common.guarded
def command(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="owner/name, owner/name@revision, a folder, a weight file, a card or a licence file.",
            show_default=False,
        ),
    ],
    form: Annotated[
        Form, typer.Option("--format", help="For people, one JSON array, or an object a line.")
    ] = Form.TABLE,
    exact: Annotated[bool, typer.Option("--exact", help="Read on until every tensor was counted.")] = False,
    allow_undecided: Annotated[
        bool, typer.Option("--allow-undecided", help="An undecided target alone is no reason to leave with 3.")
    ] = False,
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Assess models, folders, weight files, cards or licence files now; nothing is stored."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from scanner.assess import Checker
    from scanner.targets import parse_target

    parsed = [parse_target(target) for target in targets]
    settings = common.load_settings(config)
    regulations = common.load_regulations(settings, regulation)
    hub = common.open_hub(settings) if any(target.kind == "huggingface" for target in parsed) else None
    checker = Checker(
        regulations,
        hub,
        exact=exact,
        read_budget=settings.scan.read_budget_bytes,
        text_cap=settings.scan.text_cap_bytes,
    )
    assessments: list[Assessment] = []
    stopped: HubscopeError | None = None
    for target in parsed:
        try:
            assessments.append(checker.check(target))
        except SourceError:
            raise
        except HubscopeError as error:
            stopped = error  # nothing further can be asked; what is known so far is still printed
            break
        if form is Form.JSONL:
            _print_jsonl(assessments[-1:])
    _print(assessments, form)
    codes = [_code(assessment, allow_undecided=allow_undecided) for assessment in assessments]
    if stopped is not None:
        typer.echo(f"hubscope: {stopped}", err=True)
        codes.append(stopped.exit_code)
    common.leave(common.DONE, *codes)


def _print(assessments: Sequence[Assessment], form: Form) -> None:
    if form is Form.TABLE and assessments:
        from scanner.cli.summary import answers

        sys.stdout.write(answers(assessments))
    elif form is Form.JSON:
        from scanner.assessment import dump, to_json

        lines = ",\n".join(dump(to_json(assessment)).decode() for assessment in assessments)
        sys.stdout.write(f"[\n{lines}\n]\n" if lines else "[]\n")


def _print_jsonl(assessments: Sequence[Assessment]) -> None:
    from scanner.assessment import dump, to_json

    for assessment in assessments:
        sys.stdout.write(dump(to_json(assessment)).decode() + "\n")
    sys.stdout.flush()


def _code(assessment: Assessment, *, allow_undecided: bool) -> int:
    if not assessment.readable or (assessment.undecided and not allow_undecided):
        return common.INCOMPLETE
    return common.FOUND if assessment.in_scope else common.DONE
