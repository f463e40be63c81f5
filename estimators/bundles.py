"""Weight files put together into copies: shards with shards, graphs with their data, by names alone.

Where one file tells the shapes of what others hold (an `.index` beside its `.data`, an `.xml` beside its `.bin`), it is
the copy's table: reading it counts the whole copy, and the others are bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from estimators.filetypes import ARCHIVE_ENDINGS, EXTERNAL_DATA, FORMAT, WEIGHT_ENDINGS, Format, Tier, format_of
from estimators.shard_index import ShardIndex, index_stem
from estimators.tables import tables_of
from estimators.words import Words, words_of

_SHARD = re.compile(r"(?P<head>.*?)[-_.](?P<number>\d{1,6})-?of-?(?P<total>\d{1,6})(?P<tail>.*)\Z", re.DOTALL)
_PART = re.compile(r"(?P<head>.*\.gguf)[-.](?:part|split)-?(?P<number>\w{1,6}?)(?:of(?P<total>\d+))?\Z", re.DOTALL)
_UNTOTALLED = re.compile(  # tensor-parallel and other shards that name no total
    r"(?P<head>consolidated|mp_rank|weights|params_shard)[._](?P<number>\d+)(?P<tail>.*)\Z", re.DOTALL
)
_PER_DEVICE = re.compile(r"consolidated[._]\d|mp_rank_\d")
_TORCHTUNE = re.compile(r"(?P<head>hf_model)_(?P<number>\d{4})(?P<tail>_\d+)\Z", re.DOTALL)  # and the epoch
_PARTITION = re.compile(  # DeepSpeed ZeRO
    r"(?P<head>(?:bf16_)?zero_pp)_rank_(?P<number>\d+_mp_rank_\d+)(?P<tail>_optim_states)\Z", re.DOTALL
)
_KERAS_SHARD = re.compile(r"(?P<head>.+)_(?P<number>\d{5})\Z", re.DOTALL)
# Folders in which Ultralytics puts a model's exports, named after it.
_EXPORTED = re.compile(
    r"(?P<stem>.+?)(?:_int8|_fp16)?_(?:saved|openvino|ncnn|web|paddle|mnn|rknn|imx)_model\Z", re.DOTALL
)
_SERIES = re.compile(r"(?P<head>(?:.*[-_.])?)(?P<number>\d{3,5})\Z", re.DOTALL)
_OF_TRAINING = re.compile(r"(?:\A|[-_. ])(?:checkpoint|ckpt|e|s)\Z")
_DISTRIBUTED = re.compile(r"(?P<head>__)(?P<number>\d+_\d+)(?P<tail>.*)\Z", re.DOTALL)  # rank and file of the rank
_TFJS = re.compile(r"(?P<head>.*?)[-_.]?(?P<number>(?:group\d+-)?shard\d+)(?:of\d+)?\Z", re.DOTALL)
_TFJS_STEMS = frozenset({"weights", "model.weights"})
_PACKAGE = re.compile(r"(?P<folder>(?:.*/)?)(?P<stem>[^/]+)\.(?:mlpackage|mlmodelc)/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the repository's list; `size` in bytes, None where the list does not say."""

    path: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """One complete or incomplete set of the weights of a component.

    Attributes:
        files: its files; all are needed, none twice.
        format: of its files.
        tables: files that tell the shapes of all of the copy; empty where each file tells of itself.
        replicated: its files are parts for several devices, which repeat small tensors (norms) in each.
        data: files of unknown names that a graph of the copy may refer to, as may its neighbours.
        complete: whether no shard is missing by the names.
        intermediate: a training checkpoint or an EMA twin of final weights.
        quantised: by its name.
    """

    files: tuple[FileEntry, ...]
    format: Format
    complete: bool = True
    intermediate: bool = False
    quantised: bool = False
    tables: tuple[FileEntry, ...] = ()
    data: tuple[FileEntry, ...] = ()
    replicated: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of its files."""
        return tuple(entry.path for entry in self.files)


@dataclass(slots=True)
class Bundle:
    """The shards of one file, with what their common name says; `stem` is that name, lower case, with its folder."""

    words: Words
    format: Format
    stem: str
    files: list[FileEntry] = field(default_factory=list)
    total: int | None = None
    numbers: set[str] = field(default_factory=set)
    tables: dict[str, FileEntry] = field(default_factory=dict)
    data: list[FileEntry] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all shards that the names promise are there."""
        return self.total is None or len(self.numbers) >= self.total

    def copy(self) -> Copy:
        """These files as a copy of their own."""
        return Copy(
            tuple(self.files),
            self.format,
            self.complete,
            self.words.intermediate,
            self.words.quantised,
            tuple(self.tables.values()),
            tuple(self.data),
            len(self.files) > 1 and bool(_PER_DEVICE.match(self.files[0].path.rpartition("/")[2])),
        )


def bundles_of(
    weights: Sequence[FileEntry],
    entries: Mapping[str, FileEntry],
    data: Sequence[FileEntry] = (),
    indexes: Sequence[ShardIndex] = (),
) -> list[Bundle]:
    """Weight files with their shards and sidecars put together.

    Args:
        weights: the weight files.
        entries: the repository's files by path; tables are found among them.
        data: what `external_data` found beside graphs.
        indexes: indexes that were read: the files that one names are shards, whatever they are called.
    """
    by_index = {path: index for index in indexes for path in index.files}
    bundles: dict[tuple[str, ...], Bundle] = {}
    folders = {entry.path.rpartition("/")[0] for entry in weights}
    stems = {joined(folder, _split_ending(name)[0]) for folder, _, name in map(_parted, weights)}
    for entry in weights:
        folder, name, stem, ending, form = _placed(entry.path, entries, folders)
        folder, name, stem = _exported_home(folder, name, stem, stems)
        head, number, total = _shard_of(name, stem) or _keras_shard(folder, stem, ending, entries) or (stem, "", "")
        index = by_index.get(entry.path)
        if index is not None:
            head, number, total = index_stem(index.path), entry.path, str(len(index.files))
        # Graph and data of an export, or of a SavedModel, are one copy; a `.bin` and a `.pt` of one name are two.
        joint = form.tier is Tier.EXPORT or form.name in ("paddle", "tensorflow")
        key = (folder, head.lower(), "" if joint and form.name != "gguf" else total, form.name, "" if joint else ending)
        bundle = bundles.get(key)
        if bundle is None:
            bundle = bundles[key] = Bundle(words_of(folder, head), form, joined(folder, head).lower())
        bundle.files.append(entry)
        bundle.tables |= {table.path: table for table in tables_of(entry.path, form.name, entries)}
        if number:
            bundle.numbers.add(number.lstrip("0") or "0")
            bundle.total = int(total) if total.isdigit() else bundle.total
    for bundle in bundles.values() if data else ():
        if bundle.format.name == "onnx":
            folder = _parted(bundle.files[0])[0]
            bundle.data = [entry for entry in data if _parted(entry)[0] == folder]
    _tell_series_apart(bundles.values())
    return list(bundles.values())


def _tell_series_apart(bundles: Iterable[Bundle]) -> None:
    """Keep `model_001` and `model_002` apart: numbered from the start without a gap, they may be shards.

    The steps of a training run leave gaps, or a word tells of them, or what they led to lies beside them.
    """
    bundles = list(bundles)
    stems = {bundle.stem for bundle in bundles}
    series: dict[tuple[str, ...], dict[int, Bundle]] = {}
    for bundle in bundles:
        folder, _, name = bundle.stem.rpartition("/")
        found = _SERIES.match(name) if bundle.words.intermediate and not bundle.numbers else None
        if found and not _counts_steps(folder, found["head"]) and joined(folder, found["head"][:-1]) not in stems:
            key = (folder, found["head"], bundle.format.name)
            series.setdefault(key, {})[int(found["number"])] = bundle
    for numbered in series.values():
        first = min(numbered)
        if len(numbered) > 1 and first <= 1 and max(numbered) - first + 1 == len(numbered):
            for number, bundle in numbered.items():
                rest = (*bundle.words.rest, str(number))
                bundle.words = replace(bundle.words, rest=rest, intermediate=False)


def _counts_steps(folder: str, head: str) -> bool:
    """Whether the words before a number say that it counts steps or epochs."""
    return words_of(folder, head).intermediate or bool(_OF_TRAINING.search(head.rstrip("-_.").lower()))


def _exported_home(folder: str, name: str, stem: str, stems: AbstractSet[str]) -> tuple[str, str, str]:
    """Folder, name and stem of a file in a folder of exports: beside the model that the folder is named after."""
    parent, _, last = folder.rpartition("/")
    found = _EXPORTED.match(last)
    if found is None or joined(parent, found["stem"]) not in stems:
        return folder, name, stem
    if name.startswith("saved_model."):
        return parent, name.replace("saved_model", found["stem"], 1), found["stem"]
    return parent, name, stem


def _keras_shard(folder: str, stem: str, ending: str, entries: Mapping[str, FileEntry]) -> tuple[str, str, str] | None:
    """Keras numbers its shards without a total, and writes a map beside them."""
    shard = _KERAS_SHARD.match(stem) if ending == ".weights.h5" else None
    if shard is None or joined(folder, shard["head"]) + ".weights.json" not in entries:
        return None
    return shard["head"], shard["number"], ""


def _placed(
    path: str, entries: Mapping[str, FileEntry], folders: AbstractSet[str]
) -> tuple[str, str, str, str, Format]:
    """Folder, name, stem, ending and format of a weight file, where these are not what its path says.

    Args:
        path: of the weight file.
        entries: the repository's files by path.
        folders: folders with weights.
    """
    folder, _, name = path.rpartition("/")
    stem, ending = _split_ending(name)
    form = _settle_format(path, stem, folder, entries)
    package = _PACKAGE.match(path) if form.name == "coreml" else None
    owner = _side_file_of(path, entries)
    if package:  # a folder that is one file to its users
        folder, name, stem = package["folder"].rstrip("/"), package["stem"], package["stem"]
    elif owner:
        stem, ending = _split_ending(owner.rpartition("/")[2])
        form = _settle_format(owner, stem, folder, entries)
    elif form.name == "archive" and joined(folder, stem) in folders:
        # stable-baselines3, zipped and unzipped
        folder, stem, form = joined(folder, stem), "policy", FORMAT["pytorch-archive"]
    elif form.name == "tensorflow" and folder.rpartition("/")[2] == "variables":
        folder, name = folder.rpartition("/")[0], name.replace("variables.", "saved_model.", 1)  # one SavedModel
    return folder, name, stem, ending, form


def _side_file_of(path: str, entries: Mapping[str, FileEntry]) -> str | None:
    """The pickle that a `.npy` holds a large array of: gensim and older joblib name it after the pickle."""
    if not path.lower().endswith(".npy"):
        return None
    for owner in (path[: at.start()] for at in re.finditer(r"\.|_\d+\.npy\Z", path)):
        if owner in entries and path != owner and _is_pickle(owner):
            return owner
    return None


def _is_pickle(path: str) -> bool:
    return path.lower().endswith((".kv", ".pkl", ".joblib", ".model", ".pickle", ".bin", ".w2v", ".d2v"))


def external_data(unknown: Sequence[FileEntry], weights: Sequence[FileEntry]) -> list[FileEntry]:
    """The files that lie beside an ONNX graph and that it may refer to.

    Exporters give each tensor a file named after it, or put all of them into a `weights.pb`.
    """
    folders = {folder for folder, _, name in map(_parted, weights) if name.lower().endswith(".onnx")}
    candidates = [*unknown, *(entry for entry in weights if _parted(entry)[2].lower() == "weights.pb")]
    return [entry for entry in candidates if _parted(entry)[0] in folders]


def _parted(entry: FileEntry) -> tuple[str, str, str]:
    return entry.path.rpartition("/")


def _split_ending(name: str) -> tuple[str, str]:
    lowered = name.lower()
    for ending in (".weights.h5", ".pth.tar", ".mnn.weight"):
        if lowered.endswith(ending):
            return name[: -len(ending)], ending
    external = EXTERNAL_DATA.search(lowered)
    if external:
        return name[: external.start()], ".onnx_data"
    stem, dot, ending = name.rpartition(".")
    known = f".{ending.lower()}" in WEIGHT_ENDINGS or f".{ending.lower()}" in ARCHIVE_ENDINGS
    return (stem, f".{ending.lower()}") if dot and known else (name, "")


def _shard_of(name: str, stem: str) -> tuple[str, str, str] | None:
    """Head, shard number and total (empty if unnamed) of a shard's name; None for a file that is whole."""
    part = _PART.match(name)
    if part:
        return part["head"], part["number"], part["total"] or ""
    if ".data-" in name:  # TensorFlow: <prefix>.data-00000-of-00001
        stem = name.replace(".data-", "-", 1)
    shard = _SHARD.match(stem)
    if shard:
        return shard["head"] + shard["tail"], shard["number"], shard["total"]
    for pattern in (_UNTOTALLED, _TORCHTUNE, _PARTITION, _DISTRIBUTED, _TFJS):
        parallel = pattern.match(stem)
        if parallel:
            tail = parallel.groupdict().get("tail") or ""
            return parallel["head"] + tail, parallel["number"] + stem[parallel.end("number") :], ""
    return None


def _settle_format(path: str, stem: str, folder: str, entries: Mapping[str, FileEntry]) -> Format:
    """The format by the name, corrected where a sidecar tells another (`x.bin` beside `x.xml` is OpenVINO)."""
    form = format_of(path)
    if form.name == "pytorch" and path.lower().endswith(".bin"):
        base = f"{folder}/{stem}" if folder else stem
        if f"{base}.xml" in entries:
            return FORMAT["openvino"]
        if f"{base}.param" in entries:
            return FORMAT["ncnn"]
        if stem.lower() in _TFJS_STEMS and f"{folder}/model.json".lstrip("/") in entries:
            return FORMAT["tfjs"]  # as a browser saves it
        if stem.lower() == "model" and f"{folder}/config.json".lstrip("/") in entries and _has_ct2(folder, entries):
            return FORMAT["ctranslate2"]
    return form


def _has_ct2(folder: str, entries: Mapping[str, FileEntry]) -> bool:
    prefix = f"{folder}/" if folder else ""
    return any(
        f"{prefix}{name}" in entries
        for name in ("vocabulary.json", "vocabulary.txt", "shared_vocabulary.json", "shared_vocabulary.txt")
    )


def bundle_key(bundle: Bundle) -> tuple[bool, bool, bool, int, int, str]:
    """Sorts bundles of one part best first: the plainest complete one."""
    words, files = bundle.words, bundle.files
    return not bundle.complete, words.intermediate, words.quantised, words.variants, len(files), files[0].path


def joined(*names: str) -> str:
    """Names as a path, without the empty ones."""
    return "/".join(name for name in names if name)
