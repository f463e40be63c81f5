"""What a later look at a model's files needs is packed in few bytes and comes back as it was."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from estimators.roles import FileEntry
from scanner.facts import ModelFacts, pack_facts, unpack_facts
from tests.scanner.making import SHA

EMPTY = ModelFacts("key", "a/b", "huggingface")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers(0, 2**63 - 1)
FILES = st.none() | st.lists(st.builds(FileEntry, TEXT, st.none() | NUMBERS), max_size=8, unique_by=lambda e: e.path)


@given(
    FILES,
    st.none() | NUMBERS,
    st.none() | st.dictionaries(TEXT, NUMBERS, max_size=3),
    st.none() | st.dictionaries(TEXT, TEXT | st.booleans() | st.lists(NUMBERS, max_size=2), max_size=3),
    st.booleans(),
)
def test_it_comes_back_as_it_was(files, total, parameters, quantization, flag) -> None:  # type: ignore[no-untyped-def]
    facts = replace(
        EMPTY,
        sha=SHA,
        files=None if files is None else tuple(files),
        safetensors_total=total,
        gguf_total=total,
        safetensors_parameters=parameters,
        quantization=quantization,
        adapter=flag,
        described=not flag,
        digests={entry.path: "0" * 64 for entry in files or () if entry.size},
    )
    assert unpack_facts(pack_facts(facts), EMPTY) == facts


def test_a_hundred_shards_take_a_few_hundred_bytes() -> None:
    names = tuple(FileEntry(f"model-{n:05d}-of-00100.safetensors", None) for n in range(1, 101))
    packed = pack_facts(replace(EMPTY, files=names))
    assert len(packed) < 600
    assert unpack_facts(packed, EMPTY).files == names
