"""The words in a weight file's path: which set networks apart, and which only mark a variant of the same weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# Words that name weights as such: they set nothing apart.
GENERIC = frozenset({
    "model", "models", "pytorch", "torch", "tf", "tensorflow", "flax", "rust", "diffusion", "consolidated",
    "weights", "weight", "state", "states", "dict", "network", "net", "saved", "keras", "jax", "onnx", "openvino",
    "coreml", "tflite", "ggml", "gguf", "params", "parameters", "module", "the", "my", "trained", "training",
    "train", "variables", "pipeline", "mp", "rank", "group", "transformers", "hf", "checkpoint", "ckpt",
    "checkpoints", "data", "policy", "fsdp",
})  # fmt: skip
# Words that mark another precision, graph or export of the same weights.
VARIANT = frozenset({
    "fp32", "fp16", "bf16", "f32", "f16", "float32", "float16", "bfloat16", "half", "full", "optimized",
    "optimised", "simplified", "sim", "slim", "static", "dynamic", "traced", "trace", "scripted", "script", "jit",
    "torchscript", "mobile", "ptl", "lite", "o1", "o2", "o3", "o4", "avx2", "avx512", "avx512_vnni", "vnni",
    "arm64", "merged", "past", "with", "pruned", "inference", "opset", "fused", "deploy", "exported", "export",
    "converted", "no", "non", "safetensors",
})  # fmt: skip
QUANTISED = frozenset({
    "int8", "int4", "uint8", "uint4", "8bit", "4bit", "3bit", "2bit", "6bit", "5bit", "q4", "q8", "q4f16",
    "quantized", "quantised", "quant", "quantize", "qint8", "quint8", "bnb", "bnb4", "nf4", "fp8", "fp4",
    "e4m3fn", "e5m2", "gptq", "awq", "w8a8", "w4a16", "w8a16", "mxfp4", "nvfp4", "hqq", "eetq", "exl2", "marlin",
    "mlx", "imat", "i1", "ud", "ptq", "qat", "qdq", "gs128", "g128", "gs64", "gs32", "scaled",
    "i2", "tl1", "tl2",
})  # fmt: skip
_QUANTISED_PATTERN = re.compile(
    r"(?:i?q\d(?:k|f16|f32|_?[0-9k])?(?:[sml]|xs|xxs|nl|xl)?|tq\d|\d+b?pw|\d+bits?|b[48])\Z"
)
# Pieces of a GGUF type after its first word (`Q4_K_M` is split at its underscores).
_QUANT_TAIL = frozenset({"k", "s", "m", "l", "xs", "xxs", "nl", "xl", "0", "1", "4", "8", "p", "moe"})
# Words of a training run's intermediate results, or of a twin of the final weights.
INTERMEDIATE = frozenset({
    "ema", "emaonly", "nonema", "swa", "last", "latest", "epoch", "epochs", "step", "steps", "iter", "iters",
    "iteration", "global_step", "globalstep", "interrupted", "snapshot", "backup", "bak", "old", "resume", "tmp",
    "temp",
})  # fmt: skip
# Measures that trainers write into names, followed by their value.
METRICS = frozenset({
    "val", "valid", "validation", "loss", "acc", "accuracy", "f1", "wer", "cer", "auc", "iou", "miou", "score",
    "psnr", "ssim", "mse", "mae", "rmse", "bleu", "reward", "perplexity", "ppl", "dice", "recall", "precision",
    "fid",
})  # fmt: skip
# Measures that are also what a network is for, where its name begins with them (`reward_model`).
MEASURING = frozenset({"reward", "score"})
_COUNTED = re.compile(r"(?:epoch|step|iter|iteration|checkpoint|ckpt|e|s|globalstep|ep)=?\d+\Z")
FINAL = frozenset({"best", "final"})
# Words that name parts of one network: files that differ in them add up.
PARTS = frozenset({
    "encoder", "decoder", "enc", "dec", "joiner", "predictor", "generator", "discriminator", "actor", "critic", "g",
    "d", "vocoder", "embeddings", "embed", "lm", "head", "vision", "text", "audio", "preprocessor", "backbone",
    "classifier", "tokens",
})  # fmt: skip
SIDECARS = frozenset({"mmproj", "mtp"})  # GGUF files loaded beside a base model

# Folders that hold parts of a pipeline: their weights add up.
PIPELINE_FOLDERS = frozenset({
    "unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3", "image_encoder", "prior",
    "decoder", "safety_checker", "controlnet", "movq", "vqvae", "vqgan", "vocoder", "image_unet", "text_unet",
    "super_res_first", "super_res_last", "text_proj", "prior_prior", "prior_text_encoder", "prior_image_encoder",
    "language_model", "projection_model", "unet_2", "transformer_2", "audio_vae", "vision_language_encoder",
    "motion_adapter", "adapter", "condition_encoder", "bert", "speech_tokenizer", "audio_tokenizer",
    "vision_tower", "mm_projector", "latent_upsampler", "refiner", "spatial_upsampler", "connectors",
    "guider_unet", "effnet", "vision_encoder", "qformer", "llm", "vision_model", "text_model", "audio_encoder",
    "high_noise_model", "low_noise_model",  # two experts, each for a part of the denoising steps
    "audio_decoder", "encoder", "acoustic", "semantic", "coarse", "fine", "codec", "talker", "encoder_model",
    "decoder_model",
})  # fmt: skip
# A pipeline in folders has one of each: then single files at the root hold all of it again.
PIPELINE_CORES = frozenset({"unet", "transformer", "prior", "decoder"})
PIPELINE_HELPERS = frozenset({"vae", "text_encoder", "movq", "vqvae", "image_encoder", "vqgan"})
# Networks that work for a larger one, by the words of a file's name.
AUTOENCODER_WORDS = frozenset({"ae", "vae", "taesd"})
HELPER_WORDS = AUTOENCODER_WORDS | {
    "clip", "t5", "t5xxl", "umt5", "snac", "dac", "codec", "wavtokenizer", "hifigan", "vocos", "speaker",
}  # fmt: skip
# Another build of the same part, beside which both lie in one repository.
_FOLDER_ALIASES = {"vae_1_0": "vae"}
# The same weights under another library's tensor names; what Haiku keeps beside `params`: statistics, not them again.
_STEM_ALIASES = {"open_clip_model": "model", "open_clip_pytorch_model": "pytorch_model", "state": "statistics"}
# Folders whose name only says how or where copies are kept. `pytorch_model_fsdp_1` would be a second model.
_PLACE = re.compile(
    r"onnx.*|openvino.*|gguf.*|ggml|tflite|coreml|core_ml|flax|tf|jax|keras|torch|pytorch|original|mlx|saved_model|tfjs|"
    r"int8|int4|fp16|fp32|bf16|f16|fp8|quantized|quantised|quant|gptq|awq|exl2|\d+(?:[._]\d+)?bpw|\d+bit|i?q\d.*|ud-.*|bnb.*|safetensors|"
    r"weights?|models?|checkpoints?|ckpts?|variables|assets|trt|tensorrt|ncnn|merged|final|best|export(?:ed)?|cpu|cuda|gpu|"
    r"webgpu|artifacts?|bundle|lightning_logs|version_\d+|runs?|outputs?|pretrained|dist|ctranslate2|ct2|"
    r"metal|pretrained(?:_model)?|"
    r"cpu_and_mobile|directml|(?:cpu|cuda|gpu|dml|directml|webgpu|npu|qnn)-(?:int[48]|fp?16|fp32)(?:-.*)?|"
    r"pytorch_model_fsdp(?:_0)?|mxfp4.*|nvfp4.*|.*\.mlpackage|.*\.mlmodelc|data|com\.apple\.coreml|.*-(?:q\d|iq\d)\S*",
    re.DOTALL,
)
_CHECKPOINT_FOLDER = re.compile(
    r"(?:.*[-_])?(?:checkpoint|ckpt|step|epoch|iter|iteration|global_step|iter_|ep)[-_=]?\d+(?:[-_].*)?|ema|last|latest|"
    r".*[-_]ema|checkpoint-(?:last|latest|best)|intermediate",
    re.DOTALL,
)
_OF_CHECKPOINTS = frozenset({"checkpoints", "checkpoint", "ckpts"})  # bare numbers of steps lie in these
# Exporters put what they make into a folder named for what it does, inside of the format's.
_TASKS = frozenset({
    "fill-mask", "text-generation", "feature-extraction", "text-classification", "question-answering",
    "token-classification", "image-classification", "text2text-generation",
})  # fmt: skip
_CODER_FOLDER = re.compile(r"(?P<base>.+)_(?P<part>encoder|decoder)\Z", re.DOTALL)
_SPLIT = re.compile(r"[-_. =+@()\[\]]+")
# Resolutions: what differs in them are other networks, or the same for other inputs.
RESOLUTIONS = frozenset({"128", "192", "224", "256", "320", "384", "448", "512", "640", "768", "1024", "2048"})
MIN_STEP_DIGITS = 3  # a bare number this long in a name counts steps; shorter ones are versions or sizes


@dataclass(frozen=True, slots=True)
class Words:
    """What a path says about a weight file.

    Attributes:
        folder: folders that set networks apart, joined; empty for the root.
        place: folders that only say how copies are kept.
        rest: words that set this network apart from others in the folder.
        part: words that name a part of one network.
        part_by_folder: whether the folder names it, as `vae_encoder` does.
        sidecar: `mmproj` and kin.
        quantised: by its name.
        intermediate: a checkpoint or a twin of the final weights.
        variants: how many words mark a variant; the plainest copy has none.
    """

    folder: str
    place: str
    rest: tuple[str, ...]
    part: str
    part_by_folder: bool
    sidecar: str
    quantised: bool
    intermediate: bool
    variants: int


@lru_cache(maxsize=16_384)
def words_of(folder: str, stem: str) -> Words:
    """Parse a weight file's folder and stem (without ending and shard number)."""
    kept, places, in_checkpoint = _folders(folder.lower().split("/") if folder else [])
    part_of_folder = ""
    coder = _CODER_FOLDER.match(kept[-1]) if kept else None
    if coder and coder["base"] in ("vae", "unet"):
        kept[-1], part_of_folder = coder["base"], coder["part"]
    found = _Sorter()
    stem = stem.lower()
    for word in _SPLIT.split(_STEM_ALIASES.get(stem, stem))[:64]:
        if word:
            found.take(word)
    quantised = found.quantised or any(_is_quantised(place) for place in places)
    return Words(
        "/".join(kept),
        "/".join(places),
        tuple(found.rest),
        "-".join([*filter(None, [part_of_folder]), *found.parts]),
        bool(part_of_folder),
        found.sidecar,
        quantised,
        in_checkpoint or found.intermediate,
        found.variants + len(places) + (stem in _STEM_ALIASES),
    )


def _folders(folders: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """Folders that set networks apart, those that only keep copies, and whether one is a checkpoint's."""
    kept: list[str] = []
    places: list[str] = []
    checkpoint = False
    for folder in folders:
        counted = folder.isdigit() and bool(places) and places[-1] in _OF_CHECKPOINTS
        if counted or _CHECKPOINT_FOLDER.fullmatch(folder):
            checkpoint = True
            places.append(folder)
        elif (_PLACE.fullmatch(folder) and folder not in PIPELINE_FOLDERS) or (places and folder in _TASKS):
            places.append(folder)
        elif folder not in (".", ""):
            kept.append(_FOLDER_ALIASES.get(folder, folder))
    return kept, places, checkpoint


def _is_quantised(word: str) -> bool:
    return word in QUANTISED or bool(_QUANTISED_PATTERN.match(word))


class _Sorter:
    """Puts the words of one stem where they belong, in order."""

    def __init__(self) -> None:
        self.rest: list[str] = []
        self.parts: list[str] = []
        self.sidecar = ""
        self.quantised = self.intermediate = False
        self.variants = 0
        self._before = ""
        self._measured = False

    def take(self, word: str) -> None:
        """Sort one word."""
        before, self._before = self._before, word
        if word in SIDECARS:
            self.sidecar = word
        elif _is_quantised(word):
            self.quantised = True
            self.variants += 1
        elif word in _QUANT_TAIL and (_is_quantised(before) or before in _QUANT_TAIL) and self.quantised:
            self._before = word
        elif word in GENERIC or word in FINAL:
            pass
        elif word in VARIANT:
            self.variants += 1
        elif word in INTERMEDIATE or _COUNTED.match(word):
            self.intermediate = True
        elif word in METRICS and not (word in MEASURING and not before):
            self.intermediate = self._measured = True
        elif word.isdigit():
            self._number(word, before)
        elif word in PARTS:
            self.parts.append(word)
        else:
            self.rest.append(word)

    def _number(self, word: str, before: str) -> None:
        """A bare number: steps after a word of training or with many digits, else part of a name."""
        if (
            self._measured
            or before in INTERMEDIATE
            or before in ("checkpoint", "ckpt", "e", "s")
            or (len(word) >= MIN_STEP_DIGITS and word not in RESOLUTIONS)
        ):
            self.intermediate = True
        else:
            self.rest.append(word)
