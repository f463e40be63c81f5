"""A Hub of millions of models that nobody holds in memory: each is a function of the seed and its number.

    with SampleHub(crowd=Crowd(Settings(models=3_000_000, seed=7))) as hub: ...

Rows of the listing are made quickly, for pages of a thousand; a repository is built when it is asked for by name, with
real headers in its weight files and zeros behind them. `Crowd.truth` says what is true of every model.

What a crowd leaves out of the Hub's behaviour: `sort=likes` is refused, nobody has a trending score, the digests of
files in LFS are made and not computed (`contents`), `childrenModelCount` is not known, and filters look at row
after row.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scanner.samplehub.crowd import rows
from scanner.samplehub.crowd.calendar import stamp
from scanner.samplehub.crowd.contents import Files
from scanner.samplehub.crowd.models import Model, Models
from scanner.samplehub.crowd.orders import ORDERS
from scanner.samplehub.crowd.rows import Row
from scanner.samplehub.crowd.settings import MIXES, Settings, parse_mix
from scanner.samplehub.repository import Commit, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scanner.samplehub.files.blob import Blob

__all__ = ["MIXES", "Crowd", "Model", "Row", "Settings", "parse_mix"]
REMEMBERED = 64  # repositories: who reads one file of one soon reads the next


class _Built(Repository):
    """A repository whose files and history are given, not recorded."""

    def __post_init__(self) -> None:
        self.downloads_all_time = self.downloads * 7


class Crowd:
    """All models at the end of one week."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models = Models(settings)
        self._before = lru_cache(maxsize=4)(lambda week: Models(replace(settings, week=week)))
        self._repository = lru_cache(maxsize=REMEMBERED)(self._build)

    def at_week(self, week: int) -> Crowd:
        """The same crowd after so many weeks of changes."""
        return Crowd(replace(self.settings, week=week))

    def truth(self) -> Iterator[dict[str, object]]:
        """What is true of every model that is there, in the order of creation."""
        return (model.says() for model in self.models.all())

    def find(self, name: str) -> Repository | None:
        """The repository that has this name, or had it before."""
        model = self.models.find(name)
        return None if model is None else self._repository(model.number)

    def get(self, name: str) -> Repository | None:
        """The repository that has this name now."""
        found = self.find(name)
        return found if found is not None and found.id == name else None

    def blob(self, key: str, digest: str) -> Blob | None:
        """The file in LFS of a repository that has this digest, at any of its revisions."""
        number = self.models.of_key(key)
        if number is None:
            return None
        commits = self._repository(number).history.values()
        found = (commit.files.of_digest(digest) for commit in commits if isinstance(commit.files, Files))
        return next((blob for blob in found if blob is not None), None)

    def listing(self, sort: str, after: str | None, *, descending: bool) -> Iterator[Row]:
        """The rows behind the model with a certain `_id`, or all of them.

        Raises:
            KeyError: there is no such order, or no such model.
        """
        last = None
        if after is not None:
            last = self.models.of_key(after)
            if last is None:
                raise KeyError(after)
        for number in ORDERS[sort](self.models, last, descending=descending):
            model = self.models.at(number)
            if not model.fate.deleted_in:
                yield Row(self.models, model)

    def repository(self, row: Row) -> Repository:
        """The repository that a row shows."""
        return self._repository(row.model.number)

    def _build(self, number: int) -> Repository:
        model = self.models.at(number)
        front = rows.card(self.models, model)
        commits = [self._commit(model, week) for week in (0, *model.fate.committed_in)]
        files = commits[-1].files
        return _Built(
            id=model.name,
            note=f"{model.kind}, {model.weights.form}",
            truth=model.truth,
            files=files,  # type: ignore[arg-type]  # made at the first look
            card=front,
            created_at=stamp(model.created),
            last_modified=stamp(model.fate.modified),
            downloads=model.downloads,
            likes=rows.likes(model),
            library_name=rows.LIBRARIES.get(model.weights.form),
            pipeline_tag=rows.task(model),
            config=rows.config(model, list(files)),
            declared=rows.declared(model),
            gguf=rows.gguf(model),
            base_relation=model.relation if model.base is not None else None,
            gated=model.gated,
            disabled=model.disabled,
            former_ids=model.former,
            refs={"main": model.sha},
            history={commit.sha: commit for commit in commits},
            _id=model.key,
        )

    def _commit(self, model: Model, week: int) -> Commit:
        """The commit of a week, 0 for the first upload."""
        models = self.models if week == (0, *model.fate.committed_in)[-1] else self._before(week)
        then = models.at(model.number) if models is not self.models else model
        title = "Update README.md" if week else "Upload model"
        return Commit(then.sha, title, stamp(then.fate.modified), Files(models, then))

    def row(self, row: Row, names: list[str]) -> dict[str, Any] | None:
        """The row's fields; None where one of them takes a repository."""
        return row.fields(names) if all(name in rows.FIELDS for name in names) else None
