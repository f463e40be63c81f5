"""Whatever a report holds, Slack would take the messages, and nothing in them acts on a reader.

`UPDATE_GOLDEN=1 pytest tests/notifiers/test_as_slack.py` writes slack.json of each case anew; read the difference.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.interface import SlackDigest, SlackMessage
from notifiers.notice import Notice, NoticeChange
from notifiers.render import as_json, as_slack
from notifiers.render.document import Kind, Piece, code, plain, words
from notifiers.render.slack_blocks import bare, length, mrkdwn, place
from notifiers.report import (
    Change,
    ChangeGroup,
    ChangeKind,
    Changes,
    PreviousRun,
    Problem,
    RegulationReport,
    Report,
    RunState,
    Totals,
)
from tests.notifiers.conftest import WHEN, MakeReport, report_of, row_of
from tests.slackserver import limits

CASES = sorted(path.parent for path in Path(__file__).parents[1].glob("golden/reports/*/report.json"))
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
WHERE = "/srv/hubscope/reports/2026-11-23.html"
HOSTILE = (
    "<!channel> <!here> <@U0ALICE> <#C0GENERAL> <https://evil.example|click> @here @channel &lt;!channel&gt; *b* _i_"
    " ~s~ `code` ```fence``` :tada: > quote https://evil.example mailto:a@evil.example \u202e \u200b \ud83d & |"
    " <!date^1^x|y>"
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=400)
NASTY_TEXT = st.text(st.sampled_from("<>&`*_~:|@#!^ \n/abA0模😀\u202e\ud83d-.&;"), max_size=700)

LINK_PATTERN = re.compile(r"<(https?://[^<>|\s]+)\|([^<>|`]*)>")
SPAN_PATTERN = re.compile(r"`[^`]+`")
ENTITY_PATTERN = re.compile(r"&(?!(amp|lt|gt);)")
EMOJI_PATTERN = re.compile(r":[^\s:]+:")


def report_in(case: Path) -> Report:
    return as_json.parse((case / "report.json").read_bytes())


def messages_of(digest: SlackDigest) -> tuple[SlackMessage, ...]:
    return (digest.head, *digest.details)


def every_message(report: Report, where: str = WHERE, text: str = "") -> Iterator[SlackMessage]:
    yield from messages_of(as_slack.digest(report, where=where, title=text, csv_note=text))
    yield as_slack.condensed(report, where=where, title=text)


def texts(message: SlackMessage) -> Iterator[dict[str, Any]]:
    """Every text object of a message's blocks."""
    for block in message.blocks:
        if "text" in block:
            yield block["text"]
        yield from block.get("elements", ())
        yield from block.get("fields", ())


def shown(message: SlackMessage) -> str:
    return "\n".join(text["text"] for text in texts(message))


def check(message: SlackMessage, origins: tuple[str, ...] = ("https://huggingface.co/",)) -> None:
    """Slack takes it, and nothing of others' making takes effect."""
    blocks = [dict(block) for block in message.blocks]
    assert limits.complaints(blocks) == []
    assert len(json.dumps(blocks)) < 12_000
    assert {block["type"] for block in blocks} <= {"section", "header", "context", "divider"}
    assert message.text.strip()
    assert limits.length(message.text) <= 4_000
    for text in texts(message):
        assert text["text"].strip()
        if text["type"] == "mrkdwn":
            assert text["verbatim"] is True
        else:
            assert text["emoji"] is False
            assert not set("<>") & set(text["text"])
            assert not ENTITY_PATTERN.search(text["text"])
    for text in (*(entry["text"] for entry in texts(message) if entry["type"] == "mrkdwn"), message.text):
        assert text.encode().decode() == text  # no lone surrogate
        assert not ENTITY_PATTERN.search(text)
        for url, _ in LINK_PATTERN.findall(text):
            assert url.startswith(origins), url
        inert = SPAN_PATTERN.sub("", LINK_PATTERN.sub("", text))
        assert "<" not in inert
        assert ">" not in inert
        assert "`" not in inert
    for text in (entry["text"] for entry in texts(message) if entry["type"] == "mrkdwn"):
        inert = SPAN_PATTERN.sub("code", LINK_PATTERN.sub("link", text))
        for written in inert.split("\n"):
            bold = written.count("*")
            assert bold in {0, 2}  # our own headings and counts
            assert not set("_~@") & set(written)
            assert not EMOJI_PATTERN.search(written)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_writes_as_before(case: Path) -> None:
    report = report_in(case)
    digest = as_slack.digest(report, where=WHERE, csv_note="The table of all models is attached.")
    written = {
        "head": _as_json(digest.head),
        "details": [_as_json(message) for message in digest.details],
        "condensed": _as_json(as_slack.condensed(report, where="https://reports.example.org/2026-11-23.html")),
    }
    golden = case / "slack.json"
    text = json.dumps(written, ensure_ascii=False, indent=1) + "\n"
    if UPDATE:
        golden.write_text(text, encoding="utf-8", newline="")
    assert text == golden.read_bytes().decode()


def _as_json(message: SlackMessage) -> dict[str, Any]:
    return {"text": message.text, "blocks": list(message.blocks)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_slack_takes_every_case(case: Path) -> None:
    for message in every_message(report_in(case)):
        check(message)


@pytest.mark.parametrize("case", [case for case in CASES if case.name != "hostile"], ids=lambda case: case.name)
def test_the_head_has_both_counts_the_place_and_the_provenance(case: Path) -> None:
    report = report_in(case)
    head = shown(as_slack.digest(report, where=WHERE).head)
    assert f"`{WHERE}`" in head
    assert "not legal advice" in head.lower()
    for regulation in report.regulations:
        assert regulation.provenance in head
        assert f"{regulation.honouring.in_scope:,}" in head
        assert f"{regulation.ignoring.in_scope:,} without declarations" in head
        assert f"{regulation.honouring.undecided:,}" in head


def _case(name: str) -> Report:
    return report_in(next(case for case in CASES if case.name == name))


def test_the_head_says_what_changed_and_names_the_most_interesting() -> None:
    head = shown(as_slack.digest(_case("full"), where=WHERE).head)
    assert "3,912 (+35) in scope" in head
    assert "51 (−6) undecided" in head
    assert "Since 2026-11-16 07:13 UTC: Entered scope: 38 · Left scope: 3" in head
    assert "• Entered scope: <https://huggingface.co/vision-co/patch-net|vision-co/patch-net>, 1,204 downloads" in head
    assert "• Deleted, disabled or made private: `old-org/llm-13b`" in head  # no link to a page that is gone


def test_a_first_run_names_the_most_downloaded() -> None:
    report = _case("first-run")
    head = shown(as_slack.digest(report, where=WHERE).head)
    assert "there is nothing to compare with" in head
    top = report.regulations[0].top_in_scope
    assert top
    assert all(row.model in head for row in top[:5])


def test_a_week_without_changes_says_so_and_names_nobody() -> None:
    report = _case("full")
    regulation = replace(report.regulations[0], changes=Changes(honouring_before=report.regulations[0].honouring))
    head = shown(as_slack.digest(replace(report, regulations=(regulation,)), where=WHERE).head)
    assert "nothing changed" in head
    assert "3,912 (±0) in scope" in head
    assert "•" not in head


def test_the_head_names_at_most_five_models_over_all_regulations() -> None:
    report = report_of("owner/name")
    kinds = (ChangeKind.NEW, ChangeKind.ENTERED_SCOPE, ChangeKind.LEFT_SCOPE, ChangeKind.CROSSED_THRESHOLD)
    groups = tuple(
        ChangeGroup(kind, 9, tuple(Change(f"{kind.value}/{number}") for number in range(9))) for kind in kinds
    )
    regulation = replace(report.regulations[0], changes=Changes(groups=groups), provenance="second hand")
    report = replace(report, regulations=(regulation, replace(regulation, id="s")))
    head = shown(as_slack.digest(report, where=WHERE).head)
    assert head.count("•") == 5
    assert "new/" not in head
    assert head.count("entered-scope/0") == 2  # under both regulations
    assert head.index("entered-scope/0") < head.index("left-scope/0")


@pytest.mark.parametrize("state", [RunState.INCOMPLETE, RunState.INTERRUPTED])
def test_an_unfinished_run_says_so_first(state: RunState) -> None:
    report = _case("full")
    report = replace(report, run=replace(report.run, state=state, state_detail="The budget of 100 requests is spent."))
    head = as_slack.digest(report, where=WHERE).head
    assert next(texts(head))["text"].startswith("⚠ This run ")
    assert "budget of 100 requests" in next(texts(head))["text"]
    assert head.text.startswith("⚠ Incomplete.")


def test_the_details_hold_every_topic_in_order() -> None:
    details = "\n".join(shown(message) for message in as_slack.digest(_case("full"), where=WHERE).details)
    headings = re.findall(r"^\*(.+)\*", details, re.MULTILINE)
    assert headings == [
        "What changed, model by model",
        "Undecided, and what would settle it",
        "Out of scope by declaration",
        "Most downloaded in scope",
        "Assumptions",
        "Problems",
    ]
    assert "next step: Read the headers of the weight files" in details
    assert "“本模型不得在中国大陆境内下载" in details


def test_a_web_address_is_linked_and_anything_else_is_not() -> None:
    report = _case("full")
    linked = as_slack.digest(report, where="https://reports.example.org/a?x=1&y=2").head
    assert "<https://reports.example.org/a?x=1&amp;y=2|open>" in shown(linked)
    for odd in ("https://evil.example/>x", "javascript:alert(1)", "https://a.example/|x", "C:\\reports\\a b.html"):
        head = as_slack.digest(report, where=odd).head
        check(head)
        assert f"*Full report:* `{odd.replace('&', '&amp;').replace('>', '&gt;')}`" in shown(head)


def test_a_model_list_of_14_000_characters_is_split_and_nothing_of_it_is_lost() -> None:
    names = [
        f"some-organisation-{number:03}/a-model-with-quite-a-long-name-{number:03}-instruct-gguf"
        for number in range(220)
    ]
    assert sum(map(len, names)) > 14_000
    digest = as_slack.digest(_with_changes(names), where=WHERE)
    assert 2 <= len(digest.details) <= 8
    details = "\n".join(shown(message) for message in digest.details)
    assert all(f"|{name}>" in details for name in names)
    for message in messages_of(digest):
        check(message)
    one = as_slack.condensed(_with_changes(names), where=WHERE)
    check(one)
    left_off = re.search(r"(\d+) more lines lie in the full report", shown(one))
    assert left_off is not None
    assert (
        int(left_off[1]) + sum(f"Renamed: <https://huggingface.co/{name}|" in shown(one) for name in names) == 220 + 1
    )


def _with_changes(names: list[str]) -> Report:
    report = _case("no-models")
    changes = Changes(groups=(ChangeGroup(ChangeKind.RENAMED, len(names), tuple(Change(name) for name in names)),))
    regulation = RegulationReport(
        id="r",
        title="Rule",
        threshold=1,
        territory="CN",
        territory_name="China",
        provenance="second hand",
        honouring=Totals(),
        ignoring=Totals(),
        assumptions=("One assumption.",),
        changes=changes,
    )
    run = replace(report.run, endpoint="https://huggingface.co")
    return replace(report, run=run, regulations=(regulation,), problems=(), problems_total=0)


def test_more_than_eight_messages_become_a_count() -> None:
    names = [f"organisation-{number:05}/{'m' * 60}" for number in range(3_000)]
    digest = as_slack.digest(_with_changes(names), where=WHERE)
    assert len(digest.details) == 8
    told = sum(shown(message).count("• ") for message in digest.details)
    assert f"{3_000 + 1 - told:,} more lines lie in the full report." in shown(digest.details[-1])
    for message in digest.details:
        check(message)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 60])
@pytest.mark.parametrize("text", ["Rule", "模" * 700, "😀" * 700, "&" * 700, "<" * 700, HOSTILE * 5])
def test_any_number_of_regulations_fits(count: int, text: str) -> None:
    report = report_of(text)
    report = replace(report, regulations=report.regulations * count)
    for message in every_message(report, text=text):
        check(message)
    if count == 60:
        assert "more regulations stand in the full report" in shown(as_slack.digest(report, where=WHERE).head)


def test_hostile_strings_do_nothing(make_report: MakeReport) -> None:
    report = make_report(HOSTILE)
    for message in every_message(report, where=HOSTILE, text=HOSTILE):
        check(message)
        assert "<https://evil" not in shown(message)
        assert "<!" not in shown(message) + message.text


@given(NASTY_TEXT | ANY_TEXT, NASTY_TEXT | ANY_TEXT)
@settings(max_examples=60)
def test_slack_takes_any_text_anywhere(text: str, where: str) -> None:
    report = report_of(text)
    for message in every_message(report, where=where, text=text):
        check(message, ("https://", "http://"))  # the text may be an address of ours
    check(as_slack.notice(notice_of(text, 3)))
    check(as_slack.line(text))
    check(as_slack.repeat_note(as_slack.digest(report, where=where).head), ("https://", "http://"))


def notice_of(text: str, count: int) -> Notice:
    change = Change(text, "out_of_scope", text, text, 5)
    return Notice(
        subscription=text,
        run_id=text,
        finished_at=WHEN,
        since=PreviousRun(text, WHEN),
        endpoint="https://huggingface.co",
        changes=(NoticeChange(ChangeKind.ENTERED_SCOPE, change, text),) * count,
        provenance=(text, text),
        tool_version=text,
    )


def test_a_notice_tells_each_change_once_with_its_regulation() -> None:
    told = Notice(
        subscription="maintainers",
        run_id="7",
        finished_at=WHEN,
        since=PreviousRun("6", datetime(2026, 11, 16, 7, tzinfo=UTC)),
        endpoint="https://huggingface.co",
        changes=(
            NoticeChange(
                ChangeKind.ENTERED_SCOPE, Change("a/b", "out_of_scope", "in_scope", "weights replaced", 1), "cn-2026"
            ),
            NoticeChange(ChangeKind.NOT_DISTRIBUTED, Change("a/c", "public", "deleted"), link_live=False),
        ),
        provenance=("reported by one news outlet, uncorroborated; not legal advice",),
    )
    message = as_slack.notice(told)
    check(message)
    assert message.text == "2 changes to models that `maintainers` follows, since 2026-11-16 07:00 UTC"
    assert (
        "• Entered scope: <https://huggingface.co/a/b|a/b> Out of scope → In scope, 1 download (weights replaced), "
        "by `cn-2026`\n• Deleted, disabled or made private: `a/c` `public` → `deleted`"
    ) in shown(message)
    assert "uncorroborated" in shown(message)
    assert "more" not in shown(message)


def test_a_notice_that_is_too_long_says_how_many_more() -> None:
    message = as_slack.notice(notice_of("organisation/a-model-of-a-certain-length", 500))
    check(message)
    told = shown(message).count("• ")
    assert told > 20
    assert f"and {500 - told} more" in shown(message)


def test_a_repeat_says_so_first_and_stays_within_limits() -> None:
    message = SlackMessage("Digest", tuple({"type": "divider"} for _ in range(50)))
    repeated = as_slack.repeat_note(message)
    assert repeated.text.startswith("This may be a repeat: hubscope could not tell whether it had arrived before.")
    assert repeated.text.endswith("Digest")
    assert next(texts(repeated))["text"] == as_slack.REPEAT
    check(repeated)
    full = as_slack.condensed(_with_changes([f"o/{'n' * 90}"] * 500), where=WHERE)
    check(as_slack.repeat_note(full))
    assert len(as_slack.repeat_note(full).blocks) == len(full.blocks) + 1  # nothing of ours is lost


def test_a_repeat_of_blocks_of_any_length_fits() -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "m" * 2_900, "verbatim": True}}
    check(as_slack.repeat_note(SlackMessage("Digest", (block,) * 6)))


def test_a_repeat_of_a_very_long_text_keeps_the_note() -> None:
    assert as_slack.repeat_note(SlackMessage("&amp;" * 900, ())).text == as_slack.REPEAT


def test_an_alarm_is_one_line() -> None:
    message = as_slack.line("Job weekly is overdue since 2026-11-23 07:00 UTC.\n<!channel>")
    check(message)
    assert shown(message) == "Job weekly is overdue since 2026-11-23 07:00 UTC. `&lt;!channel&gt;`"
    assert message.text == shown(message)


def test_problems_say_how_often() -> None:
    report = replace(_case("no-models"), problems=(Problem("a/b", "gated", "No access.", 3),), problems_total=9)
    details = shown(as_slack.digest(report, where=WHERE).details[-1])
    assert "• `a/b` – `gated`, 3 times: No access.\n• 1 of 9 shown; the rest lies in the full report" in details


def test_models_that_are_gone_or_of_another_hub_are_not_linked() -> None:
    for changed in ({"disabled": True}, {"private": True}, {"source": "modelscope"}):
        row = replace(row_of("owner/name"), **changed)
        report = report_of("owner/name")
        regulation = replace(report.regulations[0], changes=None, top_in_scope=(row,))
        report = replace(report, run=replace(report.run, endpoint="https://huggingface.co"), regulations=(regulation,))
        assert "<http" not in shown(as_slack.digest(report, where=WHERE).head)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        (plain("a < b & c"), "a &lt; b &amp; c"),
        (
            words("read *all* of it, at 12:30:45, from max_length"),
            "read `*all*` of it, at `12:30:45,` from `max_length`",
        ),
        (words("note: see x"), "note: see x"),
        (words(":tada: done"), "`:tada:` done"),
        (code("a`b"), "`aˋb`"),
        (code("  "), "`␠␠`"),
        ((Piece(Kind.CODE, "a/b_c", "https://h/a/b_c"),), "<https://h/a/b_c|a/b_c>"),
        ((Piece(Kind.CODE, "a/_b_", "https://h/a/_b_"),), "`a/_b_`"),  # a link's label could turn italic
    ],
)
def test_markup_of_others_is_shown_not_done(line: tuple[Piece, ...], written: str) -> None:
    assert mrkdwn(line) == written


@given(NASTY_TEXT | ANY_TEXT, st.integers(1, 60))
def test_a_cut_goes_through_nothing(text: str, limit: int) -> None:
    linked = (Piece(Kind.CODE, "owner/name", "https://huggingface.co/owner/name"),)
    for line in (words(text), code(text), plain("• ") + words(text) + plain(" (") + code(text) + plain(")"), linked):
        cut = mrkdwn(line, limit)
        assert length(cut) <= limit
        assert not ENTITY_PATTERN.search(cut)
        assert cut.count("`") % 2 == 0
        assert "<" not in LINK_PATTERN.sub("", cut)
        assert cut.encode().decode() == cut
    for cut in (bare(text, limit), place(text, "open", max(limit, 20))):
        assert length(cut) <= max(limit, 20)
        assert not ENTITY_PATTERN.search(cut)
        assert "<" not in LINK_PATTERN.sub("", cut)


def test_lengths_are_those_of_utf_16() -> None:
    assert length("a模😀") == 4 == limits.length("a模😀")
