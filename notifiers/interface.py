"""What a renderer is: a pure function with a name for its files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from notifiers.report import Report

Render: TypeAlias = Callable[[Report], str]


@dataclass(frozen=True, slots=True)
class Renderer:
    """One format of a report.

    Attributes:
        render: the whole report as one text; never writes, never asks anything of the world.
        suffix: the usual ending of its files, with the dot.
        media_type: as HTTP would say it.
    """

    render: Render
    suffix: str
    media_type: str
