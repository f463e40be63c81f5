"""Which files are weights, and which are alternatives, shards, parts or trainer state: from the file list alone.

A layout is built in four steps. Every weight file's name is parsed into words; shards are bundled; bundles that name
parts of one network (encoder, decoder) become one copy; copies are sorted into components by folder and name. Copies of
one component are alternatives of the same weights, best first; components add up, except where the names do not tell
whether they are parts, versions or the same weights again: those are marked `certain=False`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from estimators.bundles import Bundle, Copy, FileEntry, bundle_key, bundles_of, external_data, joined
from estimators.descriptions import DESCRIPTIONS
from estimators.filetypes import (
    ARCHIVE_ENDINGS,
    LARGEST_NAMED_BYTES,
    MAX_PATH,
    RANK,
    WEIGHT_ENDINGS,
    Role,
    Tier,
    Trust,
    classify,
    ending_of,
    trust_of,
)
from estimators.shard_index import ShardIndex
from estimators.words import AUTOENCODER_WORDS, HELPER_WORDS, PIPELINE_CORES, PIPELINE_FOLDERS, PIPELINE_HELPERS, Words

__all__ = ["Component", "Copy", "FileEntry", "Layout", "Role", "Tier", "classify", "layout"]

# Bytes; an unrecognised file of this size or less cannot hide weights that matter (contract, "no-weights").
SMALL_UNKNOWN_BYTES = 64 * 1024

# Bytes of an export for each byte of what it was made from: 32 bits for a weight of four, and some for the graph.
MOST_EXPORT_GROWTH = 10

# Where these lie at the root, their library loads all networks of the repository together.
PARTS_FILES = (
    {"hyperparams.yaml"},  # SpeechBrain
    {"config_setfit.json"},
    {"config.cfg", "meta.json"},  # spaCy, as the next
    {"meta.json", "tokenizer"},
    {"metadata.json", "task.json"},  # KerasHub: a backbone, and what the task puts on it
)
_OPENED_ANYWAY = frozenset({Role.WEIGHTS, Role.ADAPTER, Role.ARCHIVE})
_NO_RECOGNITION = frozenset({Role.WEIGHTS, Role.ADAPTER, Role.ARCHIVE, Role.UNKNOWN})
_AMBIGUOUS_NAME = re.compile(  # a Keras topology or an XGBoost model; a LightGBM model
    r"(?:.*[._-])?(?:model|classifier|regressor|clf)(?:v?\d{1,4})?(?:[._-](?:v?\d{1,4}|final|best|latest|trained)){0,3}"
    r"\.(?:json|txt)\Z",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the model.

    Attributes:
        name: folder or name that sets it apart, such as `unet`; empty for the root.
        copies: alternatives of the same weights, best first; never empty.
        certain: False where the names do not tell whether it adds to the model or repeats it.
    """

    name: str
    copies: tuple[Copy, ...]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """What a repository's file list says about its weights.

    Attributes:
        components: parts of the model.
        roles: every file's role, by path.
        adapter: whether the weights are an adapter's (LoRA and kin), without the base model.
        adapters: adapters beside full weights: set aside, merged or not.
        whole: single files that hold all components again (beside a pipeline's folders).
        given: files that are opened although their names make them something other than weights.
        descriptions: configurations and the card, which may describe a model whether or not its weights are here.
        unknown: files that nothing recognises, archives beside weights included; without weights, also those that
            only an ordinary word in their name recognises.
        named: files of a name that is believed up to `LARGEST_NAMED_BYTES`: without weights all of them, beside weights
            those that an ordinary word makes preprocessing (an `image_encoder.pkl` may be a network).
    """

    components: tuple[Component, ...]
    roles: Mapping[str, Role]
    adapter: bool = False
    adapters: tuple[Copy, ...] = ()
    whole: tuple[Copy, ...] = ()
    given: tuple[FileEntry, ...] = ()
    descriptions: tuple[FileEntry, ...] = ()
    unknown: tuple[FileEntry, ...] = ()
    named: tuple[FileEntry, ...] = ()

    @property
    def no_weights(self) -> bool:
        """Whether every file is positively recognised as something other than weights."""
        return not self.components and not self.adapters and not self.unsettled

    @property
    def unsettled(self) -> tuple[FileEntry, ...]:
        """Unrecognised files that are large, or may be, and files too large for what their name says."""
        unknown = tuple(entry for entry in self.unknown if entry.size is None or entry.size > SMALL_UNKNOWN_BYTES)
        return unknown + tuple(entry for entry in self.named if (entry.size or 0) > LARGEST_NAMED_BYTES)


def layout(files: Sequence[FileEntry], given: Collection[str] = (), indexes: Sequence[ShardIndex] = ()) -> Layout:
    """Sort a repository's files into components, copies and the rest.

    Args:
        files: the whole list, in any order, names as the author spelled them; a path that occurs twice counts once.
        given: paths that somebody named to have their weights counted: opened whatever their names say.
        indexes: indexes of shards that were read; files without one are put together by their names.
    """
    entries = {entry.path: entry for entry in sorted(files, key=lambda entry: entry.path)}
    roles = {path: classify(path) for path in entries}
    _open_doubtful(entries, roles)
    _open_partitions(entries, roles)
    roles |= dict.fromkeys(_lone_checkpoints(entries, roles), Role.UNKNOWN)
    weights = [entry for path, entry in entries.items() if roles[path] is Role.WEIGHTS]
    adapters = [entry for path, entry in entries.items() if roles[path] is Role.ADAPTER]
    archives = [entry for path, entry in entries.items() if roles[path] is Role.ARCHIVE]
    twins, archives = _split_twins(archives, weights)
    for path in entries:
        if path.endswith("/data") and f"{path[:-4]}policy.pth" in entries:
            roles[path] = Role.CONFIG  # stable-baselines3 keeps its settings there, as JSON
    unknown = [entry for path, entry in entries.items() if roles[path] is Role.UNKNOWN]
    named: list[FileEntry] = []
    if not weights and not adapters:
        unknown += [entry for path, entry in entries.items() if is_ambiguous(path)]
        if not archives:
            unknown = list(dict.fromkeys((*unknown, *_trusted(entries, roles, Trust.WORD))))
            named = _trusted(entries, roles, Trust.NAMED)
        weights, archives = archives, []
    data = external_data(unknown, weights)
    stray = frozenset(data)
    unknown = [entry for entry in unknown if entry not in stray]
    weights = [entry for entry in weights if entry not in stray]
    components, whole = _components(bundles_of([*weights, *twins], entries, data, indexes))
    if any(files <= entries.keys() for files in PARTS_FILES):
        components = [replace(component, certain=True) for component in components]
    if "model_index.json" in entries:
        names = {component.name for component in components}
        components = [replace(one, certain=one.certain or _is_of_pipeline(one, names, entries)) for one in components]
    adapter_components, adapter_whole = _components(bundles_of(adapters, entries, (), indexes))
    by_name = {path.lower(): entry for path, entry in entries.items()}
    descriptions = tuple(by_name[name] for name in DESCRIPTIONS if name in by_name)
    if components:
        return Layout(
            tuple(components),
            roles,
            adapters=tuple(copy for component in adapter_components for copy in component.copies),
            whole=tuple(whole),
            descriptions=descriptions,
            unknown=(*unknown, *archives),
            named=tuple(e for e in _trusted(entries, roles, Trust.WORD) if roles[e.path] is Role.PREPROCESSING),
        )
    return Layout(
        tuple(adapter_components),
        roles,
        adapter=bool(adapters),
        whole=tuple(adapter_whole),
        given=tuple(entries[path] for path in given if path in entries and roles[path] not in _OPENED_ANYWAY),
        descriptions=descriptions,
        unknown=(*unknown, *archives),
        named=tuple(named),
    )


def _is_of_pipeline(component: Component, names: Collection[str], entries: Mapping[str, FileEntry]) -> bool:
    """Whether a pipeline with an index at the root loads a component: a folder there, with its configuration.

    A folder that only adds to another's name, as `transformer_int8` does, holds another version of that.
    """
    folder, _, rest = component.copies[0].files[0].path.partition("/")
    if "/" in rest or component.name != folder.lower() or f"{folder}/config.json" not in entries:
        return False
    return not any(character in "_-" and component.name[:at] in names for at, character in enumerate(component.name))


def _trusted(entries: Mapping[str, FileEntry], roles: Mapping[str, Role], trust: Trust) -> list[FileEntry]:
    """The files recognised as something other than weights whose names are believed so far."""
    return [e for path, e in entries.items() if roles[path] not in _NO_RECOGNITION and trust_of(path) is trust]


def _open_doubtful(entries: Mapping[str, FileEntry], roles: dict[str, Role]) -> None:
    """Make weights of files whose ending is a weight format's and that a mere word makes something else.

    Their headers tell better; only beside weights is the word believed, and there not of a file that is larger than
    all of them (as far as sizes are known): it is no bookkeeping of theirs.
    """
    doubtful = [entry for entry in _trusted(entries, roles, Trust.WORD) if _has_weight_ending(entry.path)]
    if not doubtful:
        return
    beside = [entry.size for path, entry in entries.items() if roles[path] in (Role.WEIGHTS, Role.ADAPTER)]
    most = None if None in beside else sum(size or 0 for size in beside)
    for entry in doubtful:
        if not beside:
            if entry.size is None or entry.size > SMALL_UNKNOWN_BYTES:
                roles[entry.path] = Role.WEIGHTS
        elif most is not None and entry.size is not None and entry.size > most:
            roles[entry.path] = Role.WEIGHTS


def _open_partitions(entries: Mapping[str, FileEntry], roles: dict[str, Role]) -> None:
    """Make weights of the partitions of ZeRO's optimizer states where nothing else holds weights.

    From its third stage on the weights are nowhere else; at least twelve bytes go to each.
    """
    if any(role in _OPENED_ANYWAY for role in roles.values()):
        return
    for path in entries:
        name = path.rpartition("/")[2].lower()
        if "zero_pp_rank_" in name and name.endswith("_optim_states.pt"):
            roles[path] = Role.WEIGHTS


def _lone_checkpoints(entries: Mapping[str, FileEntry], roles: Mapping[str, Role]) -> list[str]:
    """Files named `checkpoint` without a TensorFlow checkpoint beside them, whose list it would be.

    Flax and Orbax write all weights of a training state to a file of this name.
    """
    named = [path for path in entries if path.endswith("/checkpoint") and roles[path] is Role.TRAINER]
    listed = {path.rpartition("/")[0] for path in entries if path.endswith(".index")} if named else set()
    return [path for path in named if path.rpartition("/")[0] not in listed]


def _has_weight_ending(path: str) -> bool:
    return ending_of(path.rpartition("/")[2].lower()) in WEIGHT_ENDINGS


def is_ambiguous(path: str) -> bool:
    """Whether a file may be a model by its name although its ending says something else, where no weights are."""
    return bool(_AMBIGUOUS_NAME.match(path.rpartition("/")[2].lower()[-MAX_PATH:]))


def _split_twins(
    archives: Iterable[FileEntry], weights: Iterable[FileEntry]
) -> tuple[list[FileEntry], list[FileEntry]]:
    """Archives that lie beside a folder of the same name with weights (stable-baselines3), and the others."""
    folders = {entry.path.rpartition("/")[0] for entry in weights}
    twins: list[FileEntry] = []
    others: list[FileEntry] = []
    for entry in archives:
        stem = entry.path[: -len(_archive_ending(entry.path))]
        (twins if stem in folders else others).append(entry)
    return twins, others


def _archive_ending(path: str) -> str:
    return max((ending for ending in ARCHIVE_ENDINGS if path.lower().endswith(ending)), key=len, default="")


def _components(bundles: Sequence[Bundle]) -> tuple[list[Component], list[Copy]]:
    """Components from bundles, and the copies that hold a whole pipeline in one file."""
    by_folder: dict[str, list[Bundle]] = defaultdict(list)
    for bundle in _at_home(bundles):
        by_folder[bundle.words.folder].append(bundle)
    whole: list[Copy] = []
    if "" in by_folder and PIPELINE_CORES & by_folder.keys() and PIPELINE_HELPERS & by_folder.keys():
        whole = _sorted_copies(bundle.copy() for bundle in by_folder.pop(""))
    components: list[Component] = []
    for folder, members in by_folder.items():
        components += _of_folder(folder, members, only=len(by_folder) == 1)
    return _uniquely_named(sorted(components, key=_component_key)), whole


def _at_home(bundles: Sequence[Bundle]) -> list[Bundle]:
    """The bundles, where a folder is named after a file beside it (ML-Agents): it holds that file's checkpoints."""
    finals = {bundle.stem: bundle.words for bundle in bundles if bundle.format.name != "pytorch-archive"}
    return [_moved_home(bundle, finals) for bundle in bundles]


def _moved_home(bundle: Bundle, finals: Mapping[str, Words]) -> Bundle:
    folder = bundle.words.folder
    home = finals.get(folder)
    if not folder or home is None or folder in PIPELINE_FOLDERS:
        return bundle
    parent = folder.rpartition("/")[0]
    return replace(
        bundle, words=replace(bundle.words, folder=parent, rest=home.rest, part=home.part, intermediate=True)
    )


def _uniquely_named(components: Sequence[Component]) -> list[Component]:
    """The components, told apart where a folder and a file have the same name."""
    seen: dict[str, int] = defaultdict(int)
    named = []
    for component in components:
        seen[component.name] += 1
        number = seen[component.name]
        named.append(component if number == 1 else replace(component, name=f"{component.name}~{number}"))
    return named


def _component_key(component: Component) -> tuple[bool, bool, str]:
    """Certain parts first, the network that does the work before its helpers, then by name."""
    return (not component.certain, component.name not in ("", *PIPELINE_CORES), component.name)


def _of_folder(folder: str, members: Sequence[Bundle], *, only: bool) -> list[Component]:
    """The components of one folder: one, unless names set several networks apart."""
    groups: dict[tuple[str, ...], list[Bundle]] = defaultdict(list)
    for bundle in members:
        groups[bundle.words.rest].append(bundle)
    _join_sidecars(groups)
    main = _main_group(groups)
    if main is not None and any(bundle.format.tier is not Tier.EXPORT for bundle in groups[main]):
        # Exports beside one training copy are its exports, whatever their authors called them.
        for rest in [rest for rest in groups if rest != main]:
            if _may_be_exports(groups[rest], groups[main], main):
                groups[main] += groups.pop(rest)
    # Optimum names the parts of an OpenVINO model so, and only them.
    exported = all(bundle.stem.rpartition("/")[2].startswith("openvino_") for bundle in members)
    sure = only or folder == "" or folder in PIPELINE_FOLDERS or _is_module(folder)
    parts = _are_parts(groups)
    components = []
    for rest, group in groups.items():
        named = len(groups) > 1 and rest != main
        name = joined(folder, "-".join(rest) if named else "")
        components += _split_sidecars(name, group, certain=sure and (exported or rest == main or parts))
    return components


def _may_be_exports(group: Sequence[Bundle], training: Sequence[Bundle], rest: tuple[str, ...]) -> bool:
    """Whether bundles of another name may be exports of a training copy.

    Not of an autoencoder or a text encoder, which lie beside the GGUF files of what they work for, nor of a copy that
    is much smaller: `norm.pt` and `voice.pt` lie beside graphs, too.
    """
    if any(bundle.format.tier is not Tier.EXPORT for bundle in group):
        return False
    if HELPER_WORDS.intersection(rest) and any(bundle.format.name == "gguf" for bundle in group):
        return False
    sizes = [_size_of(bundle) for bundle in group]
    most = max((_size_of(bundle) for bundle in training if bundle.format.tier is not Tier.EXPORT), default=0)
    return not most or min(sizes) <= MOST_EXPORT_GROWTH * most


def _size_of(bundle: Bundle) -> int:
    """Bytes of a bundle's files; 0 where the list does not say."""
    return 0 if any(entry.size is None for entry in bundle.files) else sum(entry.size or 0 for entry in bundle.files)


def _are_parts(groups: Mapping[tuple[str, ...], Sequence[Bundle]]) -> bool:
    """Whether one network is stored in parts of which some have two (`enc`, `erb_dec`, `df_dec`): none is a version.

    Versions (`en_encoder`, `en_decoder`, `de_encoder`, ...) have more than one part each.
    """
    if _are_of_pipeline(groups):
        return True
    parts = {rest: {bundle.words.part for bundle in group} for rest, group in groups.items()}
    return () in parts and all(len(names) == 1 and "" not in names for names in parts.values())


def _are_of_pipeline(groups: Mapping[tuple[str, ...], Sequence[Bundle]]) -> bool:
    """Whether one network in GGUF files lies beside its autoencoder, and perhaps its text encoders, one of each.

    Without an autoencoder, a file that is named as a text encoder may be what the GGUF files were made of.
    """
    helpers = [HELPER_WORDS.intersection(rest) for rest in groups]
    named = [words for words in helpers if words]
    if not AUTOENCODER_WORDS.intersection(frozenset().union(*named)):
        return False
    network = [group for group, words in zip(groups.values(), helpers, strict=True) if not words]
    # `clip_l` and `clip_g` have the word in common, and are two.
    told_apart = len(frozenset().union(*named)) == len(named) and all(len(words) == 1 for words in named)
    return told_apart and len(network) == 1 and all(bundle.format.name == "gguf" for bundle in network[0])


def _join_sidecars(groups: dict[tuple[str, ...], list[Bundle]]) -> None:
    """Put sidecars with the one network that is there: `mmproj-F16.gguf` does not repeat its name."""
    networks = [rest for rest, group in groups.items() if not all(bundle.words.sidecar for bundle in group)]
    if len(networks) == 1:
        for rest in [rest for rest in groups if rest != networks[0]]:
            groups[networks[0]] += groups.pop(rest)


def _main_group(groups: Mapping[tuple[str, ...], Sequence[Bundle]]) -> tuple[str, ...] | None:
    """The words of the copy that the folder is about; None where several could be."""
    if () in groups:
        return ()
    training = [rest for rest, group in groups.items() if any(b.format.tier is Tier.TRAINING for b in group)]
    if len(training) == 1:
        return training[0]
    return next(iter(groups)) if len(groups) == 1 else None


def _is_module(folder: str) -> bool:
    """Whether a folder is a sentence-transformers module (`1_Dense`)."""
    number, _, rest = folder.partition("_")
    return number.isdigit() and bool(rest)


def _split_sidecars(name: str, group: Sequence[Bundle], *, certain: bool) -> list[Component]:
    """GGUF's vision projector works together with its language model: a component of its own."""
    by_sidecar: dict[str, list[Bundle]] = defaultdict(list)
    for bundle in group:
        by_sidecar[bundle.words.sidecar].append(bundle)
    components = []
    for sidecar, members in by_sidecar.items():
        sure = sidecar == "mmproj" or (certain and not sidecar)
        components += _split_parts(joined(name, sidecar), members, certain=sure)
    return components


def _split_parts(name: str, group: Sequence[Bundle], *, certain: bool) -> list[Component]:
    """Networks that are stored in parts, such as encoder and decoder."""
    wholes = [bundle for bundle in group if not bundle.words.part]
    by_part: dict[str, list[Bundle]] = defaultdict(list)
    for bundle in group:
        if bundle.words.part:
            by_part[bundle.words.part].append(bundle)
    if not wholes and len(by_part) > 1:
        return [
            Component(joined(name, part), tuple(_sorted_copies(b.copy() for b in members)), certain)
            for part, members in by_part.items()
        ]
    if not wholes or not by_part:
        return [Component(name, tuple(_sorted_copies(bundle.copy() for bundle in group)), certain)]
    copies = [bundle.copy() for bundle in wholes]
    copies += _split_exports([bundle for bundle in group if bundle.words.part and bundle.format.tier is Tier.EXPORT])
    components = [Component(name, tuple(_sorted_copies(copies)), certain)]
    for part, members in by_part.items():
        # A `vocoder.pt` beside a `model.pt` may be another network, or a piece of the first.
        others = [bundle.copy() for bundle in members if bundle.format.tier is not Tier.EXPORT]
        if others:
            components.append(Component(joined(name, part), tuple(_sorted_copies(others)), certain=False))
    return components


def _split_exports(bundles: Sequence[Bundle]) -> list[Copy]:
    """Exports in parts beside a whole training copy: one copy for each place and format, of the best of each part."""
    families: dict[tuple[str, str], list[Bundle]] = defaultdict(list)
    for bundle in bundles:
        families[("" if bundle.words.part_by_folder else bundle.words.place, bundle.format.name)].append(bundle)
    copies = []
    for family in families.values():
        parts = sorted({bundle.words.part for bundle in family})
        chosen = [min((b for b in family if b.words.part == part), key=bundle_key) for part in parts]
        copies.append(
            replace(
                chosen[0].copy(),
                files=tuple(entry for bundle in chosen for entry in bundle.files),
                complete=len(parts) > 1 and all(bundle.complete for bundle in chosen),
                quantised=any(bundle.words.quantised for bundle in chosen),
            )
        )
    return copies


def _sorted_copies(copies: Iterable[Copy]) -> list[Copy]:
    """Best first: complete, final, training format, not quantised, readable exactly, then the plainest name."""
    return sorted(
        copies,
        key=lambda copy: (
            not copy.complete,
            copy.intermediate,
            copy.format.tier.value,
            copy.quantised,
            RANK[copy.format.name],
            len(copy.files[0].path),
            copy.files[0].path,
        ),
    )
