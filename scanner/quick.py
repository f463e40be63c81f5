"""Rows of a listing decided by their kind: what the long way said of the first of a kind, with each row's own numbers.

Most rows are of a few thousand kinds. A kind is all that a row says but for its names, figures and count: which files
that bear on the count it has (`estimators/kinds.py`), in which form a count is declared, and a handful of facts. A row
that has the least to say of limits is of no kind (`silence.py`).

What a kind leads to is never worked out here. The first row of it is counted, read and judged by the functions that do
so for every model, and becomes a template only if numbers enter the outcome in the one simple way: the declared count
is the interval, or there is no number at all. Where a count is declared, the outcome is also asked for at both ends of
the span between two thresholds in which it lies; only if nothing but the number differs there does the template stand
for that span. Where a declaration contradicts itself, or leaves open what it counts, each row is counted by its
own numbers, from files that are sorted once a kind. Everything else takes the long way, each time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from estimators.declared import from_safetensors
from estimators.dtypes import Kind, is_narrow_float, kind_of
from estimators.interface import Estimate
from estimators.kinds import OWN, Bearing, bearing, fewer_shards, names_of_sense
from estimators.kinds import kind_of as kind_of_files
from estimators.names import point_of_name
from estimators.packed.quantization import settings_of
from scanner.assess import count_open, from_facts, has_side, restrictions_listed, texts_open
from scanner.catalogue.coding import key_bytes
from scanner.catalogue.records import detail_of, packed_detail, packed_looks, profile_of, rulings_of
from scanner.counting import count_listed, recount_listed
from scanner.listed import Listed, Profile, Ruling
from scanner.own_names import by_own_name, own_name, with_own
from scanner.payload import Parts, packed
from scanner.restrictions.reader import is_licence_file
from scanner.scope import strict_threshold
from scanner.silence import Remembered, Silence
from scanner.sources.rows import (
    ADAPTER_CONFIG,
    base_model_of,
    facts_of,
    gate_of,
    is_adapter,
    license_of,
    natural,
    seconds_of,
    sha_of,
)

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.counting import Counted
    from scanner.facts import ModelFacts
    from scanner.restrictions.interface import Gated, Restrictions
    from scanner.sources.rows import Row

MOST_COUNTED = 2**62  # larger declarations take the long way: the catalogue's integers end not far behind
LONGEST_KEPT = 4096  # bytes of a list of files or a configuration that is remembered as it came
MOST_REMEMBERED = 60  # files of a list that is remembered by their names
MOST_DTYPES = 22  # names that the format knows
MOST_FILES = 2000  # of a row; longer lists take the long way
PLAIN_NAME, NAME_WITH_SIZE, NAMED_SIZE = "x/y", "x/y-7b", 7 * 10**9
"""Names by which it is told whether a kind's best number is the one of the name."""

_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)  # of a template, which was observed at no time
_NULL = b"null"


class Judged(NamedTuple):
    """One row as its kind decides it.

    Attributes:
        listed: what is stored.
        gated: how access is granted.
        work: what a deep read needs to know (payload.py), where one could still move the count to a side (or make it
            exact, where that is wanted); None where none could.
        texts: something suggests to read card and licence files.
    """

    listed: Listed
    gated: Gated
    work: bytes | None
    texts: bool = False


class _Named(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A file of a listing; sizes and digests are told by other answers, and make a list another matter."""

    rfilename: str


class _Declared(msgspec.Struct, gc=False):
    total: Any = None
    parameters: Any = None


_Kind: TypeAlias = tuple[tuple[str, ...], bool]
"""What of a list bears on the count, and whether there is anything."""


class _Files(NamedTuple):
    """A list of files.

    Attributes:
        kind: what of it bears on the count; a number for each.
        bearing: the files that may have to do with counting and reading, `OWN` for the repository's own name in them.
        adapter: the configuration of an adapter is among them.
        texts: which texts there are.
    """

    kind: int
    bearing: tuple[str, ...]
    adapter: bool
    texts: int


class _Count(NamedTuple):
    """What is declared of the count.

    Attributes:
        form: None where it is of no form that anything is known of; `_OWN_NUMBERS` where its numbers do not agree, or
            may be of packed weights.
    """

    form: str | None
    low: int = 0
    point: int | None = None
    high: int | None = 0
    total: int | None = None
    sum: int | None = None
    gguf_total: int | None = None


class _Words(NamedTuple):
    gated: Gated
    base_model: str | None
    license: str | None
    adapter: bool
    said: bytes


class _Limits(NamedTuple):
    """What is made of a gate's words and a licence.

    Attributes:
        kind: what verdicts and profiles rest on; a number for each.
        restrictions: all of it.
        detail: what the catalogue keeps of it.
    """

    kind: int
    restrictions: Restrictions
    detail: bytes | None


class _Model(NamedTuple):
    """A model that was counted by its listing; `looks` as the catalogue keeps what its count rests on."""

    facts: ModelFacts
    counted: Counted
    looks: list[list[Any]] | None


class _Counts(NamedTuple):
    """How files of a kind are counted under a declaration, by the first model of it and by others that are made of it.

    Attributes:
        models: the model itself; with the least and the greatest declared count of the span, or under two other names.
        declared: the count is what the first one declares.
        same_looks: what it rests on is the same for all of them.
    """

    models: tuple[_Model, ...]
    declared: bool
    same_looks: bool


class _Config(NamedTuple):
    described: bool
    quantization: Any


class _Said(NamedTuple):
    """What is made of models whose counts lie between the same thresholds, and rest on the same.

    Attributes:
        settled: the count is on one side of every threshold.
    """

    profile: Profile
    rulings: tuple[Ruling, ...]
    texts: bool
    settled: bool


class _Template(NamedTuple):
    """What a kind says.

    Attributes:
        estimate: None where the declared count stands in its place.
        looks: what the count rests on, packed, where that is the same for the whole kind and columns do not tell it.
        detail: the same, as the catalogue keeps it where there is nothing else to keep.
    """

    profile: Profile
    rulings: tuple[Ruling, ...]
    open: bool
    texts: bool
    estimate: Estimate | None
    by_name: bool
    looks: list[list[Any]] | None
    detail: bytes | None = None


_FILES = msgspec.json.Decoder(list[_Named])
_DECLARED = msgspec.json.Decoder(_Declared)
_TAGS = msgspec.json.Decoder(list[str])
_ANY = msgspec.json.Decoder()
_UNDECLARED = _Count("")
_CONTRADICTED = _Count(None)
_OWN_NUMBERS = "own numbers"
# What a declaration itself gives to say; other findings name files.
_OF_DECLARATIONS = frozenset({"declared-total-disagrees", "declared-packed"})
_UNCONFIGURED = _Config(False, None)

# What a name of a file list adds up to.
_BEARS, _LATER, _ALL, _CARD, _LICENCE, _ADAPTER = 1, 2, 4, 8, 16, 32
_TEXTS = _CARD | _LICENCE | _ADAPTER


class QuickJudge:
    """Judges rows by their kinds, for one run; what it remembers is bounded, however long the listing.

    Args:
        regulations: the rules to apply.
        exact: every tensor is to be seen in the end, so that counts that are only declared stay open.
        reads: files may be read afterwards; else nobody needs to know what for.
    """

    def __init__(self, regulations: Sequence[Regulation], *, exact: bool = False, reads: bool = True) -> None:
        self._regulations = regulations
        self._exact = exact
        self._reads = reads
        # A count is above a threshold from the number behind it on.
        self._cuts = sorted({1, *(strict_threshold(regulation) + 1 for regulation in regulations), MOST_COUNTED})
        self._silence = Silence()
        self._names: Remembered[str, int] = Remembered(32_768)
        self._lists: Remembered[bytes, _Files] = Remembered(8192)
        self._shapes: Remembered[tuple[str, bool, tuple[str, ...]], tuple[str, ...] | None] = Remembered(8192)
        self._kinds: Remembered[_Kind, int] = Remembered(16_384)
        self._next_kind = 0
        self._configs: Remembered[bytes, _Config] = Remembered(4096)
        self._counts: Remembered[tuple[Any, ...], _Counts | None] = Remembered(1024)
        self._limits: Remembered[tuple[Any, ...], _Limits | None] = Remembered(8192)
        self._profiles: dict[Profile, Profile] = {}
        self._rulings: dict[tuple[Ruling, ...], tuple[Ruling, ...]] = {}
        self._kinds_of_limits: dict[tuple[Any, ...], int] = {}
        self._templates: Remembered[tuple[Any, ...], _Template | None] = Remembered(16_384)
        self._said: Remembered[tuple[Any, ...], _Said] = Remembered(4096)
        self._sorted_files: Remembered[tuple[int, bool], Counted] = Remembered(1024)
        self._of_files: Remembered[tuple[int, bool], ModelFacts] = Remembered(1024)

    def take(self, row: Row, key: bytes | None = None, mark: int | None = None) -> Judged | None:
        """The row as its kind decides it; None where it has to take the long way.

        Args:
            row: of a listing.
            key: its key as stored, where somebody knows.
            mark: its fingerprint, likewise.
        """
        if row.disabled or row.private or sha_of(row) is None:
            return None
        count = self._declared(row)
        files = None if count.form is None else self._files(row)
        words = None if files is None else self._words(row, files)
        if files is None or words is None:
            return None
        based = words.base_model is not None
        place = (words.said, words.gated, files.texts, based)
        try:
            limits = self._limits[place]
        except KeyError:
            limits = self._limits.keep(place, self._limits_of(row))
        if limits is None:
            return None
        config = self._config(row)
        band = bisect_right(self._cuts, count.low)
        template: _Template | None = None
        if not count.form or (0 < band < len(self._cuts) and bisect_right(self._cuts, count.high or 0) == band):
            counting = (files.kind, count.form, band, config.described)
            kind = (counting, words.gated, words.adapter, based, limits.kind)
            try:
                template = self._templates[kind]
            except KeyError:
                template = self._templates.keep(kind, self._template(row, count, counting, words, limits))
        if template is None:
            return self._by_its_numbers(row, key, mark, files, count, words, limits, config) if count.form else None
        detail = limits.detail if template.looks is None else template.detail
        if template.looks is not None and limits.detail is not None:
            detail = detail_of(template.looks, limits.restrictions.findings)
        span = _numbers_of(row, template, count)
        listed = _listed(row, key, mark, template.profile, template.rulings, count, words, span, detail)
        if not self._reads:
            return Judged(listed, words.gated, None)
        work = _work(row, files, count, config, words) if template.open else None
        return Judged(listed, words.gated, work, template.texts)

    def _by_its_numbers(
        self,
        row: Row,
        key: bytes | None,
        mark: int | None,
        files: _Files,
        count: _Count,
        words: _Words,
        limits: _Limits,
        config: _Config,
    ) -> Judged | None:
        """A row with a declaration of its own making, counted by it from files that were sorted for another one."""
        place = (files.kind, config.described)
        known = self._of_files.get(place)
        if known is None:
            known = self._of_files.keep(place, facts_of(row))
        declared = _DECLARED.decode(row.safetensors) if count.gguf_total is None else _Declared()
        facts = replace(
            known,
            name=row.name,
            safetensors_total=count.total,
            safetensors_parameters=declared.parameters,
            gguf_total=count.gguf_total,
        )
        counted = self._counted(files.kind, config.described, facts)
        estimate = counted.estimate
        if (
            estimate.components
            or estimate.high is None
            or estimate.high > MOST_COUNTED
            or any(look.file is not None for look in estimate.evidence)
            or any(finding.code not in _OF_DECLARATIONS for finding in estimate.findings)
        ):
            return None
        said = self._what_is_said(facts, counted, words, limits)
        if self._reads and (self._exact or not said.settled):
            return None
        detail = packed_detail(estimate, limits.restrictions, row.name)
        span = _numbers(estimate)
        listed = _listed(row, key, mark, said.profile, said.rulings, count, words, span, detail)
        return Judged(listed, words.gated, None, self._reads and said.texts)

    # The parts of a row -------------------------------------------------------------------------------------------

    def _files(self, row: Row) -> _Files | None:
        """The row's files; None where there is no list, or one of another make than listings have.

        A list is met again where it differs in the repository's own name alone, or in logs of trainers.
        """
        raw = bytes(row.siblings)
        known = self._lists.get(raw)
        if known is not None:
            return known
        own = own_name(row.name, raw)
        general = raw if own is None else own.general
        if b".tfevents." in general:
            general = _EVENTS.sub(_AN_EVENT, general)
        if general is not raw:
            known = self._lists.get(general)
            if known is not None:
                return known
        try:
            names = [entry.rfilename for entry in _FILES.decode(raw)]
        except ValueError:
            return None
        if len(names) > MOST_FILES or "" in names or b"\\u0000" in raw:
            return None
        if own is not None:
            names = [with_own(name, own.name) for name in names]
        found = self._of_names(names, own.sense if own is not None else "")
        if found is None:
            assert own is not None  # noqa: S101 - the list itself is of some kind
            found = self._of_names([name.replace(OWN, own.name) for name in names], "")
            general = raw
        return self._lists.keep(general, found) if found and len(raw) <= LONGEST_KEPT else found

    def _of_names(self, names: Sequence[str], sense: str) -> _Files | None:
        """What a list of files adds up to.

        Args:
            names: with `OWN` for a name of this sense.
            sense: empty where there is none.

        Returns:
            None where the name of the repository makes a difference beyond its sense.
        """
        fewer = fewer_shards(names) if any("-of-" in name for name in names) else names
        bearing_on: list[str] = []
        all_of_it = 0
        for name in fewer:
            told = self._told_by_sense(name, sense) if OWN in name else self._told(name)
            if told is None:
                return None
            all_of_it |= told
            if told & _BEARS:
                bearing_on.append(name)
        whole = bool(all_of_it & _ALL)
        paths = tuple(sorted(fewer if whole else bearing_on))
        shape = (sense, whole, paths)
        try:
            form = self._shapes[shape]
        except KeyError:
            form = _form_of(paths, sense, whole=whole)
            if len(paths) <= MOST_REMEMBERED:
                self._shapes.keep(shape, form)
        if form is None:
            return None
        kind = (form, bool(fewer))
        number = self._kinds.get(kind)
        if number is None:
            self._next_kind += 1
            number = self._kinds.keep(kind, self._next_kind)
        to_read: tuple[str, ...] = ()
        if self._reads:
            to_read = tuple(n for n in names if whole or self._told(n.replace(OWN, sense)) & (_BEARS | _LATER))
        return _Files(number, to_read, bool(all_of_it & _ADAPTER), all_of_it & _TEXTS)

    def _told(self, name: str) -> int:
        """What a file's name adds up to."""
        told = self._names.get(name)
        return self._names.keep(name, _told_by(name)) if told is None else told

    def _told_by_sense(self, name: str, sense: str) -> int | None:
        """What a name with the repository's own in it adds up to; None where names of the sense differ in it."""
        told = {self._told(name.replace(OWN, one)) for one in names_of_sense(sense)}
        return told.pop() if len(told) == 1 else None

    def _declared(self, row: Row) -> _Count:
        """What the row declares of the count."""
        try:
            if bytes(row.safetensors) == _NULL:
                if bytes(row.gguf) == _NULL:
                    return _UNDECLARED
                total = natural(_DECLARED.decode(row.gguf).total)
                return _Count("gguf", total, total, total, None, None, total) if total else _CONTRADICTED
            declared = _DECLARED.decode(row.safetensors)
            if bytes(row.gguf) != _NULL:
                return _CONTRADICTED
        except ValueError:
            return _CONTRADICTED
        return _by_dtypes(declared.total, declared.parameters)

    def _words(self, row: Row, files: _Files) -> _Words | None:
        """What card, tags and the Hub's own fields say; None where that may be more than licence and base model."""
        card = _mapping(row.card_data)
        said = self._silence.said(card)
        if said is None:
            return None
        bases = _mapping(row.base_models)
        raw = bytes(row.tags)
        licence = license_of(card, ()) if card else None
        base = base_model_of(bases, card, ()) if bases or "base_model" in card else None
        tags: Sequence[str] = ()
        if (
            not card
            or b"\\" in raw
            or (b"base_model:" in raw and (base is None or b"base_model:adapter:" in raw))
            or (licence is None and b"license:" in raw)
        ):
            try:
                tags = () if raw == _NULL else _TAGS.decode(raw)
            except ValueError:
                return None
            if not card and not self._silence.of_tags(tags):
                return None
            licence, base = license_of(card, tags), base_model_of(bases, card, tags)
        if not ((licence is None or licence.isprintable()) and (base is None or base.isprintable())):
            return None
        adapter = files.adapter or (bool(bases or tags) and is_adapter(bases, tags, ()))
        return _Words(gate_of(row), base, licence, adapter, said)

    def _limits_of(self, row: Row) -> _Limits | None:
        """What is made of the row's gate and licence; None where a limit is declared."""
        found = restrictions_listed(facts_of(row))
        if found.items:
            return None
        sense = (found.status, found.read, found.country_asked, tuple(one.code for one in found.findings))
        number = self._kinds_of_limits.setdefault(sense, len(self._kinds_of_limits))
        return _Limits(number, found, detail_of(None, found.findings))

    def _config(self, row: Row) -> _Config:
        raw = bytes(row.config)
        if raw == _NULL:
            return _UNCONFIGURED
        known = self._configs.get(raw)
        if known is not None:
            return known
        config = _ANY.decode(raw)
        if not isinstance(config, dict):
            return _UNCONFIGURED
        found = _Config("architectures" in config or "model_type" in config, settings_of(config))
        return self._configs.keep(raw, found) if len(raw) <= LONGEST_KEPT else found

    # Templates ----------------------------------------------------------------------------------------------------

    def _template(
        self, row: Row, count: _Count, counting: tuple[Any, ...], words: _Words, limits: _Limits
    ) -> _Template | None:
        """What the long way says of the first row of a kind; None where numbers enter it in another way."""
        try:
            counts = self._counts[counting]
        except KeyError:
            counts = self._counts.keep(counting, self._count(row, count, counting))
        if counts is None:
            return None
        outcomes = [self._outcome(model, words, limits) for model in counts.models]
        first = outcomes[0]
        if any(one._replace(estimate=first.estimate) != first for one in outcomes):
            return None
        looks = counts.models[0].looks
        if not counts.same_looks:
            if limits.restrictions.findings:
                return None
            # Of elements that may be indices or packed weights only the count is kept until the files are read.
            looks = None
        first = first._replace(looks=looks, detail=None if looks is None else detail_of(looks, ()))
        if counts.declared:
            return first._replace(estimate=None)
        return _uncounted(first, *outcomes[-2:])

    def _count(self, row: Row, count: _Count, counting: tuple[Any, ...]) -> _Counts | None:
        """How the first model of its kind is counted, and others like it; None where more than a number differs."""
        files, form, band, described = counting
        facts = facts_of(row)
        counted = self._counted(files, described, facts)
        first = counted.estimate
        ends = self._ends(band) if form else ()
        others = [_declaring(facts, end) for end in ends]
        declared = bool(form) and _numbers(first) == (count.low, count.point, count.high, None, None)
        if not declared:
            others += [replace(facts, name=name) for name in (PLAIN_NAME, NAME_WITH_SIZE)]
        models = [_model(facts, counted), *(_model(one, recount_listed(one, counted)) for one in others)]
        right = [(end, end, end, None, None) for end in ends] if declared else [_numbers(first)] * len(ends)
        if [_numbers(one.counted.estimate) for one in models[1 : len(ends) + 1]] != right:
            return None
        if any(one.counted.estimate.findings or one.counted.estimate.components for one in models):
            return None
        return _Counts(tuple(models), declared, all(one.looks == models[0].looks for one in models))

    def _counted(self, files: int, described: bool, facts: ModelFacts) -> Counted:
        """How a model is counted; files of a kind are sorted once."""
        known = self._sorted_files.get((files, described))
        if known is not None:
            return recount_listed(facts, known)
        return self._sorted_files.keep((files, described), count_listed(facts))

    def _ends(self, band: int) -> tuple[int, int]:
        """The least and the greatest count of a span between two thresholds."""
        return self._cuts[band - 1], self._cuts[band] - 1

    def _outcome(self, model: _Model, words: _Words, limits: _Limits) -> _Template:
        """What the long way says of a model like one that was counted, with these words."""
        facts, counted, _ = model
        said = self._what_is_said(facts, counted, words, limits)
        is_open = False
        if self._reads and (self._exact or not said.settled):
            facts = replace(facts, gated=words.gated, adapter=words.adapter)
            judged = from_facts(facts, counted, _NO_MOMENT, limits.restrictions).judged(self._regulations)
            is_open = count_open(facts, counted, judged, self._regulations, exact=self._exact)
        return _Template(said.profile, said.rulings, is_open, said.texts, counted.estimate, by_name=False, looks=None)

    def _what_is_said(self, facts: ModelFacts, counted: Counted, words: _Words, limits: _Limits) -> _Said:
        """What the long way says besides numbers; once for all models of which it looks at the same."""
        estimate, layout = counted.estimate, counted.layout
        high = None if estimate.high is None else bisect_right(self._cuts, estimate.high)
        place = (
            *(limits.kind, words.gated, words.adapter, layout.adapter, bool(layout.adapters)),
            *(estimate.basis, estimate.exact, bisect_right(self._cuts, estimate.low), high),
            tuple([look.basis for look in estimate.evidence]),
            tuple([finding.code for finding in estimate.findings]),
        )
        known = self._said.get(place)
        if known is not None:
            return known
        facts = replace(facts, gated=words.gated, adapter=words.adapter)
        judged = from_facts(facts, counted, _NO_MOMENT, limits.restrictions).judged(self._regulations)
        # The same few, so that whoever stores them meets the same objects again.
        profile = self._profiles.setdefault(found := profile_of(judged), found)
        rulings = self._rulings.setdefault(said := rulings_of(judged), said)
        settled = all(has_side(verdict) for verdict in judged.verdicts)
        return self._said.keep(place, _Said(profile, rulings, texts_open(judged, None), settled))


def _model(facts: ModelFacts, counted: Counted) -> _Model:
    return _Model(facts, counted, packed_looks(counted.estimate, facts.name))


def _uncounted(first: _Template, plain: _Template, named: _Template) -> _Template | None:
    """The template of a kind whose outcome holds no number but the one that the model's name may hold.

    Args:
        first: the first of the kind, under its own name.
        plain: the same under a name that holds no size.
        named: the same under one that holds `NAMED_SIZE`.
    """
    own, without, with_size = (_numbers(one.estimate) for one in (first, plain, named))
    if (without[0], without[2]) not in ((0, None), (0, 0)):
        return None
    if without == with_size == own:
        return first
    by_name = without[1] is None and with_size == (0, NAMED_SIZE, *without[2:])
    return first._replace(estimate=plain.estimate, by_name=True) if by_name else None


def _numbers(estimate: Estimate | None) -> _Numbers:
    assert estimate is not None  # noqa: S101 - of an outcome
    return estimate.low, estimate.point, estimate.high, estimate.stored_elements, estimate.buffers


def _declaring(facts: ModelFacts, number: int) -> ModelFacts:
    """The same model with another declared count."""
    if facts.gguf_total is not None:
        return replace(facts, gguf_total=number)
    return replace(facts, safetensors_total=number, safetensors_parameters={"F32": number})


_Numbers: TypeAlias = tuple[int, int | None, int | None, int | None, int | None]
"""Low, point, high, stored elements, buffers."""


def _numbers_of(row: Row, template: _Template, count: _Count) -> _Numbers:
    """A row's own numbers."""
    estimate = template.estimate
    if estimate is None:
        return count.low, count.point, count.high, None, None
    point = point_of_name(row.name.rpartition("/")[2]) if template.by_name else estimate.point
    return estimate.low, point, estimate.high, estimate.stored_elements, estimate.buffers


def _listed(
    row: Row,
    key: bytes | None,
    mark: int | None,
    profile: Profile,
    rulings: tuple[Ruling, ...],
    count: _Count,
    words: _Words,
    span: _Numbers,
    detail: bytes | None,
) -> Listed:
    """A row's columns."""
    low, point, high, stored, buffers = span
    return Listed(
        key or key_bytes(row.key),
        row.name,
        "huggingface",
        seconds_of(row.created_at),
        seconds_of(row.last_modified),
        bytes.fromhex(row.sha or ""),
        *row.figures,
        mark,
        profile,
        words.base_model,
        words.license,
        low,
        point,
        high,
        stored,
        buffers,
        count.total,
        count.sum,
        rulings,
        detail,
    )


def _work(row: Row, files: _Files, count: _Count, config: _Config, words: _Words) -> bytes:
    """What a deep read needs to know of a row."""
    declared = _DECLARED.decode(row.safetensors) if count.form in ("safetensors", "dtypes") else _Declared()
    return packed(
        Parts(
            row.name,
            bytes.fromhex(row.sha or ""),
            by_own_name(files.bearing, row),
            words.base_model,
            words.gated,
            words.adapter,
            config.described,
            config.quantization,
            count.total,
            declared.parameters,
            count.gguf_total,
        )
    )


# A log that TensorBoard reads, as trainers call it, among the files of a row as it came; it bears on nothing.
_EVENTS = re.compile(
    rb'"runs/[A-Za-z0-9_-]{1,64}/events\.out\.tfevents\.\d{1,12}\.[A-Za-z0-9-]{1,64}\.\d{1,12}\.\d{1,4}"'
)
_AN_EVENT = b'"\1"'


def _form_of(paths: Sequence[str], sense: str, *, whole: bool) -> tuple[str, ...] | None:
    """The kind of files with `OWN` for a name of a sense; None where it is not the same for all such names."""
    forms = {
        tuple(sorted(named)) if whole else kind_of_files(named)
        for named in ([path.replace(OWN, one) for path in paths] for one in names_of_sense(sense))
    }
    return forms.pop() if len(forms) == 1 else None


def _told_by(name: str) -> int:
    """What a file's name adds up to."""
    told = {Bearing.NONE: 0, Bearing.LATER: _LATER, Bearing.SOME: _BEARS, Bearing.ALL: _ALL}[bearing(name)]
    texts = (_CARD if name.lower() == "readme.md" else 0) | (_LICENCE if is_licence_file(name) else 0)
    return told | texts | (_ADAPTER if name == ADAPTER_CONFIG else 0)


def _by_dtypes(given: Any, parameters: Any) -> _Count:
    """What a `safetensors` block declares."""
    total = natural(given)
    if not isinstance(parameters, dict):
        return _UNDECLARED if total is None else _CONTRADICTED
    if len(parameters) == 1:
        ((dtype, number),) = parameters.items()
        if type(number) is int and number == total and 0 <= number <= MOST_COUNTED and _is_plain_float(dtype):
            return _Count("safetensors", number, number, number, total, number)
    if not parameters or len(parameters) > MOST_DTYPES or any(natural(n) is None for n in parameters.values()):
        return _CONTRADICTED
    number = sum(parameters.values())
    plain = all(map(_is_plain_float, parameters))
    if number > MOST_COUNTED or (total or 0) > MOST_COUNTED:
        return _CONTRADICTED
    if total is not None and total != number:
        return _Count(_OWN_NUMBERS, total=total, sum=number)
    if plain:
        return _Count("safetensors", number, number, number, total, number)
    declared = from_safetensors(total, parameters)
    if declared.findings or declared.point is None or declared.high is None:
        return _Count(_OWN_NUMBERS, total=total, sum=number)
    return _Count("dtypes", declared.low, declared.point, declared.high, total, number)


@lru_cache(maxsize=256)
def _is_plain_float(dtype: str) -> bool:
    return kind_of(dtype) is Kind.FLOAT and not is_narrow_float(dtype)


def _mapping(raw: msgspec.Raw) -> dict[str, Any]:
    """An object of the row; empty where it is something else."""
    text = bytes(raw)
    value = None if text == _NULL else _ANY.decode(text)
    return value if isinstance(value, dict) else {}
