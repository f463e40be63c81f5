"""How GGML files from before GGUF begin: magic numbers, settings and vocabularies, by the programs that wrote them.

Specs, each the loader of its program: ggml-org/ggml, examples (gpt-2, gpt-j, gpt-neox, mpt, replit, starcoder);
ggml-org/llama.cpp before August 2023 (`llama_file_loader`); ggml-org/whisper.cpp, src/whisper.cpp
(`whisper_model_load`); RWKV/rwkv.cpp, docs/FILE_FORMAT.md; skeskinen/bert.cpp; NouamaneTazi/bloomz.cpp. The magic does
not tell these apart, so that each layout is tried until one leads to a tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from estimators.formats.ggml.gguf import BLOCKS

GGML, GGMF, GGJT, GGLA = b"lmgg", b"fmgg", b"tjgg", b"algg"  # 32-bit numbers, little endian
MAGICS = (GGML, GGMF, GGJT, GGLA)
RWKV_VERSIONS = (100, 101)
GGJT_VERSIONS = (1, 2, 3)
QUANTISATION_FACTOR = 1000  # since May 2023 a file type is this times the version of the blocks, plus the type
NEW_BLOCKS = 2  # the version of blocks that GGUF kept
NEW_BLOCKS_GGJT = 3
NEW_BLOCKS_RWKV = 101

# Elements in a block and bytes of a block, where they were different before May 2023: scales had 32 bits.
OLD_BLOCKS: Mapping[int, tuple[int, int]] = {
    **BLOCKS,
    2: (32, 20), 3: (32, 24), 4: (16, 10), 5: (16, 12), 8: (32, 36),  # Q4_0 Q4_1 Q4_2 Q4_3 Q8_0
}  # fmt: skip
RWKV_BLOCKS: Mapping[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 7: (32, 22), 8: (32, 24), 9: (32, 34),
    11: (256, 84), 12: (256, 110), 13: (256, 144), 14: (256, 176), 15: (256, 210),
}  # fmt: skip
RWKV_OLD_BLOCKS: Mapping[int, tuple[int, int]] = {**RWKV_BLOCKS, 2: (32, 20), 3: (32, 24), 9: (32, 36)}
# The narrowest type of these files, Q2_K, has 84 bytes for 256 weights.
MOST_WEIGHTS_PER_BYTE = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """What precedes the tensors.

    Attributes:
        name: the program or family.
        settings: 32-bit settings after the magic.
        words: number of the setting that is the size of the vocabulary; -1 where there is no vocabulary.
        counted: whether the vocabulary states its own size, too.
        scored: whether a 32-bit score follows each word.
        mel: whether a filter bank (two sizes and as many floats) precedes the vocabulary.
        aligned: whether data begins at multiples of 32 bytes.
        rwkv: whether element types have rwkv.cpp's numbers.
        version: of the file, 0 where it has none.
    """

    name: str
    settings: int
    words: int
    counted: bool = False
    scored: bool = False
    mel: bool = False
    aligned: bool = False
    rwkv: bool = False
    version: int = 0


PLAIN: tuple[Layout, ...] = (
    Layout("whisper", 11, 0, counted=True, mel=True),
    Layout("gpt-j", 7, 0, counted=True),
    Layout("gpt-2 or starcoder", 6, 0, counted=True),
    Layout("llama or bert", 7, 0),
    Layout("gpt-neox", 8, 0),
    Layout("mpt", 8, 4),
    Layout("replit", 6, 4, scored=True),
    Layout("bloom", 6, 0),
)
LORA = Layout("llama adapter", 2, -1, aligned=True)
RWKV = Layout("rwkv", 4, -1, rwkv=True)
UNKNOWN = Layout("unknown", 0, -1)


def layouts_for(magic: bytes, version: int) -> Iterator[Layout]:
    """The layouts that a file of this magic may have, the likeliest first.

    Args:
        magic: four bytes.
        version: the number after them, which is a version except after the first magic.
    """
    if magic == GGML:
        yield from PLAIN
    elif magic == GGLA and version == 1:
        yield _of_version(LORA, version)
    elif magic == GGMF and version in RWKV_VERSIONS:
        yield _of_version(RWKV, version)
    elif (magic == GGMF and version == 1) or (magic == GGJT and version in GGJT_VERSIONS):
        families = sorted((layout for layout in PLAIN if not layout.mel), key=lambda layout: layout.name[:5] != "llama")
        for family in families:  # other families were written this way by rustformers/llm
            yield _of_version(family, version, scored=True, aligned=magic == GGJT)


def _of_version(layout: Layout, version: int, *, scored: bool = False, aligned: bool = False) -> Layout:
    return Layout(
        layout.name,
        layout.settings,
        layout.words,
        counted=layout.counted,
        scored=layout.scored or scored,
        aligned=layout.aligned or aligned,
        rwkv=layout.rwkv,
        version=version,
    )


def blocks_for(layout: Layout, settings: tuple[int, ...]) -> Iterator[Mapping[int, tuple[int, int]]]:
    """Block sizes that a file's version suggests, then the other ones."""
    if layout.rwkv:
        new, old = RWKV_BLOCKS, RWKV_OLD_BLOCKS
        is_new = layout.version >= NEW_BLOCKS_RWKV
    else:
        new, old = BLOCKS, OLD_BLOCKS
        by_type = not settings or settings[-1] // QUANTISATION_FACTOR >= NEW_BLOCKS
        is_new = layout.version >= NEW_BLOCKS_GGJT if layout.aligned else by_type
    yield from (new, old) if is_new else (old, new)


def tensors_due(layout: Layout, settings: tuple[int, ...], first: str) -> int:
    """How many tensors a complete file has at least; 1 where that is not known.

    Args:
        layout: of the file.
        settings: of the file.
        first: name of the first tensor.
    """
    if layout.name == "whisper":
        audio, text = settings[4], settings[8]
        return 11 + 15 * audio + 24 * text
    if first == "tok_embeddings.weight" and layout.settings == LLAMA_SETTINGS:
        return 3 + 9 * settings[4]  # LLaMA
    return 1


LLAMA_SETTINGS = 7
# The last tensor of files whose number of tensors differs by version.
LAST_TENSOR = {"rwkv": "head.weight"}
