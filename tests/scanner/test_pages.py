"""Pages under docs/ that are made from tables in the code."""

from pathlib import Path

import pytest

from config.restrictions_page import restrictions_markdown
from estimators.formats_page import formats_markdown
from notifiers.fields import data_dictionary_markdown
from scanner.reasons import REASONS, reasons_markdown
from scanner.sources.snapshot_rows import columns_markdown

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("formats.md", formats_markdown()),
        ("reasons.md", reasons_markdown()),
        ("fields.md", data_dictionary_markdown()),
        ("restrictions.md", restrictions_markdown()),
    ],
)
def test_a_page_is_as_its_table(name: str, made: str) -> None:
    """To mend it: write what the function returns into the file."""
    assert (DOCS / name).read_text(encoding="utf-8") == made


def test_the_page_on_snapshots_has_the_table_of_columns() -> None:
    """To mend it: put what `columns_markdown` returns in place of the table."""
    assert f"\n\n{columns_markdown()}\n\n" in (DOCS / "snapshot.md").read_text(encoding="utf-8")


def test_every_reason_is_a_row() -> None:
    page = reasons_markdown()
    assert all(f"| `{code}` | {meaning} |" in page for code, meaning in REASONS.items())
    assert "\n\n\n" not in page
