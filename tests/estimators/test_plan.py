"""The next cheapest read that can still decide, and none when nothing can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from estimators.combine import FileFacts, combine
from estimators.declared import from_gguf, from_safetensors
from estimators.interface import Basis, Estimate, Unestimated
from estimators.plan import Read, candidate_reads
from estimators.roles import FileEntry, layout

MILLION = 1_000_000


def next_read(*arguments: Any, **options: Any) -> Read | None:
    """The read that is offered first."""
    return next(iter(candidate_reads(*arguments, **options)), None)


BROKEN = Unestimated("x", "malformed-file", "x: broken")


def plan(
    facts: Mapping[str, int | Estimate | Unestimated | None],
    *declared: Estimate,
    thresholds: tuple[int, ...] = (MILLION,),
    exact: bool = False,
) -> str:
    """The next read of a repository given as path to what is known: a size, an outcome, or only the name (None)."""
    known = {
        path: FileFacts(fact) if isinstance(fact, int) else FileFacts(4000, None, fact)
        for path, fact in facts.items()
        if fact is not None
    }
    step = next_read(layout([FileEntry(path) for path in facts]), known, declared, thresholds, exact=exact)
    return "nothing" if step is None else f"{step.want} {step.path}"


def header(count: int) -> Estimate:
    return Estimate(count, count, count, Basis.SAFETENSORS_HEADER, exact=True, stored_elements=count, buffers=0)


SHARDS = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"model.safetensors": None}, "size model.safetensors"),
        ({"model.safetensors": 32_000_032}, "nothing"),  # above by its size alone
        ({"model.safetensors": 125_000}, "nothing"),  # below by its size alone
        ({"model.safetensors": 4_000_000}, "header model.safetensors"),
        ({"model.safetensors": header(5)}, "nothing"),
        ({"model.safetensors": BROKEN}, "nothing"),
        ({"pytorch_model.bin": None}, "size pytorch_model.bin"),
        ({"pytorch_model.bin": 4_000_000}, "header pytorch_model.bin"),
        ({"model.engine": 4_000_000}, "nothing"),  # no estimator reads it
        ({"zero_pp_rank_0_mp_rank_00_optim_states.pt": 4_000_000}, "nothing"),  # its tensors are an optimizer's
        ({"pytorch_model.bin": BROKEN, "model.engine": 4_000_000}, "nothing"),
        ({"pytorch_model.bin": 4_000_000, "model.safetensors": None}, "size model.safetensors"),
        ({"model.engine": 4_000_000, "M-F16.gguf": 2_000_000}, "header M-F16.gguf"),
        ({"model.safetensors": BROKEN, "M-F16.gguf": 1_000_000}, "nothing"),  # 4,000 bytes hold no million
        ({"model.safetensors": BROKEN, "M-F16.gguf": 2_000_000}, "header M-F16.gguf"),  # too large to be made of them
        ({"README.md": None}, "nothing"),
        ({"README.md": None, "x.xyz": None}, "size x.xyz"),
        ({"README.md": None, "x.xyz": 100_000}, "header x.xyz"),
        ({"README.md": None, "x.xyz": 60_000}, "nothing"),
        ({"README.md": None, "x.xyz": BROKEN}, "nothing"),
        ({"x.xyz": 100_000, "y.xyz": 200_000}, "header y.xyz"),
        ({f"{n}.xyz": BROKEN for n in range(5)} | {"y.xyz": 200_000}, "nothing"),  # one more would not settle it
        ({"model.safetensors": header(5), "x.xyz": 10_000_000}, "header x.xyz"),
        ({"model.safetensors": header(5), "x.xyz": header(6)}, "nothing"),
        ({"model.safetensors": header(5), "x.xyz": None}, "size x.xyz"),  # before it is said to be below
        ({"model.safetensors": header(7_000_000), "x.xyz": None}, "nothing"),
        ({"ppo.zip": None}, "size ppo.zip"),
        ({"ppo.zip": 100_000}, "header ppo.zip"),
        (dict.fromkeys(SHARDS), f"size {SHARDS[0]}"),
        (dict.fromkeys(SHARDS) | {SHARDS[0]: 5 * 10**9}, "nothing"),  # the first shard decides
        (dict.fromkeys(SHARDS) | {SHARDS[0]: 4_000_000}, f"header {SHARDS[0]}"),
        (dict.fromkeys(SHARDS) | {SHARDS[0]: header(500_000)}, f"size {SHARDS[1]}"),
        (dict.fromkeys(SHARDS) | {SHARDS[0]: header(MILLION + 1)}, "nothing"),
        ({"unet/a.safetensors": None, "vae/a.safetensors": None}, "size unet/a.safetensors"),
        ({"unet/a.safetensors": 4_000_000, "vae/a.safetensors": None}, "size vae/a.safetensors"),
        ({"unet/a.safetensors": 4_000_000, "vae/a.safetensors": 3_000_000}, "header unet/a.safetensors"),
        ({"unet/a.engine": 4_000_000, "vae/a.safetensors": 100}, "nothing"),  # the part that matters cannot be read
        ({"unet/a.bin": 400_000, "vae/a.safetensors": 4_000_000}, "header vae/a.safetensors"),
        ({"adapter_model.safetensors": None}, "size adapter_model.safetensors"),
    ],
)
def test_next_reads(facts: Mapping[str, int | Estimate | Unestimated | None], expected: str) -> None:
    assert plan(facts) == expected


def test_declarations_save_reads() -> None:
    assert plan({"model.safetensors": None}, from_safetensors(7 * MILLION, {"F32": 7 * MILLION})) == "nothing"
    assert plan({"model.safetensors": None}, from_safetensors(9, {"F32": 9})) == "nothing"
    assert plan({"M-Q4_0.gguf": None}, from_gguf(7 * MILLION)) == "nothing"
    straddling = from_safetensors(333_312, {"BF16": 7_615_616_512})
    assert plan({"model.safetensors": None}, straddling) == "size model.safetensors"
    packed = from_safetensors(900_000, {"I32": 100_000, "F16": 800_000})
    assert plan({"model.safetensors": None}, packed) == "size model.safetensors"


def test_exact_goes_straight_for_the_headers() -> None:
    declared = from_safetensors(7 * MILLION, {"F32": 7 * MILLION})
    assert plan({"model.safetensors": None}, declared, exact=True) == "header model.safetensors"
    assert plan({"model.safetensors": 10**10, "model.bin": 5}, exact=True) == "header model.safetensors"
    assert plan({"model.safetensors": header(7)}, exact=True) == "nothing"
    assert plan({"model.bin": None}, exact=True) == "header model.bin"
    assert plan({"model.engine": None}, exact=True) == "size model.engine"
    assert plan({"model.engine": 10**10}, exact=True) == "nothing"
    assert plan(dict.fromkeys(SHARDS) | {SHARDS[0]: header(MILLION * 9)}, exact=True) == f"header {SHARDS[1]}"
    assert plan({"ner/model": header(5), "vocab/vectors": 10**7}, exact=True) == "header vocab/vectors"
    for ending in ("jit", "cleanrl_model", "chkpt", "checkpoint", "ot", "t7"):
        assert plan({f"policy.{ending}": 10**7}) == f"header policy.{ending}"
    for name in ("lightgbm_a.model", "lgbm_a.json", "catboost.json", "xgboost.txt", "glove_50.txt"):
        assert plan({name: 10**7}) == f"header {name}"
    assert plan({}, exact=True) == "nothing"
    assert plan({"model.safetensors": header(7), "my_lora.safetensors": None}, exact=True) == "size my_lora.safetensors"
    assert plan({"model.safetensors": header(7), "my_lora.safetensors": 5}, exact=True) == "nothing"
    assert plan({"model.safetensors": header(7), "adapter_model.safetensors": None}, exact=True) == "nothing"


def test_tables_are_read_instead_of_what_they_describe() -> None:
    saved = {
        "saved_model.pb": 50_000,
        "variables/variables.index": 3000,
        "variables/variables.data-00000-of-00001": None,
    }
    assert plan(saved) == "size variables/variables.data-00000-of-00001"
    saved["variables/variables.data-00000-of-00001"] = 20_000_000
    assert plan(saved) == "header saved_model.pb"
    assert plan(saved | {"saved_model.pb": header(0)}) == "header variables/variables.index"
    assert plan(saved | {"saved_model.pb": header(0), "variables/variables.index": header(5)}) == "nothing"
    assert plan({"m.bin": 20_000_000, "m.xml": 90_000}) == "header m.xml"
    assert plan({"m.bin": 20_000_000, "m.xml": header(5_000_000)}) == "nothing"
    assert plan({"tf_model.data-00000-of-00001": 20_000_000}) == "nothing"  # no index, no names, no header


def test_an_index_is_read_where_names_leave_open_what_are_shards() -> None:
    index = "model.safetensors.index.json"
    parts: dict[str, int | None] = {"a.safetensors": None, "b.safetensors": None, index: None}
    assert plan(parts, exact=True) == f"index {index}"
    assert plan(dict.fromkeys([*SHARDS[1:], index]), exact=True) == f"index {index}"
    assert plan(dict.fromkeys([*SHARDS, index]), exact=True) == f"header {SHARDS[0]}"


def test_for_a_side_an_index_is_read_only_where_the_parts_do_not_tell() -> None:
    index = "model.safetensors.index.json"
    assert plan({"a.safetensors": None, "b.safetensors": None, index: None}) == "size a.safetensors"
    assert plan({"a.safetensors": 10**10, "b.safetensors": None, index: None}) == "nothing"
    # Together they are above, each alone is not: what they are to each other decides.
    assert plan({"a.safetensors": header(600_000), "b.safetensors": header(600_000), index: None}) == f"index {index}"
    assert plan(dict.fromkeys([*SHARDS, index])) == f"size {SHARDS[0]}"


def test_a_description_is_read_only_where_it_is_wanted_and_no_weights_are_there() -> None:
    found = layout([FileEntry("config.json")])
    assert next_read(found, {}, [], [MILLION], exact=False) is None
    wanted = Read("config.json", "description")
    assert next_read(found, {}, [], [MILLION], exact=False, describe=True) == wanted
    known = {"config.json": FileFacts(500, None, header(5))}
    assert next_read(found, known, [], [MILLION], exact=False, describe=True) is None
    beside = layout([FileEntry("config.json"), FileEntry("model.safetensors", 10**9)])
    assert next_read(beside, {}, [], [MILLION], exact=False, describe=True) is None
    assert combine(found, {}, [], description=True).high is None


def test_every_threshold_has_to_be_decided() -> None:
    facts = {"model.safetensors": 32_000_032}
    assert plan(facts, thresholds=(MILLION,)) == "nothing"
    assert plan(facts, thresholds=(MILLION, 10_000_000)) == "header model.safetensors"
    assert plan(facts, thresholds=()) == "nothing"


def test_reads_are_values() -> None:
    assert Read("a", "size") == Read("a", "size")
