"""File lists as they are met, and what their names say: roles, copies, components."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators import filetypes, words
from estimators.filetypes import FORMAT, Role, classify, format_of
from estimators.roles import FileEntry, Layout, layout
from estimators.words import words_of


def sort(*paths: str) -> Layout:
    return layout([FileEntry(path) for path in paths])


def shown(found: Layout) -> dict[str, list[str]]:
    """Components with their copies, best first: `?` marks an unsure component, `-` an incomplete copy."""
    return {
        component.name + ("" if component.certain else "?"): [
            ("" if copy.complete else "-") + " + ".join(copy.paths) for copy in component.copies
        ]
        for component in found.components
    }


ROLES = {
    Role.WEIGHTS: "model.safetensors pytorch_model.bin tf_model.h5 flax_model.msgpack rust_model.ot model.onnx"
    " onnx/model.onnx_data weights.pth.tar last.ckpt model.keras vars.npz emb.npy q-learning.pkl model.joblib a.tflite"
    " A.MLMODEL x.mlpackage/Data/com.apple.CoreML/weights/weight.bin inference.pdiparams llama.gguf ggml-model-q4_0.bin"
    " variables/variables.data-00000-of-00001 saved_model.pb ner/model vocab/vectors cc.en.300.bin"
    " lid.176.ftz trained_model.pkl"
    " xgb_model.json model.engine stt.nemo group1-shard1of3.bin license.safetensors .safetensors word2vec.model"
    " exploration_net.safetensors colorado-bert.bin coloration.safetensors floral.pt"
    " Kunoichi-7B-Q4_K_M-imatrix.gguf M-imatrix-Q8_0.gguf M.imatrix.Q4_K_M.gguf glove.840B.300d.txt"
    " wiki.word2vec.300.txt"
    " my_encoder.pth G_100.pth mp_rank_00_model_states.pt a.gguf.part1of2 runs/x/model.pt",
    Role.ADAPTER: "adapter_model.safetensors adapter_model.bin pytorch_lora_weights.safetensors"
    " style-lora-v2.safetensors"
    " x_qlora.safetensors lora.safetensors dylora-x.pt"
    " adapters.safetensors learned_embeds.bin checkpoint-5/adapter_model.bin ggml-lora-x.gguf"
    " adapter.abk.safetensors adapter.azj-script_latin.bin pytorch_model_head.bin",
    Role.TRAINER: "optimizer.pt optimizer.bin policy.optimizer.pth scheduler.pt rng_state.pth rng_state_0.pth scaler.pt"
    " random_states_0.pkl training_args.bin replay_buffer.pkl events.out.tfevents.1700 runs/a/events.out.tfevents.2"
    " zero_pp_rank_0_mp_rank_00_optim_states.pt optim_states.pt optimizer.safetensors wandb/debug.log train.log"
    " pytorch_variables.pth lr_scheduler.pt optimizer_0/__0_0.distcp optimizer/__1_0.distcp opt_state.msgpack"
    " sampler.bin sampler_1.bin custom_checkpoint_0.pkl optimizer_state_dict.pt recipe_state.pt"
    " bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt",
    Role.INDEX: "model.safetensors.index.json pytorch_model.bin.index.json variables/variables.index a/ckpt-5.index",
    Role.PREPROCESSING: "scaler.pkl label_encoder.pkl tfidf_vectorizer.joblib vec_normalize.pkl"
    " tokenizer.pkl imatrix.dat"
    " model.imatrix feature_columns.pkl cal_data.safetensors feature_scaler.joblib hidden_states.safetensors"
    " words.pkl train_history.pkl scaler_X.pkl"
    " policy_preprocessor_step_5_normalizer_processor.safetensors",
    Role.TOKENIZER: "tokenizer.model spiece.model sentencepiece.bpe.model source.spm qwen.tiktoken tokenizer.model.v3"
    " m.model vocab.bpe",
    Role.CONFIG: "config.json tokenizer.json adapter_config.json .gitattributes params.yaml"
    " trainer.toml .gitignore cfg.ini"
    " _stable_baselines3_version requirements.txt tokenizer_config.json merges.xml",
    Role.DATA: "train.parquet data/a.csv index.faiss dataset.zip x.jsonl train.tar.gz metrics.csv evaluations.npz"
    " X_train.npy train_data.pkl dataset.pkl total_fea.npy example_batch.msgpack language_model/5gram.bin"
    " kenlm_de.binary lm.arpa HCLG.fst",
    Role.MEDIA: "replay.mp4 images/a.PNG sample.wav font.ttf",
    Role.DOCS: "README.md LICENSE LICENSE.txt paper.pdf USE_POLICY.md NOTICE license_de.md",
    Role.CODE: "modeling_x.py run.sh notebook.ipynb libfoo.so package.whl Dockerfile",
    Role.ARCHIVE: "ppo-CartPole-v1.zip model.tar.gz weights.7z",
    Role.UNKNOWN: "thing blob.xyz weights.unknown a.b.qqq data.payload q_table.json my-weights.json brain.json",
}


@pytest.mark.parametrize(("path", "role"), [(path, role) for role, paths in ROLES.items() for path in paths.split()])
def test_one_file_by_its_name(path: str, role: Role) -> None:
    assert classify(path) is role


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/model.safetensors", "safetensors"), ("x.bin", "pytorch"), ("ggml-model-q4_0.bin", "ggml"),
        ("m.gguf", "gguf"),
        ("openvino_model.bin", "openvino"), ("a.data-00000-of-00002", "tensorflow"), ("ner/model", "spacy"),
        ("x.zip", "archive"), ("x.pth.tar", "pytorch"), ("m.weights.h5", "keras"), ("cc.de.300.bin", "vectors"),
        ("a.mlpackage/Data/weights/weight.bin", "coreml"), ("strange", "other"), ("xgb.json", "boosting"),
    ],
)  # fmt: skip
def test_formats_by_name(path: str, name: str) -> None:
    assert format_of(path) is FORMAT[name]


@pytest.mark.parametrize(
    ("name", "compressed"),
    [("safetensors", False), ("gguf", False), ("pytorch", False), ("numpy-zip", True), ("keras-zip", True),
     ("archive", True), ("pytorch-archive", True), ("keras", True), ("onnx", False), ("vectors", True)],
)  # fmt: skip
def test_which_formats_may_be_compressed(name: str, compressed: bool) -> None:
    assert FORMAT[name].compressed is compressed


LAYOUTS: list[tuple[str, str, dict[str, list[str]]]] = [
    ("single", "config.json model.safetensors README.md", {"": ["model.safetensors"]}),
    (
        "one model in every format",
        "flax_model.msgpack model.safetensors onnx/model.onnx onnx/model_quantized.onnx pytorch_model.bin tf_model.h5",
        {
            "": [
                "model.safetensors",
                "pytorch_model.bin",
                "flax_model.msgpack",
                "tf_model.h5",
                "onnx/model.onnx",
                "onnx/model_quantized.onnx",
            ]
        },
    ),
    (
        "shards with an index, single file beside them",
        "model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json"
        " pytorch_model.bin",
        {"": ["model-00001-of-00002.safetensors + model-00002-of-00002.safetensors", "pytorch_model.bin"]},
    ),
    (
        "shards without an index",
        "model-00001-of-00002.safetensors model-00002-of-00002.safetensors",
        {"": ["model-00001-of-00002.safetensors + model-00002-of-00002.safetensors"]},
    ),
    (
        "a shard is missing: the complete copy comes first",
        "model-00001-of-00003.safetensors model-00003-of-00003.safetensors pytorch_model.bin",
        {"": ["pytorch_model.bin", "-model-00001-of-00003.safetensors + model-00003-of-00003.safetensors"]},
    ),
    (
        "two sets of shards",
        "model-00001-of-00001.safetensors model-00001-of-00002.safetensors model-00002-of-00002.safetensors",
        {
            "": [
                "model-00001-of-00001.safetensors",
                "model-00001-of-00002.safetensors + model-00002-of-00002.safetensors",
            ]
        },
    ),
    (
        "tensor-parallel original beside shards",
        "model-00001-of-00002.safetensors model-00002-of-00002.safetensors original/consolidated.00.pth"
        " original/consolidated.01.pth original/params.json",
        {
            "": [
                "model-00001-of-00002.safetensors + model-00002-of-00002.safetensors",
                "original/consolidated.00.pth + original/consolidated.01.pth",
            ]
        },
    ),
    (
        "consolidated beside shards",
        "consolidated.safetensors model-00001-of-00001.safetensors",
        {"": ["consolidated.safetensors", "model-00001-of-00001.safetensors"]},
    ),
    (
        "diffusers with a single-file pipeline",
        "model_index.json sd-v1-5-pruned.ckpt safety_checker/model.safetensors text_encoder/model.fp16.safetensors"
        " text_encoder/model.safetensors unet/diffusion_pytorch_model.bin unet/diffusion_pytorch_model.fp16.safetensors"
        " unet/diffusion_pytorch_model.safetensors unet/model.onnx unet/model.onnx_data"
        " vae/diffusion_pytorch_model.safetensors"
        " vae_decoder/model.onnx vae_encoder/model.onnx scheduler/scheduler_config.json",
        {
            "unet": [
                "unet/diffusion_pytorch_model.safetensors",
                "unet/diffusion_pytorch_model.fp16.safetensors",
                "unet/diffusion_pytorch_model.bin",
                "unet/model.onnx + unet/model.onnx_data",
            ],
            "safety_checker": ["safety_checker/model.safetensors"],
            "text_encoder": ["text_encoder/model.safetensors", "text_encoder/model.fp16.safetensors"],
            "vae": ["vae/diffusion_pytorch_model.safetensors", "vae_decoder/model.onnx + vae_encoder/model.onnx"],
        },
    ),
    (
        "diffusers in shards, half precision only",
        "transformer/diffusion_pytorch_model.fp16-00001-of-00002.safetensors"
        " transformer/diffusion_pytorch_model.fp16-00002-of-00002.safetensors"
        " vae/diffusion_pytorch_model.fp16.safetensors",
        {
            "transformer": [
                "transformer/diffusion_pytorch_model.fp16-00001-of-00002.safetensors"
                " + transformer/diffusion_pytorch_model.fp16-00002-of-00002.safetensors"
            ],
            "vae": ["vae/diffusion_pytorch_model.fp16.safetensors"],
        },
    ),
    (
        "sentence-transformers modules add up",
        "1_Pooling/config.json 2_Dense/model.safetensors 2_Dense/pytorch_model.bin model.safetensors modules.json",
        {"": ["model.safetensors"], "2_dense": ["2_Dense/model.safetensors", "2_Dense/pytorch_model.bin"]},
    ),
    (
        "GGUF quantisations, splits and projector",
        "M-7B-Q4_K_M.gguf M-7B-IQ2_XS.gguf M-7B.Q8_0.gguf M-7B-UD-Q4_K_XL.gguf M-7B-i1-Q3_K_S.gguf mmproj-M-7B-f16.gguf"
        " M-7B-f16-00001-of-00002.gguf M-7B-f16-00002-of-00002.gguf M-7B-MXFP4_MOE.gguf imatrix.dat",
        {
            "": [
                "M-7B-f16-00001-of-00002.gguf + M-7B-f16-00002-of-00002.gguf",
                "M-7B.Q8_0.gguf",
                "M-7B-IQ2_XS.gguf",
                "M-7B-Q4_K_M.gguf",
                "M-7B-MXFP4_MOE.gguf",
                "M-7B-i1-Q3_K_S.gguf",
                "M-7B-UD-Q4_K_XL.gguf",
            ],
            "mmproj": ["mmproj-M-7B-f16.gguf"],
        },
    ),
    (
        "GGUF in folders by quantisation",
        "Q4_K_M/M-Q4_K_M-00001-of-00002.gguf Q4_K_M/M-Q4_K_M-00002-of-00002.gguf Q8_0/M-Q8_0.gguf",
        {"": ["Q8_0/M-Q8_0.gguf", "Q4_K_M/M-Q4_K_M-00001-of-00002.gguf + Q4_K_M/M-Q4_K_M-00002-of-00002.gguf"]},
    ),
    (
        "a GGUF conversion beside its training weights",
        "model.safetensors My-Fine-Tune-Q4_K_M.gguf",
        {"": ["model.safetensors", "My-Fine-Tune-Q4_K_M.gguf"]},
    ),
    (
        "several models as GGUF",
        "alpha-7b-Q4_0.gguf beta-13b-Q4_0.gguf",
        {"alpha-7b?": ["alpha-7b-Q4_0.gguf"], "beta-13b?": ["beta-13b-Q4_0.gguf"]},
    ),
    (
        "encoder and decoder as ONNX",
        "onnx/decoder_model.onnx onnx/decoder_model_merged.onnx onnx/decoder_with_past_model.onnx"
        " onnx/encoder_model.onnx"
        " onnx/encoder_model_quantized.onnx",
        {
            "decoder": [
                "onnx/decoder_model.onnx",
                "onnx/decoder_model_merged.onnx",
                "onnx/decoder_with_past_model.onnx",
            ],
            "encoder": ["onnx/encoder_model.onnx", "onnx/encoder_model_quantized.onnx"],
        },
    ),
    (
        "encoder and decoder as ONNX beside training weights",
        "model.safetensors onnx/decoder_model.onnx onnx/decoder_model_merged.onnx onnx/encoder_model.onnx",
        {"": ["model.safetensors", "onnx/decoder_model.onnx + onnx/encoder_model.onnx"]},
    ),
    ("generator and discriminator", "G_1000.pth D_1000.pth", {"d": ["D_1000.pth"], "g": ["G_1000.pth"]}),
    (
        "a network of its own beside the model",
        "model.safetensors vocoder.pth",
        {"": ["model.safetensors"], "vocoder?": ["vocoder.pth"]},
    ),
    (
        "checkpoints beside the final weights",
        "checkpoint-500/model.safetensors checkpoint-500/optimizer.pt model.safetensors"
        " checkpoint-1000/model.safetensors",
        {"": ["model.safetensors", "checkpoint-500/model.safetensors", "checkpoint-1000/model.safetensors"]},
    ),
    (
        "checkpoints only",
        "checkpoint-500/pytorch_model.bin checkpoint-1000/pytorch_model.bin",
        {"": ["checkpoint-500/pytorch_model.bin", "checkpoint-1000/pytorch_model.bin"]},
    ),
    (
        "Lightning names with measures",
        "epoch=3-val_loss=0.12.ckpt epoch=11-val_loss=0.09.ckpt last.ckpt best.ckpt",
        {"": ["best.ckpt", "last.ckpt", "epoch=3-val_loss=0.12.ckpt", "epoch=11-val_loss=0.09.ckpt"]},
    ),
    (
        "EMA beside non-EMA",
        "model.safetensors model.ema.safetensors model_non_ema.safetensors",
        {"": ["model.safetensors", "model.ema.safetensors", "model_non_ema.safetensors"]},
    ),
    (
        "stable-baselines3, zipped and unzipped",
        "a2c-Ant.zip a2c-Ant/policy.pth a2c-Ant/policy.optimizer.pth a2c-Ant/pytorch_variables.pth a2c-Ant/data"
        " results.json"
        " a2c-Ant/_stable_baselines3_version replay.mp4 vec_normalize.pkl",
        {"a2c-ant": ["a2c-Ant/policy.pth", "a2c-Ant.zip"]},
    ),
    ("stable-baselines3, zipped only", "ppo-CartPole.zip replay.mp4 README.md", {"": ["ppo-CartPole.zip"]}),
    ("an archive beside weights is not a copy", "model.safetensors backup.zip", {"": ["model.safetensors"]}),
    (
        "sizes of one architecture",
        "yolov8n.pt yolov8x.pt",
        {"yolov8n?": ["yolov8n.pt"], "yolov8x?": ["yolov8x.pt"]},
    ),
    (
        "another model in a folder",
        "model.safetensors small/model.safetensors",
        {"": ["model.safetensors"], "small?": ["small/model.safetensors"]},
    ),
    (
        "parts of a speech model in folders",
        "model.safetensors speech_tokenizer/model.safetensors",
        {"": ["model.safetensors"], "speech_tokenizer": ["speech_tokenizer/model.safetensors"]},
    ),
    ("an importance matrix beside what it quantised", "M-7B-imatrix.gguf M-7B-Q4_K_M.gguf",
     {"": ["M-7B-Q4_K_M.gguf"]}),
    ("the same weights for another library",
     "model.safetensors open_clip_model.safetensors open_clip_pytorch_model.bin",
     {"": ["model.safetensors", "open_clip_model.safetensors", "open_clip_pytorch_model.bin"]}),
    ("another build of a part", "unet/a.safetensors vae/model.safetensors vae_1_0/model.safetensors",
     {"unet": ["unet/a.safetensors"], "vae": ["vae/model.safetensors", "vae_1_0/model.safetensors"]}),
    ("two experts of a pipeline", "high_noise_model/a.safetensors low_noise_model/a.safetensors",
     {"high_noise_model": ["high_noise_model/a.safetensors"], "low_noise_model": ["low_noise_model/a.safetensors"]}),
    ("sharded training state beside the weights",
     "model.safetensors pytorch_model_fsdp_0/__0_0.distcp pytorch_model_fsdp_0/__1_0.distcp optimizer_0/__0_0.distcp",
     {"": ["model.safetensors", "pytorch_model_fsdp_0/__0_0.distcp + pytorch_model_fsdp_0/__1_0.distcp"]}),
    ("OpenVINO", "openvino_model.xml openvino_model.bin", {"": ["openvino_model.bin"]}),
    ("OpenVINO by its sidecar", "net.xml net.bin net.pt", {"": ["net.pt", "net.bin"]}),
    ("SavedModel", "saved_model.pb variables/variables.data-00000-of-00001 variables/variables.index",
     {"": ["saved_model.pb + variables/variables.data-00000-of-00001"]}),
    ("GGUF in raw pieces", "M-Q4_0.gguf.part1of2 M-Q4_0.gguf.part2of2",
     {"": ["M-Q4_0.gguf.part1of2 + M-Q4_0.gguf.part2of2"]}),
    ("GGUF in raw pieces, one missing", "M-Q4_0.gguf.part1of2", {"": ["-M-Q4_0.gguf.part1of2"]}),
    ("ncnn beside PyTorch", "net.param net.bin net.pt", {"": ["net.pt", "net.bin"]}),
    ("CTranslate2", "model.bin config.json vocabulary.txt sub/model.bin",
     {"": ["model.bin"], "sub?": ["sub/model.bin"]}),
    ("TensorFlow.js", "model.json group1-shard1of2.bin group1-shard2of2.bin",
     {"": ["group1-shard1of2.bin + group1-shard2of2.bin"]}),
    ("scikit-learn", "model.pkl scaler.pkl label_encoder.pkl", {"": ["model.pkl"]}),
    ("quantised training weights come after plain ones", "model-int8.safetensors model.bin",
     {"": ["model.bin", "model-int8.safetensors"]}),
    ("MLX folder", "mlx/weights.npz model.safetensors", {"": ["model.safetensors", "mlx/weights.npz"]}),
    ("spaCy", "ner/model tok2vec/model vocab/vectors meta.json config.cfg tokenizer",
     {"ner": ["ner/model"], "tok2vec": ["tok2vec/model"], "vocab": ["vocab/vectors"]}),
    ("spaCy's folders alone", "ner/model tok2vec/model", {"ner?": ["ner/model"], "tok2vec?": ["tok2vec/model"]}),
    ("SpeechBrain", "asr.ckpt lm.ckpt tokenizer.ckpt hyperparams.yaml", {"": ["lm.ckpt"], "asr": ["asr.ckpt"]}),
    ("SetFit", "model.safetensors model_head.pkl config_setfit.json",
     {"": ["model.safetensors"], "head": ["model_head.pkl"]}),
    ("ML-Agents", "Huggy.pt Huggy.onnx Huggy/Huggy-1999.pt Huggy/Huggy-1999.onnx Huggy/checkpoint.pt",
     {"": ["Huggy.pt", "Huggy.onnx", "Huggy/Huggy-1999.pt", "Huggy/checkpoint.pt", "Huggy/Huggy-1999.onnx"]}),
    ("TensorFlow.js with names of its own", "a_model-shard1 a_model-shard2 a_model-weights_manifest.json b-shard1",
     {"a?": ["a_model-shard1 + a_model-shard2"], "b?": ["b-shard1"]}),
    ("an array beside its pickle", "vectors.kv vectors.kv.vectors.npy", {"": ["vectors.kv + vectors.kv.vectors.npy"]}),
    ("MLX shards without a total", "weights.00.safetensors weights.01.safetensors",
     {"": ["weights.00.safetensors + weights.01.safetensors"]}),
    ("MLC shards", "params_shard_0.bin params_shard_1.bin", {"": ["params_shard_0.bin + params_shard_1.bin"]}),
    ("data of an ONNX graph", "unet/model.onnx unet/weights.pb unet/onnx__MatMul_1",
     {"unet": ["unet/model.onnx"]}),
    ("CoreML packages", "Unet.mlpackage/Data/com.apple.CoreML/model.mlmodel Vae.mlmodelc/coremldata.bin"
     " Unet.mlpackage/Data/com.apple.CoreML/weights/weight.bin Vae.mlmodelc/weights/weight.bin",
     {"unet?": ["Unet.mlpackage/Data/com.apple.CoreML/weights/weight.bin"],
      "vae?": ["Vae.mlmodelc/weights/weight.bin"]}),
    ("TensorFlow.js as a browser saves it", "model.json model.weights.bin", {"": ["model.weights.bin"]}),
    ("one encoder, two decoders", "enc.onnx erb_dec.onnx df_dec.onnx",
     {"": ["enc.onnx"], "erb": ["erb_dec.onnx"], "df": ["df_dec.onnx"]}),
    ("versions in two parts", "encoder.pt decoder.pt de_encoder.pt de_decoder.pt",
     {"encoder": ["encoder.pt"], "decoder": ["decoder.pt"], "de/encoder?": ["de_encoder.pt"],
      "de/decoder?": ["de_decoder.pt"]}),
    ("MNN with its weights apart", "llm.mnn llm.mnn.weight config.json", {"": ["llm.mnn + llm.mnn.weight"]}),
    ("statistics of features", "model.pth exp/feats_stats.npz scale_stats.npy", {"": ["model.pth"]}),
    ("shards of torchtune, and the epoch", "hf_model_0001_0.pt hf_model_0002_0.pt recipe_state.pt",
     {"": ["hf_model_0001_0.pt + hf_model_0002_0.pt"]}),
    ("shards of Keras", "model.weights.json model_00000.weights.h5 model_00001.weights.h5",
     {"": ["model_00000.weights.h5 + model_00001.weights.h5"]}),
    ("epochs of Keras", "model_00007.weights.h5 model_00008.weights.h5",
     {"": ["model_00007.weights.h5", "model_00008.weights.h5"]}),
    ("numbered from the start: shards or versions", "model_001.safetensors model_002.safetensors",
     {"1?": ["model_001.safetensors"], "2?": ["model_002.safetensors"]}),
    ("numbered beside what they led to", "style_001.safetensors style_002.safetensors style.safetensors",
     {"": ["style.safetensors", "style_001.safetensors", "style_002.safetensors"]}),
    ("epochs with six digits", "style-000001.safetensors style-000002.safetensors",
     {"": ["style-000001.safetensors", "style-000002.safetensors"]}),
    ("Haiku", "params.pkl state.pkl", {"": ["params.pkl"], "statistics?": ["state.pkl"]}),
    ("ExLlama's folders", "4.0bpw/output.safetensors 6.5bpw/output.safetensors",
     {"": ["4.0bpw/output.safetensors", "6.5bpw/output.safetensors"]}),
    ("BitNet", "ggml-model-f16.gguf ggml-model-i2_s.gguf", {"": ["ggml-model-f16.gguf", "ggml-model-i2_s.gguf"]}),
    ("resolutions", "GPEN-256.pth GPEN-512.pth", {"gpen-256?": ["GPEN-256.pth"], "gpen-512?": ["GPEN-512.pth"]}),
    ("what else a pipeline loads", "model_index.json unet/model.onnx watermarker/config.json watermarker/w.bin",
     {"unet": ["unet/model.onnx"], "watermarker": ["watermarker/w.bin"]}),
    ("another version of a pipeline's part", "model_index.json unet/u.bin unet_int8/config.json unet_int8/u.bin",
     {"unet": ["unet/u.bin"], "unet_int8?": ["unet_int8/u.bin"]}),
    ("numbered by epochs", "epoch_001.pt epoch_002.pt", {"": ["epoch_001.pt", "epoch_002.pt"]}),
    ("numbered with gaps", "model_100.pt model_200.pt", {"": ["model_100.pt", "model_200.pt"]}),
    ("ZeRO's third stage alone", "latest zero_pp_rank_0_mp_rank_00_model_states.pt"
     " zero_pp_rank_0_mp_rank_00_optim_states.pt zero_pp_rank_1_mp_rank_00_optim_states.pt",
     {"": ["zero_pp_rank_0_mp_rank_00_optim_states.pt + zero_pp_rank_1_mp_rank_00_optim_states.pt"]}),
    ("ZeRO beside weights", "model.safetensors global_step1/zero_pp_rank_0_mp_rank_00_optim_states.pt",
     {"": ["model.safetensors"]}),
    ("reinforcement learning from feedback", "policy_model.pt reward_model.pt",
     {"": ["policy_model.pt"], "reward?": ["reward_model.pt"]}),
    ("named by their reward", "best_reward_model.pt model.pt", {"": ["model.pt", "best_reward_model.pt"]}),
    ("vision projectors that do not repeat the name", "g-3-Q8_0.gguf g-3-Q4_K_M.gguf mmproj-F16.gguf mmproj-BF16.gguf",
     {"": ["g-3-Q8_0.gguf", "g-3-Q4_K_M.gguf"], "mmproj": ["mmproj-F16.gguf", "mmproj-BF16.gguf"]}),
    ("KerasHub", "metadata.json task.json model.weights.h5 task.weights.h5",
     {"": ["model.weights.h5"], "task": ["task.weights.h5"]}),
    ("LeRobot", "model.safetensors policy_preprocessor_step_3_normalizer_processor.safetensors"
     " checkpoints/020000/pretrained_model/model.safetensors"
     " checkpoints/020000/training_state/optimizer_state.safetensors",
     {"": ["model.safetensors", "checkpoints/020000/pretrained_model/model.safetensors"]}),
    ("exports of Ultralytics", "n.pt n_ncnn_model/model.ncnn.bin n_ncnn_model/model.ncnn.param"
     " n_saved_model/saved_model.pb n_saved_model/variables/variables.data-00000-of-00001"
     " n_saved_model/n_float16.tflite",
     {"": ["n.pt", "n_saved_model/saved_model.pb + n_saved_model/variables/variables.data-00000-of-00001",
           "n_saved_model/n_float16.tflite", "n_ncnn_model/model.ncnn.bin"]}),
    ("an export named for its task",
     "model.safetensors coreml/fill-mask/f.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
     {"": ["model.safetensors", "coreml/fill-mask/f.mlpackage/Data/com.apple.CoreML/weights/weight.bin"]}),
    ("one graph for each device", "cpu_and_mobile/cpu-int4-rtn-block-32/model.onnx cuda/cuda-fp16/model.onnx",
     {"": ["cuda/cuda-fp16/model.onnx", "cpu_and_mobile/cpu-int4-rtn-block-32/model.onnx"]}),
    ("OpenVINO in parts", "openvino_language_model.bin openvino_language_model.xml openvino_text_embeddings_model.bin"
     " openvino_text_embeddings_model.xml openvino_resampler_model.bin openvino_resampler_model.xml",
     {"language": ["openvino_language_model.bin"], "resampler": ["openvino_resampler_model.bin"],
      "": ["openvino_text_embeddings_model.bin"]}),
]  # fmt: skip


@pytest.mark.parametrize(("paths", "expected"), [case[1:] for case in LAYOUTS], ids=[case[0] for case in LAYOUTS])
def test_layouts(paths: str, expected: dict[str, list[str]]) -> None:
    found = sort(*paths.split())
    assert shown(found) == expected
    assert not found.no_weights
    assert not found.adapter
    assert shown(sort(*reversed(paths.split()))) == expected


@pytest.mark.parametrize(("files", "expected"), [
    ({"flux-Q4_K_S.gguf": 900, "flux-Q8_0.gguf": 1700, "ae.safetensors": 800},
     {"": ["ae.safetensors"], "flux": ["flux-Q8_0.gguf", "flux-Q4_K_S.gguf"]}),
    ({"flux-Q8_0.gguf": 1700, "clip_l.safetensors": 80, "t5xxl_fp16.safetensors": 800, "ae.safetensors": 80},
     {"flux": ["flux-Q8_0.gguf"], "ae": ["ae.safetensors"], "clip-l": ["clip_l.safetensors"],
      "t5xxl": ["t5xxl_fp16.safetensors"]}),
    ({"wan2.1.gguf": 1700, "vae.safetensors": 80, "ltx.gguf": 1700},
     {"ltx?": ["ltx.gguf"], "": ["vae.safetensors"], "wan2-1?": ["wan2.1.gguf"]}),
    ({"madlad-Q8_0.gguf": 1700, "t5-madlad.safetensors": 3000},
     {"": ["t5-madlad.safetensors"], "madlad?": ["madlad-Q8_0.gguf"]}),
    ({"norm.pt": 100, "detector.onnx": 5000}, {"": ["norm.pt"], "detector?": ["detector.onnx"]}),
    ({"yolo.pt": 1000, "detector.onnx": 5000}, {"": ["yolo.pt", "detector.onnx"]}),
])  # fmt: skip
def test_exports_of_another_name_belong_to_what_they_may_be_made_of(
    files: dict[str, int], expected: dict[str, list[str]]
) -> None:
    assert shown(layout([FileEntry(path, size) for path, size in files.items()])) == expected


def test_single_file_pipelines_are_whole_copies() -> None:
    found = sort("v1-5.ckpt", "v1-5.safetensors", "unet/a.safetensors", "vae/b.safetensors")
    assert [copy.paths for copy in found.whole] == [("v1-5.safetensors",), ("v1-5.ckpt",)]


def test_adapters() -> None:
    alone = sort("adapter_model.safetensors", "adapter_config.json", "checkpoint-9/adapter_model.safetensors")
    assert alone.adapter
    assert shown(alone) == {"": ["adapter_model.safetensors", "checkpoint-9/adapter_model.safetensors"]}
    merged = sort("adapter_model.safetensors", "model.safetensors")
    assert not merged.adapter
    assert shown(merged) == {"": ["model.safetensors"]}
    assert [copy.paths for copy in merged.adapters] == [("adapter_model.safetensors",)]
    assert shown(sort("a_lora.safetensors", "b_lora.safetensors")) == {
        "a-lora?": ["a_lora.safetensors"], "b-lora?": ["b_lora.safetensors"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "no_weights"),
    [
        ([], True),
        ([FileEntry("README.md"), FileEntry(".gitattributes")], True),
        ([FileEntry("thing.xyz", 65_536)], True),
        ([FileEntry("thing.xyz", 65_537)], False),
        ([FileEntry("thing.xyz")], False),
        ([FileEntry("model.json", 200_000)], False),
        ([FileEntry("model.json", 2_000)], True),
        ([FileEntry("best_model.json", 200_000)], False),
        ([FileEntry("iris-classifier_v2.json", 200_000)], False),
        ([FileEntry("model_index.json", 200_000)], True),
        ([FileEntry("xgb_params.json", 200_000)], True),
        ([FileEntry("lgb_model.txt", 200_000)], False),
        ([FileEntry("adapter_model.bin")], False),
        ([FileEntry("a.zip")], False),
        ([FileEntry("optimizer.pt"), FileEntry("scheduler.pt")], True),
        ([FileEntry("train.parquet", 10**9)], True),
    ],
)
def test_no_weights_only_if_everything_is_recognised(files: list[FileEntry], no_weights: bool) -> None:
    assert layout(files).no_weights is no_weights


def test_a_checkpoint_without_a_table_is_open() -> None:
    octo = sort("example_batch.msgpack", "300000/default/checkpoint")
    assert [entry.path for entry in octo.unsettled] == ["300000/default/checkpoint"]
    assert not octo.components
    tensorflow = sort("a/checkpoint", "a/model.ckpt.index", "a/model.ckpt.data-00000-of-00001")
    assert not tensorflow.unsettled


HOSTILE = [
    "", "/", "//", ".", "..", "../../model.safetensors", "/etc/model.safetensors", "a/../b.bin", "model.safetensors/",
    "\x00.bin", "\u202emodel.safetensors", "a" * 5000 + ".bin", "x-" * 3000 + ".pt", "_" * 4000, "." * 3000,
    "model-99999999999999999999-of-99999999999999999999.safetensors", "model-00000-of-00000.safetensors",
    "model-0001-of-99999.safetensors", "a\nb.gguf", "q4_" * 2000 + ".gguf", "sp" + "_m" * 3000 + ".model",
    "encoder_" * 1000 + ".onnx", ".data-00000-of-00001", ".gguf.part", "CON.bin", "\ud800.bin",
    "ſafetensors.ſafetensors",
    "optim" * 1000 + ".pt", "1_/model.bin", "-of-.bin", "consolidated.", "mmproj.gguf", "K.safetensors", "İ.bin",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_do_not_fail(path: str) -> None:
    found = sort(path, "model.safetensors", path + "/x.bin")
    assert set(found.roles) == {path, "model.safetensors", path + "/x.bin"}


def test_a_path_that_occurs_twice_counts_once() -> None:
    assert shown(sort("model.safetensors", "model.safetensors")) == {"": ["model.safetensors"]}


def calls(names: Sequence[str]) -> int:
    """Function calls that sorting takes: as many on every machine, unlike seconds."""
    count = 0
    for cached in (filetypes._recognise, filetypes.format_of, words.words_of):
        cached.cache_clear()

    def profile(*_: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        sort(*names)
    finally:
        sys.setprofile(before)
    return count


SERIES: dict[str, Callable[[int], list[str]]] = {
    "runs": lambda n: [f"run{number}/weights-{number % 7}.bin" for number in range(n)],
    "data of a graph": lambda n: ["model.onnx", *(f"onnx__MatMul_{number}" for number in range(n))],
    "packages": lambda n: ["x.jar", *(f"{number}.jar" for number in range(n)), *map(str, range(n))],
    "parts of a pipeline": lambda n: [
        "model_index.json", *(f"a_{number}/{name}" for number in range(n) for name in ("config.json", "a.bin"))
    ],
    "a series": lambda n: [f"model_{number:05}.safetensors" for number in range(n)],
    "exports": lambda n: [f"{number}_saved_model/saved_model.pb" for number in range(n)],
}  # fmt: skip


@pytest.mark.parametrize("kind", SERIES)
def test_four_times_the_files_are_four_times_the_work(kind: str) -> None:
    assert calls(SERIES[kind](2000)) < 6 * calls(SERIES[kind](500))


paths = st.lists(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "unet/", "vae/", "onnx/", "checkpoint-10/", "foo/", "1_Dense/", "a.mlpackage/", "ema/"]),
        st.sampled_from(
            ["model", "encoder", "decoder", "foo", "M-7B-Q4_K_M", "adapter_model", "mmproj-x", "data", "optimizer"]
        ),
        st.sampled_from(["", "-00001-of-00002", "-00002-of-00002", "_1000", ".fp16", "_quantized"]),
        st.sampled_from(
            [".safetensors", ".bin", ".onnx", ".gguf", ".pt", ".zip", ".json", ".md", ".xyz", "", ".h5", ".xml"]
        ),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(paths)
def test_every_weight_file_has_one_place(listed: list[str]) -> None:
    found = sort(*listed)
    copies = [copy for component in found.components for copy in component.copies]
    held = [path for copy in [*copies, *found.whole, *found.adapters] for path in copy.paths]
    assert len(held) == len(set(held))
    weights = {path for path, role in found.roles.items() if role in (Role.WEIGHTS, Role.ADAPTER)}
    left = weights - set(held)
    assert all(path.endswith((".onnx", ".gguf", ".xml", ".bin", ".zip")) for path in left)  # variants of a split export
    assert all(component.copies for component in found.components)
    assert len({component.name for component in found.components}) == len(found.components)


def test_words() -> None:
    words = words_of("checkpoint-100/onnx", "my-model_v2.int8-ema")
    assert (words.folder, words.rest, words.quantised, words.intermediate) == ("", ("v2",), True, True)
