"""Many pieces of evidence to one interval that holds the truth, with disagreements named."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.combine import FileFacts, combine
from estimators.declared import from_gguf, from_safetensors
from estimators.interface import Basis, Estimate, Evidence, Unestimated
from estimators.plan import Read, candidate_reads
from estimators.roles import FileEntry, layout

MILLION = 1_000_000


def next_read(*arguments: Any, **options: Any) -> Read | None:
    """The read that is offered first."""
    return next(iter(candidate_reads(*arguments, **options)), None)


def header(count: int, *, stored: int | None = None, buffers: int = 0, path: str = "x") -> Estimate:
    """What an estimator gives for a file that it read exactly."""
    row = Evidence(Basis.SAFETENSORS_HEADER, path, count, count, count, requests=1, bytes_read=131_072)
    stored = count if stored is None else stored
    return Estimate(
        count,
        count,
        count,
        Basis.SAFETENSORS_HEADER,
        exact=True,
        stored_elements=stored,
        buffers=buffers,
        evidence=(row,),
    )


def read(count: int, size: int | None = None, digest: str | None = None) -> FileFacts:
    return FileFacts(size if size is not None else 4 * count + 100, digest, header(count))


def sized(size: int, digest: str | None = None) -> FileFacts:
    return FileFacts(size, digest)


def failed(path: str, reason: str = "malformed-file", size: int | None = 1000) -> FileFacts:
    return FileFacts(size, None, Unestimated(path, reason, f"{path}: broken", 1, 32_768))


def together(facts: Mapping[str, FileFacts | None], *declared: Estimate, description: bool = False) -> Estimate:
    """Combine a repository given as path to facts (None: only the name is known)."""
    known = {path: fact for path, fact in facts.items() if fact is not None}
    return combine(layout([FileEntry(path) for path in facts]), known, declared, description=description)


def codes(estimate: Estimate) -> set[str]:
    return {finding.code for finding in estimate.findings}


def ends(estimate: Estimate) -> tuple[int, int | None, int | None, bool]:
    return estimate.low, estimate.point, estimate.high, estimate.exact


def test_one_file_that_was_read() -> None:
    estimate = together({"config.json": None, "model.safetensors": read(MILLION + 1)})
    assert ends(estimate) == (MILLION + 1, MILLION + 1, MILLION + 1, True)
    assert estimate.side(MILLION) is True
    assert (estimate.basis, estimate.stored_elements, estimate.components) == (
        Basis.SAFETENSORS_HEADER,
        MILLION + 1,
        {},
    )
    assert together({"model.safetensors": read(MILLION)}).side(MILLION) is False


def test_only_names() -> None:
    estimate = together({"model.safetensors": None})
    assert ends(estimate) == (0, None, None, False)
    assert estimate.basis is Basis.FILE_SIZE


def test_shards_add_up_and_missing_ones_leave_the_upper_end_open() -> None:
    names = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    whole = together({name: read(100) for name in names})
    assert ends(whole) == (300, 300, 300, True)
    partly = together({names[0]: read(100), names[1]: sized(320), names[2]: None})
    assert ends(partly) == (110, None, None, False)
    incomplete = together({names[0]: read(100), names[2]: read(100)})
    assert ends(incomplete) == (200, None, None, False)
    assert "incomplete-shards" in codes(incomplete)


def test_a_tiny_copy_that_was_not_read_may_be_graph_and_names() -> None:
    facts = {"model.safetensors": read(20), "model.onnx": sized(60_000), "tf_model.h5": sized(20_000)}
    assert ends(together(facts)) == (20, 20, 20, True)
    assert not together(facts).findings
    unread = together({"model.ot": sized(60_000), "model.onnx": read(20)})
    assert ends(unread) == (10, 20, 40, False)


def test_a_database_of_arrays_is_never_no_weights() -> None:
    """Orbax keeps arrays compressed in small files of a database, whose manifest alone has a telling name."""
    files = {"manifest.ocdbt": sized(119), "d/0123456789abcdef0123456789abcdef": sized(900), "_METADATA": sized(700)}
    estimate = together(files)
    assert (estimate.high, estimate.exact) == (None, False)


def test_parts_for_several_devices_repeat_some_tensors() -> None:
    parts = together({"consolidated.00.pth": read(500), "consolidated.01.pth": read(500)})
    assert ends(parts) == (500, 1000, 1000, False)
    assert ends(together({"consolidated.00.pth": read(500)})) == (500, 500, 500, True)


def test_alternatives_count_once_and_are_compared() -> None:
    same = together({"model.safetensors": read(1000), "pytorch_model.bin": sized(4000), "onnx/model.onnx": sized(4100)})
    assert ends(same) == (1000, 1000, 1000, True)
    assert not same.findings
    other = together({"model.safetensors": read(1000), "M-Q4_0.gguf": read(1100)})
    assert ends(other) == (1000, 1000, 1000, True)
    assert codes(other) == {"copies-disagree"}


def test_a_copy_too_large_to_be_one_widens_the_interval() -> None:
    estimate = together({"model.safetensors": read(1000), "pytorch_model.bin": sized(10**9)})
    assert ends(estimate) == (1000, 1000, 8 * 10**9, False)
    assert codes(estimate) == {"copies-disagree"}
    graph = together({"model.safetensors": read(10**6), "onnx/model.onnx": sized(10**8)})  # of another network
    assert ends(graph) == (10**6, 10**6, 8 * 10**8, False)
    assert codes(graph) == {"copies-disagree"}
    assert not together({"model.safetensors": read(10**6), "onnx/model.onnx": sized(10**7)}).findings


def test_arrays_beside_a_model_may_be_data() -> None:
    beside = together({"model.safetensors": read(500), "embeddings.npy": read(900)})
    assert ends(beside) == (500, None, 1400, False)
    arrays = together({"a.npy": read(500), "b.npy": read(900)})
    assert ends(arrays) == (900, None, 1400, False)


def test_thousands_of_shards_are_added_up_in_less_than_a_second() -> None:
    facts = {f"model-{number:05}-of-05000.safetensors": read(7) for number in range(1, 5001)}
    started = time.perf_counter()
    assert ends(together(facts)) == (35_000, 35_000, 35_000, True)
    assert time.perf_counter() - started < 1


def test_components_add_up() -> None:
    estimate = together(
        {
            "unet/diffusion_pytorch_model.safetensors": read(800),
            "vae/diffusion_pytorch_model.safetensors": read(80),
            "text_encoder/model.safetensors": read(120),
            "sd.ckpt": sized(4000),
        }
    )
    assert ends(estimate) == (1000, 1000, 1000, True)
    assert estimate.components == {"unet": 800, "vae": 80, "text_encoder": 120}
    mixed = together({"unet/model.safetensors": read(800), "vae/model.bin": sized(320)})
    assert ends(mixed) == (810, None, 800 + 2560, False)
    assert mixed.basis is Basis.COMBINED


def test_whole_pipeline_files_are_compared() -> None:
    names = {"unet/model.safetensors": read(800), "vae/model.safetensors": read(80)}
    larger = together({**names, "all.safetensors": read(50_000)})
    assert ends(larger) == (880, 880, 50_000, False)
    assert codes(larger) == {"copies-disagree"}
    assert ends(together({**names, "all.safetensors": read(880)})) == (880, 880, 880, True)
    assert not together({**names, "all.safetensors": read(80)}).findings  # one of the parts, as ComfyUI wants it


def test_parts_or_versions_give_the_largest_to_the_sum() -> None:
    estimate = together({"yolov8n.safetensors": read(300), "yolov8x.safetensors": read(700)})
    assert ends(estimate) == (700, None, 1000, False)
    assert codes(estimate) == {"parts-or-versions"}
    beside = together({"model.safetensors": read(500), "small/model.safetensors": read(700)})
    assert ends(beside) == (700, None, 1200, False)


def test_the_same_bytes_count_once() -> None:
    estimate = together({"a/model.safetensors": read(500, digest="d1"), "b/model.safetensors": read(500, digest="d1")})
    assert ends(estimate) == (500, 500, 500, True)
    assert codes(estimate) == {"same-bytes", "parts-or-versions"}


# --- failures


def test_a_broken_file_is_bounded_from_zero() -> None:
    estimate = together({"model.safetensors": failed("model.safetensors")})
    assert ends(estimate) == (0, None, 8000, False)
    assert codes(estimate) == {"malformed-file"}
    assert estimate.evidence[0].requests == 1


def test_a_file_that_could_not_be_read_is_bounded_by_its_size() -> None:
    estimate = together({"model.safetensors": failed("model.safetensors", "read-failed", 32 * MILLION + 32)})
    assert estimate.side(MILLION) is True


def test_another_copy_answers_for_a_broken_one() -> None:
    estimate = together({"model.safetensors": failed("model.safetensors", size=4100), "pytorch_model.bin": read(1000)})
    assert ends(estimate) == (1000, 1000, 1000, False)
    export = together({"pytorch_model.bin": sized(4_100), "M-F16.gguf": read(1000)})
    assert ends(export) == (500, 1000, 2000, False)
    assert not export.findings
    impossible = together({"pytorch_model.bin": sized(4_100), "M-F16.gguf": read(10**6)})
    assert impossible.low == 128
    assert (impossible.high or 0) >= 10**6
    assert "copies-disagree" in codes(impossible)


# --- declarations


def test_a_declaration_narrows_the_copy_it_is_about() -> None:
    declared = from_safetensors(124, {"F32": 124})
    estimate = together({"model.safetensors": None, "pytorch_model.bin": None}, declared)
    assert ends(estimate) == (124, 124, 124, False)
    assert estimate.basis is Basis.HUB_SAFETENSORS
    beside = together({"model.safetensors": None, "2_Dense/model.safetensors": None}, declared)
    assert ends(beside) == (124, None, None, False)
    only = together({"adapter_model.safetensors": None}, declared)
    assert ends(only) == (124, 124, 124, False)
    unclear = together({"unet/a.safetensors": None, "vae/a.safetensors": None}, declared)
    assert ends(unclear) == (0, None, None, False)
    assert unclear.evidence[0].basis is Basis.HUB_SAFETENSORS


def test_totals_that_straddle_with_their_sum_do_not_decide() -> None:
    straddling = from_safetensors(333_312, {"BF16": 7_615_616_512})
    assert together({"model.safetensors": None}, straddling).side(MILLION) is None
    assert together({"model.safetensors": sized(15_231_233_024)}, straddling).side(MILLION) is True
    assert together({"model.safetensors": read(7_615_616_512)}, straddling).exact


def test_a_declaration_is_compared_with_what_was_read() -> None:
    facts = {"model.safetensors": FileFacts(4000, None, header(1000, stored=250))}
    assert not together(facts, from_safetensors(250, {"F32": 250})).findings  # the Hub counts packed elements
    assert codes(together(facts, from_safetensors(7000, {"F32": 7000}))) == {"declared-disagrees"}
    assert ends(together(facts, from_safetensors(7000, {"F32": 7000}))) == (1000, 1000, 1000, True)


def test_a_declaration_that_the_size_rules_out_does_not_decide() -> None:
    estimate = together({"model.safetensors": sized(1000)}, from_safetensors(2 * MILLION, {"F32": 2 * MILLION}))
    assert (estimate.low, estimate.high) == (31, 2 * MILLION)
    assert codes(estimate) == {"declared-contradicts-size"}


@pytest.mark.parametrize("total", [700, 65_537, 7_000_000_000])
def test_what_is_declared_of_several_gguf_files_contradicts_none_of_them(total: int) -> None:
    """Only sizes tell whether an export is too large for the weights; a declared count is no size."""
    found = together({"M-Q4_0.gguf": None, "M-Q8_0.gguf": None}, from_gguf(total))
    assert (ends(found), found.findings) == ((total, total, total, False), ())


def test_gguf_total_is_about_every_quantisation_of_the_one_model() -> None:
    names: dict[str, FileFacts | None] = {"M-Q4_0.gguf": None, "M-Q8_0.gguf": None}
    assert ends(together(names, from_gguf(700))) == (700, 700, 700, False)
    assert together(names, from_gguf(700)).basis is Basis.HUB_GGUF
    with_projector = together({**names, "mmproj-M-f16.gguf": None}, from_gguf(700))
    assert ends(with_projector) == (700, None, None, False)
    two_models = together({"a-7b-Q4_0.gguf": None, "b-8b-Q4_0.gguf": None}, from_gguf(700))
    assert ends(two_models) == (0, None, None, False)
    beside_training = together({**names, "model.bin": None}, from_gguf(700))
    assert ends(beside_training) == (350, 700, 1400, False)


# --- without weights


@pytest.mark.parametrize(
    ("facts", "description", "expected", "basis", "finding"),
    [
        ({}, False, (0, 0, 0, True), Basis.NO_WEIGHTS, set()),
        ({"README.md": None, "optimizer.pt": sized(10**9)}, False, (0, 0, 0, True), Basis.NO_WEIGHTS, set()),
        ({"README.md": None}, True, (0, None, None, False), Basis.NO_WEIGHTS, set()),
        ({"x.xyz": sized(65_536)}, False, (0, 0, 0, True), Basis.NO_WEIGHTS, set()),
        ({"x.xyz": sized(65_537)}, False, (0, None, None, False), Basis.NONE, {"unknown-format"}),
        ({"x.xyz": None}, False, (0, None, None, False), Basis.NONE, {"unknown-format"}),
        ({"x.xyz": read(77)}, False, (77, 77, 77, True), Basis.SAFETENSORS_HEADER, set()),
        ({"x.xyz": read(77), "y": sized(10**6)}, False, (77, None, None, False), Basis.NONE, {"unknown-format"}),
        ({"model.pt": read(0)}, False, (0, 0, 0, True), Basis.SAFETENSORS_HEADER, set()),
    ],
)
def test_without_weights(
    facts: Mapping[str, FileFacts | None],
    description: bool,
    expected: tuple[int, int | None, int | None, bool],
    basis: Basis,
    finding: set[str],
) -> None:
    estimate = together(facts, description=description)
    assert ends(estimate) == expected
    assert estimate.basis is basis
    assert codes(estimate) == finding
    assert estimate.evidence


def test_a_declaration_without_any_weight_file_is_no_zero() -> None:
    estimate = together({"README.md": None}, from_safetensors(9, {"F32": 9}))
    assert ends(estimate) == (0, None, None, False)
    assert codes(estimate) == {"declared-without-weights"}


def test_a_large_unknown_file_beside_weights_opens_the_upper_end() -> None:
    weights = {"model.safetensors": read(300_000)}
    assert ends(together({**weights, "x.xyz": sized(120_000)}))[2:] == (300_000, True)
    assert ends(together({**weights, "x.xyz": None}))[2] == 300_000
    larger = together({**weights, "x.xyz": sized(120_101)})
    assert ends(larger) == (300_000, 300_000, None, False)
    assert codes(larger) == {"unknown-format"}
    assert ends(together({**weights, "backup.7z": sized(200_000)}))[2] is None


def test_adapters() -> None:
    assert ends(together({"adapter_model.safetensors": read(10), "adapter_config.json": None})) == (10, 10, 10, True)
    beside = together({"adapter_model.safetensors": read(10), "model.safetensors": read(1000)})
    assert ends(beside) == (1000, 1000, 1000, True)
    assert codes(beside) == {"adapter-beside-weights"}


def test_an_uncertain_part_leaves_no_point() -> None:
    estimate = together({"model.safetensors": read(600), "mtp.safetensors": read(500)})
    assert ends(estimate) == (600, None, 1100, False)
    assert estimate.components == {"": 600, "mtp": 500}


def test_an_adapter_larger_than_the_weights_is_not_set_aside_for_certain() -> None:
    model = {"model.safetensors": read(600)}
    assert ends(together({**model, "merged_lora.safetensors": read(900)})) == (600, None, 1500, False)
    assert codes(together({**model, "merged_lora.safetensors": read(900)})) == {"adapter-larger-than-weights"}
    assert ends(together({**model, "merged_lora.safetensors": sized(3600)})) == (600, None, 600 + 8 * 3600, False)
    assert ends(together({**model, "adapter_model.safetensors": read(900)})) == (600, None, 1500, False)
    assert ends(together({**model, "merged_lora.safetensors": None})) == (600, 600, 600, False)
    assert ends(together({**model, "adapter_model.safetensors": None})) == (600, 600, 600, True)
    assert ends(together({**model, "style_lora.safetensors": sized(100)})) == (600, 600, 600, True)


def test_lora_inside_a_word_is_no_adapter() -> None:
    estimate = together({"encoder.safetensors": read(500_000), "exploration_net.safetensors": read(900_000)})
    assert estimate.side(MILLION) is not False
    assert not estimate.exact


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("tokenizer.bin", 4 * 10**9),
        ("params", 4 * 10**9), ("checkpoint", 4 * 10**9), ("tokenizer", 4 * 10**9), ("runs/final", 4 * 10**9),
        ("runs/final", None), ("stanford-corenlp-models.jar", 400 * MILLION),
        ("corpus.txt", 4 * 10**9), ("license_plate_net", 4 * 10**9), (".net", 4 * 10**9),
        ("train.zip", 4 * 10**9), ("tokenizer.model", 4 * 10**9),
    ],
)  # fmt: skip
def test_a_file_too_large_for_a_word_in_its_name_may_hold_anything(path: str, size: int | None) -> None:
    for known in ({}, {path: sized(size)}) if size else ({},):  # the size may come with the list or later
        found = layout([FileEntry("README.md"), FileEntry(path, None if known else size)])
        estimate = combine(found, known, [])
        assert ends(estimate)[0] == 0
        assert ends(estimate)[2:] == (None, False)
        assert codes(estimate) == {"unknown-format"}


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("prompt-optimizer.safetensors", None), ("calibration_net.safetensors", None), ("M-7B-imatrix.gguf", None),
        ("Kunoichi-7B-Q4_K_M-imatrix.gguf", 4 * 10**9), ("M.imatrix.Q4_K_M.gguf", 4 * 10**9),
        ("glove.840B.300d.txt", 5 * 10**9), ("image_encoder.pkl", None),
    ],
)  # fmt: skip
def test_what_may_be_weights_is_bounded_or_opened(path: str, size: int | None) -> None:
    found = layout([FileEntry("README.md"), FileEntry(path, size)])
    estimate = combine(found, {}, [])
    assert not found.no_weights
    assert (estimate.low > MILLION) is (size is not None)
    if size is None:
        assert next_read(found, {}, [], [MILLION], exact=False) == Read(path, "size")


@pytest.mark.parametrize(
    "path",
    ["prompt-optimizer.safetensors", "M-7B-imatrix.gguf"],
)
def test_a_size_does_not_make_weights_of_a_doubtful_name(path: str) -> None:
    found = layout([FileEntry(path, 10**9)])
    assert ends(combine(found, {}, [])) == (0, None, 8 * 10**9, False)
    assert next_read(found, {}, [], [MILLION], exact=False) == Read(path, "header")


RECOGNISED = (
    "tokenizer.json tokenizer.model optimizer.pt training_args.bin scheduler.pt rng_state_3.pth tokenizer vocab.txt"
    " checkpoint .dockerignore LICENSE.txt optimizer_0/__0_0.distcp scaler.pkl custom_checkpoint_0.pkl sampler_1.bin"
    " opt_state.msgpack imatrix.dat"
)
RECOGNISED_BY_SIZE: list[tuple[str, int | None]] = [
    ("image_encoder.pkl", 30_000), ("runs/x", 30_000), ("prompt-optimizer.safetensors", 30_000),
    ("optimizer.pt", 9 * 10**9), ("optimizer_0/__0_0.distcp", 9 * 10**9), ("tokenizer.model", 5 * MILLION),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "size"),
    [*((name, size) for size in (None, 30_000) for name in RECOGNISED.split()), *RECOGNISED_BY_SIZE],
)
def test_known_names_and_small_files_are_recognised(path: str, size: int | None) -> None:
    found = layout([FileEntry(path, size)])
    assert found.no_weights
    assert ends(combine(found, {}, [])) == (0, 0, 0, True)


def test_preprocessing_far_larger_than_the_weights_may_be_a_network() -> None:
    small = {"model.safetensors": read(30_000)}
    assert ends(together({**small, "image_encoder.pkl": sized(300 * MILLION)})) == (30_000, 30_000, None, False)
    assert ends(together({**small, "image_encoder.pkl": sized(10 * MILLION)})) == (30_000, 30_000, 30_000, True)
    assert ends(together({**small, "image_encoder.pkl": None})) == (30_000, 30_000, 30_000, True)


def test_a_description_without_weight_files_says_what_its_basis_is_about() -> None:
    estimate = together({"config.json": None}, description=True)
    assert (estimate.low, estimate.high, estimate.basis) == (0, None, Basis.NO_WEIGHTS)
    assert [row.note for row in estimate.evidence] == ["no file is a weight file; a configuration describes a model"]


def test_two_experts_of_a_pipeline_add_up() -> None:
    names = [f"{part}_noise_model/diffusion_pytorch_model.safetensors" for part in ("high", "low")]
    assert ends(together({name: read(500) for name in names})) == (1000, 1000, 1000, True)


def test_findings_stay_few() -> None:
    broken = {f"model-{number:05}-of-00500.safetensors": failed(f"{number}") for number in range(1, 501)}
    assert len(together(broken).findings) <= 100


# --- the truth is never lost, whatever is known

MODELS = [
    [""],
    ["unet/"],
    ["", "2_Dense/"],
    ["", "1_Dense/", "2_Dense/"],
    ["unet/", "vae/"],
    ["unet/", "vae/", "text_encoder/"],
]
Repository = tuple[dict[str, FileFacts], int, list[Estimate]]


@st.composite
def repositories(draw: st.DrawFn) -> Repository:
    """A model of certain parts in several copies: everything true about each file, the sum, and declarations."""
    facts: dict[str, FileFacts] = {}
    truth = 0
    declared: list[Estimate] = []
    for folder in draw(st.sampled_from(MODELS)):
        count = 2 * draw(st.integers(0, 1_500_000))
        copies = draw(st.lists(st.sampled_from(["st", "shards", "bin", "gguf", "checkpoint"]), min_size=1, unique=True))
        truth += count
        for copy in copies:
            facts |= _files(folder, copy, count)
        if not folder and {"st", "shards"} & set(copies) and draw(st.booleans()):
            declared.append(from_safetensors(draw(st.sampled_from([count, count // 7])), {"F32": count}))
    return facts, truth, declared


def _files(folder: str, copy: str, count: int) -> dict[str, FileFacts]:
    if copy == "shards":
        half = count // 2
        return {f"{folder}model-0000{n}-of-00002.safetensors": FileFacts(4 * half, None, header(half)) for n in (1, 2)}
    name = {
        "st": "model.safetensors",
        "bin": "pytorch_model.bin",
        "gguf": "model-F16.gguf",
        "checkpoint": "checkpoint-10/model.safetensors",
    }[copy]
    return {f"{folder}{name}": FileFacts(4 * count, None, header(count))}


def _known(facts: Mapping[str, FileFacts], levels: Sequence[int]) -> dict[str, FileFacts]:
    """What of the truth is known: nothing, the size, or the header of each file."""
    known = {}
    for (name, fact), level in zip(facts.items(), [*levels, *[0] * len(facts)], strict=False):
        readable = name.endswith((".safetensors", ".gguf"))
        if level == 1 or (level == 2 and not readable):
            known[name] = FileFacts(fact.size)
        elif level == 2:
            known[name] = fact
    return known


@settings(max_examples=400, deadline=None)
@given(repositories(), st.lists(st.integers(0, 2), max_size=12))
def test_the_truth_is_inside_whatever_is_known(repository: Repository, levels: list[int]) -> None:
    facts, truth, declared = repository
    found = layout([FileEntry(name) for name in facts])
    estimate = combine(found, _known(facts, levels), declared)
    assert estimate.low <= truth
    assert estimate.high is None or truth <= estimate.high
    if estimate.exact:
        assert estimate.point == truth


@settings(max_examples=300, deadline=None)
@given(repositories(), st.booleans(), st.sampled_from([[MILLION], [1000, MILLION, 10**10]]))
def test_following_the_plan_ends_and_decides_rightly(
    repository: Repository, exact: bool, thresholds: list[int]
) -> None:
    facts, truth, declared = repository
    found = layout([FileEntry(name) for name in facts])
    known: dict[str, FileFacts] = {}
    asked = []
    while (step := next_read(found, known, declared, thresholds, exact=exact)) is not None:
        assert step not in asked
        asked.append(step)
        known[step.path] = facts[step.path] if step.want == "header" else FileFacts(facts[step.path].size)
    estimate = combine(found, known, declared)
    for threshold in thresholds:
        assert estimate.side(threshold) in (None, truth > threshold)
    if all(part.copies[0].format.name == "safetensors" for part in found.components):
        assert estimate.exact if exact else all(estimate.side(threshold) is not None for threshold in thresholds)
