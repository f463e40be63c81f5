"""Take back what a run wrote whose word cannot be believed.

What it wrote is kept, as history that holds in no run (`since_run` and `until_run` are its own number), with the words
of its declarations; what it had replaced is known again. Models that only it has seen stay without anything that is
known of them, and appear nowhere. Of all that it saw the fingerprints go, and of all that it judged the marks of looks,
so that the next run decides anew. Figures that are overwritten in place, and when a model was last seen, stay as it
left them.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, literal, select, update

from scanner.catalogue.core import MEMBER, MODEL, PAST_JUDGEMENT, PAST_OBSERVATION, PENDING
from scanner.catalogue.driver import OBSERVED


def withdraw(connection: Connection, run_id: int, covers: tuple[int, int] | None) -> None:
    """Make it as if a run had seen nothing.

    Args:
        connection: in a transaction.
        run_id: the run.
        covers: its series and the last finished run of that before it; None where it has no list of its models.
    """
    # What it noted rests on what it saw; the next listing, which is a whole one, notes anew what is to be read.
    connection.execute(delete(PENDING).where(PENDING.c.run_id == run_id))
    connection.execute(update(MODEL).where(MODEL.c.last_run == run_id).values(listed=None))
    _withdraw_judgements(connection, run_id)
    _withdraw_observations(connection, run_id)
    if covers is not None:
        series, finished = covers
        connection.execute(delete(MEMBER).where(MEMBER.c.series == series, MEMBER.c.since_run == run_id))
        seen = (MEMBER.c.series == series, MEMBER.c.last_run == run_id)
        connection.execute(update(MEMBER).where(*seen).values(last_run=finished))


def _withdraw_observations(connection: Connection, run_id: int) -> None:
    past, ours = PAST_OBSERVATION, MODEL.c.since_run == run_id
    columns = [MODEL.c[name] for name in OBSERVED]
    apart = select(MODEL.c.key, MODEL.c.since_run, literal(run_id), *columns).where(ours)
    connection.execute(insert(past).from_select(["model_key", "since_run", "until_run", *OBSERVED], apart))
    replaced = (past.c.model_key == MODEL.c.key, past.c.until_run == run_id, past.c.since_run < run_id)
    forgotten = {"listed": None, "count_looked": None, "texts_looked": None}
    restored = {name: past.c[name] for name in (*OBSERVED, "since_run")}
    connection.execute(update(MODEL).where(ours, *replaced).values({**restored, **forgotten}))
    connection.execute(delete(past).where(past.c.until_run == run_id, past.c.since_run < run_id))
    unknown = {"since_run": None, "observed_at": None, "profile": None, "sha": None, **forgotten}
    connection.execute(update(MODEL).where(ours).values(unknown))


def _withdraw_judgements(connection: Connection, run_id: int) -> None:
    past, ours = PAST_JUDGEMENT, MODEL.c.judged_since == run_id
    apart = select(MODEL.c.key, MODEL.c.judged_since, literal(run_id), MODEL.c.judgement).where(ours)
    connection.execute(insert(past).from_select(["model_key", "since_run", "until_run", "judgement"], apart))
    replaced = (past.c.model_key == MODEL.c.key, past.c.until_run == run_id, past.c.since_run < run_id)
    restored = {"judgement": past.c.judgement, "judged_since": past.c.since_run, "listed": None}
    connection.execute(update(MODEL).where(ours, *replaced).values(restored))
    connection.execute(delete(past).where(past.c.until_run == run_id, past.c.since_run < run_id))
    connection.execute(update(MODEL).where(ours).values(judgement=None, judged_since=None, listed=None))
