"""Makes the golden Flax files: `pip install flax optax`, then run this file."""

from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from flax import linen, serialization
from flax.training import train_state

HERE = Path(__file__).parent


class Network(linen.Module):
    @linen.compact
    def __call__(self, inputs):
        return linen.BatchNorm(use_running_average=True)(linen.Dense(7)(inputs))


network = Network()
variables = network.init(jax.random.PRNGKey(0), jnp.ones((1, 5)))
(HERE / "variables.msgpack").write_bytes(serialization.to_bytes(variables))
state = train_state.TrainState.create(apply_fn=network.apply, params=variables["params"], tx=optax.adam(1e-3))
(HERE / "train-state.msgpack").write_bytes(serialization.to_bytes(state))
half = jax.tree_util.tree_map(lambda leaf: leaf.astype(jnp.bfloat16), variables)
serialization.MAX_CHUNK_SIZE = 20
(HERE / "chunks.msgpack").write_bytes(serialization.to_bytes(half))
