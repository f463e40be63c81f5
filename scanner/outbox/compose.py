"""Compose what is to be told of a run: one report, and from it a delivery for everyone who is to hear of it.

The team gets the files of its folder, and Slack; a subscriber gets the changes of their own models, where there are
any. All of it goes into the outbox in one transaction, under ids that come from the run: composing twice tells once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from config.audiences import ALARM, TEAM
from notifiers.interface import SlackMessage
from notifiers.registry import renderer
from notifiers.render import as_json, as_slack
from notifiers.render.notice_text import as_markdown
from scanner.catalogue.outbox import DeliveryState, Outbox, Outdated, Parcel
from scanner.catalogue.queries import Reader
from scanner.catalogue.tables import Delivery
from scanner.catalogue.tables import Digest as DigestRow
from scanner.digest import Digest, csv_lines
from scanner.scope import VerdictStatus
from scanner.subscriptions import notice_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.regulation import Regulation
    from config.settings import Settings
    from notifiers.notice import Notice
    from notifiers.report import Report
    from scanner.assessment import Assessment
    from scanner.catalogue.tables import Run

COMPOSED_ANEW = 5  # times, where others tell of other runs at the same time
FILES_FIRST, IN_SLACK, TABLE_LAST = 0, 100, 10_000  # positions: a long table keeps nobody waiting


@dataclass
class Composer:
    """Puts runs into the outbox.

    Attributes:
        regulations: the ones to report.
    """

    engine: Engine
    settings: Settings
    regulations: Sequence[Regulation]
    tool_version: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def tell(self, run: Run, job: str = "") -> bool:
        """Put a finished run into the outbox; False where it is there already.

        Args:
            run: what to tell of.
            job: the job that made it; empty where a person did.

        Raises:
            Outdated: time and again other runs were told meanwhile; nothing was written.
        """
        for _ in range(COMPOSED_ANEW):
            with suppress(Outdated):  # another run was told meanwhile: whoever heard of that hears only of the rest
                return self._tell(run, job)
        return self._tell(run, job)

    def _tell(self, run: Run, job: str) -> bool:
        outbox = Outbox(self.engine, self.now)
        assert run.id is not None  # noqa: S101 - stored runs have ids
        return outbox.digest_of(run.id) is None and outbox.put(self.parcel(run, job))

    def parcel(self, run: Run, job: str = "") -> Parcel:
        """What is to be told of a run; writes nothing."""
        outbox = Outbox(self.engine, self.now)
        assert run.id is not None  # noqa: S101 - stored runs have ids
        report = self._report(run, outbox)
        digest = DigestRow(
            id=_number(run, "digest"), run_id=run.id, created_at=self.now(), report=as_json.render(report)
        )
        to_team = list(self._to_team(run, report, job, digest.id))
        to_subscribers, marks = self._to_subscribers(run, digest.id, outbox.marks())
        deliveries = [*to_team, *to_subscribers]
        for delivery in deliveries:
            delivery.created_at = digest.created_at  # one moment for all: among themselves, positions decide
        return Parcel(digest, deliveries, marks)

    def alarm(self, key: str, text: str) -> bool:
        """Put one line to the team into the outbox, once a key; False where it waits or was sent, or has no way out."""
        delivery = self.alarm_delivery(key, text)
        if delivery is None:
            return False
        number = delivery.id
        outbox = Outbox(self.engine, self.now)
        return outbox.put(Parcel(deliveries=[delivery])) or outbox.revive(number)

    def alarm_delivery(self, key: str, text: str) -> Delivery | None:
        """One line to the team; None where there is no way out."""
        slack = self.settings.slack
        place = slack.alarm_channel or slack.channel
        number, payload = _digest(ALARM, key), _payload(as_slack.line(text))
        if place and (self.settings.slack_bot_token or not self.settings.slack_webhook_url):
            return self._delivery(number, ALARM, "slack", place, text, payload)
        if self.settings.slack_webhook_url:
            return self._delivery(number, ALARM, "webhook", "webhook", text, payload)
        return None

    def slack_targets(self) -> dict[str, str]:
        """Where in Slack each audience is told now: what waits goes there, also where it was meant for elsewhere."""
        slack = self.settings.slack
        places = {s.name: s.slack for s in self.settings.subscriptions}
        places |= {TEAM: slack.channel, ALARM: slack.alarm_channel or slack.channel}
        return {audience: place for audience, place in places.items() if place is not None}

    def _report(self, run: Run, outbox: Outbox) -> Report:
        reader = Reader(self.engine)
        dated = [(regulation, self.settings.announced.get(regulation.id)) for regulation in self._judged(run)]
        digest = Digest(reader, dated, self.tool_version, self.settings.report.named_models)
        return digest.report(run, self.now(), since=outbox.last_told(run))

    def _judged(self, run: Run) -> list[Regulation]:
        """A rule that nothing was judged by in a run is left out: zeros would look like an answer."""
        reader = Reader(self.engine)
        return [regulation for regulation in self.regulations if reader.judged_by(regulation.id, run)]

    # The team ----------------------------------------------------------------------------------------------------

    def _to_team(self, run: Run, report: Report, job: str, digest_id: str) -> Iterator[Delivery]:
        stem = f"hubscope-{job or 'report'}-{run.started_at:%Y-%m-%d}-run-{run.id}"
        folder = self.settings.report.folder.resolve()
        yield from self._files(run, folder, stem, digest_id)
        slack, models = self.settings.slack, Reader(self.engine).count(run)
        where = self._where(folder, stem, run)
        if slack.channel and (self.settings.slack_bot_token or not self.settings.slack_webhook_url):
            table = self._table(run, slack.csv_models) if slack.csv_models and models else None
            yield from self._to_slack(run, report, job, digest_id, where, table)
        elif self.settings.slack_webhook_url:
            number, message = _number(run, TEAM, "webhook"), as_slack.condensed(report, where=where, title=_title(job))
            yield self._delivery(
                number,
                TEAM,
                "webhook",
                "webhook",
                message.text,
                _payload(message),
                digest_id=digest_id,
                position=IN_SLACK,
            )

    def _files(self, run: Run, folder: Path, stem: str, digest_id: str) -> Iterator[Delivery]:
        """The files of the folder; a table that is as long as the run is made when it is written."""
        files: list[tuple[str, dict[str, Any]]] = [
            (renderer(form).suffix, {"render": form}) for form in self.settings.report.formats
        ]
        if self.settings.report.csv:
            files.append(("-models.csv", {"table": self._table(run, None)}))
        for position, (suffix, payload) in enumerate(files, FILES_FIRST):
            target = str(folder / f"{stem}{suffix}")
            number = _number(run, TEAM, "file", target)
            yield self._delivery(
                number,
                TEAM,
                "file",
                target,
                f"file {target}",
                payload,
                digest_id=digest_id,
                position=TABLE_LAST if "table" in payload else position,
            )

    def _where(self, folder: Path, stem: str, run: Run) -> str:
        """Where the full report lies: an address, a path, or the command that writes it."""
        report = self.settings.report
        if not report.formats:
            return f"hubscope report --run {run.id}"
        name = f"{stem}{renderer(report.formats[0]).suffix}"
        return f"{report.url.rstrip('/')}/{quote(name)}" if report.url else str(folder / name)

    def _to_slack(
        self, run: Run, report: Report, job: str, digest_id: str, where: str, table: Mapping[str, Any] | None
    ) -> Iterator[Delivery]:
        place = self.settings.slack.channel
        assert place is not None  # noqa: S101 - the caller has looked
        digest = as_slack.digest(
            report, where=where, title=_title(job), csv_note=f"CSV in the thread: {table['note']}" if table else ""
        )
        head = _number(run, TEAM, "slack", place, "0")
        for position, message in enumerate((digest.head, *digest.details)):
            number = head if position == 0 else _number(run, TEAM, "slack", place, str(position))
            yield self._delivery(
                number,
                TEAM,
                "slack",
                place,
                message.text,
                _payload(message),
                digest_id=digest_id,
                position=IN_SLACK + position,
                parent=head if position else None,
            )
        if table:
            number = _number(run, TEAM, "slack", place, "csv")
            payload = {"table": table, "filename": f"hubscope-models-run-{run.id}-{number[:8]}.csv", "else": where}
            yield self._delivery(
                number,
                TEAM,
                "slack",
                place,
                f"CSV: {table['note']}",
                payload,
                digest_id=digest_id,
                position=IN_SLACK + 999,
                parent=head,
            )

    def _table(self, run: Run, limit: int | None) -> dict[str, Any]:
        """What a CSV file of a run holds, in so few words that it can wait in the outbox."""
        reader, ids = Reader(self.engine), [regulation.id for regulation in self._judged(run)]
        models = reader.count(run)
        table: dict[str, Any] = {"run": run.id, "regulations": ids, "limit": None, "note": f"all {models:,} models"}
        if limit is not None and models > limit:
            note = f"the {limit:,} most downloaded models in scope, of {models:,} models in all"
            table |= {"limit": limit, "note": note}
        return table

    # Subscribers -------------------------------------------------------------------------------------------------

    def _to_subscribers(
        self, run: Run, digest_id: str, marks: Mapping[str, int]
    ) -> tuple[list[Delivery], dict[str, tuple[int | None, int]]]:
        """Messages to those whose models changed; whoever is new is told of changes from this run on."""
        assert run.id is not None  # noqa: S101 - stored runs have ids
        deliveries: list[Delivery] = []
        reader = Reader(self.engine)
        for subscription in self.settings.subscriptions:
            mark = marks.get(subscription.name)
            if mark is None or mark >= run.id:
                continue
            since = reader.run(mark)
            notice = notice_of(self.engine, subscription, self.regulations, since, run, self.tool_version)
            if notice is not None:
                deliveries += self._notice(run, digest_id, notice, subscription.slack, subscription.folder)
        names = [subscription.name for subscription in self.settings.subscriptions]
        moved = {name: (marks.get(name), run.id) for name in names if (marks.get(name) or 0) < run.id}
        return deliveries, moved

    def _notice(
        self, run: Run, digest_id: str, notice: Notice, slack: str | None, folder: Path | None
    ) -> Iterator[Delivery]:
        name = notice.subscription
        if folder is not None:
            # Not as the team's files are called: a job may have the subscription's name, and the same folder.
            target = str(folder.resolve() / f"hubscope-changes-{name}-{run.started_at:%Y-%m-%d}-run-{run.id}.md")
            number, payload = _number(run, name, "file", target), {"text": as_markdown(notice)}
            yield self._delivery(number, name, "file", target, f"file {target}", payload, digest_id=digest_id)
        if slack is not None:
            number, message = _number(run, name, "slack", slack), as_slack.notice(notice)
            yield self._delivery(
                number, name, "slack", slack, message.text, _payload(message), digest_id=digest_id, position=1
            )

    def _delivery(
        self, number: str, audience: str, channel: str, target: str, subject: str, payload: Any, **more: Any
    ) -> Delivery:
        return Delivery(
            id=number,
            audience=audience,
            channel=channel,
            target=target,
            subject=subject[:500],
            payload=payload,
            state=DeliveryState.WAITING,
            created_at=self.now(),
            **more,
        )


def table_lines(engine: Engine, table: Mapping[str, Any]) -> Iterable[str]:
    """The lines of the CSV file that a delivery describes."""
    reader = Reader(engine)
    run = reader.run(int(table["run"]))
    regulations = [str(name) for name in table["regulations"]]
    models: Iterable[Assessment] = reader.assessments(run)
    if table["limit"] is not None and regulations:
        models = reader.top(run, regulations[0], VerdictStatus.IN_SCOPE, int(table["limit"]))
    return csv_lines(models, regulations)


def _title(job: str) -> str:
    return f"Models in scope, {job}" if job else ""


def _payload(message: SlackMessage) -> dict[str, Any]:
    return {"text": message.text, "blocks": list(message.blocks)}


def _number(run: Run, *parts: str) -> str:
    """The id of something told of a run: the same whenever it is composed, another one in every other catalogue."""
    return _digest(run.endpoint, run.selection, run.started_at.isoformat(), str(run.id), *parts)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
