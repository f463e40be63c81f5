"""Pickles of models: what counts by class and attribute, joblib's layouts, compression, and what hostile files get."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import sys
import time
import tracemalloc
import types
import zlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from estimators.errors import EstimatorError, MalformedFile
from estimators.formats.pickled import files as pickled
from estimators.formats.pickled.pruning import PruningInterpreter
from estimators.interface import Estimate, Hints
from estimators.reading import unpacked
from estimators.reading.pickles import Interpreter, PickleStream
from tests.builders import CountingReader

Fitted = Callable[..., Any]


def read(raw: bytes, name: str = "model.pkl") -> Estimate:
    return pickled.estimate(CountingReader(raw, name), Hints())


def count(model: object, protocol: int = 4) -> tuple[int, int | None, bool]:
    estimate = read(pickle.dumps(model, protocol))
    return estimate.low, estimate.high, estimate.exact


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> Fitted:
    """Makes instances of classes that are not installed, by their full names."""

    def make(path: str, **attributes: object) -> Any:
        module, _, name = path.rpartition(".")
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            package = ".".join(parts[:end])
            if package not in sys.modules:
                monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
        if not hasattr(sys.modules[module], name):
            monkeypatch.setattr(sys.modules[module], name, type(name, (), {"__module__": module}), raising=False)
        instance = getattr(sys.modules[module], name)()
        instance.__dict__.update(attributes)
        return instance

    return make


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return np.zeros(shape)


def nodes(number: int) -> np.ndarray[Any, Any]:
    return np.zeros(number, [("left", "<i8"), ("threshold", "<f8"), ("impurity", "<f8")])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        (floats(3, 4), 12),
        (np.zeros((3, 4), np.float32, order="F"), 12),
        (np.zeros(3, np.complex128), 3),
        (np.arange(5), 0),
        (np.array(["a", "b"]), 0),
        (np.array([floats(3), None, floats(2)], object), 5),
        ({"qtable": floats(16, 4), "learning_rate": 0.7, "eval_seed": [1, 2]}, 64),
        (defaultdict(float, {(state, 0): 0.5 for state in range(9)}), 9),
        ({state: floats(4) for state in range(9)}, 36),
        ({state: [0.0, 1.5, 0] for state in range(9)}, 27),
        ({"q_values": [[0.0] * 4 for _ in range(9)]}, 36),
        (OrderedDict(layers=[floats(2), (floats(3), None)]), 5),
        ({"params": {"w": floats(3)}, "opt_state": {"mu": floats(3)}}, 3),
        ({"word_index": {"a": 1, "b": 2}}, 0),
        ({"learning_rate": 0.7, "gamma": 0.95}, 0),
        ({"class_weight": {0: 0.5, 1: 0.5}}, 0),
        (None, 0),
    ],
)
def test_plain_values(value: object, parameters: int, protocol: int) -> None:
    assert count(value, protocol) == (parameters, parameters, True)


def test_lists_of_numbers_are_tables_only_by_name() -> None:
    rows = pickle.dumps([[0.0] * 4 for _ in range(9)])
    assert read(rows, "q-table.pkl").point == 36
    assert (read(rows, "examples.pkl").low, read(rows, "examples.pkl").high) == (0, 36)
    assert count({"losses": [0.5] * 20}) == (0, 20, False)


def test_an_array_that_is_reached_twice_counts_once() -> None:
    shared = floats(5)
    assert count({"coef_": shared, "standard_coef_": shared}) == (5, 5, True)


def test_pickles_one_after_the_other() -> None:
    assert read(pickle.dumps(floats(3)) + pickle.dumps(floats(2))).point == 5
    assert read(pickle.dumps(floats(3)) + b"\n").point == 3


LINEAR = "sklearn.linear_model._base.LinearRegression"
SCALER = "sklearn.preprocessing._data.StandardScaler"


def test_linear_models_networks_and_pipelines_are_exact(fitted: Fitted) -> None:
    linear = fitted(LINEAR, coef_=floats(5), intercept_=np.float64(1.0), rank_=5, fit_intercept=True, tol=1e-6)
    assert count(linear) == (6, 6, True)
    optimizer = fitted("sklearn.neural_network._stochastic_optimizers.AdamOptimizer", ms=[floats(6)], vs=[floats(6)])
    network = fitted(
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        coefs_=[floats(2, 3), floats(3, 1)],
        intercepts_=[floats(3), floats(1)],
        _optimizer=optimizer,
        _random_state=np.random.RandomState(0),
        loss_curve_=[0.1] * 50,
        _best_coefs=[floats(2, 3)],
        classes_=np.array([0, 1]),
    )
    assert count(network) == (13, 13, True)
    scaler = fitted(SCALER, mean_=floats(4), var_=floats(4), scale_=floats(4), n_samples_seen_=np.int64(9))
    pipeline = fitted("sklearn.pipeline.Pipeline", steps=[("scaler", scaler), ("model", linear)])
    assert count(pipeline) == (18, 18, True)


def test_what_an_agent_has_seen_is_no_model(fitted: Fitted) -> None:
    assert count(fitted("stable_baselines3.common.buffers.DictReplayBuffer", observations=floats(9, 4))) == (0, 0, True)


@pytest.mark.parametrize(
    ("path", "attributes", "low", "high"),
    [
        ("sklearn.neighbors._classification.KNeighborsClassifier", {"_fit_X": floats(9, 2), "_y": np.arange(9)}, 0, 18),
        (
            "sklearn.svm._classes.SVC",
            {"support_vectors_": floats(4, 3), "dual_coef_": floats(1, 4), "intercept_": floats(1), "_gamma": 0.5},
            5,
            17,
        ),
        (LINEAR, {"coef_": floats(5), "singular_": floats(5)}, 5, 10),
        (LINEAR, {"coef_": floats(5), "xbar_": floats(7)}, 5, 12),
        ("sklearn.gaussian_process._gpr.GaussianProcessRegressor", {"L_": floats(3, 3), "alpha_": floats(3)}, 0, 12),
        ("pandas.core.frame.DataFrame", {"_mgr": floats(4, 2)}, 0, 8),
        ("sklearn.tree._tree.Tree", {"nodes": nodes(7), "values": floats(7, 1, 2)}, 4, 35),
        (
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
            {"nodes": nodes(5), "raw_left_cat_bitsets": np.zeros((0, 8), np.uint32)},
            3,
            15,
        ),
    ],
)
def test_what_has_no_settled_meaning_is_an_interval(
    fitted: Fitted, path: str, attributes: dict[str, Any], low: int, high: int
) -> None:
    estimate = read(pickle.dumps(fitted(path, **attributes)))
    assert (estimate.low, estimate.high, estimate.exact) == (low, high, False)
    assert [finding.code for finding in estimate.findings] == ["no-settled-meaning"]
    assert "may or may not" in estimate.evidence[0].note


def test_a_sparse_matrix_has_at_least_what_it_stores_and_a_diagonal_only_that(fitted: Fitted) -> None:
    matrix = fitted("scipy.sparse._csr.csr_matrix", _shape=(10, 20), data=floats(7), indices=np.arange(7))
    assert count({"coef": matrix}) == (7, 200, False)
    diagonal = fitted("scipy.sparse._dia.dia_matrix", _shape=(20, 20), data=floats(1, 20), offsets=np.zeros(1, int))
    assert count(fitted("sklearn.feature_extraction.text.TfidfTransformer", _idf_diag=diagonal)) == (20, 20, True)


def test_bytes_that_no_class_explains_are_a_bound() -> None:
    assert count({"model": bytes(100_000)}) == (0, 800_000, False)
    assert count({"icon": bytes(5_000)}) == (0, 0, True)
    assert count({"model": bytes(100_000)}, protocol=2) == (0, 800_000, False)


def test_what_python_2_wrote_as_texts_may_be_bytes() -> None:
    crf, text = b"lCRF\x1c\xc3\x15\x00" * 10_000, b"ti\xe1\xba\xbfng Vi\xe1\xbb\x87t\n" * 10_000
    for value, high in ((crf, 640_000), (text, 0)):
        binary = b"\x80\x02]T" + len(value).to_bytes(4, "little") + value + b"a."
        assert (read(binary).low, read(binary).high) == (0, high)
        quoted = repr(value)[1:].encode()
        old = read(b"(lp0\nS" + quoted + b"\np1\na.")
        assert (old.low, old.high) == (0, len(quoted) * 8 if high else 0)


def test_a_file_inside_of_a_pickle_is_estimated() -> None:
    array = bytearray(b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2000,), }")
    array += b" " * (79 - len(array)) + b"\n" + bytes(16_000)
    assert count({"weights": bytes(array)}) == (2000, 2000, True)


def wrapper(fitted: Fitted, array: np.ndarray[Any, Any], alignment: int | None, package: str = "joblib") -> bytes:
    """What joblib writes for an array: the wrapper's BUILD, then padding and elements, then the rest of the pickle."""
    node = fitted(
        f"{package}.numpy_pickle.NumpyArrayWrapper",
        subclass=np.ndarray,
        shape=array.shape,
        order="C",
        dtype=array.dtype,
        allow_mmap=True,
        numpy_array_alignment_bytes=alignment,
    )
    head = pickle.dumps({"w": node}, 3)[:-2]  # without SETITEM and STOP
    padding = b"" if alignment is None else b"\x05" + b"\xff" * 5
    body = pickle.dumps(array, 2) if array.dtype.hasobject else padding + array.tobytes()
    return head + body + b"s."


@pytest.mark.parametrize("alignment", [16, None])
@pytest.mark.parametrize(
    ("array", "parameters"),
    [
        (floats(300, 300), 90_000),
        (np.zeros((3, 2), np.float16), 6),
        (np.array(["ab", "c"]), 0),
        (np.zeros(4, "M8[s]"), 0),
        (nodes(3), 6),
        (np.array([None, floats(4)], object), 4),
    ],
)
def test_arrays_of_joblib(fitted: Fitted, array: np.ndarray[Any, Any], parameters: int, alignment: int | None) -> None:
    estimate = read(wrapper(fitted, array, alignment), "model.joblib")
    assert (estimate.low, estimate.high, estimate.exact) == (parameters, parameters, True)


def test_the_joblib_that_scikit_learn_once_shipped(fitted: Fitted) -> None:
    assert read(wrapper(fitted, floats(30, 30), None, "sklearn.externals.joblib")).point == 900


def test_arrays_of_joblib_in_files_of_their_own(fitted: Fitted) -> None:
    node = fitted("joblib.numpy_pickle.NDArrayWrapper", filename="m.pkl_01.npy", subclass=np.ndarray)
    estimate = read(pickle.dumps({"coef_": node}))
    assert (estimate.low, estimate.high) == (0, None)


@pytest.mark.parametrize(
    "compress",
    [
        zlib.compress,
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda raw: lzma.compress(raw, lzma.FORMAT_ALONE),
        lambda raw: b"ZF" + hex(len(raw)).encode().ljust(19) + zlib.compress(raw),
    ],
)
def test_compressed_files(compress: Callable[[bytes], bytes]) -> None:
    model = {"coef_": np.random.default_rng(0).standard_normal((700, 700)), "intercept_": floats(3)}
    estimate = read(compress(pickle.dumps(model)), "model.joblib")
    assert (estimate.point, estimate.exact) == (490_003, True)


def test_lz4_is_a_bound() -> None:
    estimate = read(unpacked.LZ4 + bytes(96), "model.joblib")
    assert (estimate.low, estimate.high) == (0, 100 * 255 * 8)


def layers(count: int) -> dict[str, Any]:
    return {f"layer{number}": np.zeros((600, 600), np.float32) for number in range(count)}


@pytest.mark.parametrize(
    ("model", "stops"),
    [
        ({"model": layers(8)}, True),
        ({"opt_state": layers(4), "params": layers(4)}, False),
        ({"observations": layers(8)}, False),
    ],
)
def test_plain_arrays_are_read_until_they_are_enough(model: object, stops: bool) -> None:
    reader = CountingReader(pickle.dumps(model), "model.pkl")
    estimate = pickled.estimate(reader, Hints(enough=1_000_000))
    assert estimate.partial is stops
    if stops:
        assert estimate.low > 1_000_000
        assert estimate.high is not None
        assert estimate.high >= 8 * 360_000
        assert reader.requests <= 5


def peak_of(raw: bytes, name: str = "model.joblib") -> tuple[float, float, Estimate | EstimatorError]:
    tracemalloc.start()
    began = time.process_time()
    try:
        outcome: Estimate | EstimatorError = read(raw, name)
    except EstimatorError as exc:
        outcome = exc
    taken = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20, taken, outcome


def bomb(compress: Any) -> bytes:
    """A gigabyte and more of elements, out of little."""
    piece = bytes(2**20)
    head = b"\x80\x04\x8e" + (2**40).to_bytes(8, "little")
    return bytes(compress.compress(head) + b"".join(compress.compress(piece) for _ in range(1200)) + compress.flush())


@pytest.mark.parametrize("compress", [zlib.compressobj(1), bz2.BZ2Compressor(1)])
def test_bombs_end_in_a_bound(compress: Any) -> None:
    peak, taken, outcome = peak_of(bomb(compress))
    assert peak < 64
    assert taken < 20  # under tracemalloc; less than two seconds without
    assert isinstance(outcome, EstimatorError) or outcome.high is None


def test_a_dictionary_that_needs_gigabytes_to_unpack() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**20}]
    raw = lzma.compress(pickle.dumps(floats(5)), filters=filters)
    assert read(raw, "model.joblib").point == 5
    alone = bytearray(lzma.compress(pickle.dumps(floats(5)), lzma.FORMAT_ALONE))
    alone[1:5] = b"\0\0\xff\xff"
    peak, _, outcome = peak_of(bytes(alone))
    assert peak < 64
    assert isinstance(outcome, EstimatorError) or not outcome.exact


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\x80\x04\x95", "breaks off"),
        (b"", "breaks off"),
        (pickle.dumps(floats(3))[:-40], "breaks off"),
        (zlib.compress(pickle.dumps(floats(3)))[:-30], "breaks off"),
        (b"\x78\x9c" + bytes(50), "cannot be unpacked"),
    ],
)
def test_broken_files(raw: bytes, message: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        read(raw, "model.joblib")
    assert message in str(caught.value)


def test_wrappers_that_lie(fitted: Fitted) -> None:
    raw = wrapper(fitted, np.zeros(4, "f4"), 16)
    with pytest.raises(MalformedFile):
        read(raw[:-20])
    huge = fitted("joblib.numpy_pickle.NumpyArrayWrapper", shape=(2**40, 2**40), dtype=np.dtype("f4"))
    with pytest.raises(MalformedFile, match="2\\^63"):
        read(pickle.dumps(huge))


def test_many_short_arrays_are_read_through() -> None:
    for length, requests, share in ((10_000, 30, 1.0), (100_000, 130, 0.1)):
        data = pickle.dumps([np.arange(length, dtype=np.float64) + number for number in range(120)])
        reader = CountingReader(data, "forest.pkl")
        assert pickled.estimate(reader, Hints()).point == 120 * length
        assert reader.requests <= requests
        assert reader.bytes_read <= share * len(data) + 32 * 1024


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", [int, np.int64])
def test_large_vocabularies_are_forgotten(kind: type, protocol: int) -> None:
    words = {f"word{number}": kind(number) for number in range(20_000)}
    model = {"vocabulary_": words, "names": list(words), "idf_": floats(9), "stop_words_": set(words)}
    raw = pickle.dumps(model, protocol)
    interpreter = PruningInterpreter(PickleStream(CountingReader(raw)))
    interpreter.run()
    plain = Interpreter(PickleStream(CountingReader(raw)))
    plain.run()
    assert interpreter.memory < plain.memory / 2
    assert count(model, protocol) == (9, 9, True)


def test_what_is_held_elsewhere_is_not_taken_for_forgotten() -> None:
    text = "x" * 4000
    raw = pickle.dumps([(text + str(number), [text + str(number)] * 300) for number in range(500)])
    shared = pickle.dumps([((word := text + str(number)), [word] * 300) for number in range(500)])
    for data in (raw, shared):
        interpreter = PruningInterpreter(PickleStream(CountingReader(data)))
        interpreter.run()
        assert interpreter.memory > 500 * 4000


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("__import__('pytest').fail('the pickle was run')",)


def test_nothing_is_run() -> None:
    assert count({"w": floats(2), "evil": Evil()}) == (2, 2, True)


@pytest.mark.parametrize(
    ("front", "name", "expected"),
    [
        (pickle.dumps(1, 2), "anything", True),
        (pickle.dumps(1, 5), "model.sav", True),
        (pickle.dumps({"a": 1}, 0), "model.pkl", True),
        (pickle.dumps({"a": 1}, 1), "model.pkl", True),
        (pickle.dumps({"a": 1}, 0), "notes.txt", False),
        (zlib.compress(b"x"), "model.joblib", True),
        (zlib.compress(b"x"), "model.pkl.z", True),
        (zlib.compress(b"x"), "anything", False),
        (gzip.compress(b"x"), "weights.tar.gz", False),
        (b"plain text", "model.pkl", False),
    ],
)
def test_bytes_decide(front: bytes, name: str, expected: bool) -> None:
    assert pickled.matches(front, name) is expected
