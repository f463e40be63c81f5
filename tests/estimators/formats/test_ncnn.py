"""ncnn: what each layer loads, pnnx's shapes, unknown layers, and texts that contradict themselves."""

from __future__ import annotations

import pytest

from estimators.errors import MalformedFile
from estimators.formats import ncnn
from estimators.interface import Basis, Estimate, Hints
from tests.builders import CountingReader


def param(*layers: str) -> bytes:
    return "\n".join(["7767517", f"{len(layers)} 9", *layers, ""]).encode()


def layer(kind: str, settings: str = "") -> str:
    return f"{kind:24} some_name 1 1 a b {settings}"


def read(data: bytes) -> Estimate:
    assert ncnn.matches(data[:64], "model.param")
    return ncnn.estimate(CountingReader(data, "model.param"), Hints())


@pytest.mark.parametrize(
    ("kind", "settings", "weights"),
    [
        ("Convolution", "0=64 1=3 4=1 5=1 6=1728", 1792),
        ("Convolution", "0=64 1=3 5=0 6=1728 8=2", 1728),  # scales of eight bits are bookkeeping
        ("Convolution", "0=64 1=3 5=1 19=1", 0),  # its weights are inputs
        ("ConvolutionDepthWise", "0=32 1=3 5=1 6=288 7=32 9=1 -23310=2,0.1,6.0", 320),
        ("Deconvolution1D", "0=8 1=2 5=0 6=64", 64),
        ("InnerProduct", "0=10 1=1 2=320", 330),
        ("Embed", "0=64 1=500 2=0 3=32000", 32000),
        ("BatchNorm", "0=32 1=1e-5", 128),
        ("Scale", "0=16 1=1", 32),
        ("Scale", "0=-233", 0),  # both factors are inputs
        ("PReLU", "0=20", 20),
        ("LayerNorm", "0=48 1=1.000000e-5 2=1", 96),
        ("LayerNorm", "0=48 2=0", 0),
        ("GroupNorm", "0=4 1=48 3=1", 96),
        ("RMSNorm", "0=48", 48),
        ("LSTM", "0=128 1=65536 2=2 3=128", 65536 + 1024 + 131072),
        ("LSTM", "0=10 1=2560 2=0 3=32", 2560 + 128 + 1280 + 320),  # with a projection
        ("GRU", "0=32 1=24576 2=0", 24576 + 128 + 3072),
        ("RNN", "0=48 1=3072 2=0", 3072 + 48 + 2304),
        ("Gemm", "10=4 2=0 3=1 4=0 5=1 6=1 7=9 8=10 9=32", 330),
        ("MultiHeadAttention", "0=64 1=4 2=4096 3=64 4=64", 4 * 4096 + 256),
        ("MemoryData", "0=7 1=5", 35),
        ("MemoryData", "", 0),
        ("ReLU", "0=0.1", 0),
        ("BinaryOp", "0=2 1=1 2=5.000000e-1", 0),
    ],
)
def test_what_a_layer_loads(kind: str, settings: str, weights: int) -> None:
    estimate = read(param(layer("Input"), layer(kind, settings)))
    assert (estimate.low, estimate.high, estimate.exact, estimate.basis) == (weights, weights, True, Basis.NCNN_PARAM)


def test_pnnx_states_shapes() -> None:
    text = param(
        "pnnx.Input in0 0 1 0 #0=(1,3,8,8)f32",
        "nn.Conv2d c 1 1 0 1 bias=True @bias=(8)f32 @weight=(8,3,3,3)f32 $input=0",
        "pnnx.Attribute p 0 1 2 @data=(4)i64",
        "torch.add x 2 1 1 2 3",
        "pnnx.Output out 1 0 3",
    )
    estimate = read(text)
    assert (estimate.point, estimate.stored_elements, estimate.exact) == (224, 228, True)


def test_a_layer_that_ncnn_does_not_have_leaves_the_upper_bound_open() -> None:
    estimate = read(param(layer("PReLU", "0=20"), layer("rife.Warp")))
    assert (estimate.low, estimate.high, estimate.exact) == (20, None, False)
    assert "rife.Warp" in estimate.findings[0].message


def test_a_last_line_that_breaks_off_is_not_trusted() -> None:
    data = param(layer("PReLU", "0=20"), layer("PReLU", "0=2000"))
    assert not read(data[:-3]).exact
    assert read(param(layer("PReLU", "0=20"), layer("Softmax"))[:-1]).exact


@pytest.mark.parametrize(
    "data",
    [
        b"7767517\n3 9\nInput a 0 1 a\n",
        param("PReLU a 1"),
        param(layer("PReLU", "0=-5")),
        param(
            layer("InnerProduct", f"2={10**17} 1=1 0={10**17}"), layer("PReLU", f"0={10**17}"), "Embed e 1 1 a b 3=-1"
        ),
        param(layer("Gemm", f"5=1 8={10**17} 9={10**17}")),
        param("nn.X a 0 0 @w=(" + ",".join(["99"] * 4000) + ")f32"),
        param(layer("Input") + " a" * 200_000),
        b"7767517\n3 9\n" + b"\n" * 3_000_000,
        b"7767517 1 1 ",
    ],
)
def test_what_contradicts_itself_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        ncnn.estimate(CountingReader(data, "model.param"), Hints())


def test_other_texts_are_not_of_this_format() -> None:
    assert not ncnn.matches(b"776751\n1 1\n", "model.param")
    assert not ncnn.matches(b"", "model.param")
