"""Names of a crowd's models: like those of the Hub, invented, and each with its number in its last five letters.

So a name asked for leads to its model without a table. The letters are the number scattered over 25 bits.
"""

from __future__ import annotations

ALPHABET = "abcdefghjkmnpqrstuvwxyz023456789"
LETTERS = 5
_BITS = 25
_SCATTER = 0x9E3779B | 1
_GATHER = pow(_SCATTER, -1, 1 << _BITS)
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}

FIRST = (
    "amber", "birch", "copper", "dapple", "elder", "fern", "gravel", "heron", "indigo", "juniper", "kelp", "linden",
    "maple", "nettle", "ochre", "pebble", "quartz", "rowan", "sorrel", "tarn", "umber", "velvet", "willow", "yarrow",
    "ash", "basalt", "cinder", "drift", "ember", "flint", "gorse", "hazel",
)  # fmt: skip
SECOND = (
    "", "-lab", "works", "field", "smith", "-ai", "forge", "brook", "mind", "_nlp", "data", "ridge", "net", "ware",
    "-research", "bit",
)  # fmt: skip
SUBJECTS = (
    "aurora", "kestrel", "mogu", "sentinel", "opus", "lyra", "osprey", "tessera", "quill", "marlin", "sable", "ravel",
    "nimbus", "cobalt", "thicket", "vesper",
)  # fmt: skip
FLAVOURS = (
    "base", "instruct", "chat", "finetuned", "v2", "sft", "dpo", "cased", "uncased-ner", "sentiment", "multilingual",
    "coder", "reward", "summarizer", "zh", "lora-merged",
)  # fmt: skip
AFTER_RENAMING = ("-archive", "-org", "-team")


def letters(number: int) -> str:
    """The five letters of a model's number."""
    scattered = number * _SCATTER & (1 << _BITS) - 1
    return "".join([ALPHABET[scattered >> shift & 31] for shift in (20, 15, 10, 5, 0)])


def number_of(name: str) -> int | None:
    """The number in a name's last letters; None where they are none."""
    scattered = 0
    if len(name) < LETTERS:
        return None
    for letter in name[-LETTERS:]:
        if letter not in _VALUES:
            return None
        scattered = scattered << 5 | _VALUES[letter]
    return scattered * _GATHER & (1 << _BITS) - 1


def size_label(count: int) -> str:
    """`7b`, `1.1b`, `350m`, `12k`, as authors write it."""
    for unit, letter in ((10**9, "b"), (10**6, "m"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.0f}{letter}" if count >= 10 * unit else f"{count / unit:.1f}{letter}"
    return str(count)


def owner(draw: int) -> str:
    """One of some ten thousand owners."""
    digits = draw >> 9 & 31
    return FIRST[draw & 31] + SECOND[draw >> 5 & 15] + (str(digits) if digits > 12 else "")


def renamed(name: str, week: int) -> str:
    """What a model is called after it was moved in some week."""
    first, _, last = name.partition("/")
    return f"{first}{AFTER_RENAMING[week % 3]}/{last}"
