"""Digests of regulations, kept with a run: what counts as a change of the rule, and what an interrupted run says."""

from datetime import timedelta

from config.regulation import Regulation
from scanner.catalogue.store import RunState
from scanner.rules import changed, digest_of, gone_on, rule_notes, rules_of
from scanner.selection import Selection
from tests.scanner.conftest import MOMENT, Bench
from tests.scanner.making import CN, regulation

OTHER = regulation(threshold={"parameters": 5, "comparison": "more-than"})


def test_the_digest_is_of_what_the_file_says() -> None:
    same = Regulation.model_validate(CN.model_dump())
    assert digest_of(same) == digest_of(CN)
    assert digest_of(OTHER) != digest_of(CN)
    assert digest_of(regulation(provenance="somebody said so")) != digest_of(CN)


def test_writing_a_default_down_changes_nothing() -> None:
    values = CN.model_dump(exclude_defaults=True)
    assert "adapter" not in values
    assert digest_of(Regulation.model_validate({**values, "adapter": "own"})) == digest_of(CN)


def test_a_change_is_told_only_where_both_runs_say_what_they_were_judged_by() -> None:
    old, new = rules_of([CN]), rules_of([OTHER])
    assert changed(old, new, "cn-2026") is True
    assert changed(old, dict(old), "cn-2026") is False
    for before, after in ((None, new), (old, None), ({}, new), (old, {})):
        assert changed(before, after, "cn-2026") is None


def test_notes_say_what_a_reader_would_wonder_about() -> None:
    old, new = rules_of([CN]), rules_of([OTHER])
    assert [
        *rule_notes(old, old, "cn-2026"),
        *rule_notes(None, new, "cn-2026"),
        *rule_notes(old, None, "cn-2026"),
    ] == []
    (note,) = rule_notes(old, new, "cn-2026")
    assert "the rule cn-2026 was changed between these runs" in note
    assert list(rule_notes({}, new, "cn-2026")) == ["the earlier run was not judged by cn-2026"]
    assert list(rule_notes(old, {}, "cn-2026")) == ["the later run was not judged by cn-2026"]


def test_a_run_that_is_gone_on_with_by_another_rule_was_judged_by_both() -> None:
    assert gone_on({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == {"a": "1", "b": "2", "c": "3"}
    mixed = gone_on({"a": "1"}, {"a": "2"})
    assert mixed == {"a": "1+2"}
    assert gone_on(mixed, {"a": "1"}) == mixed
    assert changed({"a": "1"}, mixed, "a") is changed(mixed, {"a": "2"}, "a") is True
    assert gone_on(None, {"a": "1"}) is None, "what the first stretch was judged by is not known"


def test_a_scan_notes_what_it_was_judged_by(bench: Bench) -> None:
    run = bench.scan(Selection(author="evenkeel"))
    assert bench.reader.run(run.run_id).rules == rules_of([bench.regulation])


def test_a_rule_that_changes_while_a_scan_is_interrupted_is_noted_with_both_digests(bench: Bench) -> None:
    assert bench.scan(client=bench.client(max_requests=2)).state is RunState.INTERRUPTED
    old, bench.regulation = bench.regulation, OTHER
    outcome = bench.scan(moment=MOMENT + timedelta(hours=1))
    assert outcome.resumed
    assert bench.reader.run(outcome.run_id).rules == {"cn-2026": f"{digest_of(old)}+{digest_of(OTHER)}"}
