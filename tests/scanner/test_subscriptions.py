"""What a subscriber is told: each change of their own models once, and nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.audiences import Subscription
from config.regulation import Regulation
from notifiers.notice import Notice, NoticeChange
from notifiers.report import ChangeKind
from scanner.assessment import Assessment
from scanner.catalogue.queries import Reader
from scanner.catalogue.subscribed import Earlier, changed_of
from scanner.restrictions.interface import Kind
from scanner.scope import Distribution
from scanner.subscriptions import notice_of
from tests.scanner.making import CN, MOMENT, again, counted, declared, model, regulation, restrictions, scanned

ENTERED, LEFT, UNDECIDED = ChangeKind.ENTERED_SCOPE, ChangeKind.LEFT_SCOPE, ChangeKind.BECAME_UNDECIDED
CROSSED, GATED, GONE = ChangeKind.CROSSED_THRESHOLD, ChangeKind.GATE_CHANGED, ChangeKind.NOT_DISTRIBUTED
ADDED, REMOVED = ChangeKind.DECLARATION_ADDED, ChangeKind.DECLARATION_REMOVED

HIGHER = regulation(id="xx-2027", threshold={"parameters": 5_000_000, "comparison": "more-than"})
BOTH = (CN, HIGHER)
SMALL, LARGE = 500_000, 2_000_000
NOT_IN_CN = declared(["CN"])


def subscription(*owners: str, models: Sequence[str] = ()) -> Subscription:
    return Subscription(name="my-org", owners=owners, models=tuple(models), folder=Path("reports"))


def told(
    engine: Engine,
    since: int,
    until: int,
    *owners: str,
    models: Sequence[str] = (),
    rules: Sequence[Regulation] = (CN,),
) -> Notice | None:
    reader = Reader(engine)
    about = subscription(*(owners or (() if models else ("owner",))), models=models)
    return notice_of(engine, about, rules, reader.run(since), reader.run(until), "0.test")


def kinds(notice: Notice | None) -> list[tuple[ChangeKind, str, str | None]]:
    return [] if notice is None else [(c.kind, c.change.model, c.regulation) for c in notice.changes]


def names(notice: Notice | None) -> set[str]:
    return {name for _, name, _ in kinds(notice)}


# What is told --------------------------------------------------------------------------------------------------------

CHANGES = [
    pytest.param(model("a", SMALL), model("a", LARGE), [(ENTERED, "cn-2026"), (CROSSED, "cn-2026")], id="grew"),
    pytest.param(model("a", LARGE), model("a", SMALL), [(LEFT, "cn-2026"), (CROSSED, "cn-2026")], id="shrank"),
    pytest.param(model("a", counted(SMALL, LARGE)), model("a", LARGE), [(ENTERED, "cn-2026")], id="decided, in scope"),
    pytest.param(model("a", LARGE), model("a", counted(SMALL, LARGE)), [(UNDECIDED, "cn-2026")], id="became undecided"),
    pytest.param(
        model("a", LARGE), model("a", LARGE, NOT_IN_CN), [(LEFT, "cn-2026"), (ADDED, None)], id="declared a limit"
    ),
    pytest.param(
        model("a", LARGE, NOT_IN_CN), model("a", LARGE), [(ENTERED, "cn-2026"), (REMOVED, None)], id="took a limit back"
    ),
    pytest.param(
        model("a", LARGE, declared(["EU"])),
        model("a", LARGE, declared(["KR"])),
        [(ADDED, None), (REMOVED, None)],
        id="replaced a limit by another",
    ),
    pytest.param(model("a", SMALL), model("a", SMALL, NOT_IN_CN), [(ADDED, None)], id="declared a limit, small anyway"),
    pytest.param(
        model("a", SMALL, NOT_IN_CN), model("a", LARGE, NOT_IN_CN), [(CROSSED, "cn-2026")], id="grew, but is exempt"
    ),
    pytest.param(model("a", LARGE), model("a", LARGE, gated="manual"), [(GATED, None)], id="gated"),
    pytest.param(model("a", LARGE, gated="auto"), model("a", LARGE), [(GATED, None)], id="no longer gated"),
    pytest.param(
        model("a", LARGE), model("a", LARGE, distribution=Distribution.DELETED), [(GONE, None)], id="in scope, deleted"
    ),
    pytest.param(
        model("a", SMALL), model("a", SMALL, distribution=Distribution.DELETED), [(GONE, None)], id="small, deleted"
    ),
    pytest.param(
        model("a", LARGE), model("a", LARGE, distribution=Distribution.DISABLED), [(GONE, None)], id="disabled"
    ),
    pytest.param(
        model("a", LARGE, distribution=Distribution.DISABLED),
        model("a", LARGE),
        [(ENTERED, "cn-2026")],
        id="back",
    ),
    pytest.param(None, model("a", LARGE), [(ENTERED, "cn-2026")], id="new, in scope"),
]

NO_CHANGES = [
    pytest.param(model("a", LARGE), model("a", LARGE), id="nothing"),
    pytest.param(model("a", LARGE), model("a", LARGE, downloads=9, likes=9), id="downloads"),
    pytest.param(model("a", LARGE), model("a", LARGE, revision="f" * 40), id="a commit"),
    pytest.param(model("a", LARGE), model("a", LARGE, license="mit"), id="licence of the same effect"),
    pytest.param(model("a", LARGE), model("a", LARGE + 1), id="a few more parameters"),
    pytest.param(model("a", counted(LARGE, 9 * LARGE)), model("a", LARGE), id="counted in full"),
    pytest.param(model("a", counted(SMALL, LARGE)), model("a", SMALL), id="decided, out of scope"),
    pytest.param(model("a", SMALL), model("a", counted(SMALL, LARGE)), id="small, became undecided"),
    pytest.param(model("a", LARGE), model("a", LARGE, name="owner/b"), id="renamed"),
    pytest.param(
        model("a", LARGE, NOT_IN_CN), model("a", LARGE, replace(NOT_IN_CN, quote="other words")), id="reworded"
    ),
    pytest.param(None, model("a", SMALL), id="new, small"),
    pytest.param(None, model("a", counted(SMALL, LARGE)), id="new, undecided"),
    pytest.param(None, model("a", LARGE, NOT_IN_CN), id="new, exempt"),
    pytest.param(None, model("a", LARGE, distribution=Distribution.DISABLED), id="new, disabled"),
]


def week(engine: Engine, *models: Assessment | None, **more: Any) -> int:
    return scanned(engine, *(one for one in models if one is not None), **more)


@pytest.mark.parametrize(("before", "after", "expected"), CHANGES)
def test_each_change_is_told_once(
    engine: Engine, before: Assessment | None, after: Assessment, expected: list[tuple[ChangeKind, str | None]]
) -> None:
    first = week(engine, before, model("other"))
    second = week(engine, after, model("other"))
    third = week(engine, after, model("other"))
    assert kinds(told(engine, first, second)) == [(kind, "owner/a", rule) for kind, rule in expected]
    assert told(engine, second, third) is None, "it was told"
    assert kinds(told(engine, first, third)) == kinds(told(engine, first, second)), "a week without telling loses none"


@pytest.mark.parametrize(("before", "after"), NO_CHANGES)
def test_nothing_else_is_told(engine: Engine, before: Assessment | None, after: Assessment) -> None:
    first, second = week(engine, before, model("other")), week(engine, after, model("other"))
    assert told(engine, first, second) is None


def test_what_came_and_went_between_two_tellings_is_no_change(engine: Engine) -> None:
    first = week(engine, model("a", SMALL))
    week(engine, model("a", LARGE, gated="auto"))
    third = week(engine, model("a", SMALL))
    assert told(engine, first, third) is None


STRADDLING = counted(SMALL, LARGE)


def weeks_of(engine: Engine, *states: Assessment) -> list[list[ChangeKind]]:
    """What each week tells after the first, of one model."""
    runs = [week(engine, state, model("other")) for state in states]
    return [[kind for kind, _, _ in kinds(told(engine, *two))] for two in pairwise(runs)]


def test_leaving_scope_by_way_of_an_open_verdict_is_told(engine: Engine) -> None:
    said = weeks_of(engine, *(model("a", size) for size in (LARGE, STRADDLING, STRADDLING, SMALL, SMALL)))
    assert said == [[UNDECIDED], [], [LEFT, CROSSED], []]


def test_what_an_open_verdict_came_from_counts_as_of_the_last_telling(engine: Engine) -> None:
    runs = [week(engine, model("a", size), model("other")) for size in (LARGE, STRADDLING, SMALL, STRADDLING, SMALL)]
    notice = told(engine, runs[1], runs[4])
    assert notice is not None
    found = [(c.kind, c.change.before, c.change.after, c.change.cause) for c in notice.changes]
    assert found == [(LEFT, "undecided", "out_of_scope", "not-above-threshold"), (CROSSED, LARGE, SMALL, "")]


def test_an_open_verdict_that_nobody_was_in_scope_before_is_settled_silently(engine: Engine) -> None:
    exempt, open_ = model("a", LARGE, NOT_IN_CN), model("a", STRADDLING)
    said = weeks_of(engine, model("a", LARGE), exempt, open_, exempt)
    assert said == [[LEFT, ADDED], [REMOVED], [ADDED]], "the last decision counts, not any"


def test_crossing_by_way_of_a_count_that_could_be_either_is_told_once(engine: Engine) -> None:
    sizes = (SMALL, STRADDLING, LARGE, LARGE + 1, STRADDLING, LARGE)
    said = weeks_of(engine, *(model("a", size, NOT_IN_CN) for size in sizes))
    assert said == [[], [CROSSED], [], [], []]


def test_a_model_that_is_gone_while_its_verdict_was_open_is_told_as_gone(engine: Engine) -> None:
    gone = model("a", STRADDLING, distribution=Distribution.DELETED)
    assert weeks_of(engine, model("a", LARGE), model("a", STRADDLING), gone) == [[UNDECIDED], [GONE]]


def test_each_regulation_has_its_own_last_decision_and_its_own_side(engine: Engine) -> None:
    sizes = (9_000_000, counted(SMALL, 9_000_000), LARGE)
    runs = [week(engine, by_both("a", size)) for size in sizes]
    assert kinds(told(engine, runs[1], runs[2], rules=BOTH)) == [
        (ENTERED, "owner/a", "cn-2026"),
        (LEFT, "owner/a", "xx-2027"),
        (CROSSED, "owner/a", "xx-2027"),
    ]


def test_only_what_was_open_and_is_not_any_more_is_looked_up(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for name in ("decided", "beside"):
        monkeypatch.setattr(Earlier, name, lambda _, key, __, name=name: asked.append(f"{name} {key}"))
    first = week(engine, model("a", SMALL), model("b", LARGE), model("c", STRADDLING), model("d", STRADDLING))
    second = week(engine, *(model(key, SMALL if key == "d" else LARGE, gated="auto") for key in "abd"))
    told(engine, first, second)
    assert sorted(asked) == ["beside d", "decided d"]


def test_what_happened_before_is_not_told_again(engine: Engine) -> None:
    week(engine, model("a", SMALL))
    second = week(engine, model("a", LARGE))
    third = week(engine, model("a", LARGE, gated="auto"))
    assert kinds(told(engine, second, third)) == [(GATED, "owner/a", None)]


def test_what_happened_afterwards_is_not_told_yet(engine: Engine) -> None:
    first, second = week(engine, model("a", SMALL)), week(engine, model("a", LARGE))
    week(engine, model("a", LARGE, gated="auto"))
    assert [kind for kind, _, _ in kinds(told(engine, first, second))] == [ENTERED, CROSSED]


def test_a_change_says_what_was_and_what_is(engine: Engine) -> None:
    first = week(engine, model("a", SMALL), model("b", LARGE), model("c", LARGE), model("d", LARGE))
    after = [
        model("a", LARGE, downloads=7),
        model("b", LARGE, NOT_IN_CN),
        model("c", LARGE, gated="manual"),
        model("d", LARGE, distribution=Distribution.DELETED),
    ]
    second = week(engine, *after, model("e", LARGE))
    notice = told(engine, first, second)
    assert notice is not None
    found = {(c.kind, c.change.model): (c.change.before, c.change.after, c.change.cause) for c in notice.changes}
    assert found == {
        (ENTERED, "owner/a"): ("out_of_scope", "in_scope", "above-threshold"),
        (ENTERED, "owner/e"): (None, "in_scope", "above-threshold"),
        (LEFT, "owner/b"): ("in_scope", "out_of_scope", "excluded-by-declaration"),
        (CROSSED, "owner/a"): (SMALL, LARGE, ""),
        (ADDED, "owner/b"): (None, "licence-grant excludes CN", ""),
        (GATED, "owner/c"): ("not gated", "manual", ""),
        (GONE, "owner/d"): ("public", "deleted", ""),
    }
    assert [c.link_live for c in notice.changes if c.change.model == "owner/d"] == [False]
    assert all(c.link_live for c in notice.changes if c.change.model != "owner/d")
    assert (notice.changes[0].change.model, notice.changes[0].change.downloads) == ("owner/a", 7)


def test_the_most_downloaded_models_come_first_in_each_kind(engine: Engine) -> None:
    first = week(engine, model("a", SMALL), model("b", SMALL), model("c", SMALL))
    grown = [model("a", LARGE, downloads=1), model("b", LARGE, downloads=9), model("c", LARGE, downloads=9)]
    order = [(kind, f"owner/{key}", "cn-2026") for kind in (ENTERED, CROSSED) for key in "bca"]
    assert kinds(told(engine, first, week(engine, *grown))) == order


def test_a_notice_names_its_runs_and_its_rules(engine: Engine) -> None:
    first, second = week(engine, model("a", SMALL)), week(engine, model("a", LARGE))
    notice = told(engine, first, second)
    assert notice is not None
    assert (notice.subscription, notice.run_id, notice.since.id) == ("my-org", str(second), str(first))
    assert (notice.finished_at, notice.endpoint, notice.tool_version) == (MOMENT, "https://hub.example", "0.test")
    assert notice.provenance == (f"cn-2026: {CN.provenance}",)


# Whose models --------------------------------------------------------------------------------------------------------


def grows(engine: Engine, *model_names: str) -> tuple[int, int]:
    """Two runs between which all these models came into scope."""
    first = week(engine, *(model(f"k{n}", SMALL, name=name) for n, name in enumerate(model_names)))
    return first, week(engine, *(model(f"k{n}", LARGE, name=name) for n, name in enumerate(model_names)))


def test_models_of_others_are_none_of_theirs(engine: Engine) -> None:
    others = ["owner-2/a", "owners/a", "own/a", "owne/r", "other/owner", "other/a", "xowner/a", "owner.x/a", "gpt2"]
    runs = grows(engine, "owner/a", "Owner/b", "OWNER/owner", *others)
    assert names(told(engine, *runs, "owner")) == {"owner/a", "Owner/b", "OWNER/owner"}
    assert names(told(engine, *runs, "OWNER")) == {"owner/a", "Owner/b", "OWNER/owner"}
    assert names(told(engine, *runs, "nobody")) == set()


@pytest.mark.parametrize(
    ("owner", "theirs", "others"),
    [
        ("my_org", "my_org/a", ["myXorg/a", "my-org/a", "my__org/a"]),
        ("a%", "a%/a", ["abc/a", "a/a"]),
        ("a.b", "a.b/a", ["aXb/a"]),
        ("a\\b", "a\\b/a", ["ab/a", "a\\\\b/a"]),
        ("a'b", "a'b/a", ["ab/a"]),
    ],
)
def test_signs_that_a_database_reads_its_own_way_stand_for_themselves(
    engine: Engine, owner: str, theirs: str, others: list[str]
) -> None:
    first, second = grows(engine, theirs, *others)
    found = [one.pair.after.name for one in changed_of(engine, first, second, owners=[owner], models=[])]
    assert found == [theirs]


def test_models_are_theirs_by_name_too(engine: Engine) -> None:
    runs = grows(engine, "owner/a", "owner/ab", "owner/b", "Other/Big", "other/big-2", "other/a_b", "other/aXb")
    assert names(told(engine, *runs, models=["owner/a"])) == {"owner/a"}
    assert names(told(engine, *runs, models=["OWNER/A", "other/big", "other/a_b"])) == {
        "owner/a",
        "Other/Big",
        "other/a_b",
    }
    assert names(told(engine, *runs, "owner", models=["other/big", "owner/a"])) == {
        "owner/a",
        "owner/ab",
        "owner/b",
        "Other/Big",
    }


def test_a_model_that_is_theirs_twice_is_told_once(engine: Engine) -> None:
    runs = grows(engine, "owner/a")
    assert len(kinds(told(engine, *runs, "owner", "Owner", models=["owner/a"]))) == 2


def test_a_list_of_a_thousand_models_is_taken(engine: Engine) -> None:
    runs = grows(engine, "owner/a")
    many = [f"other/{number}" for number in range(1_200)]
    assert names(told(engine, *runs, models=[*many, "owner/a"])) == {"owner/a"}


def test_more_changes_than_one_page_of_rows_are_all_told(engine: Engine) -> None:
    runs = grows(engine, *(f"owner/{number:04}" for number in range(1_203)))
    assert len(kinds(told(engine, *runs))) == 2 * 1_203


# Renames and transfers -----------------------------------------------------------------------------------------------


def test_a_renamed_model_is_told_under_its_new_name(engine: Engine) -> None:
    first = week(engine, model("a", SMALL, name="owner/old"))
    second = week(engine, model("a", LARGE, name="owner/new"))
    assert names(told(engine, first, second)) == {"owner/new"}
    assert names(told(engine, first, second, models=["owner/old"])) == {"owner/new"}
    assert names(told(engine, first, second, models=["owner/new"])) == {"owner/new"}


def test_a_model_that_was_named_stays_theirs_after_a_rename(engine: Engine) -> None:
    week(engine, model("a", SMALL, name="owner/old"))
    second = week(engine, model("a", SMALL, name="owner/new"))
    third = week(engine, model("a", LARGE, name="owner/new"))
    assert names(told(engine, second, third, models=["owner/old"])) == {"owner/new"}


def test_a_model_that_was_given_away_is_told_of_once_more(engine: Engine) -> None:
    first = week(engine, model("a", SMALL))
    second = week(engine, model("a", LARGE, name="other/a"))
    third = week(engine, model("a", SMALL, name="other/a"))
    assert names(told(engine, first, second)) == {"other/a"}
    assert told(engine, second, third) is None
    assert names(told(engine, first, second, "other")) == names(told(engine, second, third, "other")) == {"other/a"}


def test_a_transfer_by_itself_is_told_to_nobody(engine: Engine) -> None:
    first, second = week(engine, model("a", LARGE)), week(engine, model("a", LARGE, name="other/a"))
    assert told(engine, first, second) is None
    assert told(engine, first, second, "other") is None


def test_a_new_model_under_a_name_that_was_free_is_another_one(engine: Engine) -> None:
    first = week(engine, model("a", LARGE))
    second = week(engine, model("a", LARGE, distribution=Distribution.DELETED), model("b", LARGE, name="owner/a"))
    assert kinds(told(engine, first, second)) == [(ENTERED, "owner/a", "cn-2026"), (GONE, "owner/a", None)]


# Other runs ----------------------------------------------------------------------------------------------------------


def test_a_change_that_a_run_of_another_selection_saw_is_told(engine: Engine) -> None:
    first = week(engine, model("a", SMALL), model("b", SMALL))
    second = week(engine, model("a", LARGE), selection="--author owner")
    third = week(engine, model("a", LARGE), model("b", SMALL))
    assert names(told(engine, first, second)) == {"owner/a"}
    assert told(engine, second, third) is None
    assert names(told(engine, first, third)) == {"owner/a"}


def test_models_that_a_run_did_not_cover_are_told_of_with_it(engine: Engine) -> None:
    """Somebody else's run is the occasion; what an earlier one saw and nobody told is not lost."""
    first = week(engine, model("a", SMALL))
    week(engine, model("a", LARGE))
    third = week(engine, model("x", LARGE, name="other/x"), selection="--author other")
    assert names(told(engine, first, third)) == {"owner/a"}


# Two regulations -----------------------------------------------------------------------------------------------------


def by_both(key: str, *what: Any, **more: Any) -> Assessment:
    return model(key, *what, rules=list(BOTH), **more)


def test_each_regulation_has_a_threshold_of_its_own(engine: Engine) -> None:
    first = week(engine, by_both("a", SMALL), by_both("b", LARGE), by_both("c", SMALL))
    second = week(engine, by_both("a", LARGE), by_both("b", 9_000_000), by_both("c", 9_000_000))
    assert sorted(kinds(told(engine, first, second, rules=BOTH))) == [
        (CROSSED, "owner/a", "cn-2026"),
        (CROSSED, "owner/b", "xx-2027"),
        (CROSSED, "owner/c", "cn-2026"),
        (CROSSED, "owner/c", "xx-2027"),
        (ENTERED, "owner/a", "cn-2026"),
        (ENTERED, "owner/b", "xx-2027"),
        (ENTERED, "owner/c", "cn-2026"),
        (ENTERED, "owner/c", "xx-2027"),
    ]


def test_what_happened_to_the_model_itself_is_told_once_for_all_regulations(engine: Engine) -> None:
    first = week(engine, by_both("a", LARGE), by_both("b", LARGE), by_both("c", SMALL))
    second = week(
        engine,
        by_both("a", LARGE, NOT_IN_CN),
        by_both("b", LARGE, distribution=Distribution.DELETED),
        by_both("c", SMALL, gated="auto"),
    )
    assert kinds(told(engine, first, second, rules=BOTH)) == [
        (LEFT, "owner/a", "cn-2026"),
        (ADDED, "owner/a", None),
        (GATED, "owner/c", None),
        (GONE, "owner/b", None),
    ]


def test_a_regulation_that_is_not_reported_is_not_told_of(engine: Engine) -> None:
    first, second = week(engine, by_both("a", SMALL)), week(engine, by_both("a", 9_000_000))
    assert {rule for _, _, rule in kinds(told(engine, first, second, rules=[HIGHER]))} == {"xx-2027"}


def test_a_regulation_that_is_new_tells_whom_it_reaches(engine: Engine) -> None:
    first, second = week(engine, model("a", 9_000_000)), week(engine, by_both("a", 9_000_000))
    notice = told(engine, first, second, rules=BOTH)
    assert notice is not None
    (change,) = notice.changes
    assert change == NoticeChange(ENTERED, change.change, "xx-2027")
    assert (change.change.before, change.change.after) == (None, "in_scope")


def test_a_kind_of_declaration_that_exempts_nobody_is_told_as_a_declaration(engine: Engine) -> None:
    first = week(engine, model("a", LARGE))
    embargo = declared(["CN"], kind=Kind.EMBARGO)
    second = week(engine, again(model("a", LARGE), restrictions=restrictions(embargo)))
    assert kinds(told(engine, first, second)) == [(ADDED, "owner/a", None)]
