"""Every reason code of a verdict with its meaning, and the page that lists them (docs/reasons.md).

`python -m scanner.reasons > docs/reasons.md` writes the page anew; a test holds it to the table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "above-threshold": "The whole interval of the parameter count lies above the threshold.",
    "not-above-threshold": "The whole interval lies at or below the threshold; exactly the threshold is outside.",
    "interval-straddles-threshold": "The interval holds counts on both sides of the threshold.",
    "decided-by-size": "The sizes of the weight files alone put the whole interval on one side.",
    "no-weights": "Every file of the repository is recognised as something other than weights.",
    "unknown-format": "A file that may hold weights is in a format that could not be recognised.",
    "not-distributed": "The repository is disabled, deleted or private, so nobody can get the weights.",
    "availability-unknown": "The regulation's data does not say whether this platform reaches its territory.",
    "not-available": "The regulation's data does not count this platform, or gated access, as available there.",
    "excluded-by-declaration": "An active declaration excludes the regulation's territory.",
    "excluded-by-implication": "An active declaration limits use to places that leave the territory out.",
    "declaration-not-honoured": "A declaration excludes the territory, and the regulation's data gives it no effect.",
    "declaration-inactive": "A declaration stands in the repository but has no effect as the repository is set up.",
    "embargo-does-not-exempt": "Export-control or sanction clauses name the territory; they are no exemption.",
    "inherited-does-not-exempt": "The base model's declaration excludes the territory; it is not the model's own.",
    "limited-to-territory": "The declaration limits use to the territory itself.",
    "licence-by-name": "A limit is known from the licence's name or link alone; no text was read for it.",
    "licence-differs": "The licence's text says another thing than its name or title stands for; the text counts.",
    "card-not-read": "Not every place of declarations was read; what was read suggests no limit for the territory.",
    "restriction-unverified": "Something suggests a limit that could not be read; it exempts nothing until it is.",
    "twin-on-platform": "The same weights lie on a platform of the territory, which voids the exemption.",
    "twin-likely": "Weights that look the same lie on a platform of the territory; not confirmed by digest.",
    "adapter-own-count": "An adapter, decided by its own parameters without those of its base model.",
    "adapter-with-base": "An adapter, decided by its parameters together with those of its base model.",
    "adapter-base-unknown": "An adapter that counts together with its base model, whose count is not known.",
    "gated": "Access is gated; by the regulation's data gated weights are still distributed or not.",
    "unreadable": "Nothing about the model could be read.",
}
"""A code once released keeps its meaning; a new case gets a new code."""


def reasons_markdown() -> str:
    """The page docs/reasons.md."""
    return "\n".join(
        [
            "# Reason codes",
            "",
            "Generated from `scanner/reasons.py`. Every verdict carries some of these, the deciding one first.",
            "",
            "| code | meaning |",
            "| --- | --- |",
            *(f"| `{code}` | {meaning} |" for code, meaning in REASONS.items()),
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(reasons_markdown())
