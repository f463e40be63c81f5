"""The numbers of profiles and judgements: what many models share stands once, and is met again by what it says.

All of them together are some hundreds of rows, so they are kept in memory. Rows are only ever added, by one writer at a
time; what another one added meanwhile is read before anything new gets a number.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from scanner.catalogue.core import JUDGEMENT, PROFILE
from scanner.listed import Profile, Ruling

_PROFILE = tuple(column for column in PROFILE.c if column.name != "id")
_RULING = tuple(column for column in JUDGEMENT.c if column.name != "id")


class Kinds:
    """Profiles and judgements by number, and the other way round."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._profiles: dict[Profile, int] = {}
        self._profile: dict[int, Profile] = {}
        self._judgements: dict[frozenset[Ruling], int] = {}
        self._rulings: dict[int, dict[str, Ruling]] = {}
        self._read = (0, 0)  # the last numbers that were read or given
        self._within: object = None  # the transaction in which they were

    def undone(self) -> None:
        """A transaction in which numbers may have been given was undone."""
        self._forget()

    def profile(self, connection: Connection, profile: Profile) -> int:
        """The number of a profile; a new one is stored, in the transaction of the caller."""
        found = self._profiles.get(profile)
        if found is None:
            self._catch_up(connection)
            found = self._profiles.get(profile)
        if found is None:
            profiles, judgements = self._read
            found = profiles + 1
            values = {column.name: getattr(profile, column.name) for column in _PROFILE}
            values["restriction_read"] = list(profile.restriction_read)
            connection.execute(insert(PROFILE), {"id": found, **values})
            self._profiles[profile] = found
            self._profile[found] = profile
            self._read = found, judgements
        return found

    def numbered(self, connection: Connection, number: int) -> Profile:
        """The profile of a number."""
        if number not in self._profile:
            self._catch_up(connection)
        return self._profile[number]

    def judgement(self, connection: Connection, rulings: Iterable[Ruling]) -> int | None:
        """The number of a judgement; None of one without any ruling."""
        said = frozenset(rulings)
        if not said:
            return None
        found = self._judgements.get(said)
        if found is None:
            self._catch_up(connection)
            found = self._judgements.get(said)
        if found is None:
            profiles, judgements = self._read
            found = judgements + 1
            rows = [
                {"id": found, **{column.name: getattr(ruling, column.name) for column in _RULING}} for ruling in said
            ]
            connection.execute(insert(JUDGEMENT), rows)
            self._note(found, said)
            self._read = profiles, found
        return found

    def rulings(self, connection: Connection, number: int | None) -> dict[str, Ruling]:
        """The rulings of a judgement by regulation; none of no judgement."""
        if number is None:
            return {}
        if number not in self._rulings:
            self._catch_up(connection)
        return self._rulings[number]

    def judgements(self, connection: Connection) -> dict[int, dict[str, Ruling]]:
        """Every judgement's rulings by regulation."""
        self._catch_up(connection)
        return dict(self._rulings)

    def _catch_up(self, connection: Connection) -> None:
        """Read what was added by others: nothing while a transaction lasts that may write."""
        within = connection.get_transaction()
        if within is not None and within is self._within:
            return
        self._within = within
        profiles, judgements = self._read
        for row in connection.execute(select(PROFILE).where(PROFILE.c.id > profiles).order_by(PROFILE.c.id)):
            values = {column.name: getattr(row, column.name) for column in _PROFILE}
            values["restriction_read"] = tuple(row.restriction_read)
            self._profile[row.id] = Profile(**values)
            self._profiles.setdefault(self._profile[row.id], row.id)
            profiles = row.id
        gathered: dict[int, list[Ruling]] = {}
        statement = select(JUDGEMENT).where(JUDGEMENT.c.id > judgements)
        for row in connection.execute(statement.order_by(JUDGEMENT.c.id, JUDGEMENT.c.regulation)):
            values = {column.name: getattr(row, column.name) for column in _RULING}
            gathered.setdefault(row.id, []).append(Ruling(**values))
        for number, rulings in gathered.items():
            self._note(number, frozenset(rulings))
            judgements = number
        self._read = profiles, judgements

    def _note(self, number: int, rulings: frozenset[Ruling]) -> None:
        self._judgements.setdefault(rulings, number)
        self._rulings[number] = {ruling.regulation: ruling for ruling in rulings}
