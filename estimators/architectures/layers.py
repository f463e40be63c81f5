"""Building blocks: what one layer of each common kind holds."""

from __future__ import annotations


def linear(inputs: int, outputs: int, *, bias: bool = True) -> int:
    """A matrix, with one bias for each output."""
    return inputs * outputs + outputs * bias


def norm(width: int, *, bias: bool = True) -> int:
    """A layer norm; an RMS norm is one without bias."""
    return width + width * bias


def batch_norm(channels: int) -> int:
    """Scale, shift, running mean and running variance."""
    return 4 * channels


def attention(hidden: int, queries: int, keys: int, *, bias: bool, output_bias: bool | None = None) -> int:
    """Projections of attention.

    Args:
        hidden: width of what goes in and comes out.
        queries: heads times their width.
        keys: heads of keys (and of values) times their width.
        bias: whether queries, keys and values have one.
        output_bias: whether the output has one; as `bias` where None.
    """
    after = bias if output_bias is None else output_bias
    return (
        linear(hidden, queries, bias=bias) + 2 * linear(hidden, keys, bias=bias) + linear(queries, hidden, bias=after)
    )


def mlp(hidden: int, inner: int, *, bias: bool = True) -> int:
    """Up and down again."""
    return linear(hidden, inner, bias=bias) + linear(inner, hidden, bias=bias)


def gated_mlp(hidden: int, inner: int, *, bias: bool = False) -> int:
    """Up twice, one of them the gate, and down again."""
    return 2 * linear(hidden, inner, bias=bias) + linear(inner, hidden, bias=bias)


def conv(inputs: int, outputs: int, *kernel: int, bias: bool = True, groups: int = 1) -> int:
    """A convolution; `kernel` names every spatial dimension."""
    window = 1
    for size in kernel:
        window *= size
    return inputs * outputs * window // groups + outputs * bias


def encoder_layer(hidden: int, inner: int) -> int:
    """The transformer layer of 2017: attention and a feed-forward network with biases, a norm after each."""
    return attention(hidden, hidden, hidden, bias=True) + mlp(hidden, inner) + 2 * norm(hidden)


def decoder_layer(hidden: int, inner: int) -> int:
    """The same with attention to an encoder of the same width."""
    return encoder_layer(hidden, inner) + attention(hidden, hidden, hidden, bias=True) + norm(hidden)
