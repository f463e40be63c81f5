"""Makes the golden safetensors files with the writers themselves:

`pip install numpy torch safetensors bitsandbytes compressed-tensors hqq optimum-quanto torchao mlx[cpu]`, then run it.

Each file of quantised weights holds one layer of 64 x 128 and a norm of 64, as the writer's checkpoints do.
"""

from pathlib import Path

import mlx.core as mx
import numpy as np
import torch
from bitsandbytes.functional import QuantState, quantize_4bit
from compressed_tensors.compressors.base import BaseCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from hqq.core.quantize import BaseQuantizeConfig, HQQLinear
from optimum.quanto import freeze, qint4, quantize
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
from torchao.quantization import IntxWeightOnlyConfig, quantize_

HERE = Path(__file__).parent
ROWS, COLUMNS = 64, 128
NORM = {"norm.weight": torch.ones(ROWS)}


def layer(columns: int = COLUMNS, dtype: torch.dtype = torch.float16) -> torch.nn.Linear:
    """The layer before it is quantised."""
    torch.manual_seed(0)
    return torch.nn.Linear(columns, ROWS, bias=False, dtype=dtype)


def bitsandbytes() -> None:
    """Four bits, packed into bfloat16 as training with sharded states asks for."""
    packed, state = quantize_4bit(layer().weight.data, quant_type="nf4", quant_storage=torch.bfloat16)
    assert isinstance(state, QuantState)
    tensors = {f"l.weight.{name}": tensor for name, tensor in state.as_dict(packed=True).items()}
    save_file({"l.weight": packed, **tensors, **NORM}, HERE / "bitsandbytes-bfloat16.safetensors")


def compressed_tensors() -> None:
    """Four bits by channel, of rows that do not fill their last element."""
    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(num_bits=4, type="int", strategy="channel")
    )
    compressor = BaseCompressor.get_value_from_registry("pack-quantized")
    scale = torch.full((ROWS, 1), 0.1, dtype=torch.bfloat16)
    weight = layer(125, torch.bfloat16).weight.data
    packed = compressor.compress({"weight": weight, "weight_scale": scale}, scheme)
    tensors = {f"l.{name}": tensor for name, tensor in packed.items() if tensor is not None}
    save_file({**tensors, **NORM}, HERE / "compressed-tensors-padded.safetensors")


def hqq() -> None:
    """Three bits, ten values to an element, with the layer's description as tensors."""
    settings = BaseQuantizeConfig(nbits=3, group_size=64, axis=1)
    quantised = HQQLinear(layer(), settings, compute_dtype=torch.float16, device="cpu")
    tensors = {
        f"l.{name}": torch.as_tensor(value) for name, value in quantised.state_dict().items() if value is not None
    }
    save_file({**tensors, **NORM}, HERE / "hqq-3-bit.safetensors")


def quanto() -> None:
    """Four bits, two to a byte."""
    model = torch.nn.ModuleDict({"l": layer(dtype=torch.float32)})
    quantize(model, weights=qint4)
    freeze(model)
    save_file({**model.state_dict(), **NORM}, HERE / "quanto-4-bit.safetensors")


def torchao() -> None:
    """Eight bits, each value in a byte of its own; the class stands in the metadata."""
    model = torch.nn.ModuleDict({"l": layer(dtype=torch.bfloat16)})
    quantize_(model, IntxWeightOnlyConfig(weight_dtype=torch.int8))
    tensors, metadata = flatten_tensor_state_dict({**model.state_dict(), **NORM})
    save_file(tensors, HERE / "torchao-int8.safetensors", metadata=metadata)


def mlx() -> None:
    """Three bits by groups of 64."""
    packed, scales, biases = mx.quantize(mx.array(layer().weight.data.numpy()), group_size=64, bits=3)
    tensors = {"l.weight": packed, "l.scales": scales, "l.biases": biases, "norm.weight": mx.ones(ROWS)}
    mx.save_safetensors(str(HERE / "mlx-3-bit.safetensors"), tensors, metadata={"format": "mlx"})


def plain() -> None:
    """Floats and integers as they are."""
    tensors = {"a.weight": np.zeros((3, 4), np.float32), "position_ids": np.zeros(2, np.int64)}
    save_arrays(tensors, HERE / "floats-and-integers.safetensors")


for make in (plain, bitsandbytes, compressed_tensors, hqq, quanto, torchao, mlx):
    make()
