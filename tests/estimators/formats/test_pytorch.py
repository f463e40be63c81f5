"""PyTorch's files: what counts in a checkpoint, how little of it is read, and what broken or hostile ones get."""

from __future__ import annotations

import io
import json
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Mapping

import pytest

from estimators.errors import MalformedFile
from estimators.formats.pytorch import legacy as pytorch_legacy
from estimators.formats.pytorch import stable_baselines
from estimators.formats.pytorch import zip_files as pytorch_zip
from estimators.interface import Estimate, Hints, Unestimated
from estimators.registry import estimate_file
from tests.builders import CountingReader
from tests.torch_files import (
    call,
    dictionary,
    instance,
    legacy,
    list_of,
    module,
    name,
    number,
    pickled,
    sizes,
    storage,
    tensor,
    text,
    tuple_of,
    zipped,
)

MIB = 1024 * 1024
NONE, TRUE = b"N", b"\x88"
BIG = 10**6  # bytes: more than any storage in these files


def counted(value: bytes, file: str = "model.pt") -> Estimate:
    """The estimate of a zip around a value, whose storages are never looked at."""
    raw = zipped(value, {})
    outcome = pytorch_zip.estimate(CountingReader(raw, file, size=None), Hints())
    again = pytorch_legacy.estimate(CountingReader(legacy(value, {}), file, size=None), Hints())
    assert (again.low, again.high, again.exact) == (outcome.low, outcome.high, outcome.exact)
    return outcome


def state(prefix: str, *, start: int = 0, width: int = 4) -> Mapping[str, bytes]:
    """A state dict of 3 * width + width floats."""
    return {
        f"{prefix}layer.weight": tensor(f"{start}", [3, width]),
        f"{prefix}layer.bias": tensor(f"{start + 1}", [width]),
        f"{prefix}layer.steps": tensor(f"{start + 2}", [], "Long"),
    }


FIRST, SECOND, WIDE = dictionary(state("")), dictionary(state("", start=10)), dictionary(state("", start=20, width=8))
OPTIMIZER = dictionary({"state": dictionary({"exp_avg": tensor("90", [50])}), "param_groups": list_of()})
LOOSE = tensor("80", [])

EXACT = {
    "a state dict": (FIRST, 16),
    "one tensor": (tensor("0", [2, 5]), 10),
    "nested lists": (list_of(tensor("0", [2]), tuple_of(tensor("1", [3]), NONE)), 5),
    "integers and booleans": (dictionary({"a": tensor("0", [5], "Long"), "b": tensor("1", [5], "Bool")}), 0),
    "a storage by itself": (storage("0", 7), 7),
    "an optimizer by its keys": (dictionary({"model": FIRST, "whatever": OPTIMIZER}), 16),
    "what an optimizer keeps of one parameter": (
        dictionary({"model": FIRST, "whatever": dictionary({"step": LOOSE, "exp_avg": tensor("90", [50])})}),
        16,
    ),
    "an optimizer by its name": (dictionary({"model": FIRST, "optimizer_G": list_of(tensor("9", [40]))}), 16),
    "an optimizer as an object": (
        dictionary({"net": FIRST, "opt": instance("torch.optim.adam.Adam", dictionary({"x": tensor("9", [4])}))}),
        16,
    ),
    "only an optimizer": (OPTIMIZER, 0),
    "an optimizer of fastai's": (
        dictionary({"model": FIRST, "opt": dictionary({"state": list_of(tensor("9", [40])), "hypers": list_of()})}),
        16,
    ),
    "losses written down": (dictionary({"model": FIRST, "train_losses": list_of(LOOSE, tensor("81", []))}), 16),
    "an object that lists what its module holds": (
        instance(
            "fastai.learner.Learner",
            dictionary({"listed": list_of(tensor("0", [3]) + b"q\x07"), "model": module({"w": b"h\x07"})}),
        ),
        3,
    ),
    "a layer packed by HQQ": (
        dictionary(
            {
                "layer": dictionary(
                    {
                        "W_q": tensor("0", [16, 4], "Byte"),
                        "meta": dictionary({"shape": call("torch.Size", sizes([8, 16])), "scale": tensor("1", [8, 1])}),
                        "bias": tensor("2", [8]),
                    }
                )
            }
        ),
        136,
    ),
    "a number that is learnt": (dictionary({"actor": FIRST, "critic": WIDE, "log_alpha": LOOSE}), 49),
    "a weight that is computed": (
        module({"weight_g": tensor("0", [3]), "weight_v": tensor("1", [3, 4])}, weight=tensor("2", [3, 4])),
        15,
    ),
    "numbers in objects": (
        instance(
            "fastai.learner.Learner", dictionary({"model": module({"w": tensor("0", [3])}), "smooth_loss": LOOSE})
        ),
        3,
    ),
    "live weights beside averaged ones": (dictionary({"state_dict": FIRST, "current_model_state": SECOND}), 16),
    "Lightning": (dictionary({"state_dict": FIRST, "callbacks": dictionary({"best": tensor("9", [4])})}), 16),
    "metrics beside": (dictionary({"state_dict": FIRST, "best_acc1": LOOSE, "epoch": number(3)}), 16),
    "averages": (dictionary({"model": FIRST, "model_ema": SECOND}), 16),
    "averages below another key": (dictionary({"model": FIRST, "ema": dictionary({"module": SECOND})}), 16),
    "averages of wrapped modules": (dictionary({"model": FIRST, "ema": dictionary(state("module.", start=10))}), 16),
    "nothing but averages": (dictionary({"ema": FIRST, "optimizer": OPTIMIZER}), 16),
    "averages as a list": (
        dictionary(
            {"model": FIRST, "ema": dictionary({"shadow_params": list_of(tensor("8", [12]), tensor("9", [4]))})}
        ),
        16,
    ),
    "averages in a state dict": (dictionary({**state("net."), **state("net_ema.", start=10)}), 16),
    "the best and the last": (dictionary({"best_state_dict": FIRST, "state_dict": SECOND}), 16),
    "the same twice": (dictionary({"model": FIRST, "state_dict": SECOND}), 16),
    "networks that work together": (dictionary({"G": FIRST, "D": WIDE, "G_ema": SECOND}), 48),
    "networks of one shape": (dictionary({"G_A": FIRST, "G_B": SECOND}), 32),
    "a target network": (dictionary({"q_net": FIRST, "q_net_target": SECOND}), 32),
    "layers called first and last": (module({}, {"first": FIRST, "last": SECOND}), 32),
    "a last layer in dictionaries": (dictionary({"fc_first": FIRST, "fc_last": SECOND}), 32),
    "one storage under two names": (dictionary({"a.weight": tensor("0", [4]), "b.weight": tensor("0", [4])}), 4),
    "overlapping views": (
        dictionary({"a.w": tensor("0", [6], held=20), "b.w": tensor("0", [6], held=20, offset=4)}),
        10,
    ),
    "columns": (
        dictionary(
            {
                "a.w": tensor("0", [3, 2], held=12, strides=[4, 1]),
                "b.w": tensor("0", [3, 2], held=12, offset=2, strides=[4, 1]),
                "t.w": tensor("0", [4, 3], held=12, strides=[1, 4]),
            }
        ),
        12,
    ),
    "a repeated row": (dictionary({"a.w": tensor("0", [9, 4], held=4, strides=[0, 1])}), 4),
    "a module": (
        module({"weight": tensor("0", [3])}, {"part": module({"w": tensor("1", [4])})}, {"mean": tensor("2", [2])}),
        9,
    ),
    "what a detector computes": (
        module({"w": tensor("0", [3])}, anchors=tensor("1", [99]), stride=tensor("2", [3])),
        3,
    ),
    "a module that is rebuilt from its attributes": (
        call(
            "torch_utils.persistence._reconstruct_persistent_obj",
            dictionary(
                {
                    "class_name": text("Generator"),
                    "state": dictionary(
                        {
                            "_parameters": dictionary({"w": tensor("0", [3])}),
                            "_buffers": dictionary({"w_avg": tensor("1", [2])}),
                            "_modules": dictionary({}),
                        }
                    ),
                }
            ),
        ),
        5,
    ),
    "a learner with data": (
        instance(
            "fastai.learner.Learner",
            dictionary({"model": module({"w": tensor("0", [3])}), "dls": list_of(tensor("1", [3]))}),
        ),
        3,
    ),
    "parameters": (
        dictionary({"a.w": call("torch._utils._rebuild_parameter", tensor("0", [3]), TRUE, NONE)}),
        3,
    ),
    "version 3, with a dtype": (
        dictionary(
            {
                "a.w": call(
                    "torch._utils._rebuild_tensor_v3",
                    storage("0", 6, "Untyped"),
                    number(0),
                    sizes([3]),
                    sizes([1]),
                    NONE,
                    NONE,
                    name("torch.bfloat16"),
                )
            }
        ),
        3,
    ),
    "a quantised tensor": (
        dictionary(
            {
                "fc.scale": tensor("5", []),
                "fc.zero_point": tensor("6", [], "Long"),
                "fc._packed_params._packed_params": tuple_of(
                    call(
                        "torch._utils._rebuild_qtensor",
                        storage("0", 6, "QInt8"),
                        number(0),
                        sizes([2, 3]),
                        sizes([3, 1]),
                        NONE,
                        NONE,
                        NONE,
                    ),
                    tensor("1", [2]),
                ),
            }
        ),
        8,
    ),
    "a sparse tensor": (
        dictionary(
            {
                "a.w": call(
                    "torch._utils._rebuild_sparse_tensor",
                    NONE,
                    tuple_of(tensor("0", [2, 3], "Long"), tensor("1", [3]), call("torch.Size", sizes([5, 5]))),
                )
            }
        ),
        25,
    ),
    "a wrapper that states a shape": (
        dictionary(
            {
                "a.weight": call(
                    "torch._tensor._rebuild_from_type_v2",
                    name("torch._utils._rebuild_wrapper_subclass"),
                    name("torchao.Quantised"),
                    tuple_of(name("torchao.Quantised"), name("torch.bfloat16"), sizes([4, 6]), sizes([6, 1]), NONE),
                    dictionary({"packed": tensor("0", [12], "Byte"), "scale": tensor("1", [4])}),
                )
            }
        ),
        24,
    ),
    "a part of a distributed tensor": (
        dictionary(
            {
                "a.weight": call(
                    "torch._tensor._rebuild_from_type_v2",
                    name("torch._utils._rebuild_wrapper_subclass"),
                    name("torch.distributed.tensor.DTensor"),
                    tuple_of(
                        name("torch.distributed.tensor.DTensor"), name("torch.float32"), sizes([8, 6]), sizes([6, 1])
                    ),
                    dictionary({"_local_tensor": tensor("0", [4, 6])}),
                )
            }
        ),
        24,
    ),
    "a storage as a file of its own": (
        dictionary(
            {
                "a.w": call(
                    "torch._utils._rebuild_tensor_v2",
                    call(
                        "torch.storage._load_from_bytes",
                        b"B" + struct.pack("<I", 6000) + b"..ctorch\nHalfStorage\n".ljust(6000, b"."),
                    ),
                    number(0),
                    sizes([8, 300]),
                    sizes([300, 1]),
                )
            }
        ),
        2400,
    ),
}

BOUNDS = {
    "a plain attribute of a module": (module({"w": tensor("0", [3])}, table=tensor("1", [5])), 3, 8),
    "a vector beside a state dict": (
        dictionary({"model": dictionary({"w": tensor("0", [900])}), "mean": tensor("1", [4])}),
        900,
        904,
    ),
    "a teacher of its student's shape": (dictionary({"student": FIRST, "teacher": SECOND}), 16, 32),
    "an average without its like": (dictionary({"model": FIRST, "ema": WIDE}), 16, 48),
    "a tensor without data": (
        dictionary({"a.w": tensor("0", [3]), "b.w": tensor("1", [5], location="meta")}),
        3,
        8,
    ),
    "a type nobody knows": (dictionary({"a.w": tensor("0", [3], "Strange")}), 0, None),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_counts(case: str) -> None:
    value, parameters = EXACT[case]
    outcome = counted(value)
    assert (outcome.low, outcome.point, outcome.high, outcome.exact) == (parameters, parameters, parameters, True)


@pytest.mark.parametrize("case", BOUNDS)
def test_what_may_count(case: str) -> None:
    value, low, high = BOUNDS[case]
    outcome = counted(value)
    assert outcome.low == low
    assert high is None or outcome.high == high


def test_names_are_those_of_the_state_dict() -> None:
    packed = {
        "layer.qweight": tensor("0", [4, 8], "Int"),
        "layer.qzeros": tensor("1", [1, 1], "Int"),
        "layer.scales": tensor("2", [1, 8]),
    }
    assert counted(dictionary({"model": dictionary(packed)})).point == 256


def test_a_large_file_costs_its_front() -> None:
    layers = {f"layers.{index}.weight": tensor(str(index), [1000, 1000]) for index in range(100)}
    raw = zipped(dictionary(layers), {})
    reader = CountingReader(raw, "pytorch_model.bin", size=len(raw) + 100 * 4_000_000)
    outcome = estimate_file(reader, Hints(enough=10))
    assert isinstance(outcome, Estimate)
    assert (outcome.point, outcome.exact) == (10**8, True)
    assert reader.ranges == [(0, 128 * 1024)]


def test_a_pickle_longer_than_the_front() -> None:
    layers = {f"layers.{index}.some.longer.name.of.a.weight": tensor(str(index), [10, 10]) for index in range(4000)}
    reader = CountingReader(zipped(dictionary(layers), {}), "model.pt", size=None)
    assert pytorch_zip.estimate(reader, Hints()).point == 400_000
    assert len(reader.ranges) <= 4


def test_where_something_else_comes_first() -> None:
    value = dictionary({"a.w": tensor("0", [100])})
    for raw in (
        zipped(value, {"0": 400}, first=["byteorder"]),
        zipped(value, {"0": 400}, compress=True),
        b"#!/bin/sh\n" + zipped(value, {"0": 400}),
    ):
        reader = CountingReader(raw, "model.pt")
        assert pytorch_zip.estimate(reader, Hints()).point == 100
        assert len(reader.ranges) == 1


def test_several_zips_in_one_file_are_a_bound() -> None:
    raw = zipped(dictionary({"a.w": tensor("0", [BIG // 4])}), {"0": BIG})
    outcome = pytorch_zip.estimate(CountingReader(raw * 2, "model.pt"), Hints())
    assert not outcome.exact
    assert outcome.high is not None
    assert outcome.low <= BIG // 2 <= outcome.high


@pytest.mark.parametrize(("frozen", "ends"), [(False, (165, 165)), (True, (65, 129))])
@pytest.mark.parametrize("first", [False, True])
def test_torchscript_constants_count_above_64_elements(frozen: bool, ends: tuple[int, int], first: bool) -> None:
    state = {} if frozen else {"w": tensor("0", [100])}
    members: dict[str, bytes | str] = {
        "m/data/0": bytes(0 if frozen else 400),
        "m/version": "3",
        "m/data.pkl": pickled(instance("__torch__.Net", dictionary(state))),
        "m/constants/0": bytes(260),
        "m/constants/1": bytes(256),
        "m/constants.pkl": pickled(tuple_of(tensor("0", [65]), tensor("1", [64]))),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member in sorted(members, key=lambda member: (first and member != "m/data.pkl", member != "m/data/0")):
            archive.writestr(member, members[member])
    outcome = pytorch_zip.estimate(CountingReader(out.getvalue(), "m.pt"), Hints())
    assert (outcome.low, outcome.high) == ends


@pytest.mark.parametrize("kind", ["policy.pth", "legacy policy.pth", "parameters"])
def test_stable_baselines(kind: str) -> None:
    value = dictionary({"q_net.w": tensor("0", [3]), "q_net_target.w": tensor("1", [3])})
    arrays = io.BytesIO()
    with zipfile.ZipFile(arrays, "w") as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }".ljust(117) + b"\n"
        archive.writestr("w:0.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(24))
    policy = legacy(value, {"0": 12, "1": 12}) if kind[0] == "l" else zipped(value, {"0": 12, "1": 12})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data", "{}")
        archive.writestr(kind.rpartition(" ")[2], arrays.getvalue() if kind == "parameters" else policy)
        archive.writestr("policy.optimizer.pth", zipped(OPTIMIZER, {"90": 200}))
    outcome = stable_baselines.estimate(CountingReader(out.getvalue(), "dqn.zip"), Hints())
    assert (outcome.point, outcome.exact) == (6, True)


def zip_of(**members: bytes | str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, data in members.items():
            archive.writestr(member.replace("__", "/").replace("_DOT_", "."), data)
    return out.getvalue()


def test_a_zip_of_other_files_is_not_one_of_pytorchs() -> None:
    settings = pickled(dictionary({"rate": number(3)}))
    for members in (
        {"run__data_DOT_pkl": settings},
        {"run__data_DOT_pkl": settings, "run__weights_DOT_bin": bytes(BIG)},
    ):
        with pytest.raises(MalformedFile):
            pytorch_zip.estimate(CountingReader(zip_of(**members), "run.zip"), Hints())


def test_members_beside_the_folder_are_a_bound() -> None:
    value = pickled(dictionary({"w": tensor("0", [3])}))
    raw = zip_of(m__data_DOT_pkl=value, m__data__0=bytes(12), m__version="3", other_DOT_bin=bytes(BIG))
    outcome = pytorch_zip.estimate(CountingReader(raw, "m.pt"), Hints())
    assert (outcome.low, outcome.high, outcome.exact) == (3, 3 + 8 * BIG, False)


def test_exported_programs() -> None:
    inner = zipped(dictionary({"w": tensor("0", [30])}), {"0": 120})
    before = zip_of(serialized_exported_program_DOT_json="{}", serialized_state_dict_DOT_pt=inner)
    assert pytorch_zip.estimate(CountingReader(before, "m.pt2"), Hints()).point == 30
    library = zip_of(m__data__aotinductor__model__a_DOT_so=bytes(100), m__archive_format="pt2")
    compiled = pytorch_zip.estimate(CountingReader(library, "m.pt2"), Hints())
    assert (compiled.low, compiled.high, compiled.exact) == (0, 800, False)


def test_the_first_torchscript() -> None:
    rows = [
        {"dims": ["3", "4"], "dataType": "FLOAT", "data": {"key": "tensors/0"}},
        {"dims": ["3", "4"], "dataType": "FLOAT", "data": {"key": "tensors/0"}},
        {"dims": ["5"], "dataType": "INT64", "data": {"key": "tensors/1"}},
    ]
    members: dict[str, bytes | str] = {"m__version": "1", "m__tensors__0": bytes(48), "m__tensors__1": bytes(40)}
    raw = zip_of(**members, m__model_DOT_json=json.dumps({"tensors": rows}))
    assert pytorch_zip.estimate(CountingReader(raw, "m.pt"), Hints()).point == 12


def deep(levels: int) -> bytes:
    return b"}X\x01\x00\x00\x00a" * levels + tensor("0", [4]) + b"s" * levels


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", b"\x80\x02" + b"N0" * 50_000_000)
    return out.getvalue()


FAULTS = {
    "a shape past 2^63": zipped(dictionary({"w": tensor("0", [2**40, 2**40], held=5)}), {"0": 20}),
    "a negative size": zipped(dictionary({"w": tensor("0", [-1], held=5)}), {"0": 20}),
    "a size that is a text": zipped(call("torch._utils._rebuild_tensor_v2", storage("0", 5), number(0), text("x")), {}),
    "no arguments": zipped(call("torch._utils._rebuild_tensor_v2"), {}),
    "a storage of 2^70": zipped(dictionary({"w": tensor("0", [5], held=2**70)}), {"0": 20}),
    "a tensor past its storage": zipped(dictionary({"w": tensor("0", [5], held=4)}), {"0": 20}),
    "a negative offset": zipped(dictionary({"w": tensor("0", [5], offset=-1)}), {"0": 20}),
    "storages larger than the file": zipped(dictionary({"w": tensor("0", [500])}), {"0": 20}),
    "a storage that is missing": zipped(dictionary({"w": tensor("0", [5])}), {"1": 9000}),
    "a legacy storage past the end": legacy(dictionary({"w": tensor("0", [500])}), {"0": 20}),
    "another version": legacy(dictionary({}), {}).replace(b"M\xe9\x03", b"M\xe9\x04"),
    "no pickle": zipped(b"", {})[:60],
    "a bomb": bomb(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_the_file(fault: str) -> None:
    started = time.perf_counter()
    outcome = estimate_file(CountingReader(FAULTS[fault], "model.pt"), Hints())
    assert isinstance(outcome, Unestimated), outcome
    assert outcome.reason in ("malformed-file", "read-budget")
    assert outcome.message.startswith("model.pt")
    assert time.perf_counter() - started < 5


def test_hostile_structures_stay_small_and_short() -> None:
    chain = tensor("0", [4])
    for _ in range(2000):
        chain = call("torch._utils._rebuild_parameter", chain, TRUE, NONE)
    rows = {f"w{index}": tensor("0", [1000], held=10**7, offset=index * 1500 + 3, strides=[7]) for index in range(800)}
    many = {f"l.{index}.w": tensor("0", [2], held=10**7, offset=3 * (index * 7919 % 10**6)) for index in range(8000)}
    twins = {f"ema_{index}": FIRST for index in range(500)}
    for value in (deep(9000), chain, dictionary(rows), dictionary(many), dictionary(twins)):
        started = time.perf_counter()
        tracemalloc.start()
        outcome = estimate_file(CountingReader(zipped(value, {}), "model.pt", size=None), Hints())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert isinstance(outcome, Estimate | Unestimated)
        assert peak < 64 * MIB
        assert time.perf_counter() - started < 60  # traced, on a busy machine; 2 s without


def test_a_package_of_modules() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("net/.data/0.storage", bytes(400))
        archive.writestr("net/model/model.pkl", pickled(module({"w": tensor("0", [100])})))
        archive.writestr("net/.data/version", b"6\n")
    assert pytorch_zip.estimate(CountingReader(out.getvalue(), "net.pt"), Hints()).point == 100
