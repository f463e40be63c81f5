"""PyTorch checkpoints without safetensors, trained agents, classic machine learning, and a format nobody knows."""

from __future__ import annotations

from typing import Any

from scanner.samplehub.files import archives, onnx, pickles, torch
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import Tensor, Tensors, floating, partition, prefixed, stored
from scanner.samplehub.population import shapes
from scanner.samplehub.population.making import as_json, body, text_model, tokenizer
from scanner.samplehub.repository import CREATED_FLOOR, Repository


def build() -> list[Repository]:
    """All of this module's repositories."""
    return [*_torch(), *_lightning(), *_agents(), *_classic()]


def _repository(
    name: str, note: str, truth: int, files: dict[str, Blob], *, tags: tuple[str, ...] = (), **more: Any
) -> Repository:
    card = {"license": "mit", "tags": list(tags)} if tags else {"license": "mit"}
    return Repository(
        id=name,
        note=note,
        truth=truth,
        files=files,
        card=card,
        body=body(name.partition("/")[2], "See the files."),
        **more,
    )


def _torch() -> list[Repository]:
    small = shapes.convolutions(1, 16, 32, 64, 64) | shapes.perceptron(64, 10, prefix="fc.")
    large = shapes.bert(hidden=1024, layers=24, vocab=30522)
    config = text_model("BertForPreTraining", "bert", hidden_size=1024, num_hidden_layers=24, vocab_size=30522)
    old = shapes.bert(hidden=256, layers=4, vocab=30522)
    opus = shapes.llama(hidden=2560, layers=32, intermediate=6912, kv=2560, vocab=50280, dtype="F16")
    shards: dict[str, Blob] = {}
    weight_map: dict[str, str] = {}
    for number, group in enumerate(partition(opus, 2), start=1):
        shards[f"pytorch_model-{number:05}-of-00002.bin"] = torch.write(group, folder="pytorch_model")
        weight_map |= dict.fromkeys(group, f"pytorch_model-{number:05}-of-00002.bin")
    index = {"metadata": {"total_size": stored(opus) * 2}, "weight_map": weight_map}
    tied = {"shared.weight": Tensor("F32", (16000, 512))} | shapes.perceptron(512, 2048, 512, prefix="encoder.block.0.")
    return [
        _repository(
            "tinkersmith/mnist-cnn",
            "a small .pt state dict far below the threshold",
            floating(small),
            {"model.pt": torch.write(small)},
            tags=("pytorch", "image-classification"),
            created_at=CREATED_FLOOR,
            downloads=61,
        ),
        _repository(
            "harborlight/bert-large-am",
            "a large pytorch_model.bin only; nothing is declared",
            floating(large),
            {
                "config.json": as_json(config),
                "pytorch_model.bin": torch.write(large, folder="pytorch_model"),
                **tokenizer(),
            },
            library_name="transformers",
            pipeline_tag="fill-mask",
            created_at=CREATED_FLOOR,
            downloads=211_930,
            likes=40,
        ),
        _repository(
            "harborlight/bert-mini-legacy",
            "a checkpoint of torch before 1.6: pickles in a row, no zip",
            floating(old),
            {
                "config.json": as_json(
                    text_model("BertModel", "bert", hidden_size=256, num_hidden_layers=4, vocab_size=30522)
                ),
                "pytorch_model.bin": torch.write_legacy(old),
            },
            library_name="transformers",
            pipeline_tag="fill-mask",
            created_at=CREATED_FLOOR,
            downloads=7_710,
            likes=2,
        ),
        _repository(
            "cinderpath/opus-3b",
            "pytorch_model.bin in two shards with an index",
            stored(opus),
            {
                **shards,
                "pytorch_model.bin.index.json": as_json(index),
                "config.json": as_json(
                    text_model("LlamaForCausalLM", "llama", hidden_size=2560, num_hidden_layers=32, vocab_size=50280)
                ),
            },
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at="2023-04-20T15:00:00.000Z",
            downloads=4_903,
        ),
        _repository(
            "cinderpath/t5-tied",
            "three names of one storage: its elements count once",
            stored(tied),
            {
                "pytorch_model.bin": torch.write(
                    tied,
                    folder="pytorch_model",
                    tied={
                        "encoder.embed_tokens.weight": "shared.weight",
                        "decoder.embed_tokens.weight": "shared.weight",
                    },
                )
            },
            library_name="transformers",
            created_at="2023-04-21T15:00:00.000Z",
            downloads=117,
        ),
    ]


def _lightning() -> list[Repository]:
    weights = prefixed("net.", shapes.convolutions(3, 48, 96, 192, 96, batch_norm=True))
    moments = {f"{name}.exp_avg": tensor for name, tensor in weights.items() if tensor.dtype == "F32"}
    views = torch.views(weights | moments)
    state = pickles.dictionary({name: pickles.torch_tensor(views[name]) for name in weights}, pickles.ORDERED)
    optimizer = pickles.dictionary({name: pickles.torch_tensor(views[name]) for name in moments})
    content = pickles.dictionary(
        {
            "epoch": pickles.number(41),
            "pytorch-lightning_version": pickles.text("2.5.1"),
            "state_dict": state,
            "optimizer_states": pickles.list_of([pickles.dictionary({"state": optimizer})]),
        }
    )
    storages = {view.storage: view.tensor.nbytes for view in views.values()}
    return [
        _repository(
            "aerofold/cloudmask-unet",
            "a Lightning .ckpt: half of its elements are optimizer moments",
            floating(weights),
            {"last.ckpt": torch.archive(pickles.stream(content), storages, "archive")},
            tags=("pytorch-lightning", "image-segmentation"),
            created_at="2025-08-14T20:20:20.000Z",
            downloads=29,
        ),
        Repository(
            id="obsidian-systems/glyphnet",
            note="a weight file in a format that nobody knows",
            truth=22_500_000,
            files={
                "glyphnet.xmodel": Blob(90_004_096, ((0, b"XMDL\x02\x00\x00\x00glyphnet"),)),
                "runtime.json": as_json({"target": "dpu-v3", "batch": 1}),
            },
            card={"license": "other", "license_name": "obsidian-runtime"},
            body=body("Glyphnet", "Runs on our boards."),
            created_at="2025-12-12T12:12:12.000Z",
            downloads=2,
        ),
    ]


def _agents() -> list[Repository]:
    policy: Tensors = {"log_std": Tensor("F32", (2,))}
    for head in ("policy_net", "value_net"):
        policy |= shapes.perceptron(8, 64, 64, prefix=f"mlp_extractor.{head}.")
    policy |= {
        "action_net.weight": Tensor("F32", (2, 64)),
        "action_net.bias": Tensor("F32", (2,)),
        "value_net.weight": Tensor("F32", (1, 64)),
        "value_net.bias": Tensor("F32", (1,)),
    }
    moments = {f"state.{n}.{m}": t for n, t in enumerate(policy.values()) for m in ("exp_avg", "exp_avg_sq")}
    saved = archives.write(
        {
            "data": '{"policy_class": {":type:": "<class \'abc.ABCMeta\'>"}, "n_envs": 16, "gamma": 0.999}',
            "pytorch_variables.pth": torch.write({}),
            "policy.pth": torch.write(policy),
            "policy.optimizer.pth": torch.write(moments),
            "_stable_baselines3_version": "2.7.0",
            "system_info.txt": "- OS: Linux\n- Python: 3.11\n- Stable-Baselines3: 2.7.0\n",
        }
    )
    actor = {
        "network_body.observation_encoder.processors.0.normalizer.running_mean": Tensor("F32", (86,)),
        "version_number": Tensor("F32", (1,)),
        "memory_size": Tensor("F32", (1,)),
        "discrete_action_output_shape": Tensor("F32", (1, 3)),
        "action_masks_shape": Tensor("I64", (2,)),
    } | shapes.perceptron(86, 128, 128, 27, prefix="network_body.linear.")
    return [
        _repository(
            "pixelgardener/ppo-LunarLander-v2",
            "a stable-baselines3 agent: weights inside a zip inside a zip",
            stored(policy),
            {
                "ppo-LunarLander-v2.zip": saved,
                "results.json": as_json({"mean_reward": 261.4, "std_reward": 17.9}),
                "ppo-LunarLander-v2/policy.pth": torch.write(policy),
                "ppo-LunarLander-v2/policy.optimizer.pth": torch.write(moments),
                "ppo-LunarLander-v2/data": Blob.of("{}"),
                "config.json": as_json({"policy_class": {}, "n_envs": 16}),
            },
            tags=("LunarLander-v2", "deep-reinforcement-learning", "stable-baselines3"),
            library_name="stable-baselines3",
            pipeline_tag="reinforcement-learning",
            created_at="2024-11-03T17:00:00.000Z",
            downloads=0,
        ),
        _repository(
            "pixelgardener/poca-SoccerTwos",
            "an ML-Agents policy in ONNX; shape constants among its initialisers",
            floating(actor),
            {
                "SoccerTwos.onnx": onnx.write(actor),
                "SoccerTwos/SoccerTwos-499986.onnx": onnx.write(actor),
                "configuration.yaml": Blob.of("behaviors:\n  SoccerTwos:\n    trainer_type: poca\n"),
                "SoccerTwos/checkpoint.pt": torch.write(actor),
            },
            tags=("ml-agents", "deep-reinforcement-learning", "ML-Agents-SoccerTwos"),
            library_name="ml-agents",
            pipeline_tag="reinforcement-learning",
            created_at="2024-11-04T17:00:00.000Z",
            downloads=1,
        ),
        _repository(
            "pixelgardener/q-Taxi-v3",
            "a table of Q values in a pickle of numpy",
            3000,
            {
                "q-learning.pkl": Blob.of(
                    b"\x80\x03"
                    + pickles.dictionary(
                        {"env_id": pickles.text("Taxi-v3"), "qtable": pickles.numpy_array(Tensor("F64", (500, 6)))}
                    )
                    + b"."
                )
            },
            tags=("Taxi-v3", "q-learning", "reinforcement-learning"),
            pipeline_tag="reinforcement-learning",
            created_at="2024-11-05T17:00:00.000Z",
            downloads=0,
        ),
    ]


def _classic() -> list[Repository]:
    fitted = pickles.instance(
        "sklearn.linear_model._logistic",
        "LogisticRegression",
        {
            "C": pickles.number(1),
            "classes_": pickles.numpy_array(Tensor("I64", (3,))),
            "coef_": pickles.numpy_array(Tensor("F64", (3, 13))),
            "intercept_": pickles.numpy_array(Tensor("F64", (3,))),
            "_sklearn_version": pickles.text("1.6.1"),
        },
    )
    return [
        _repository(
            "winecellar/cultivar-logreg",
            "scikit-learn in a pickle: 42 floating numbers",
            42,
            {
                "model.pkl": Blob.of(b"\x80\x03" + fitted + b"."),
                "config.json": as_json({"sklearn": {"model": {"file": "model.pkl"}, "task": "tabular-classification"}}),
            },
            tags=("sklearn", "tabular-classification"),
            library_name="sklearn",
            pipeline_tag="tabular-classification",
            created_at="2025-02-27T08:30:00.000Z",
            downloads=4,
        ),
    ]
