"""Write what changed, and only that: what is known now stands with the model, what was known before as history.

Within one run the newest look replaces the one before. Where it comes out as things stood before the run, what stood
then is known again, so that a scan that found nothing new leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert

from scanner.catalogue import driver, records
from scanner.catalogue.coding import SOURCES, key_bytes, key_text, seconds
from scanner.catalogue.core import DECLARATION, declarations_of
from scanner.catalogue.driver import MODEL_COLUMNS, OBSERVED
from scanner.catalogue.records import AnyRow, Values

if TYPE_CHECKING:
    from scanner.assessment import Assessment
    from scanner.catalogue.kinds import Kinds

LOOK = ("sha", "observed_at", "detail")  # how an observation came about: no part of what it says


class History:
    """What one transaction does to some models, and to what is kept of the time before.

    Args:
        connection: in a transaction.
        run_id: the run that has looked.
        kinds: profiles and judgements by number.
        keys: every model that it is about, as stored.
    """

    def __init__(self, connection: Connection, run_id: int, kinds: Kinds, keys: Sequence[bytes]) -> None:
        self._connection, self._run, self._kinds = connection, run_id, kinds
        found = driver.select_by_key(connection, "model", MODEL_COLUMNS, keys)
        self._before: dict[bytes, Values] = {}
        for row in found:
            values = dict(zip(MODEL_COLUMNS, row, strict=True))
            self._before[values["key"]] = values
        self._replaced = self._closed_by_this_run("past_observation", OBSERVED, "since_run")
        self._overruled = self._closed_by_this_run("past_judgement", ("judgement",), "judged_since")
        known = [(key, row) for key, row in (*self._before.items(), *self._replaced.items()) if row["since_run"]]
        places = [(key_text(key), row["since_run"]) for key, row in known]
        self._declared = declarations_of(connection, places) if places else {}
        self._after: dict[bytes, Values] = {}
        self._past_observations: list[tuple[Any, ...]] = []
        self._past_judgements: list[tuple[Any, ...]] = []
        self._reopened_observations: list[tuple[bytes, int]] = []
        self._reopened_judgements: list[tuple[bytes, int]] = []
        self._undeclared: list[tuple[bytes, int]] = []
        self._declarations: list[Values] = []

    def listed(self, key: str) -> int | None:
        """The fingerprint that a model has."""
        before = self._before.get(key_bytes(key))
        return None if before is None else before["listed"]

    def observe(self, assessment: Assessment, *, listed: int | None) -> None:
        """Note what is known of a model now, and how it is judged.

        Args:
            assessment: of the model.
            listed: fingerprint of what the listing said.
        """
        key = key_bytes(assessment.key)
        before = self._before.get(key)
        after = self._seen(key, assessment, listed)
        values = records.observed_columns(assessment)
        values["profile"] = self._kinds.profile(self._connection, values["profile"])
        held = before is not None and before["since_run"] is not None
        if held and before is not None:
            values["sha"] = values["sha"] or before["sha"]
            self._change(key, before, after, values, assessment)
        else:
            after.update(values, since_run=self._run)
            self._declare(assessment)
        self._judge(key, after, assessment)
        self._after[key] = after

    def see(self, assessment: Assessment, *, listed: int | None) -> None:
        """Note that a model was seen; what is known of it stays, but for its name and its figures."""
        key = key_bytes(assessment.key)
        before = self._before.get(key)
        if before is None or before["since_run"] is None:
            self.observe(assessment, listed=listed)
            return
        after = self._seen(key, assessment, listed)
        name = records.printable(assessment.name)
        if before["name"] != name:
            after["name"] = name
            if before["since_run"] != self._run:
                self._keep(before)
                after["since_run"] = self._run
                self._declarations += [
                    {**records.declaration_values(records.declaration_of(row)), **self._place(key)}
                    for row in self._declared_before(key, before)
                ]
        self._after[key] = after

    def judge(self, assessment: Assessment) -> None:
        """Note how a model that is known is judged; nothing else of it changes."""
        key = key_bytes(assessment.key)
        after = dict(self._before[key])
        self._judge(key, after, assessment)
        self._after[key] = after

    def write(self) -> None:
        """Carry out what was noted."""
        for table, places in (
            ("past_observation", self._reopened_observations),
            ("past_judgement", self._reopened_judgements),
            ("declaration", self._undeclared),
        ):
            driver.run_many(self._connection, driver.delete_text(table, "model_key", "since_run"), places)
        driver.run_many(self._connection, driver.ADD_PAST_OBSERVATION, self._past_observations)
        driver.run_many(self._connection, driver.ADD_PAST_JUDGEMENT, self._past_judgements)
        rows = sorted(self._after.items())
        driver.run_many(
            self._connection, driver.PUT_MODEL, (tuple(row[name] for name in MODEL_COLUMNS) for _, row in rows)
        )
        if self._declarations:
            self._connection.execute(insert(DECLARATION), self._declarations)

    # Observations ------------------------------------------------------------------------------------------------

    def _seen(self, key: bytes, assessment: Assessment, listed: int | None) -> Values:
        """A model's row with what moves all the time."""
        before = self._before.get(key)
        row: Values = dict.fromkeys(MODEL_COLUMNS) if before is None else dict(before)
        if before is None:
            created = assessment.created_at
            row.update(
                key=key,
                source=SOURCES.index(assessment.source),
                created_at=None if created is None else seconds(created),
                first_run=self._run,
            )
        elif before["since_run"] is None:  # a suspect run's word for it counts for nothing
            row["first_run"] = self._run
        modified = assessment.last_modified
        row.update(
            last_modified=None if modified is None else seconds(modified),
            downloads=assessment.downloads,
            likes=assessment.likes,
            last_run=self._run,
            listed=listed,
        )
        return row

    def _change(self, key: bytes, before: Values, after: Values, values: Values, assessment: Assessment) -> None:
        """Bring what is known of a model from what it was to what it is."""
        now = records.what_matters(assessment)
        ours = before["since_run"] == self._run
        if self._mattered(key, before) == now:
            after.update({name: values[name] for name in LOOK} if ours else {"sha": values["sha"]})
            return
        if not ours:
            self._keep(before)
            after.update(values, since_run=self._run)
            self._declare(assessment)
            return
        self._undeclared.append((key, self._run))
        earlier = self._replaced.get(key)
        if earlier is not None and self._mattered(key, earlier) == now:
            after.update(earlier)
            after["sha"] = values["sha"]
            self._reopened_observations.append((key, earlier["since_run"]))
        else:
            after.update(values)
            self._declare(assessment)

    def _mattered(self, key: bytes, row: Values) -> tuple[object, ...]:
        profile = self._kinds.numbered(self._connection, row["profile"])
        return records.what_mattered(row, profile, self._declared_before(key, row))

    def _declared_before(self, key: bytes, row: Values) -> Sequence[AnyRow]:
        return self._declared.get((key_text(key), row["since_run"]), ())

    def _declare(self, assessment: Assessment) -> None:
        place = self._place(key_bytes(assessment.key))
        self._declarations += [{**records.declaration_values(item), **place} for item in assessment.restrictions.items]

    def _place(self, key: bytes) -> Values:
        return {"model_key": key_text(key), "since_run": self._run}

    def _keep(self, row: Values) -> None:
        """Close what was known until this run."""
        self._past_observations.append((row["key"], row["since_run"], self._run, *(row[name] for name in OBSERVED)))

    # Judgements --------------------------------------------------------------------------------------------------

    def _judge(self, key: bytes, after: Values, assessment: Assessment) -> None:
        """Bring a model's judgement up to date; regulations that the assessment does not name stay as they are."""
        before, since = after["judgement"], after["judged_since"]
        held = self._kinds.rulings(self._connection, before)
        now = {**held, **{v.regulation: records.ruling_of(v) for v in assessment.verdicts}}
        number = self._kinds.judgement(self._connection, now.values())
        if number == before:
            return
        after["judgement"] = number
        said = records.what_is_said(now)
        if since is None:
            after["judged_since"] = self._run
        elif records.what_is_said(held) == said:
            return
        elif since != self._run:
            self._past_judgements.append((key, since, self._run, before))
            after["judged_since"] = self._run
        elif (earlier := self._overruled.get(key)) is not None and said == records.what_is_said(
            self._kinds.rulings(self._connection, earlier["judgement"])
        ):
            after["judged_since"] = earlier["since_run"]
            self._reopened_judgements.append((key, earlier["since_run"]))

    def _closed_by_this_run(self, table: str, columns: Sequence[str], since: str) -> dict[bytes, Values]:
        """What stood before this run, of the models that it has written before."""
        keys = [key for key, row in self._before.items() if row[since] == self._run]
        names = ("model_key", "since_run", *columns)
        more = f" AND until_run = {self._run:d} AND since_run < {self._run:d}"
        found: dict[bytes, Values] = {}
        for row in driver.select_by_key(self._connection, table, names, keys, more, "model_key"):
            key, *values = row
            found[key] = dict(zip(names[1:], values, strict=True))
        return found


def write_members(connection: Connection, run_id: int, series: int, finished: int, keys: Iterable[bytes]) -> None:
    """Note which models a run of part of the source covers.

    Args:
        connection: in a transaction.
        run_id: the run.
        series: the first run of the same selection.
        finished: the last run of the series that came to its end before this one, 0 where none did; a model that it
            did not see was not covered for a while.
        keys: the models seen, as stored.
    """
    seen = list(dict.fromkeys(keys))
    covered = f"series = {series:d} AND model_key = ? AND last_run >= {finished:d}"
    driver.run_many(connection, f"UPDATE member SET last_run = {run_id:d} WHERE {covered}", ((k,) for k in seen))  # noqa: S608
    driver.run_many(
        connection,
        f"INSERT INTO member (series, model_key, since_run, last_run) "  # noqa: S608 - numbers of ours
        f"SELECT {series:d}, ?, {run_id:d}, {run_id:d} WHERE NOT EXISTS (SELECT 1 FROM member WHERE {covered})",
        ((key, key) for key in seen),
    )
