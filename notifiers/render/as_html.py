"""A report as one self-contained HTML file: no script, nothing loaded from anywhere, light, dark and on paper.

Autoescaping is on for everything; addresses were checked when the document was composed. The page's own policy
(Content-Security-Policy) forbids scripts and foreign resources besides.
"""

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from notifiers.render import words as w
from notifiers.render.compose import compose
from notifiers.render.document import Headline
from notifiers.report import Report

_MIN_SHARE = 0.7  # per cent of the bar: whatever is not nothing can be seen


def render(report: Report) -> str:
    """The report as an HTML page."""
    return _environment().get_template("report.html.jinja").render(document=compose(report)) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("notifiers", "render/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(integer=w.integer, models=w.models, bars=bars)
    environment.filters["block_name"] = lambda block: type(block).__name__.lower()
    return environment


def bars(headline: Headline) -> list[tuple[str, str, list[tuple[str, float, float]]]]:
    """The two bars: label, description in words, and segments (verdict, start, width) in per cent."""
    verdicts = [line.verdict.value for line in headline.lines]
    result = []
    for label, counts in (
        ("Declarations honoured", [line.count for line in headline.lines]),
        ("Declarations ignored", [line.ignoring for line in headline.lines]),
    ):
        said = ", ".join(f"{w.integer(n)} {line.label.lower()}" for n, line in zip(counts, headline.lines, strict=True))
        result.append((label, said, _segments(verdicts, counts)))
    return result


def _segments(names: Sequence[str], counts: Sequence[int]) -> list[tuple[str, float, float]]:
    """Segments side by side that fill 100 per cent; none where there is nothing to show."""
    total = sum(counts)
    if total == 0:
        return []
    shares = [max(100 * count / total, _MIN_SHARE) if count else 0.0 for count in counts]
    scale = 100 / sum(shares)
    segments, start = [], 0.0
    for name, share in zip(names, shares, strict=True):
        if share:
            segments.append((name, round(start, 3), round(share * scale, 3)))
            start += share * scale
    return segments
