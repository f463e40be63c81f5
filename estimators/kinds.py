"""What of a file list its layout rests on, and when two lists are of one kind: by names alone, for lists without sizes.

Most files of a repository say nothing of its weights (`tokenizer.json`, pictures, logs). `bearing` tells which names
the sorting into components (`roles.py`), counting (`combine.py`) and the plan of reads look at; all others can be left
out of a list without moving a number. `kind_of` then writes the author's own name for the model, with which weight
files often begin, and the number of a lone checkpoint in one way: lists that differ in nothing else have one layout.

Both lean to the careful side: a name that is not understood is kept as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache

from estimators import bundles, filetypes, roles, words
from estimators.filetypes import Role, Trust, classify, ending_of, format_of, trust_of
from estimators.readers import READERS
from estimators.registry import reader_by_name

PLACEHOLDER = "zz"
MAX_NAME = 120  # characters of a base name that is rewritten: no pattern's limit on words or characters is near


class Bearing(Enum):
    """What leaving a file out of a list would change."""

    NONE = 0  # nothing
    LATER = 1  # nothing as long as no sizes are known: its name is believed up to a size
    SOME = 2  # the layout may be another
    ALL = 3  # it may make files matter that do not by themselves: the whole list counts


_DECISIVE = frozenset({Role.WEIGHTS, Role.ADAPTER, Role.ARCHIVE, Role.UNKNOWN, Role.INDEX})
_LOOKED_FOR = frozenset().union(*roles.PARTS_FILES)
# What lies beside weights of a format and tells their shapes, or which format it is (tables.py, bundles.py).
_BESIDE = (".xml", ".param", ".index", ".mil", ".metadata", ".weights.json", "/checkpoint")
_MANIFESTS = frozenset({"tensor-cache.json", "ndarray-cache.json", "weights_manifest.json"})
# Weights beside which any JSON file, configuration or pickle may matter.
_FORMATS_WITH_COMPANY = frozenset({"tfjs", "paddle", "mlc", "coreml", "ctranslate2"})
_NAMES_WITH_COMPANY = frozenset({"model.bin", "weights.bin", "model.weights.bin"})


def bearing(path: str) -> Bearing:
    """What a file of this name has to do with the layout of the weights.

    Args:
        path: as the repository spells it; may hold anything.
    """
    name = path.rpartition("/")[2].lower()
    if _says_nothing(name):
        return Bearing.NONE
    role, trust = classify(path), trust_of(path)
    if path == "model_index.json" or name.endswith(".npy") or name in _NAMES_WITH_COMPANY:
        return Bearing.ALL
    if role is Role.WEIGHTS and format_of(path).name in _FORMATS_WITH_COMPANY:
        return Bearing.ALL
    lowered = path.lower()
    if (
        role in _DECISIVE
        or trust is Trust.WORD
        or path in _LOOKED_FOR
        or name in _MANIFESTS
        or lowered.endswith(_BESIDE)
        or "zero_pp_rank_" in name
        or roles.is_ambiguous(path)
    ):
        return Bearing.SOME
    return Bearing.LATER if trust is Trust.NAMED else Bearing.NONE


# Words ---------------------------------------------------------------------------------------------------------------

_SPLIT = re.compile(r"[^a-z0-9]+")
_RUN = re.compile(r"[a-z]+")
_GROUP = re.compile(r"\(\?P<\w+>|\\[A-Za-z]")
# Pieces that patterns look for inside of a word, or at its beginning; everything else they know are words of their own.
_INSIDE = re.compile(
    r"tfevents|qtable|qlearning|imatrix|kenlm|xgb|booster|lgb|lgbm|lightgbm|catboost|stories|fasttext|word2vec|glove|stats|cmvn|shard|"
    r"gram|(?:en|de)coder|normalize|lora|"
    r"\A(?:rng|random|calibration|requirement|licen|notice|readme|copying|eula|terms|third|onnx|openvino|gguf|bnb|mxfp|"
    r"nvfp|learned|adapter|cell|moe|wandb|zero|bf16|use|acceptable|trainer|replay|scaler|train|policy|lgb|model|uint)|"
    r"\A(?:i?q\d|tq\d|b?f\d|fp\d|int\d|w\d+a\d|nf\d|\d+-?bit|\d+of\d)"
)
_OF_A_MODEL = re.compile(r"\d{1,4}[bmk]\Z|v\d{1,2}\Z")  # its size and its version
_ONE_LETTER_OR_TWO = re.compile(r"[a-z]{1,2}\d+\Z|\d+[a-z]{1,2}\Z")  # beside one number: a type, a step, a part


def _sources() -> Iterable[str]:
    """All texts in which a word of a name can have a meaning, in small letters."""
    for table in (filetypes, bundles, roles, words):
        for value in vars(table).values():
            if isinstance(value, re.Pattern):
                yield value.pattern
            elif isinstance(value, frozenset):
                yield from (item for item in value if isinstance(item, str))
    for patterns in (filetypes.NAME_PATTERNS, filetypes.LAST_PATTERNS):
        yield from (pattern for pattern, _, _ in patterns)
    yield from (pattern.pattern for pattern, _ in filetypes.FORMAT_NAMES)
    for names in (filetypes.ROLE_BY_NAME, filetypes.WEIGHT_ENDINGS, filetypes.ARCHIVE_ENDINGS):
        yield from names
    yield from (name for reader in READERS for name in reader.names)
    yield from (name for files in roles.PARTS_FILES for name in files)
    yield from ("saved_model", "model_index", "mlpackage", "mlmodelc", "policy", "vocabulary", "shared")


@lru_cache(maxsize=1)
def meaningful() -> frozenset[str]:
    """Every run of letters that some pattern or table knows, and every word of a table."""
    sources = [_GROUP.sub(" ", source).lower() for source in _sources()]
    return frozenset(source for source in sources if source.isalnum()) | {
        run for source in sources for run in _RUN.findall(source)
    }


@lru_cache(maxsize=16_384)
def is_plain(word: str) -> bool:
    """Whether a word, in small letters and digits, means nothing to whatever sorts files by their names.

    No run of its letters is one that a pattern or table knows, and it holds no piece that one looks for inside of
    words, so that patterns can only pass over it.
    """
    if _OF_A_MODEL.match(word):
        return True
    if len(word) == 1 or word.isdigit() or _INSIDE.search(word):
        return False
    known = meaningful()
    if _ONE_LETTER_OR_TWO.match(word) and not known.isdisjoint(_RUN.findall(word)):
        return False
    return word not in known and not any(len(run) > 2 and run in known for run in _RUN.findall(word))


# Endings that decide alone what a file is, if nothing else in its name means anything; not those of tables.
_SURE_ENDINGS = frozenset(
    ending
    for ending, role in filetypes.ROLE_BY_ENDING.items()
    if role not in _DECISIVE
    and ending not in filetypes.TRUST_BY_ENDING
    and not any(ending.endswith(beside) or beside.endswith(ending) for beside in _BESIDE)
    and ending != ".json"
)


def _says_nothing(name: str) -> bool:
    """Whether a base name is of plain words and numbers, with an ending that is positively something else."""
    ending = ending_of(name)
    if ending not in _SURE_ENDINGS or len(name) > MAX_NAME or not name.isascii():
        return False
    stem = name[: -len(ending)]
    return bool(stem) and stem[0] not in "._-" and all(w.isdigit() or is_plain(w) for w in _SPLIT.split(stem) if w)


# A repository's own name in its files --------------------------------------------------------------------------------

OWN = "\0"
"""Stands for a repository's own name in its files' names; no name in a JSON text holds it as it is."""
_FILLINGS = ("yakky", "yak", "Walrux_zynge-3b", "v2", "7b-mowgy.Brysk")
_OWN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{1,62}[A-Za-z0-9])")


def sense_of_name(name: str) -> str | None:
    """A repository's name with its plain words written in one way; None where it is no plain text.

    Another name of the same sense in its place changes nothing but names of files and components, where it is repeated
    whole: behind a slash or at the beginning of a path, up to what ends a word. What patterns make of a word that means
    something may rest on its neighbours, so some names of the sense have to be tried.

    Args:
        name: without the owner.
    """
    if not _OWN_NAME.fullmatch(name) or PLACEHOLDER in name.lower():
        return None
    return _written(name)


@lru_cache(maxsize=1024)
def names_of_sense(sense: str) -> tuple[str, ...]:
    """Some names of a sense, of all sorts of plain words."""
    return tuple(dict.fromkeys(sense.replace(PLACEHOLDER, filling) for filling in _FILLINGS))


# Kinds ---------------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z0-9]+")
_BOUNDARY = "-_. "
_CHECKPOINT = re.compile(r"(?:\A|(?<=/))checkpoint-(\d{1,9})(?=/)")
_SHARD = re.compile(r"(?P<head>.*-)(?P<number>\d{5})-of-(?P<total>\d{5})(?P<tail>\.[a-z]+)", re.DOTALL | re.ASCII)
_SIDECAR = re.compile(r"mmproj[-_.][\w.-]*\.gguf\Z", re.IGNORECASE | re.ASCII)


def kind_of(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths that bear on a layout, with what is an author's own choice in them written in one way.

    Lists of the same kind have the same layout but for the names of files and components.

    Args:
        paths: without those of `Bearing.NONE` and `LATER`, unless one is of `Bearing.ALL`.
    """
    return _of_fewer_types(_renamed(_renumbered(_resharded(sorted(set(paths))))))


_TYPE = r"(?:BF16|F16|Q[2-8]_(?:K(?:_(?:S|M|L))?|0|1))"
_OF_A_TYPE = re.compile(
    rf"(?:(?P<folder>{_TYPE})/)?(?P<head>(?:[A-Za-z0-9]+-)*{PLACEHOLDER}(?:-[A-Za-z0-9]+)*)(?P<mark>[.-])(?P<type>{_TYPE}|{_TYPE.lower()})"
    rf"(?P<shard>-(?P<number>\d{{5}})-of-(?P<total>\d{{5}}))?\.gguf",
    re.ASCII,
)
_STAND_INS = {True: ("F16", "BF16"), False: ("Q4_K_M", "Q8_0")}  # by whether a type keeps the numbers as they are


def _of_fewer_types(paths: tuple[str, ...]) -> tuple[str, ...]:
    """GGUF files of one model that differ in their type alone, with fewer types: two copies are as good as eleven."""
    if not paths or not paths[0].endswith(".gguf"):
        return paths
    found = [match for path in paths if (match := _OF_A_TYPE.fullmatch(path))]
    ways = {(m["head"], m["folder"] is None, m["mark"], m["type"].isupper(), m["shard"] is None) for m in found}
    if len(found) < len(paths) or len(ways) > 1 or any(m["folder"] not in (None, m["type"]) for m in found):
        return paths
    series: dict[str, list[re.Match[str]]] = {}
    for match in found:
        series.setdefault(match["type"], []).append(match)
    ((head, _, mark, upper, single),) = ways
    if not single and not all(
        len({m["total"] for m in parts}) == 1
        and len(parts) > 1
        and _is_whole([m["number"] for m in parts], int(parts[0]["total"]))
        for parts in series.values()
    ):
        return paths
    kept: list[str] = []
    for plain, stand_ins in _STAND_INS.items():
        count = sum(kind.upper().endswith("F16") is plain for kind in series)
        kept += stand_ins[:count]
    shards = ("",) if single else ("-00001-of-00002", "-00002-of-00002")
    types = [kind if upper else kind.lower() for kind in kept]
    folders = [f"{kind}/" if found[0]["folder"] else "" for kind in types]
    return tuple(
        sorted(
            f"{folder}{head}{mark}{kind}{shard}.gguf"
            for folder, kind in zip(folders, types, strict=True)
            for shard in shards
        )
    )


def fewer_shards(paths: Sequence[str]) -> Sequence[str]:
    """The same list, with shorter series of shards where all are complete; sorted."""
    return _resharded(sorted(set(paths)))


def _resharded(paths: Sequence[str]) -> Sequence[str]:
    """Complete series of shards with fewer of them, longer ones still longer: it matters only that none is missing."""
    series: dict[tuple[str, str, str], list[str]] = {}
    for path in paths:
        found = _SHARD.fullmatch(path)
        if found is not None:
            series.setdefault((found["head"], found["total"], found["tail"]), []).append(found["number"])
    lengths = {key: int(key[1]) for key, numbers in series.items() if _is_whole(numbers, int(key[1]))}
    if len(lengths) < len(series) or max(lengths.values(), default=0) <= 2:
        return paths
    fewer = {length: max(place, min(length, 2)) for place, length in enumerate(sorted(set(lengths.values())), 2)}
    kept = [path for path in paths if not _SHARD.fullmatch(path)]
    for (head, _, tail), length in lengths.items():
        kept += [f"{head}{number:05}-of-{fewer[length]:05}{tail}" for number in range(1, fewer[length] + 1)]
    return sorted(kept)


def _is_whole(numbers: Sequence[str], total: int) -> bool:
    return len(numbers) == total and [int(number) for number in numbers] == list(range(1, total + 1))


def _renumbered(paths: Sequence[str]) -> Sequence[str]:
    """The number of a checkpoint's folder as nines, where there is one such folder: its length decides orders."""
    numbers = {found[1] for path in paths for found in _CHECKPOINT.finditer(path)}
    if len(numbers) != 1:
        return paths
    (number,) = numbers
    return [path.replace(f"checkpoint-{number}/", f"checkpoint-{'9' * len(number)}/") for path in paths]


def _renamed(paths: Sequence[str]) -> tuple[str, ...]:
    """What all paths begin with, or all base names, with placeholders in it; orders and equalities stay as they are."""
    own = [path for path in paths if not _SIDECAR.match(path)]
    stem = _common_stem(own)
    written = _written(stem)
    if written == stem or any(PLACEHOLDER in path.lower() for path in paths):
        return tuple(paths)
    folded = stem.lower()
    places: set[tuple[int, ...]] = set()
    renamed: list[str] = []
    for path in paths:
        parts = path.split("/")
        found = [at for at, part in enumerate(parts) if part.lower().startswith(folded)]
        if any(not _begins(parts[at], stem) for at in found):
            return tuple(paths)
        for at in found:
            parts[at] = written + parts[at][len(stem) :]
        renamed.append("/".join(parts))
        if not _SIDECAR.match(path):
            places.add(tuple(found))
        elif found:
            return tuple(paths)
    if len(places) > 1:
        return tuple(paths)
    if written != PLACEHOLDER and any(
        _senses(one) != _senses(other) for one, other in zip(paths, renamed, strict=True)
    ):
        return tuple(paths)  # with words in it that mean something, patterns may look at what lies between them
    return tuple(renamed)


def _senses(path: str) -> tuple[object, ...]:
    """What is made of a path, but for the words that set it apart from others."""
    folder, _, name = path.rpartition("/")
    said = words.words_of(folder, name.removesuffix(ending_of(name.lower())))
    told = (said.place.count("/"), said.part, said.part_by_folder, said.sidecar, said.quantised, said.intermediate)
    return classify(path), trust_of(path), format_of(path), reader_by_name(path), said.variants, *told


def _written(stem: str) -> str:
    """A stem with a placeholder for each run of plain words in it."""
    written = ""
    reached = 0
    for found in _WORD.finditer(stem):
        plain = _is_plain_in(found[0], stem, found.start())
        if not (plain and written.endswith(PLACEHOLDER)):
            written += stem[reached : found.start()] + (PLACEHOLDER if plain else found[0])
        reached = found.end()
    return written + stem[reached:]


def _is_plain_in(word: str, stem: str, at: int) -> bool:
    """Whether a word of a stem is plain there: a short number behind a plain word is a version or a size."""
    if not word.isdigit():
        return is_plain(word.lower())
    before = _WORD.findall(stem[:at])
    return len(word) < words.MIN_STEP_DIGITS and bool(before) and is_plain(before[-1].lower())


def _begins(part: str, stem: str) -> bool:
    return part.startswith(stem) and (len(part) == len(stem) or part[len(stem)] in _BOUNDARY)


def _common_stem(paths: Sequence[str]) -> str:
    """The longest beginning of all base names, or of all paths, that ends with a plain word; empty where none does."""
    if not paths:
        return ""
    bases = [path.rpartition("/")[2] for path in paths]
    firsts = [path.partition("/")[0] for path in paths]
    for names, folders in ((bases, False), (firsts, True)):
        shortest, longest = min(names), max(names)
        limit = next((at for at, (a, b) in enumerate(zip(shortest, longest, strict=False)) if a != b), len(shortest))
        for name, path in zip(names, paths, strict=True):
            if not (folders and "/" in path) and "." in name:  # not into an ending
                limit = min(limit, name.rindex("."))
        stem = _plain_beginning(shortest, limit)
        if stem and all(_begins(name, stem) for name in names):
            return stem
    return ""


def _plain_beginning(name: str, limit: int) -> str:
    """What a name begins with up to a character, and up to a plain word."""
    if len(name) > MAX_NAME or not name.isascii():
        return ""
    end = reached = 0
    for found in _WORD.finditer(name):
        between = name[reached : found.start()]
        if found.end() > limit or (between and between.strip(_BOUNDARY)) or (not reached and found.start()):
            break
        reached = found.end()
        if is_plain(found[0].lower()):
            end = reached
    return name[:end]
