"""What deciding a row of the listing costs: `python tests/benchmarks/quick_rows.py [--models 50000] [--seed 7]`.

For each mix of the crowd (scanner/samplehub/crowd): the share of rows that are judged by their kind, by kind of
repository, and microseconds of CPU a row: decoding a page, its rows by their kinds, fingerprints, and a sample of rows
by the long way. Beside them, on the same pages in the same run, what `HfApi.list_models` spends on a row of a page that
has arrived: `json.loads` and `ModelInfo(**row)`. The first rows of a kind cost most, so the second half of a crowd
stands by itself: it is nearer to what a row of millions costs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from huggingface_hub.hf_api import ModelInfo

from config.regulation import Regulation, load_regulation
from scanner.assess import from_facts
from scanner.assessment import Assessment
from scanner.counting import count_listed
from scanner.fingerprints import fingerprint, salt_of
from scanner.quick import Judged, QuickJudge
from scanner.samplehub.crowd import MIXES, Crowd, Settings
from scanner.samplehub.crowd.rows import Row as CrowdRow
from scanner.sources.rows import EXPAND, Row, decode_page, facts_of

PAGE = 1000
LONG_WAY = 2000  # rows
NOW = datetime(2026, 11, 23, tzinfo=UTC)
T = TypeVar("T")


def timed(work: Callable[[], T], rows: int) -> tuple[float, T]:
    """Microseconds of CPU a row, and what came of it."""
    begun = time.process_time()
    result = work()
    return (time.process_time() - begun) / max(rows, 1) * 1e6, result


def pages_of(crowd: Crowd) -> tuple[list[bytes], list[str]]:
    """The pages of a listing as they arrive, and the kind of each of their repositories."""
    kinds: list[str] = []
    pages: list[bytes] = []
    models = crowd.models.all()
    while some := list(islice(models, PAGE)):
        rows = [CrowdRow(crowd.models, model) for model in some]
        fields = [{"_id": row._id, "id": row.id, **row.fields(list(EXPAND))} for row in rows]
        pages.append(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())
        kinds += [model.kind for model in some]
    return pages, kinds


def by_the_long_way(row: Row, regulations: Sequence[Regulation]) -> Assessment:
    facts = facts_of(row)
    return from_facts(facts, count_listed(facts), NOW).judged(regulations)


def as_the_client_does(row: dict[str, Any]) -> object:
    return ModelInfo(**row)  # type: ignore[no-untyped-call]


def report(name: str, crowd: Crowd, regulations: Sequence[Regulation]) -> None:
    """One mix."""
    pages, kinds = pages_of(crowd)
    number = len(kinds)
    decoding, decoded = timed(lambda: [decode_page(page)[0] for page in pages], number)
    rows = [row for page in decoded for row in page]
    judge, salt = QuickJudge(regulations), salt_of(regulations, "0", "auto")
    half = len(rows) // 2

    def judged(some: Sequence[Row]) -> list[Judged | None]:
        return [judge.take(row) for row in some]

    first, answers = timed(lambda: judged(rows[:half]), half)
    second, more = timed(lambda: judged(rows[half:]), len(rows) - half)
    again, _ = timed(lambda: judged(rows[half:]), len(rows) - half)
    marking, _ = timed(lambda: [fingerprint(row, salt) for row in rows], number)
    some = rows[:: max(len(rows) // LONG_WAY, 1)]
    slowly, _ = timed(lambda: [by_the_long_way(row, regulations) for row in some], len(some))
    left = [row for row, answer in zip(rows, [*answers, *more], strict=True) if answer is None][:LONG_WAY]
    of_the_rest, _ = timed(lambda: [by_the_long_way(row, regulations) for row in left], len(left))
    peer, _ = timed(lambda: [as_the_client_does(row) for page in pages for row in json.loads(page)], number)

    answers += more
    all_kinds = Counter(kinds)
    quick = Counter(kind for kind, answer in zip(kinds, answers, strict=True) if answer is not None)
    sizes = sorted(len(answer.work) for answer in answers if answer is not None and answer.work is not None)
    print(f"{name}: {number:,} rows of {sum(map(len, pages)) // number:,} bytes")
    print(f"  judged by kind   {sum(quick.values()) / number:7.1%}  ", end="")
    print(", ".join(f"{kind} {quick[kind] / count:.1%}" for kind, count in all_kinds.items()))
    print(f"  waiting for reads{len(sizes) / number:7.1%}   ", end="")
    print(f"{sum(sizes) // max(len(sizes), 1)} bytes each, {sizes[len(sizes) * 95 // 100] if sizes else 0} at 95%")
    print("  CPU a row, us        of list_models' own work a row")
    for what, cost in (
        ("decode a page", decoding),
        ("first half", first),
        ("second half", second),
        ("second half again", again),
        ("fingerprint", marking),
        ("long way, any row", slowly),
        ("long way, the rest", of_the_rest),
        ("json and ModelInfo", peer),
    ):
        print(f"  {what:20}{cost:8.1f}{cost / peer:9.2f}")
    slow = 1 - sum(quick.values()) / number
    total = decoding + second + marking + slow * of_the_rest
    print(f"  all of it           {total:8.1f}{total / peer:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    regulations = [load_regulation("cn-2026")]
    for name, mix in MIXES.items():
        report(name, Crowd(Settings(models=arguments.models, seed=arguments.seed, mix=mix)), regulations)


if __name__ == "__main__":
    main()
