"""Whole scans over the sample Hub: right answers, resumption, what changed, what it costs."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from scanner.catalogue.database import open_database
from scanner.catalogue.store import RunState
from scanner.deepread import Options
from scanner.errors import Cancelled
from scanner.progress import Progress
from scanner.samplehub import Fault, Repository, SampleHub, weeks
from scanner.scope import Distribution, VerdictStatus
from scanner.selection import Selection
from tests.scanner.conftest import MOMENT, Bench

THRESHOLD = 1_000_000
IN, OUT, OPEN = VerdictStatus.IN_SCOPE, VerdictStatus.OUT_OF_SCOPE, VerdictStatus.UNDECIDED


def listed(hub: SampleHub) -> dict[str, Repository]:
    return {repository.id: repository for repository in hub.repositories}


def rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a scan stores about models, without what depends on when and in how many steps it ran."""
    queries = {
        "model": "SELECT key, name, sha, downloads, first_run, last_run, since_run, judged_since, low, point, high,"
        " declared_total, declared_sum, base_model, license FROM model ORDER BY key",
        "profile": "SELECT m.key, p.basis, p.exact, p.distribution, p.gated, p.adapter, p.restriction_status"
        " FROM model m JOIN profile p ON p.id = m.profile ORDER BY 1",
        "verdict": "SELECT m.key, j.regulation, j.status, j.reasons FROM model m JOIN judgement j ON j.id = m.judgement"
        " ORDER BY 1, 2",
        "past": "SELECT model_key, since_run, until_run, low, high FROM past_observation ORDER BY 1, 2",
        "judged before": "SELECT model_key, since_run, until_run FROM past_judgement ORDER BY 1, 2",
        "declaration": "SELECT model_key, since_run, kind, CAST(excluded AS TEXT), quote FROM declaration"
        " ORDER BY 1, 2, 3, 4, 5",
        "pending": "SELECT model_key FROM pending_read ORDER BY 1",
        "run": "SELECT id, selection, state, listed, listing_done FROM run ORDER BY id",
    }
    with engine.connect() as connection:
        return {name: [tuple(row) for row in connection.exec_driver_sql(query)] for name, query in queries.items()}


def rows_in(path: Path) -> dict[str, list[tuple[object, ...]]]:
    engine = open_database(f"sqlite:///{path}")
    try:
        return rows(engine)
    finally:
        engine.dispose()


def test_every_interval_holds_the_truth_and_no_model_is_on_the_wrong_side(bench: Bench) -> None:
    outcome = bench.scan()
    assert outcome.state is RunState.COMPLETE
    models, truths = bench.models(), listed(bench.hub)
    assert len(models) >= 40
    for name, model in models.items():
        truth = truths[name].truth
        if truth is None:
            continue
        estimate = model.estimate
        assert estimate is not None
        assert estimate.low <= truth, name
        assert estimate.high is None or truth <= estimate.high, name
        side = estimate.side(THRESHOLD)
        assert side is None or side == (truth > THRESHOLD), name


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("evenkeel/threshold-over-listed", IN),
        ("evenkeel/threshold-over-bare", IN),
        ("evenkeel/threshold-even-listed", OUT),
        ("evenkeel/threshold-even-bare", OUT),
        ("evenkeel/threshold-under-bare", OUT),
    ],
)
def test_more_than_a_million_is_strict(bench: Bench, name: str, status: VerdictStatus) -> None:
    bench.scan(Selection(author="evenkeel"))
    assert bench.status(name) is status


def test_a_wrong_declared_total_does_not_decide(bench: Bench) -> None:
    bench.scan(Selection(author="brightmoor"))
    model = bench.models()["brightmoor/kestrel-7b"]
    assert (model.declared_total, model.declared_sum) == (333_312, 7_615_616_512)
    assert model.verdicts[0].status is IN
    assert "declared-total-disagrees" in {finding.code for finding in model.estimate.findings}  # type: ignore[union-attr]


def test_a_broken_row_costs_only_itself(bench: Bench) -> None:
    bench.scan()
    run = bench.reader.run(None)
    problems, total = bench.reader.problems(run.id or 0, 100)
    broken = [problem for problem in problems if problem.code == "bad-row"]
    assert run.skipped == len(broken) >= 2
    assert run.listed + run.skipped == len(bench.hub.repositories)
    assert total >= len(broken)


def test_the_storage_tag_is_no_restriction(bench: Bench) -> None:
    bench.scan()
    tagged = [r.id for r in bench.hub.repositories if "region:us" in r.tags]
    assert len(tagged) > 40
    for name, model in bench.models().items():
        assert not any("US" in item.limited_to for item in model.restrictions.items), name


def test_the_token_and_the_listing_fields_are_what_the_hub_sees(bench: Bench) -> None:
    bench.scan()
    pages = [r for r in bench.hub.requests if r.path == "/api/models"]
    assert pages
    assert all("hubscope/0.test" in request.headers["user-agent"] for request in bench.hub.requests)
    assert all("authorization" not in request.headers for request in bench.hub.requests)


def test_a_scan_goes_on_where_it_stopped(bench: Bench) -> None:
    stored: set[int] = set()

    def stop(progress: Progress) -> None:
        stored.add(progress.listed)
        if len(stored) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.scan(watch=stop)
    assert bench.reader.run(None).state == RunState.INTERRUPTED
    asked_before = len([r for r in bench.hub.requests if r.path == "/api/models"])
    outcome = bench.scan(moment=MOMENT + timedelta(hours=47))
    assert outcome.resumed
    assert outcome.state is RunState.COMPLETE
    pages_after = len([r for r in bench.hub.requests if r.path == "/api/models"]) - asked_before
    assert pages_after in {2, 3}  # of four pages, two were stored, and one was on its way
    assert bench.reader.run(None).listed == len(bench.models())


def test_after_48_hours_a_scan_starts_over(bench: Bench) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.scan(watch=stop)
    outcome = bench.scan(moment=MOMENT + timedelta(hours=49))
    assert not outcome.resumed
    assert [bench.reader.run(n).state for n in (1, 2)] == [RunState.ABANDONED, RunState.COMPLETE]


def test_another_selection_or_no_resume_starts_over(bench: Bench) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.scan(watch=stop)
    assert not bench.scan(Selection(author="evenkeel")).resumed
    with pytest.raises(KeyboardInterrupt):
        bench.scan(watch=stop)
    assert not bench.scan(options=Options(resume=False)).resumed


def test_a_spent_budget_is_incomplete_and_the_next_scan_ends_it(bench: Bench, tmp_path: Path) -> None:
    first = bench.scan(client=bench.client(max_requests=12))
    assert first.state is RunState.INTERRUPTED
    assert "12 requests" in first.detail
    assert sum(r.server == "hub" for r in bench.hub.requests) <= 12
    for _ in range(20):
        outcome = bench.scan(client=bench.client(max_requests=12))
        assert outcome.resumed
        if outcome.state is RunState.COMPLETE:
            break
    assert outcome.state is RunState.COMPLETE
    with SampleHub() as fresh:
        undisturbed = Bench(fresh, open_database(f"sqlite:///{tmp_path / 'other.db'}"), bench.regulation)
        undisturbed.scan()
        undisturbed.engine.dispose()
    assert rows(bench.engine) == rows_in(tmp_path / "other.db")


def test_sigkill_at_any_moment_and_a_second_run_end_with_the_same_rows(tmp_path: Path) -> None:
    """Killed for good in the listing, between two pages, and among the reads: a second run makes up for all of it."""
    with SampleHub(latency=0.005) as hub:
        assert _command(hub, tmp_path / "whole.db").wait(60) == 0
        whole = len(hub.requests)
        for number, share in enumerate((0.03, 0.15, 0.4, 0.8)):
            path = tmp_path / f"killed-{number}.db"
            hub.requests.clear()
            process = _command(hub, path)
            while len(hub.requests) < share * whole and process.poll() is None:
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL, "the scan was over before it could be killed"
            assert _command(hub, path).wait(60) == 0
            assert rows_in(path) == rows_in(tmp_path / "whole.db"), f"killed after {share:.0%} of the requests"


def _command(hub: SampleHub, database: Path) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HUBSCOPE_DATABASE_URL": f"sqlite:///{database}",
        "HUBSCOPE_SCAN__PAGE_SIZE": "5",
    }
    command = [sys.executable, "-P", "-m", "scanner", "scan", "--all", "--quiet"]
    return subprocess.Popen(command, env=environment, cwd=database.parent, stdout=subprocess.DEVNULL)


def test_a_week_of_changes_is_seen_and_only_what_changed_is_read(bench: Bench) -> None:
    bench.scan()
    reads = len([r for r in bench.hub.requests if r.bucket == "resolvers"])
    before = bench.models()
    bench.hub.advance_week()
    bench.hub.requests.clear()
    bench.scan(moment=MOMENT + timedelta(days=7))
    after = bench.models()
    again = len([r for r in bench.hub.requests if r.bucket == "resolvers"])
    assert again < reads / 3
    assert after[weeks.GROWN].verdicts[0].status is IN
    assert before[weeks.GROWN].verdicts[0].status is OUT
    assert after[weeks.EXCLUDING].verdicts[0].reasons[0] == "excluded-by-declaration"
    assert before[weeks.NO_LONGER_EXCLUDING].verdicts[0].status is OUT
    assert after[weeks.NO_LONGER_EXCLUDING].verdicts[0].status is IN
    assert after[weeks.GATED].gated
    assert after[weeks.DELETED].distribution is Distribution.DELETED
    assert after[weeks.DISABLED].distribution is Distribution.DISABLED


def test_a_rescan_without_changes_adds_no_rows_and_reads_no_file(bench: Bench) -> None:
    bench.scan()
    first = rows(bench.engine)
    bench.hub.requests.clear()
    bench.scan(moment=MOMENT + timedelta(days=7))
    second = rows(bench.engine)
    for table in ("profile", "verdict", "past", "judged before", "declaration"):
        assert first[table] == second[table]
    assert not [r for r in bench.hub.requests if r.bucket == "resolvers" or r.server == "cdn"]


def test_deep_never_reads_nothing_and_a_later_scan_makes_up_for_it(bench: Bench) -> None:
    bench.scan(options=Options(deep="never"))
    assert not [r for r in bench.hub.requests if r.bucket == "resolvers"]
    assert bench.status("evenkeel/threshold-over-bare") is OPEN
    bench.scan(options=Options(deep="auto"))
    assert bench.status("evenkeel/threshold-over-bare") is IN


def test_deep_always_makes_counts_exact(bench: Bench) -> None:
    bench.scan(Selection(author="evenkeel"), Options(deep="always"))
    for model in bench.models().values():
        assert model.estimate is not None
        assert model.estimate.exact, model.name


def test_unanswered_reads_leave_the_run_incomplete_and_are_made_up_for(bench: Bench) -> None:
    bench.hub.inject(Fault(kind="status", path=r"threshold-over-bare/resolve", times=None))
    outcome = bench.scan(Selection(author="evenkeel"), client=bench.client(max_retries=0))
    assert outcome.state is RunState.INCOMPLETE
    assert bench.status("evenkeel/threshold-over-bare") is OPEN
    bench.hub.clear_faults()
    outcome = bench.scan(Selection(author="evenkeel"))
    assert outcome.state is RunState.COMPLETE
    assert bench.status("evenkeel/threshold-over-bare") is IN


def test_a_page_that_never_comes_ends_the_run_and_keeps_what_it_has(bench: Bench) -> None:
    bench.hub.inject(Fault(kind="status", path=r"/api/models\?.*cursor=", times=None))
    outcome = bench.scan(client=bench.client(max_retries=0))
    assert outcome.state is RunState.INTERRUPTED
    assert outcome.detail
    assert len(bench.models()) >= 15
    bench.hub.clear_faults()
    assert bench.scan().resumed


def test_a_cursor_to_another_host_is_refused(bench: Bench) -> None:
    bench.hub.inject(Fault(kind="foreign-cursor", path=r"/api/models\?"))
    outcome = bench.scan()
    assert outcome.state is RunState.INTERRUPTED
    assert "another host" in outcome.detail


def test_rows_that_come_twice_count_once(bench: Bench) -> None:
    whole = len(bench.hub.repositories)
    bench.hub.inject(Fault(kind="repeat-rows", path=r"/api/models\?", times=None))
    bench.scan()
    run = bench.reader.run(None)
    assert run.listed + 2 <= whole
    assert run.listed == len(bench.models())


def test_limit_top_and_names_cover_what_they_say(bench: Bench, tmp_path: Path) -> None:
    bench.scan(Selection(everything=True, limit=7, page_size=5))
    assert bench.reader.run(None).listed == 7
    bench.scan(Selection(top=5))
    top = sorted(bench.hub.repositories, key=lambda r: -r.downloads)[:5]
    assert set(bench.models()) == {r.id for r in top}
    bench.scan(Selection(names=("evenkeel/threshold-over-bare", "nobody/nothing")))
    assert set(bench.models()) == {"evenkeel/threshold-over-bare"}
    problems, _ = bench.reader.problems(bench.reader.run(None).id or 0, 10)
    assert [(p.subject, p.code) for p in problems] == [("nobody/nothing", "not-found")]


def test_an_interrupt_while_reading_keeps_the_listing(bench: Bench) -> None:
    client = bench.client()

    def stop(progress: Progress) -> None:
        if progress.phase == "reading":
            client.cancelled.set()
            raise Cancelled("interrupted")

    with pytest.raises(Cancelled):
        bench.scan(client=client, watch=stop)
    run = bench.reader.run(None)
    assert run.listing_done
    assert bench.scan().resumed
    assert not [r for r in bench.hub.requests[-3:] if r.path == "/api/models"]


def test_a_watched_model_that_is_gone_is_kept_as_not_distributed(bench: Bench) -> None:
    names = Selection(names=("evenkeel/threshold-over-listed", "evenkeel/threshold-over-bare"))
    bench.scan(names)
    bench.hub.remove("evenkeel/threshold-over-listed")
    bench.scan(names)
    model = bench.models()["evenkeel/threshold-over-listed"]
    assert model.distribution is Distribution.DELETED
    assert model.verdicts[0].status is OUT
    assert model.verdicts[0].reasons[0] == "not-distributed"
    assert bench.status("evenkeel/threshold-over-bare") is IN
