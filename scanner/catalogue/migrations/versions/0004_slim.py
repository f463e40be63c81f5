"""Slim tables: what is known now in one row a model, what many share in one row for all, history beside it.

Everything that is known and was known is taken over, some models at a time. What was noted to be read cannot be gone on
with; the next scan notes it anew, and one that was not finished is not gone on with. Details and estimates are packed
by `records`: whatever packs them otherwise one day has to read what it packed before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection, Row

from estimators.interface import Basis, Estimate, Evidence, Finding
from scanner.catalogue import records
from scanner.catalogue.coding import SOURCES, key_bytes, seconds
from scanner.restrictions.interface import FINDING_CODES, Place, Restrictions, Status
from scanner.restrictions.interface import Finding as LimitFinding
from scanner.scope import margin_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AT_ONCE = 1000  # models, or rows of what hangs on none
SAMPLE = 1000  # verdicts of a regulation that tell its threshold
OLD = ("declaration", "verdict", "observation", "member", "pending_read", "blob", "model")  # in the order they can go
SHIPPED = {"cn-2026": ((1_000_000, 1_000_000),)}
"""Thresholds of the regulations that were shipped by then, and what a count had to pass; tried before all others."""
OBSERVED = (
    "observed_at", "name", "sha", "profile", "base_model", "license", "low", "point", "high", "stored_elements",
    "buffers", "declared_total", "declared_sum", "detail",
)  # fmt: skip
PROFILE = (
    "basis", "exact", "distribution", "gated", "adapter", "restriction_status", "restriction_read", "country_asked",
    "findings",
)  # fmt: skip
RULING = (
    "regulation", "status", "status_ignoring_declarations", "reasons", "next_step", "threshold", "strict", "own",
)  # fmt: skip
DECLARED = (
    "kind", "excluded", "limited_to", "active", "file", "start", "end", "quote", "language", "inherited_from",
)  # fmt: skip


def upgrade() -> None:
    """Bring the catalogue up to this revision."""
    connection = op.get_bind()
    op.add_column("run", sa.Column("base", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("named", sa.Boolean(), nullable=True))
    op.add_column("run", sa.Column("doubts", sa.JSON(), nullable=True))
    op.add_column("run", sa.Column("watermark", sa.DateTime(), nullable=True))
    _set_aside(connection)
    _create()
    held = _Takeover(connection).carry_out()
    # Of an empty file, names get their index once there are some (store.NAMES).
    if held or connection.dialect.name == "postgresql":
        op.create_index("ix_model_name", "model", ["name"], unique=False)
    for name in OLD:
        op.drop_table(f"old_{name}")


def _set_aside(connection: Connection) -> None:
    """Give the old tables, and what has a name of its own in them, other names."""
    for name in OLD:
        for index in sa.inspect(connection).get_indexes(name):
            if connection.dialect.name == "postgresql":
                op.execute(f"ALTER INDEX {index['name']} RENAME TO old_{index['name']}")
            elif index["name"] in ("ix_model_name", "ix_pending_read_order"):  # names that are used again
                op.drop_index(str(index["name"]), name)
        op.rename_table(name, f"old_{name}")
        if connection.dialect.name == "postgresql":
            op.execute(f"ALTER TABLE old_{name} RENAME CONSTRAINT pk_{name} TO pk_old_{name}")


def _numbers() -> list[sa.Column[Any]]:
    return [
        sa.Column("base_model", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("point", sa.BigInteger(), nullable=True),
        sa.Column("high", sa.BigInteger(), nullable=True),
        sa.Column("stored_elements", sa.BigInteger(), nullable=True),
        sa.Column("buffers", sa.BigInteger(), nullable=True),
        sa.Column("declared_total", sa.BigInteger(), nullable=True),
        sa.Column("declared_sum", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
    ]


def _create() -> None:
    op.create_table(
        "model",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("last_modified", sa.BigInteger(), nullable=True),
        sa.Column("sha", sa.LargeBinary(), nullable=True),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.BigInteger(), nullable=False),
        sa.Column("first_run", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.Column("listed", sa.BigInteger(), nullable=True),
        sa.Column("count_looked", sa.LargeBinary(), nullable=True),
        sa.Column("texts_looked", sa.LargeBinary(), nullable=True),
        sa.Column("since_run", sa.Integer(), nullable=True),
        sa.Column("observed_at", sa.BigInteger(), nullable=True),
        sa.Column("profile", sa.Integer(), nullable=True),
        *_numbers(),
        sa.Column("judgement", sa.Integer(), nullable=True),
        sa.Column("judged_since", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_model")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "profile",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("gated", sa.String(), nullable=True),
        sa.Column("adapter", sa.Boolean(), nullable=False),
        sa.Column("restriction_status", sa.String(), nullable=False),
        sa.Column("restriction_read", sa.JSON(), nullable=False),
        sa.Column("country_asked", sa.Boolean(), nullable=False),
        sa.Column("findings", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile")),
    )
    op.create_table(
        "judgement",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("regulation", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_ignoring_declarations", sa.String(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("strict", sa.BigInteger(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", "regulation", name=op.f("pk_judgement")),
    )
    op.create_table(
        "past_observation",
        sa.Column("model_key", sa.LargeBinary(), nullable=False),
        sa.Column("since_run", sa.Integer(), nullable=False),
        sa.Column("until_run", sa.Integer(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha", sa.LargeBinary(), nullable=True),
        sa.Column("profile", sa.Integer(), nullable=False),
        *_numbers(),
        sa.PrimaryKeyConstraint("model_key", "since_run", name=op.f("pk_past_observation")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_past_observation_until_run", "past_observation", ["until_run"], unique=False)
    op.create_table(
        "past_judgement",
        sa.Column("model_key", sa.LargeBinary(), nullable=False),
        sa.Column("since_run", sa.Integer(), nullable=False),
        sa.Column("until_run", sa.Integer(), nullable=False),
        sa.Column("judgement", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("model_key", "since_run", name=op.f("pk_past_judgement")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_past_judgement_until_run", "past_judgement", ["until_run"], unique=False)
    op.create_table(
        "member",
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("model_key", sa.LargeBinary(), nullable=False),
        sa.Column("since_run", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["last_run"], ["run.id"], name=op.f("fk_member_last_run")),
        sa.ForeignKeyConstraint(["series"], ["run.id"], name=op.f("fk_member_series")),
        sa.ForeignKeyConstraint(["since_run"], ["run.id"], name=op.f("fk_member_since_run")),
        sa.PrimaryKeyConstraint("series", "model_key", "since_run", name=op.f("pk_member")),
    )
    op.create_table(
        "declaration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_key", sa.LargeBinary(), nullable=False),
        sa.Column("since_run", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("limited_to", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=True),
        sa.Column("end", sa.Integer(), nullable=True),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("inherited_from", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
    )
    op.create_index("ix_declaration_model", "declaration", ["model_key", "since_run"], unique=False)
    op.create_table(
        "pending_read",
        sa.Column("model_key", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Boolean(), nullable=False),
        sa.Column("texts", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.BigInteger(), nullable=True),
        sa.Column("work", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model_key", name=op.f("pk_pending_read")),
    )
    op.create_index("ix_pending_read_order", "pending_read", ["run_id", "downloads", "model_key"], unique=False)
    columns = ["run_id", "count", "downloads", "model_key"]
    op.create_index("ix_pending_read_count", "pending_read", columns, unique=False)
    op.create_table(
        "blob",
        sa.Column("digest", sa.LargeBinary(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("estimate", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blob")),
    )


Rows = Mapping[str, list[Row[Any]]]
Ruling = tuple[Any, ...]
"""Values of `RULING`."""
Segment = tuple[int, int | None, frozenset[Ruling]]
"""From a run up to another one (or until now), with what held."""


class _Takeover:
    """Reads the old tables and fills the new ones."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        old = sa.MetaData()
        old.reflect(connection, only=[f"old_{name}" for name in OLD])
        self.old = {name: old.tables[f"old_{name}"] for name in OLD}
        new = sa.MetaData()
        new.reflect(
            connection,
            only=[
                "run",
                "profile",
                "judgement",
                *(n for n in OLD if n not in ("verdict", "observation")),
                "past_observation",
                "past_judgement",
            ],
        )
        self.new = new.tables
        self.profiles: dict[str, int] = {}
        self.judgements: dict[frozenset[Ruling], int] = {}
        self.thresholds = _Thresholds(connection, self.old["verdict"], self.old["observation"])

    def carry_out(self) -> bool:
        """Take everything over; whether there was any model."""
        held = False
        for models in self._pages(self.old["model"], "key"):
            held = True
            self._take_models(models)
        for blobs in self._pages(self.old["blob"], "digest"):
            self._insert("blob", filter(None, (_blob(row) for row in blobs)))
        self._take_members()
        runs = self.new["run"]
        unfinished = sa.update(runs).where(runs.c.state.in_(("running", "interrupted")))
        self.connection.execute(unfinished.values(state="abandoned"))
        return held

    def _pages(self, table: sa.Table, key: str) -> Iterator[Sequence[Row[Any]]]:
        """All rows of a table, some at a time, by their keys."""
        statement = sa.select(table).order_by(table.c[key]).limit(AT_ONCE)
        rows = self.connection.execute(statement).all()
        while rows:
            yield rows
            rows = self.connection.execute(statement.where(table.c[key] > getattr(rows[-1], key))).all()

    def _of(self, name: str, column: str, keys: Sequence[Any], *order: str) -> Rows:
        """The rows of a table that belong to some others, by what they belong to."""
        table = self.old[name]
        found: dict[Any, list[Row[Any]]] = {}
        for start in range(0, len(keys), AT_ONCE):
            of = sa.select(table).where(table.c[column].in_(keys[start : start + AT_ONCE]))
            for row in self.connection.execute(of.order_by(*(table.c[name] for name in order))):
                found.setdefault(getattr(row, column), []).append(row)
        return found

    def _insert(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        values = list(rows)
        if values:
            self.connection.execute(self.new[name].insert(), values)

    # Models ------------------------------------------------------------------------------------------------------

    def _take_models(self, models: Sequence[Row[Any]]) -> None:
        keys = [model.key for model in models]
        observed = self._of("observation", "model_key", keys, "since_run", "id")
        judged = self._of("verdict", "model_key", keys, "since_run", "id")
        numbers = [row.id for rows in observed.values() for row in rows]
        declared = self._of("declaration", "observation_id", numbers, "id")
        new: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("model", "past_observation", "past_judgement", "declaration")
        }
        for model in models:
            row, observations = _model(model), observed.get(model.key, [])
            for observation in observations:
                values = self._observation(observation)
                since = {"since_run": observation.since_run}
                place = {"model_key": row["key"], **since}
                if observation.until_run is None:
                    row.update({**values, **since, "name": model.name, "sha": row["sha"] or values["sha"]})
                else:
                    new["past_observation"].append({**place, "until_run": observation.until_run, **values})
                new["declaration"] += [
                    {**{name: getattr(item, name) for name in DECLARED}, **place}
                    for item in declared.get(observation.id, [])
                ]
            for since_run, until_run, rulings in self._judgements(judged.get(model.key, []), observations):
                number = self._judgement(rulings)
                if until_run is None:
                    row.update(judgement=number, judged_since=since_run)
                else:
                    held = {"since_run": since_run, "until_run": until_run, "judgement": number}
                    new["past_judgement"].append({"model_key": row["key"], **held})
            new["model"].append(row)
        for name, rows in new.items():
            self._insert(name, rows)

    def _observation(self, row: Row[Any]) -> dict[str, Any]:
        """The columns of an observation, its profile by number."""
        estimate = Estimate(
            low=row.low,
            high=row.high,
            point=row.point,
            basis=Basis(row.basis),
            components=row.components,
            evidence=tuple(Evidence(**{**e, "basis": Basis(e["basis"])}) for e in row.evidence),
            findings=tuple(Finding(**f) for f in row.findings if f["code"] not in FINDING_CODES),
        )
        restrictions = Restrictions(
            status=Status(row.restriction_status),
            read=tuple(Place(place) for place in row.restriction_read),
            findings=tuple(LimitFinding(**f) for f in row.findings if f["code"] in FINDING_CODES),
        )
        same = ("name", *OBSERVED[4:-1])
        return {
            **{name: getattr(row, name) for name in same},
            "observed_at": _seconds(row.observed_at),
            "sha": _bytes(row.sha),
            "profile": self._profile({**{n: getattr(row, n, None) for n in PROFILE}, "findings": bool(row.findings)}),
            "detail": records.packed_detail(estimate, restrictions, row.name),
        }

    def _profile(self, values: dict[str, Any]) -> int:
        said = msgspec.json.encode(values, order="sorted").decode()
        if said not in self.profiles:
            self.profiles[said] = len(self.profiles) + 1
            self._insert("profile", [{"id": self.profiles[said], **values}])
        return self.profiles[said]

    def _judgement(self, rulings: frozenset[Ruling]) -> int:
        if rulings not in self.judgements:
            number = self.judgements[rulings] = len(self.judgements) + 1
            self._insert("judgement", [{"id": number, **dict(zip(RULING, r, strict=True))} for r in rulings])
        return self.judgements[rulings]

    def _judgements(self, verdicts: Sequence[Row[Any]], observations: Sequence[Row[Any]]) -> Iterator[Segment]:
        """From when to when the verdicts of all regulations together stood, the segments that differ."""
        ruled = [(row, self._ruling(row, observations)) for row in verdicts]
        starts = sorted({row.since_run for row in verdicts} | {row.until_run for row in verdicts if row.until_run})
        last: Segment | None = None
        for start, end in pairwise([*starts, None]):
            assert start is not None  # noqa: S101 - only the last is
            held = frozenset(
                ruling
                for row, ruling in ruled
                if row.since_run <= start and (row.until_run is None or row.until_run > start)
            )
            if last is not None and last[2] == held:
                last = (last[0], end, held)
                continue
            if last is not None and last[2]:
                yield last
            last = (start, end, held)
        if last is not None and last[2]:
            yield last

    def _ruling(self, row: Row[Any], observations: Sequence[Row[Any]]) -> Ruling:
        """A verdict without its margin, which follows from the numbers and from the threshold."""
        until = row.until_run
        # A margin was kept up to date as long as its verdict stood: it is of the last observation of that time.
        of = [o for o in observations if until is None or o.since_run < until]
        threshold, strict, own = self.thresholds.of(row, of[-1] if of else None)
        said = (row.regulation, row.status, row.status_ignoring_declarations, row.reasons, row.next_step)
        return (*said, threshold, strict, own)

    # What hangs on no page of models -----------------------------------------------------------------------------

    def _take_members(self) -> None:
        table = self.old["member"]
        place = (table.c.series, table.c.model_key, table.c.since_run)
        statement = sa.select(table).order_by(*place).limit(AT_ONCE)
        rows = self.connection.execute(statement).all()
        while rows:
            self._insert("member", ({**row._mapping, "model_key": key_bytes(row.model_key)} for row in rows))
            last = rows[-1]
            behind = sa.tuple_(*place) > sa.tuple_(
                sa.literal(last.series), sa.literal(last.model_key), sa.literal(last.since_run)
            )
            rows = self.connection.execute(statement.where(behind)).all()


class _Thresholds:
    """Which threshold a verdict was made by, which no column told: its margin does."""

    def __init__(self, connection: Connection, verdict: sa.Table, observation: sa.Table) -> None:
        self.known: dict[str, list[tuple[int, int]]] = {}
        for name in connection.execute(sa.select(verdict.c.regulation).distinct()).scalars().all():
            self.known[name] = list(SHIPPED.get(name, ()))
            joined = sa.and_(observation.c.model_key == verdict.c.model_key, observation.c.until_run.is_(None))
            sample = (
                sa.select(verdict, observation.c.low, observation.c.point, observation.c.high)
                .join(observation, joined)
                .where(verdict.c.regulation == name, verdict.c.margin > 0, verdict.c.until_run.is_(None))
                .limit(SAMPLE)
            )
            for row in connection.execute(sample):
                self.of(row, row)

    def of(self, row: Row[Any], numbers: Row[Any] | None) -> tuple[int, int, bool]:
        """The threshold of a verdict, what a count has to pass, and whether its own interval was judged."""
        codes = row.reasons.split(",")
        own, no_weights = records.BASE_UNKNOWN not in codes, records.NO_WEIGHTS in codes
        known = self.known[row.regulation]
        if numbers is None:
            return (*(known[0] if known else (1, 1)), own)
        span = (numbers.low, numbers.point, numbers.high)
        for threshold, strict in known:
            if margin_of(*span, threshold, strict, own=own, no_weights=no_weights) == row.margin:
                return threshold, strict, own
        for threshold, strict in _told(row.margin, span, own=own):
            if margin_of(*span, threshold, strict, own=own, no_weights=no_weights) == row.margin:
                known.append((threshold, strict))
                return threshold, strict, own
        if known:  # of older numbers than those that are stored
            return (*known[0], own)
        # Nothing ever told it: one by which there is no margin either.
        return max(numbers.low, 1), numbers.low, own


def _told(margin: float | None, span: tuple[int, int | None, int | None], *, own: bool) -> Iterator[tuple[int, int]]:
    """Thresholds that a margin may have been made by, the roundest first."""
    if not margin:
        return
    low, point, high = span
    for number in (low, high) if point is None or not own else (point,):
        if number:
            for digits in range(1, 17):
                threshold = round(float(f"{number / margin:.{digits}g}"))
                for strict in (threshold, threshold - 1):
                    if threshold > 0:
                        yield threshold, strict


def _model(row: Row[Any]) -> dict[str, Any]:
    """The columns of a model of which nothing is known yet."""
    return {
        **dict.fromkeys((*OBSERVED, "listed", "since_run", "judgement", "judged_since")),
        "low": 0,
        "key": key_bytes(row.key),
        "name": row.name,
        "source": SOURCES.index(row.source),
        "created_at": _seconds(row.created_at),
        "last_modified": _seconds(row.last_modified),
        "sha": _bytes(row.sha),
        "downloads": row.downloads,
        "likes": row.likes,
        "first_run": row.first_run,
        "last_run": row.last_run,
        "count_looked": _bytes(row.count_looked),
        "texts_looked": _bytes(row.texts_looked),
    }


def _blob(row: Row[Any]) -> dict[str, Any] | None:
    """A remembered file; None of one that an older version counted otherwise."""
    try:
        estimate = msgspec.convert(row.estimate, Estimate)
    except msgspec.ValidationError:
        return None
    return {"digest": records.blob_key(row.digest), "size": row.size, "estimate": records.packed_estimate(estimate)}


def _seconds(moment: Any) -> int | None:
    return None if moment is None else seconds(moment)


def _bytes(digits: str | None) -> bytes | None:
    """Hexadecimal digits as stored now; nothing of what are none."""
    try:
        return None if digits is None else bytes.fromhex(digits)
    except ValueError:
        return None
