"""Adapters: what an `adapter_config.json` of peft adds to the base that it names.

Fields as in peft's `tuners/*/config.py`. A low-rank adapter adds, for each matrix it adapts, its rank times the sum of
the matrix's inputs and outputs; learnt prompts add rows of the model's width.
"""

from __future__ import annotations

from estimators.architectures.interface import MAX_LAYERS, Config, Sum, Undescribed, about

MAX_RANK = 100_000  # ranks in use go to some thousand
FACTOR = 4  # either side: which layers have the matrix, and how wide it is
LOW_RANK = frozenset({"LORA", "ADALORA", "LOHA", "LOKR", "OFT", "BOFT", "HRA", "VERA", "XLORA", "FOURIERFT"})
# Matrices of a layer by their name: keys and values, fused ones, feed-forward network; any other is a query or output.
KEYS = ("k", "k_proj", "key", "k_lin", "to_k", "v", "v_proj", "value", "v_lin", "to_v")
FUSED = ("qkv_proj", "query_key_value", "c_attn", "wqkv", "w_pack", "qkv", "in_proj", "attn.wqkv")
FEED_FORWARD = (
    "gate_proj", "up_proj", "down_proj", "fc1", "fc2", "w1", "w2", "w3", "wi", "wi_0", "wi_1", "c_fc", "c_proj",
    "dense_h_to_4h", "dense_4h_to_h", "gate_up_proj", "fc_in", "fc_out", "lin1", "lin2", "ffn",
)  # fmt: skip


def learnt_prompt(adapter: Config) -> Sum | None:
    """Prompts and prefixes, which say everything themselves; None for adapters of other kinds."""
    kind = adapter.text("peft_type").upper()
    if kind not in ("PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING"):
        return None
    width = adapter.main("token_dim")
    rows = adapter.main("num_virtual_tokens")
    layers = adapter.size("num_layers", default=1, most=MAX_LAYERS)
    submodules = adapter.size("num_transformer_submodules", default=1, most=10)
    inner = adapter.size("encoder_hidden_size", default=width)
    prompt = rows * width * submodules
    if kind == "PREFIX_TUNING":
        projected = rows * width + inner * (width + 2 * layers * width)
        least, most = sorted((prompt * 2 * layers, prompt * 2 * layers + projected))
        return Sum(least, 0, most - least)
    encoder = 2 * (width * inner * 2 + inner * inner * 8) if kind == "P_TUNING" else prompt * 9
    return Sum(prompt, 0, encoder)


def low_rank(adapter: Config, base: Config) -> Sum:
    """A low-rank adapter over the layers of its base."""
    if adapter.text("peft_type", "lora").upper() not in LOW_RANK:
        raise Undescribed("an adapter of another kind")
    rank = max(adapter.size("r", "rank", "init_r", default=8, most=MAX_RANK), _largest_of(adapter, "rank_pattern"))
    least_rank = min(adapter.size("r", "rank", "init_r", default=8, most=MAX_RANK), rank)
    width = base.main("hidden_size", "d_model", "n_embd", "dim")
    layers = base.layers("num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers")
    layers += base.size("num_decoder_layers", "decoder_layers", default=0, least=0, most=MAX_LAYERS)
    inner = base.size("intermediate_size", "ffn_dim", "d_ff", "n_inner", "encoder_ffn_dim", "hidden_dim",
                      default=4 * width)  # fmt: skip
    heads = base.size("num_attention_heads", "n_head", "num_heads", "encoder_attention_heads", default=1)
    head_dim = base.size("head_dim", default=max(width // heads, 1))
    keys = base.size("num_key_value_heads", default=heads) * head_dim
    targets = _targets(adapter)
    per_layer = sum(_inputs_and_outputs(name, width, inner, heads * head_dim, keys) for name in targets)
    chosen = adapter.raw("layers_to_transform")
    adapted = min(len(adapter.sizes("layers_to_transform", least=0)), layers) if chosen is not None else layers
    experts = base.size("num_local_experts", "num_experts", "n_routed_experts", default=1, most=10_000)
    vocabulary = base.size("vocab_size", default=0, least=0)
    around = about(rank * per_layer * adapted, FACTOR) if targets else Sum(possible=rank * 20 * (width + inner))
    more = rank * per_layer * adapted * FACTOR * (experts - 1)
    more += 2 * vocabulary * width if adapter.raw("modules_to_save") or adapter.raw("trainable_token_indices") else 0
    more += rank * 2 * (vocabulary + width)  # where the embeddings or the head are among the targets
    if adapter.raw("bias") not in (None, "none") or adapter.raw("use_dora"):
        more += adapted * per_layer
    floor = around.certain * least_rank // max(rank, 1)
    if adapter.text("peft_type", "lora").upper() not in ("LORA", "ADALORA"):
        floor = 0
    return Sum(floor, around.point - floor, around.possible + more)


def _largest_of(adapter: Config, field: str) -> int:
    """The largest rank of a pattern of ranks."""
    pattern = adapter.part(field)
    if pattern is None:
        return 1
    return max((pattern.size(name, most=MAX_RANK) for name in pattern.names), default=1)


def _targets(adapter: Config) -> tuple[str, ...]:
    """The last piece of each target's name; a pattern or `all-linear` stands for the usual seven."""
    names = adapter.words("target_modules")
    if not names:
        return ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    return tuple(dict.fromkeys(name.rpartition(".")[2] for name in names if name not in ("embed_tokens", "lm_head")))


def _inputs_and_outputs(name: str, width: int, inner: int, queries: int, keys: int) -> int:
    """Inputs plus outputs of a matrix by its name."""
    if name in FEED_FORWARD:
        return width + inner
    if name in FUSED:
        return width + queries + 2 * keys
    if name in KEYS:
        return width + keys
    return width + queries
