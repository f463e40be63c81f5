"""The page docs/formats.md: every format, what is read, what is exact and what is a bound. Made from the registry.

`python -m estimators.formats_page > docs/formats.md` writes it anew; a test holds the page to the registry.
"""

from __future__ import annotations

import sys

from estimators.readers import READERS

_HEAD = """# Formats

Generated from `estimators/readers.py`. A file is recognised by its first bytes, and by its name only where they say
nothing. What is counted: [counting.md](counting.md). Where an exact count would cost more than a few ranges and the
side of the threshold is certain, reading stops; `--exact` reads on. Every file of a format that is not here, and every
file that could not be read, is bounded by its size.

| format | names | what is read | exact | a bound only |
| --- | --- | --- | --- | --- |
"""


def formats_markdown() -> str:
    """The page docs/formats.md."""
    rows = []
    for reader in READERS:
        names = " ".join(f"`{name}`" for name in reader.names)
        cells = (reader.format, names, reader.reads, reader.exact, reader.bound)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(formats_markdown())
