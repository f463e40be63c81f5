"""Which texts a scan reads, in which order, and how seldom: over a socket, as the Hub counts requests."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from config.regulation import Regulation
from scanner.catalogue.core import LICENCE_TEXT, MODEL, PENDING
from scanner.catalogue.store import RunState
from scanner.cli.summary import summary
from scanner.deepread import Options
from scanner.digest import Digest
from scanner.errors import Cancelled
from scanner.progress import Progress
from scanner.ranges import CACHE
from scanner.restrictions.interface import Place, Status
from scanner.run import Outcome
from scanner.samplehub import Blob, Fault, Repository, SampleHub, Tensor
from scanner.samplehub.files import safetensors
from scanner.selection import Selection
from tests.scanner.conftest import MOMENT, Bench

MINE = Selection(author="zz")
CUSTOM = {"license": "other", "license_name": "home-made"}
LICENCE = "This licence does not apply in mainland China."
FREE = "Use it anywhere."
PARAMETERS = 2_000_000


@pytest.fixture
def hub() -> Iterator[SampleHub]:
    """A Hub whose quota a thousand models do not spend."""
    with SampleHub(quotas={"api": 10_000, "resolvers": 10_000}) as sample:
        yield sample


@pytest.fixture
def file_bench(hub: SampleHub, sqlite_engine: Engine, regulation: Regulation) -> Bench:
    """One of the two databases is enough for a thousand models."""
    return Bench(hub, sqlite_engine, regulation)


def repository(name: str, downloads: int = 10, licence: str | None = None, **more: Any) -> Repository:
    files = {} if licence is None else {"LICENSE": Blob.of(licence)}
    declared = {"parameters": {"F16": PARAMETERS}, "total": PARAMETERS}
    values: dict[str, Any] = {"card": {"license": "mit"}, "declared": declared, "downloads": downloads, **more}
    values["files"] = {**files, "model.safetensors": Blob.of(b""), **values.get("files", {})}
    return Repository(id=f"zz/{name}", **values)


def week(bench: Bench, number: int = 0, selection: Selection = MINE, **options: Any) -> Outcome:
    bench.hub.requests.clear()
    return bench.scan(selection, Options(**options), moment=MOMENT + timedelta(days=7 * number))


def asked(bench: Bench, ending: str) -> list[str]:
    """The repositories whose file of that name was asked for, in order."""
    paths = [r.path for r in bench.hub.requests if r.bucket == "resolvers" and r.path.endswith(f"/{ending}")]
    return ["/".join(path.removeprefix(CACHE + "models").split("/")[1:3]) for path in paths]


def pages(bench: Bench, name: str) -> int:
    """How often a model's own page was asked for."""
    return sum(r.path.startswith(f"/api/models/{name}") for r in bench.hub.requests)


def read(bench: Bench, name: str) -> tuple[Place, ...]:
    return bench.models()[name].restrictions.read


def commit(bench: Bench, name: str, **changed: str) -> None:
    files = {path.replace("_", "."): Blob.of(text) for path, text in changed.items()}
    bench.hub.get(name).commit("change", "2026-11-20T00:00:00.000Z", changed=files)


# One text, many copies -----------------------------------------------------------------------------------------------


def test_a_thousand_copies_of_one_licence_cause_one_request(file_bench: Bench) -> None:
    bench = file_bench
    bench.hub.add(*(repository(f"m{n:03}", card=CUSTOM, licence=LICENCE) for n in range(1000)))
    week(bench, texts_per_run=1000)
    assert len(asked(bench, "LICENSE")) == 1
    assert all(model.verdicts[0].reasons[0] == "excluded-by-declaration" for model in bench.models().values())
    assert len(bench.models()) == 1000


def test_a_known_text_is_not_asked_for_by_a_later_scan(bench: Bench) -> None:
    bench.hub.add(repository("old", card=CUSTOM, licence=LICENCE))
    week(bench)
    bench.hub.add(repository("new", card=CUSTOM, licence=LICENCE))
    week(bench, 1)
    assert asked(bench, "LICENSE") == []
    assert bench.models()["zz/new"].restrictions.items[0].quote


def test_a_damaged_text_is_read_again(bench: Bench) -> None:
    bench.hub.add(repository("old", card=CUSTOM, licence=LICENCE))
    week(bench)
    with bench.engine.begin() as connection:
        connection.execute(update(LICENCE_TEXT).values(packed=b"\x00"))
    bench.hub.add(repository("new", card=CUSTOM, licence=LICENCE))
    week(bench, 1)
    assert asked(bench, "LICENSE") == ["zz/new"]
    assert bench.models()["zz/new"].restrictions.status is Status.DECLARED


def test_a_text_that_is_not_what_its_digest_names_stands_for_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hub.add(*(repository(f"m{n}", card=CUSTOM, licence=LICENCE) for n in range(3)))
    monkeypatch.setattr(Blob, "git_oid", "0" * 40)
    week(bench)
    assert len(asked(bench, "LICENSE")) == 3
    with bench.engine.connect() as connection:
        assert connection.execute(select(LICENCE_TEXT)).all() == []


def test_a_licence_in_large_file_storage_is_known_by_its_sha256(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.samplehub.files.blob.LFS_SIZE", 10)
    bench.hub.add(*(repository(f"m{n}", card=CUSTOM, licence=LICENCE) for n in range(3)))
    week(bench)
    assert len(asked(bench, "LICENSE")) == 1
    assert {model.restrictions.status for model in bench.models().values()} == {Status.DECLARED}


def test_cards_are_read_each_and_not_kept(bench: Bench) -> None:
    bench.hub.add(*(repository(f"m{n}") for n in range(3)))
    week(bench)
    assert sorted(asked(bench, "README.md")) == ["zz/m0", "zz/m1", "zz/m2"]
    with bench.engine.connect() as connection:
        assert connection.execute(select(LICENCE_TEXT)).all() == []


def test_a_known_text_behind_a_gate_is_read_and_nothing_else_is_asked_for_there(bench: Bench) -> None:
    bench.hub.add(repository("open", card=CUSTOM, licence=LICENCE))
    week(bench)
    bench.hub.add(repository("gated", card=CUSTOM, licence=LICENCE, gated="manual", files={"NOTICE": Blob.of(FREE)}))
    week(bench, 1)
    assert asked(bench, "README.md") == ["zz/gated"]
    assert (asked(bench, "LICENSE"), asked(bench, "NOTICE")) == ([], [])
    assert bench.models()["zz/gated"].restrictions.status is Status.DECLARED


# Base models ---------------------------------------------------------------------------------------------------------


def family(bench: Bench, children: int, **base: Any) -> None:
    bench.hub.add(Repository(id="base/model", **{"card": CUSTOM, "files": {"LICENSE": Blob.of(LICENCE)}, **base}))
    card = {"license": "mit", "base_model": "base/model"}
    bench.hub.add(*(repository(f"child{n:03}", card=card, base_relation="finetune") for n in range(children)))


def test_a_thousand_children_cause_one_reading_of_their_base(file_bench: Bench) -> None:
    bench = file_bench
    family(bench, 1000)
    week(bench, texts_by_rank=1000)
    assert pages(bench, "base/model") == 1
    assert asked(bench, "LICENSE") == ["base/model"]
    assert all(Place.BASE_MODEL in model.restrictions.read for model in bench.models().values())


def test_a_parents_clause_shows_on_the_child_and_is_not_its_own(bench: Bench) -> None:
    family(bench, 1)
    week(bench)
    child = bench.models()["zz/child000"]
    assert [item.inherited_from for item in child.restrictions.items] == ["base/model"]
    assert child.restrictions.status is Status.NONE_DECLARED
    assert "inherited-does-not-exempt" in child.verdicts[0].reasons
    assert child.in_scope


def test_a_base_of_the_same_revision_is_not_read_again_by_a_later_scan(bench: Bench) -> None:
    family(bench, 1)
    week(bench)
    bench.hub.add(repository("later", card={"license": "mit", "base_model": "base/model"}, base_relation="finetune"))
    week(bench, 1)
    assert asked(bench, "README.md") == ["zz/later"]
    assert asked(bench, "LICENSE") == []
    assert [item.inherited_from for item in bench.models()["zz/later"].restrictions.items] == ["base/model"]


def test_a_base_whose_licence_cannot_be_read_leaves_that_place_unread(bench: Bench) -> None:
    family(bench, 2, gated="manual")
    week(bench)
    assert Place.BASE_MODEL not in read(bench, "zz/child000")
    assert "card-not-read" in bench.models()["zz/child000"].verdicts[0].reasons
    problems, _ = bench.reader.problems(bench.reader.run(None).id or 0, 10)
    assert [(p.subject, p.code) for p in problems] == []


def test_a_base_that_is_gone_is_told_once(bench: Bench) -> None:
    card = {"license": "mit", "base_model": "base/gone"}
    bench.hub.add(*(repository(f"child{n}", card=card) for n in range(20)))
    week(bench)
    problems, _ = bench.reader.problems(bench.reader.run(None).id or 0, 30)
    assert [(p.subject, p.code) for p in problems] == [("base model base/gone", "not-found")]
    assert pages(bench, "base/gone") == 1


def test_a_base_that_does_not_answer_is_not_asked_for_by_each_child(bench: Bench) -> None:
    family(bench, 20)
    bench.hub.inject(Fault(kind="status", path=r"^/api/models/base/model", status=503, times=None))
    bench.hub.requests.clear()
    bench.scan(MINE, client=bench.client(max_retries=0))
    assert pages(bench, "base/model") == 3
    bench.hub.clear_faults()
    week(bench, 1)
    assert all(Place.BASE_MODEL in model.restrictions.read for model in bench.models().values())


# Order and budgets ---------------------------------------------------------------------------------------------------


def test_what_something_suggests_comes_first_and_the_rest_by_rank(bench: Bench) -> None:
    bench.hub.add(repository("loud", 1000), repository("middle", 500), repository("quiet", 5))
    bench.hub.add(repository("suggested", 1, card=CUSTOM), repository("hinted", 2, card=CUSTOM))
    week(bench, workers=1)
    names = [f"zz/{name}" for name in ("hinted", "suggested", "loud", "middle", "quiet")]
    assert asked(bench, "README.md") == names


def test_both_budgets_hold_and_the_next_scan_goes_on(bench: Bench) -> None:
    bench.hub.add(*(repository(f"plain{n}", 100 - n) for n in range(5)))
    bench.hub.add(*(repository(f"custom{n}", 50 - n, card=CUSTOM) for n in range(5)))
    for number, expected in enumerate((["0", "1"], ["2", "3"], ["4"], [])):
        week(bench, number, texts_per_run=1, texts_by_rank=2)
        names = asked(bench, "README.md")
        assert sorted(name for name in names if "plain" in name) == [f"zz/plain{n}" for n in expected]
        assert [name for name in names if "custom" in name] == [f"zz/custom{number}"]
    run = bench.reader.run(None)
    assert (run.texts_read, run.texts_ranked) == (1, 0)


def test_no_more_is_noted_down_than_what_something_suggests(bench: Bench) -> None:
    bench.hub.add(*(repository(f"plain{n}") for n in range(5)))
    bench.hub.add(repository("custom", card=CUSTOM))
    week(bench, texts_per_run=0, texts_by_rank=0)
    with bench.engine.connect() as connection:
        noted = connection.execute(select(MODEL.c.name).join(PENDING, PENDING.c.model_key == MODEL.c.key)).scalars()
        assert list(noted) == ["zz/custom"]


@pytest.mark.parametrize(
    "more",
    [
        {"declared": {"parameters": {"F16": 1000}, "total": 1000}},
        {"disabled": True},
        {"card": None},
    ],
    ids=["below the threshold", "disabled", "without texts"],
)
def test_texts_that_matter_to_nothing_are_not_read(bench: Bench, more: dict[str, Any]) -> None:
    bench.hub.add(repository("model", **more))
    week(bench)
    assert pages(bench, "zz/model") == 0


def test_a_model_is_ranked_once_its_count_is_known(bench: Bench) -> None:
    weights = safetensors.write({"weight": Tensor("F16", (1000,))})
    bench.hub.add(repository("small", declared=None, files={"model.safetensors": weights}))
    week(bench)
    assert not bench.models()["zz/small"].in_scope
    assert asked(bench, "README.md") == []


def test_deep_never_reads_no_text(bench: Bench) -> None:
    bench.hub.add(repository("plain"), repository("custom", card=CUSTOM))
    week(bench, deep="never")
    assert asked(bench, "README.md") == []


# Again ---------------------------------------------------------------------------------------------------------------


def test_a_second_scan_with_nothing_changed_asks_for_no_text(bench: Bench) -> None:
    week(bench, selection=Selection(everything=True))
    assert asked(bench, "README.md")
    week(bench, 1, selection=Selection(everything=True))
    assert not [r for r in bench.hub.requests if r.path != "/api/models"]


def test_a_scan_that_goes_on_repeats_nothing(bench: Bench) -> None:
    bench.hub.add(*(repository(f"m{n:02}", 100 - n, licence=FREE) for n in range(30)))
    client = bench.client()

    def stop(progress: Progress) -> None:
        if progress.phase == "reading" and progress.done >= 10:
            client.cancelled.set()
            raise Cancelled("interrupted")

    options = Options(workers=1, texts_by_rank=20)
    with pytest.raises(Cancelled):
        bench.scan(MINE, options, client=client, watch=stop)
    stored = bench.reader.run(None).texts_ranked
    assert stored >= 10
    bench.hub.requests.clear()
    assert bench.scan(MINE, options).resumed
    assert asked(bench, "README.md") == [f"zz/m{n:02}" for n in range(stored, 20)]
    assert asked(bench, "LICENSE") == []
    assert bench.reader.run(None).texts_ranked == 20


def test_a_spent_request_budget_is_gone_on_with(bench: Bench) -> None:
    bench.hub.add(*(repository(f"m{n:02}", 100 - n) for n in range(20)))
    for _ in range(10):
        outcome = bench.scan(MINE, client=bench.client(max_requests=15))
        if outcome.state is RunState.COMPLETE:
            break
    assert outcome.state is RunState.COMPLETE
    assert bench.reader.run(None).texts_ranked == 20
    assert sorted(asked(bench, "README.md"))[:3] == ["zz/m00", "zz/m01", "zz/m02"]
    assert all(Place.CARD in model.restrictions.read for model in bench.models().values())


def test_a_new_revision_is_read_again_and_only_that(bench: Bench) -> None:
    bench.hub.add(repository("changed"), repository("same"))
    week(bench)
    commit(bench, "zz/changed", README_md="---\nlicense: mit\n---\nThis model may not be used in mainland China.")
    week(bench, 1)
    assert asked(bench, "README.md") == ["zz/changed"]
    assert bench.models()["zz/changed"].verdicts[0].reasons[0] == "excluded-by-declaration"


def test_a_card_that_declared_something_is_read_again_before_others(bench: Bench) -> None:
    card = "---\nlicense: mit\n---\nThis model may not be used in mainland China."
    bench.hub.add(repository("model", files={"README.md": Blob.of(card)}))
    week(bench)
    assert bench.models()["zz/model"].verdicts[0].reasons[0] == "excluded-by-declaration"
    commit(bench, "zz/model", other_txt="something else")
    week(bench, 1, texts_per_run=0, texts_by_rank=0)
    assert bench.models()["zz/model"].verdicts[0].reasons[0] == "excluded-by-declaration"
    commit(bench, "zz/model", README_md="---\nlicense: mit\n---\nFor everyone.")
    week(bench, 2, texts_per_run=1, texts_by_rank=0)
    assert bench.models()["zz/model"].in_scope


def test_a_limit_known_by_a_licence_s_name_is_looked_up_in_its_text(bench: Bench) -> None:
    card = {"license": "other", "license_name": "tencent-hunyuan-community"}
    bench.hub.add(repository("model", card=card, licence="Anyone may use this model anywhere in the world."))
    week(bench, texts_per_run=0, texts_by_rank=0)
    assert [item.by_name for item in bench.models()["zz/model"].restrictions.items] == [True]
    week(bench, 1, texts_per_run=1, texts_by_rank=0)
    restrictions = bench.models()["zz/model"].restrictions
    assert restrictions.items == ()
    assert [finding.code for finding in restrictions.findings] == ["licence-differs"]


def test_a_revision_whose_texts_nobody_has_read_is_told_as_such(bench: Bench) -> None:
    bench.hub.add(repository("model"))
    week(bench)
    assert bench.models()["zz/model"].restrictions.status is Status.NONE_DECLARED
    commit(bench, "zz/model", other_txt="something else")
    week(bench, 1, texts_by_rank=0)
    assert bench.models()["zz/model"].restrictions.status is Status.NONE_IN_METADATA
    week(bench, 2)
    assert bench.models()["zz/model"].restrictions.status is Status.NONE_DECLARED


def test_a_revision_that_comes_back_is_read(bench: Bench) -> None:
    bench.hub.add(repository("model"))
    week(bench)
    model = bench.hub.get("zz/model")
    before = model.sha
    commit(bench, "zz/model", other_txt="something else")
    week(bench, 1, texts_by_rank=0)
    model.refs["main"] = before
    week(bench, 2)
    assert bench.models()["zz/model"].restrictions.status is Status.NONE_DECLARED


def test_full_reads_the_highest_ranks_again_and_forgets_none_of_the_others(bench: Bench) -> None:
    bench.hub.add(*(repository(f"m{n}", 100 - n) for n in range(4)))
    week(bench)
    week(bench, 1, full=True, texts_by_rank=2)
    assert sorted(asked(bench, "README.md")) == ["zz/m0", "zz/m1"]
    assert {model.restrictions.status for model in bench.models().values()} == {Status.NONE_DECLARED}
    week(bench, 2)
    assert asked(bench, "README.md") == []


def test_a_read_that_failed_for_now_is_tried_by_the_next_scan(bench: Bench) -> None:
    bench.hub.add(repository("model"))
    bench.hub.inject(Fault(kind="status", server="hub", path="resolve", status=503, times=None))
    assert bench.scan(MINE, client=bench.client(max_retries=0)).state is RunState.INCOMPLETE
    bench.hub.clear_faults()
    assert week(bench, 1).state is RunState.COMPLETE
    assert bench.models()["zz/model"].restrictions.status is Status.NONE_DECLARED


# What is said --------------------------------------------------------------------------------------------------------


def test_what_was_not_read_is_counted(bench: Bench) -> None:
    bench.hub.add(*(repository(f"plain{n}", 100 - n) for n in range(4)))
    bench.hub.add(*(repository(f"custom{n}", card=CUSTOM, licence=FREE) for n in range(3)))
    bench.hub.add(repository("gated", 1000, gated="auto"))
    week(bench, texts_per_run=1, texts_by_rank=2)
    unread = bench.reader.counted(bench.reader.run(None)).unread_texts("cn-2026")
    assert (unread.suggested, unread.others, unread.partly) == (2, 3, 1)


@pytest.mark.parametrize("teller", ["summary", "digest"])
def test_what_was_not_read_is_said(bench: Bench, teller: str) -> None:
    bench.hub.add(*(repository(f"plain{n}") for n in range(4)))
    bench.hub.add(repository("custom", card=CUSTOM))
    run = week(bench, texts_per_run=0, texts_by_rank=1).run_id

    def digest() -> str:
        (part,) = (
            Digest(bench.reader, [(bench.regulation, None)], "0").report(bench.reader.run(run), MOMENT).regulations
        )
        return " ".join(part.assumptions)

    tell: dict[str, Callable[[], str]] = {
        "summary": lambda: summary(bench.reader, run, ["cn-2026"]),
        "digest": digest,
    }
    said = tell[teller]()
    assert "texts_per_run" in said
    assert "texts_by_rank" in said
    assert "4 " in said
    assert "1 of them" in said


def test_a_scan_that_reads_no_file_says_why_texts_are_unread(bench: Bench) -> None:
    bench.hub.add(repository("plain"))
    run = week(bench, deep="never").run_id
    assert "this scan read none (deep = never)" in summary(bench.reader, run, ["cn-2026"])
