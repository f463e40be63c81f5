"""Which parts of a checkpoint are copies of others: averages (EMA), the best and the last, the same under two names.

By the contract alternatives of the same weights count once, and distinct networks that work together add up. So a part
counts as a copy only where its key says so (or two keys both only say "the model") and its names and shapes agree with
the part it copies. A teacher may be an average of its student or a network of its own: then the answer is an interval.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from estimators.dtypes import Kind, kind_of
from estimators.formats.pytorch.walk import Leaf
from estimators.interface import Finding

LEVELS = 3  # of keys: deeper parts belong to one network
MAX_SIBLINGS = 200  # parts that are compared with each other; a checkpoint has a handful

AVERAGES = frozenset({"ema", "shadow", "avg", "averaged", "average", "swa", "polyak", "collected"})
SNAPSHOTS = frozenset({
    "best", "old", "prev", "previous", "last", "latest", "final", "backup", "initial", "init", "original", "copy",
    "current",
})  # fmt: skip
PLAIN_WORDS = frozenset({"state", "dict", "model", "weights", "weight", "params", "net", "network", "checkpoint"})
TEACHERS = frozenset({"teacher", "momentum"})
# Keys that name nothing but "the weights"; two of them with equal contents are one network.
GENERIC = re.compile(
    r"(?:model|net|network|module|weights|params|parameters|state|state_dict|model_state(?:_dict)?|model_dict|"
    r"net_state_dict|model_weights|network_state_dict|policy_state_dict|checkpoint|model_params)"
)
_WORD = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")
_WRAPPERS = re.compile(r"(?:(?:module|_orig_mod|model|online_model|shadow_params|state_dict|ema_model)\.)+")
# Keys of what a training run writes down: single numbers below them are no weights, anything else may be.
_LOG = re.compile(
    r"(?:\w+_)?(?:loss(?:es)?|acc(?:s|urac(?:y|ies))?|metrics?|histor(?:y|ies)|logs?|scores?|rewards?|returns?|curves?|"
    r"meters?|results?|args|config|cfg|settings|options|meta(?:data)?|info)"
)
# Scalars beside the state dicts of a checkpoint.
_METRIC = re.compile(
    r".*(?:loss|acc|best|metric|score|f1|auc|lr|epoch|step|iter|perplexity|ppl|bleu|wer|cer|mse|mae|psnr|ssim|iou|map|"
    r"error|reward|return|decay|num_updates|kl|seed|time|elbo).*",
    re.DOTALL,
)

# Single numbers that training changes, which are kept beside state dicts.
_LEARNT = frozenset({
    "log_alpha", "log_std", "log_ent_coef", "logit_scale", "logit_bias", "temperature", "log_temperature",
})  # fmt: skip


@dataclass(slots=True)
class Sorted:
    """Tensors of a checkpoint by what they are.

    Attributes:
        kept: these count.
        doubtful: these may count.
        findings: what was left out, and why.
    """

    kept: list[Leaf]
    doubtful: list[Leaf] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def sort_out(leaves: Sequence[Leaf]) -> Sorted:
    """Set copies and scalars apart."""
    result = Sorted([])
    numbers = any(not leaf.array for leaf in leaves)
    plain = any(not leaf.attribute and not _is_logged(leaf) for leaf in leaves)
    for leaf in leaves:
        aside = (leaf.attribute and plain) or (plain and _is_logged(leaf))
        if aside and leaf.tensor.elements <= 1:
            continue
        doubtful = aside or leaf.doubt or (leaf.array and numbers)
        (result.doubtful if doubtful else result.kept).append(leaf)
    for level in range(LEVELS):
        _settle_level(result, level)
    _settle_loose(result)
    return result


def _is_logged(leaf: Leaf) -> bool:
    return any(_LOG.fullmatch(key.lower()[:60]) for key in leaf.path[: min(leaf.keys, len(leaf.path) - 1)])


def _settle_level(result: Sorted, level: int) -> None:
    families: dict[tuple[str, ...], dict[str, list[Leaf]]] = defaultdict(lambda: defaultdict(list))
    for leaf in result.kept:
        parts = _parts(leaf)
        if len(parts) > level:
            key = parts[level] if len(parts) > level + 1 else ""
            families[parts[:level]][key].append(leaf)
    dropped: set[int] = set()
    for siblings in families.values():
        if 1 < len(siblings) <= MAX_SIBLINGS:
            dropped.update(_settle(result, siblings, level))
    if dropped:
        result.kept = [leaf for leaf in result.kept if id(leaf) not in dropped]


def _parts(leaf: Leaf) -> tuple[str, ...]:
    """The path with a last key of dots taken apart, as far as levels are looked at."""
    if len(leaf.path) > LEVELS:
        return leaf.path
    return (*leaf.path[:-1], *leaf.path[-1].split(".", LEVELS + 1)) if leaf.path else ()


def _words(key: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(key[:200]))


def _settle(result: Sorted, siblings: dict[str, list[Leaf]], level: int) -> set[int]:
    """Identities of the leaves that do not count for certain."""
    prints = _Prints(level)
    gone: set[int] = set()
    standing = dict(siblings)
    for key in sorted(siblings, key=lambda key: (bool(GENERIC.fullmatch(key.lower())), key)):
        verdict = _verdict(key, standing, prints)
        if verdict is None:
            continue
        leaves = standing.pop(key)
        gone.update(map(id, leaves))
        total = sum(leaf.tensor.elements for leaf in leaves)
        if verdict == "copy-left-out":
            message = f"{total} elements under {key[:80]!r} are a copy of other weights in the file"
        else:
            message = f"{total} elements under {key[:80]!r} may be a copy of other weights in the file"
            result.doubtful.extend(leaves)
        result.findings.append(Finding(verdict, message))
    return gone


def _verdict(key: str, siblings: dict[str, list[Leaf]], prints: _Prints) -> str | None:
    """`copy-left-out`, `copy-uncertain`, or None where the part counts."""
    words = _words(key)
    averaged = bool(words & AVERAGES)
    mine = siblings[key]
    level = prints.level
    # A key of its own, not the front of a dotted name, and none of a module's.
    container = all(len(leaf.path) > level + 1 and leaf.keys > level for leaf in mine)
    snapshot = container and level < LEVELS - 1 and bool(words & SNAPSHOTS)
    generic = container and bool(GENERIC.fullmatch(key.lower()))
    teacher = container and bool(words & TEACHERS)
    if not (averaged or snapshot or generic or teacher):
        return None
    others = {name: leaves for name, leaves in siblings.items() if name != key}
    alike = [name for name, leaves in others.items() if prints.of(name, leaves) == prints.of(key, mine)]
    if alike:
        if averaged or (snapshot and any(_base(name) == _base(key) for name in alike)):
            return "copy-left-out"
        if teacher:
            return "copy-uncertain"
        return "copy-left-out" if generic and any(GENERIC.fullmatch(name.lower()) for name in alike) else None
    if not averaged or not container:
        return None  # Tally knows the averages inside one state dict
    plain = [leaves for name, leaves in others.items() if not _words(name) & (AVERAGES | SNAPSHOTS)]
    if not plain:
        return None
    if _covers(plain, mine):
        return "copy-left-out"
    base = words - AVERAGES
    return None if base and not any(_words(name) & base for name in others) else "copy-uncertain"


def _base(key: str) -> frozenset[str]:
    """What a key names, beside being some copy of the weights."""
    return _words(key) - SNAPSHOTS - AVERAGES - PLAIN_WORDS


def _covers(plain: Sequence[Sequence[Leaf]], mine: Sequence[Leaf]) -> bool:
    """Whether every size of an average occurs among the plain tensors: its names may have been dropped."""
    sizes = Counter(leaf.tensor.elements for leaves in plain for leaf in leaves)
    needed = Counter(leaf.tensor.elements for leaf in mine if leaf.tensor.elements > 1)
    return all(sizes[size] >= count for size, count in needed.items())


class _Prints:
    """Fingerprints of parts: names below the part's key, and sizes."""

    def __init__(self, level: int) -> None:
        self.level = level
        self._known: dict[str, int] = {}

    def of(self, key: str, leaves: Sequence[Leaf]) -> int:
        if key not in self._known:
            names = sorted((self._name(leaf), leaf.tensor.elements) for leaf in leaves)
            self._known[key] = hash(tuple(names))
        return self._known[key]

    def _name(self, leaf: Leaf) -> str:
        """Name below the part's key, without what wrappers put in front of it."""
        if len(leaf.path) > self.level + 1:
            name = ".".join(leaf.path[self.level + 1 :])
        else:
            name = ".".join(leaf.path).split(".", self.level + 1)[-1]
        return _WRAPPERS.sub("", name + ".", count=1) if _WRAPPERS.match(name) else name + "."


def _settle_loose(result: Sorted) -> None:
    """Numbers that lie beside state dicts: metrics do not count, anything else of little size may."""
    loose = [
        leaf
        for leaf in result.kept
        if len(leaf.path) == leaf.keys == 1 and _is_float(leaf) and leaf.path[0].lower() not in _LEARNT
    ]
    total = sum(leaf.tensor.elements for leaf in result.kept if _is_float(leaf))
    beside = sum(leaf.tensor.elements for leaf in loose)
    if beside == total or 100 * beside > total or any("." in leaf.path[0] for leaf in loose):
        small = [leaf for leaf in loose if leaf.tensor.elements == 1 and beside < total]
        loose = [leaf for leaf in small if _METRIC.fullmatch(leaf.path[0].lower())]
    apart = {id(leaf) for leaf in loose}
    result.kept = [leaf for leaf in result.kept if id(leaf) not in apart]
    result.doubtful += [
        leaf for leaf in loose if leaf.tensor.elements != 1 or not _METRIC.fullmatch(leaf.path[0].lower())
    ]


def _is_float(leaf: Leaf) -> bool:
    return kind_of(leaf.tensor.dtype) is Kind.FLOAT
