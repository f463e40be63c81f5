"""What one file is, by its name alone: weights (and in which format), trainer state, or something positively else.

Tables first, each row or block with its reason; `classify`, `trust_of` and `format_of` only look things up. Names come
from anybody: they are compared lower-cased, and nothing is ever opened. A name that makes a file something other than
weights is believed as far as its `Trust` goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache


class Role(StrEnum):
    """What a file is for."""

    WEIGHTS = "weights"
    ADAPTER = "adapter"  # LoRA and kin: weights that need a base model
    TRAINER = "trainer-state"  # optimizer, scheduler, RNG, replay buffers, logs of a training run
    INDEX = "weights-index"  # names the shards, holds no tensors
    PREPROCESSING = "preprocessing"  # fitted scalers and encoders, normalisation statistics, calibration data
    TOKENIZER = "tokenizer"
    CONFIG = "config"
    DATA = "data"
    MEDIA = "media"
    DOCS = "docs"
    CODE = "code"
    ARCHIVE = "archive"  # may hold weights, or anything
    UNKNOWN = "unknown"


class Trust(Enum):
    """How far a name is believed that makes a file something other than weights."""

    SURE = 0  # a name or ending that nothing else carries
    NAMED = 1  # a well-known name or a text: believed unless the file is known to be larger than any such file
    WORD = 2  # an ordinary word in the name: believed of a small file, or beside other weights


class Tier(Enum):
    """Which copy decides where copies in several formats differ: training formats before others before exports."""

    TRAINING = 0  # safetensors, PyTorch
    FRAMEWORK = 1  # formats other frameworks train in
    EXPORT = 2  # converted for inference


@dataclass(frozen=True, slots=True)
class Format:
    """A weight format.

    Attributes:
        name: short name for reports.
        tier: see Tier.
        compressed: whether files of it may be compressed, so that their size is no upper bound.
    """

    name: str
    tier: Tier
    compressed: bool = False


FORMATS: tuple[Format, ...] = (  # in order of preference
    Format("safetensors", Tier.TRAINING),
    Format("pytorch", Tier.TRAINING),  # zips of stored members, or pickles: neither compresses tensors
    Format("pytorch-archive", Tier.TRAINING, compressed=True),  # .pth.tar.gz, .nemo, stable-baselines3 zips
    Format("partitions", Tier.TRAINING),  # weights cut up among the states of an optimizer (DeepSpeed ZeRO)
    Format("flax", Tier.FRAMEWORK),
    Format("rust", Tier.FRAMEWORK),  # libtorch archives
    Format("keras", Tier.FRAMEWORK, compressed=True),  # HDF5 may compress its datasets
    Format("keras-zip", Tier.FRAMEWORK, compressed=True),
    Format("tensorflow", Tier.FRAMEWORK),
    Format("paddle", Tier.FRAMEWORK),
    Format("mxnet", Tier.FRAMEWORK),
    Format("numpy", Tier.FRAMEWORK),
    Format("numpy-zip", Tier.FRAMEWORK, compressed=True),
    Format("pickle", Tier.FRAMEWORK, compressed=True),  # joblib compresses under any name
    Format("joblib", Tier.FRAMEWORK, compressed=True),
    Format("boosting", Tier.FRAMEWORK, compressed=True),  # XGBoost, LightGBM, CatBoost; JSON may be gzipped
    Format("vectors", Tier.FRAMEWORK, compressed=True),  # fastText (.ftz is compressed), word2vec
    Format("spacy", Tier.FRAMEWORK),
    Format("other", Tier.FRAMEWORK, compressed=True),  # named as weights, layout unknown
    Format("gguf", Tier.EXPORT),
    Format("ggml", Tier.EXPORT),
    Format("onnx", Tier.EXPORT),
    Format("openvino", Tier.EXPORT),
    Format("tflite", Tier.EXPORT, compressed=True),  # .task bundles are zips
    Format("coreml", Tier.EXPORT),
    Format("tfjs", Tier.EXPORT),
    Format("ncnn", Tier.EXPORT),
    Format("mnn", Tier.EXPORT),
    Format("mlc", Tier.EXPORT),
    Format("ctranslate2", Tier.EXPORT),
    Format("tensorrt", Tier.EXPORT, compressed=True),
    Format("device", Tier.EXPORT, compressed=True),  # compiled for one accelerator or runtime
    Format("archive", Tier.EXPORT, compressed=True),
)
FORMAT = {form.name: form for form in FORMATS}
RANK = {form.name: rank for rank, form in enumerate(FORMATS)}

# Endings that are weights, with their format.
WEIGHT_ENDINGS = {
    ".safetensors": "safetensors",
    ".bin": "pytorch", ".pt": "pytorch", ".pth": "pytorch", ".ckpt": "pytorch", ".pt2": "pytorch", ".ptl": "pytorch",
    ".ot": "rust", ".pth.tar": "pytorch", ".th": "pytorch", ".t7": "pytorch", ".torchscript": "pytorch",
    ".jit": "pytorch", ".distcp": "pytorch", ".pyth": "pytorch", ".chkpt": "pytorch", ".checkpoint": "pytorch",
    ".cleanrl_model": "pytorch", ".nemo": "pytorch-archive", ".mar": "pytorch-archive", ".pte": "device",
    ".msgpack": "flax", ".orbax": "flax", ".ocdbt": "other",
    ".h5": "keras", ".hdf5": "keras", ".keras": "keras-zip",
    ".pb": "tensorflow",
    ".pdparams": "paddle", ".pdiparams": "paddle", ".pdmodel": "paddle",
    ".params": "mxnet", ".caffemodel": "other", ".weights": "other", ".mdl": "other", ".model": "other",
    ".npy": "numpy", ".npz": "numpy-zip", ".pkl": "pickle", ".pickle": "pickle", ".joblib": "joblib", ".sav": "pickle",
    ".dill": "pickle", ".cloudpickle": "pickle", ".skops": "joblib",
    ".jbl": "joblib", ".pkl.z": "joblib", ".pkl.gz": "joblib", ".pkl.bz2": "joblib", ".pkl.xz": "joblib",
    ".joblib.z": "joblib", ".joblib.gz": "joblib",
    ".cbm": "boosting", ".ubj": "boosting", ".bst": "boosting", ".xgb": "boosting", ".lgb": "boosting",
    ".ftz": "vectors", ".vec": "vectors", ".magnitude": "vectors", ".kv": "vectors",
    ".gguf": "gguf", ".ggml": "ggml", ".llamafile": "gguf",
    ".onnx": "onnx", ".onnx_data": "onnx", ".onnx.data": "onnx", ".ort": "onnx",
    ".tflite": "tflite", ".lite": "tflite", ".task": "tflite", ".litertlm": "tflite",
    ".mlmodel": "coreml", ".engine": "tensorrt", ".plan": "tensorrt", ".trt": "tensorrt",
    ".mnn": "mnn", ".rknn": "device", ".dlc": "device", ".hef": "device", ".kmodel": "device", ".nb": "device",
    ".tmfile": "device", ".axmodel": "device", ".cvimodel": "device", ".om": "device", ".nn": "device",
    ".vmfb": "device", ".axera": "device",
}  # fmt: skip
ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".gz", ".7z", ".rar", ".xz", ".zst", ".bz2", ".tar.xz", ".lz4")

# Endings that are positively something else.
OTHER_ENDINGS = {
    Role.DOCS: (
        ".md .txt .rst .pdf .docx .doc .pptx .html .htm .tex .bib .cff .rtf .odt .mdx .adoc .bbl"
    ),
    Role.CONFIG: (
        ".json .yaml .yml .toml .cfg .ini .xml .gin .conf .env .prototxt .lock .properties .json5 .pbtxt .config "
        ".sample .template .jinja .jinja2 .j2 .gitattributes .gitignore .gitmodules .editorconfig .param .opt "
        ".keep .gitkeep .cue .types .metadata .meta .args .options .sha256 .md5 .sig .asc .etag .jsonnet .hydra "
        ".names .yaml-tmpl .plist .pc .pbxproj .mlmodelc .manifest"
    ),
    Role.TOKENIZER: (
        ".tiktoken .spm .bpe .vocab .merges .dict .codes .subwords .wordpiece .dic .aff .g2p .lexicon"
    ),
    Role.DATA: (
        ".parquet .arrow .csv .tsv .jsonl .ndjson .tfrecord .tfrecords .feather .lmdb .mdb .sqlite .sqlite3 .db "
        ".faiss .xlsx .xls .h5ad .loom .zarr .wds .lance .ann .conllu .conll .srt .vtt .fasta .fa .pdb .sdf .mol "
        ".smi .nii .dcm .las .laz .geojson .shp .shx .dbf .tif .tiff .nc .grib .edf .rttm .textgrid .ass .lab "
        ".scp .ark .arpa .klm .carpa .fst .far .scorer"
    ),
    Role.MEDIA: (
        ".png .jpg .jpeg .gif .webp .svg .bmp .ico .avif .heic .mp4 .webm .mov .avi .mkv .m4v .mp3 .wav .flac "
        ".ogg .m4a .opus .aac .mid .midi .ttf .otf .woff .woff2 .ply .glb .gltf .obj .stl .fbx .psd .ai .eps .exr "
        ".hdr .usdz .blend .drawio .excalidraw .sf2 .mp2 .wma .apng .jfif"
    ),
    Role.CODE: (
        ".py .pyi .pyc .js .mjs .ts .tsx .jsx .cpp .cc .c .h .hpp .cu .cuh .rs .go .java .kt .swift .sh .bash "
        ".zsh .bat .ps1 .ipynb .so .dll .dylib .exe .whl .jar .css .scss .r .m .jl .php .rb .lua .proto .cmake "
        ".mk .sql .scala .cs .vue .svelte .wasm .metal .cl .ptx .cubin .patch .diff .service .dockerfile .nix .tf "
        ".hcl .rmd .qmd .a .o .lib .apk .deb .f90 .pl .pyx .pxd .ino .v .sv .asm .s .mlir .stablehlo .map"
    ),
    Role.TRAINER: (
        ".tfevents .log .out .err .wandb .prof .trace .optim .optimizer .pid .pbstxt .nsys-rep .lammps"
    ),
    Role.PREPROCESSING: (
        ".imatrix"
    ),
}  # fmt: skip
ROLE_BY_ENDING = {ending: role for role, endings in OTHER_ENDINGS.items() for ending in endings.split()}
ROLE_BY_ENDING |= dict.fromkeys(ARCHIVE_ENDINGS, Role.ARCHIVE)

# Whole names, for files without an ending that says enough.
ROLE_BY_NAME = {
    "license": Role.DOCS, "licence": Role.DOCS, "notice": Role.DOCS, "copying": Role.DOCS, "authors": Role.DOCS,
    "readme": Role.DOCS, "changelog": Role.DOCS, "citation": Role.DOCS, "version": Role.CONFIG, "makefile": Role.CODE,
    "dockerfile": Role.CODE, "procfile": Role.CODE, "modelfile": Role.CONFIG, "codeowners": Role.DOCS,
    "pipfile": Role.CONFIG, "gemfile": Role.CONFIG, "jenkinsfile": Role.CODE, "contributing": Role.DOCS,
    "todo": Role.DOCS, ".ds_store": Role.DOCS, "thumbs.db": Role.DOCS, "_stable_baselines3_version": Role.CONFIG,
    "params": Role.CONFIG, "latest": Role.TRAINER, "latest_checkpointed_iteration.txt": Role.TRAINER,
    "checkpoint": Role.TRAINER, "events": Role.TRAINER, "command": Role.CODE, "cfg": Role.CONFIG,
    "key2row": Role.TOKENIZER, "moves": Role.CONFIG, "tokenizer": Role.TOKENIZER, "patterns": Role.CONFIG,
    "merges": Role.TOKENIZER, "vocab": Role.TOKENIZER, "done": Role.TRAINER, "success": Role.TRAINER,
    "fingerprint.pb": Role.CONFIG, "keras_metadata.pb": Role.CONFIG, "spiece.model": Role.TOKENIZER,
    "lookups.bin": Role.TOKENIZER, "lexemes.bin": Role.TOKENIZER,
    "training_args.bin": Role.TRAINER, "train_args.bin": Role.TRAINER, "args.bin": Role.TRAINER,
    "pytorch_variables.pth": Role.TRAINER,  # stable-baselines3: state besides the policy
    "vocab.bin": Role.TOKENIZER, "tokenizer.bin": Role.TOKENIZER,
    "mlpackage.json": Role.CONFIG, "replay.mp4": Role.MEDIA,
}  # fmt: skip

# Word vectors are kept as text, too; then the name ends in their dimension (`glove.6B.300d.txt`).
_VECTORS = (
    r".*(?:fasttext|word2vec|glove|cc\.[a-z]{2,3}\.300|lid\.176).*\.(?:bin|model)|"
    r"(?:.*[._-])?(?:fasttext|word2vec|glove|cc)[._-](?:.*[._-])?\d{2,4}d?\.txt"
)
# Ensembles of trees are kept as JSON or text, too, and so is what is written about them.
_BOOSTING = (
    r"(?!.*(?:params|metrics|config|metadata|features|feature_names|importance|results|report|info|columns|threshold|"
    r"scores|summary|label).*\.(?:json|txt)\Z).*(?:xgb|booster|lightgbm|lgbm|(?<![a-z])lgb|catboost).*\.(?:json|txt|bin|model)"
)
_TRAINER_ENDINGS = r"\.(?:pt|pth|bin|pkl|npz|msgpack|ckpt|safetensors|distcp)"
_OPTIMIZER = r"(?:optim|optimi[sz]er|opt_state|sched|scheduler|lr_scheduler)s?"

# Patterns, first match wins; compared with the base name.
NAME_PATTERNS: tuple[tuple[str, Role, Trust], ...] = (
    (r".*\.(?:safetensors|bin|h5|msgpack|pdparams)\.index\.json|.*\.index\.json", Role.INDEX, Trust.SURE),
    # Settings are not called so; brain.js and tabular learning keep numbers as JSON.
    (r"(?:.*[._-])?(?:weights|q[_-]?(?:table|values)|network|policy|agent|brain|nn)\.json", Role.UNKNOWN, Trust.SURE),
    (r".*\.index", Role.INDEX, Trust.SURE),  # TensorFlow checkpoint: the table of the .data files beside it
    (r".*tfevents.*|wandb-.*|.*\.tfevents\..*", Role.TRAINER, Trust.SURE),
    # Optimizer, scheduler, gradient scaler and random state, as transformers, accelerate, Flax and DeepSpeed name them.
    (_OPTIMIZER + r"(?:[._-]?(?:states?|dict|rank|\d+))*" + _TRAINER_ENDINGS, Role.TRAINER, Trust.SURE),
    (r"policy\.optimizer\.pth|.*[._-](?:optim|optimizer)[._-]?states?\.(?:pt|pth|bin)", Role.TRAINER, Trust.SURE),
    (r"(?:rng_state|random_states?)(?:_\d+)?\.(?:pth|pt|pkl)|replay_buffer(?:[._0-9-].*)?\.(?:pkl|zip)",
     Role.TRAINER, Trust.SURE),
    (r"(?:bf16_)?zero_pp_rank_.*", Role.TRAINER, Trust.SURE),  # DeepSpeed ZeRO partitions; see `layout` for them alone
    (r"(?:scaler|grad_scaler)\.(?:pt|pth)|trainer_state[._0-9-].*|sampler(?:_\d+)?\.bin|custom_checkpoint_\d+\.pkl|"
     r"recipe_state\.pt",
     Role.TRAINER, Trust.NAMED),
    (r"(?:.*[._-])?" + _OPTIMIZER + r"(?:[._-].*)?" + _TRAINER_ENDINGS, Role.TRAINER, Trust.WORD),
    (
        r"(?:rng_state|random_states?|scaler_state|grad_scaler|replay_buffer|train_state|training_state)"
        r"[._0-9-].*|(?:random_states|rng).*\.(?:pkl|pth|pt)",
        Role.TRAINER,
        Trust.WORD,  # a "training state" often holds the weights too
    ),
    (r".*(?:q_table|qtable|q-table|q-learning|qlearning).*\.(?:pkl|pickle)", Role.WEIGHTS, Trust.SURE),
    # Fitted preprocessing beside a scikit-learn model, and normalisation statistics of environments.
    (
        r"(?:scaler|label_?encoder|tfidf(?:_vectorizer)?|vectorizer|tokenizer|vec_?normalize|label_binarizer|imputer|"
        r"stopwords|feature_names|idx2word|word2idx|word_index|char2idx)\.(?:pkl|pickle|joblib|sav|dill)",
        Role.PREPROCESSING,
        Trust.NAMED,
    ),
    (
        r"(?:.*[._-])?(?:scaler|scalers|encoder|encoders|vectorizer|vectoriser|tfidf|labelencoder|label_encoder|labels?|"
        r"tokenizer|vocab|"
        r"columns|features?|feature_names|imputer|normalizer|preprocessor|preprocess|vec_?normalize|label_binarizer|"
        r"label_map|classes|words|intents|history|hparams|thresholds?|stopwords|pca|mlb|metadata|config|mapping|idx2word|word2idx|word_index|char2idx|le|ohe)"
        r"(?:[._-][xy\d])?\.(?:pkl|pickle|joblib|sav|dill)",
        Role.PREPROCESSING,
        Trust.WORD,
    ),
    # Importance matrices. `M-Q4_K_M-imatrix.gguf` is a model quantised with one: its name holds a quantisation.
    (r"(?:.*[._-])?imatrix\.(?:dat|txt|bin)|.*\.imatrix(?:\.(?:dat|txt|bin))?", Role.PREPROCESSING, Trust.NAMED),
    (
        r"(?!.*(?<![a-z0-9])(?:i?q\d|tq\d|mxfp4|nvfp4|b?f16|b?f32|fp16|fp32|\d+-?bit|int[48]|ud)(?![a-z0-9]))"
        r"(?:.*[._-])?imatrix\.gguf",
        Role.PREPROCESSING,
        Trust.WORD,
    ),
    # Statistics by which LeRobot normalises what goes into a policy and comes out of it.
    (r"policy_(?:pre|post)processor_step_\d+_.*\.safetensors", Role.PREPROCESSING, Trust.WORD),
    # N-gram models (KenLM), beside networks for speech: no tensors.
    (r"(?:.*[._-])?(?:\d[_-]?gram|kenlm).*\.(?:bin|binary)|lm\.binary", Role.DATA, Trust.NAMED),
    # Features that a voice was trained on (RVC); inputs that show what a network takes (Octo).
    (r"total_fea\.npy|example_(?:batch|inputs?)\.(?:msgpack|npz|pkl)", Role.DATA, Trust.NAMED),
    (r".*imatrix.*\.(?:dat|txt)|(?:cal_data|hidden_states)\.safetensors|calibration.*\.(?:dat|txt|safetensors|pt|npz|npy)",
     Role.PREPROCESSING, Trust.WORD),
    (
        r"(?:.*[._-])?(?:spiece|sentencepiece|tokenizer|spm|bpe|unigram|sp|m|vocab|spbpe|source|target|subword)"
        r"(?:[._-].*)?\.model(?:\.v\d+)?",
        Role.TOKENIZER,
        Trust.NAMED,
    ),
    (r"openvino_(?:de)?tokenizer\.bin|tokenizer\.ckpt", Role.TOKENIZER, Trust.NAMED),
    (r".*\.pdiparams\.info", Role.CONFIG, Trust.SURE),
    # Means and variances of features, as speech recipes keep them.
    (r"(?:.*[._-])?(?:feats?|energy|pitch|mel|scale|cmvn|speech|global)_?(?:stats|cmvn)\.(?:np[yz]|pth?|h5)",
     Role.PREPROCESSING, Trust.WORD),
    (r".*\.model\.v\d+", Role.TOKENIZER, Trust.NAMED),
    (
        r"(?:training|train|test|valid|validation|dataset|data|images?|videos?|audio|samples?|results?|logs?|metrics|runs|"
        r"eval|source|src|code|figures?)(?:[._-].*)?\.(?:zip|tar|tar\.gz|tgz|7z|rar|gz)",
        Role.DATA,
        Trust.WORD,
    ),
    (
        r"(?:x|y)_(?:train|test|val).*\.(?:np[yz]|pkl|pickle|joblib)|(?:.*[._-])?(?:datasets?|evaluations|metrics|.*_data)"
        r"\.(?:np[yz]|pkl|pickle|joblib)|.*\.(?:f0|mel|spec)\.npy",
        Role.DATA,
        Trust.WORD,
    ),
    (_BOOSTING, Role.WEIGHTS, Trust.SURE),
    (_VECTORS, Role.WEIGHTS, Trust.SURE),
    (
        r"(?:.*[._-])?(?:q|dy)?lora(?:[._-].*)?\.(?:safetensors|bin|pt|pth|gguf|ckpt)|"
        r"adapter_model.*\.(?:safetensors|bin|npz)|"
        r"adapters?\.(?:safetensors|npz|bin)|adapter\.[a-z]{3}(?:-.*)?\.(?:safetensors|bin)|"
        r"pytorch_adapter\.bin|pytorch_model_head\.bin|learned_embeds.*\.(?:safetensors|bin|pt)",
        Role.ADAPTER,
        Trust.SURE,
    ),
    (r".*\.(?:locon|lycoris|dora|loha|lokr)\.(?:safetensors|pt)", Role.ADAPTER, Trust.SURE),
    (r".*\.data-\d{5}-of-\d{5}", Role.WEIGHTS, Trust.SURE),  # TensorFlow checkpoint
    (r".*\.gguf[-.](?:part|split).*", Role.WEIGHTS, Trust.SURE),
    (r"consolidated\.\d+", Role.WEIGHTS, Trust.SURE),
    (r".*\.onnx[._]data(?:[._]\d+)?", Role.WEIGHTS, Trust.SURE),  # external data of a graph
    (r".*\.mnn\.weight", Role.WEIGHTS, Trust.SURE),  # of an MNN network
    (r".*\.conv\.\d{1,3}", Role.WEIGHTS, Trust.SURE),  # Darknet: the first layers of a network
    (r".*[-_]shard\d+(?:of\d+)?", Role.WEIGHTS, Trust.SURE),  # TensorFlow.js, older shards without an ending
    (r"\.metadata", Role.INDEX, Trust.SURE),  # of a distributed PyTorch checkpoint
)  # fmt: skip
# Patterns for what no weight ending claims: a `license.safetensors` is still weights.
LAST_PATTERNS: tuple[tuple[str, Role, Trust], ...] = (
    (r"(?:license|licence|notice|readme|copying|use_policy|acceptable_use|eula|terms|third[-_]party).*",
     Role.DOCS, Trust.NAMED),
    # Hidden files without an ending are settings of some tool.
    (r"requirements.*|\.[a-z0-9_-]+", Role.CONFIG, Trust.NAMED),
)  # fmt: skip
_NAMES = tuple((re.compile(pattern + r"\Z", re.S), role, trust) for pattern, role, trust in NAME_PATTERNS)
_LAST_NAMES = tuple((re.compile(pattern + r"\Z", re.S), role, trust) for pattern, role, trust in LAST_PATTERNS)
# Endings that say what a file is only in part: any text may be word vectors or a boosting model, and models are shipped
# in packages of code.
TRUST_BY_ENDING = {".txt": Trust.NAMED, ".jar": Trust.WORD, ".whl": Trust.WORD, ".apk": Trust.WORD}
# Bytes. The largest tokenizer models in use have about 5 MB and the largest vocabularies 10 MB; a larger file of such
# a name is something else.
LARGEST_NAMED_BYTES = 16 * 1024 * 1024
EXTERNAL_DATA = re.compile(r"\.onnx[._]data(?:[._]\d+)?\Z")
FORMAT_NAMES = (
    (re.compile(r"params_shard_\d+\.bin\Z"), "mlc"),
    (re.compile(r"(?:bf16_)?zero_pp_rank_.*\Z", re.S), "partitions"),
    (re.compile(r".*\.onnx[._]data(?:[._]\d+)?\Z", re.S), "onnx"),
    (re.compile(r".*\.mnn(?:\.weight)?\Z", re.S), "mnn"),
    (re.compile(r".*[-_]shard\d+(?:of\d+)?(?:\.bin)?\Z", re.S), "tfjs"),
    (re.compile(r".*\.data-\d{5}-of-\d{5}\Z", re.S), "tensorflow"),
    (re.compile(r".*\.gguf[-.](?:part|split).*\Z", re.S), "gguf"),
    (re.compile(r"(?:ggml|.*[._-]ggml)[._-].*\.bin\Z", re.S), "ggml"),
    (re.compile(r"openvino.*\.bin\Z", re.S), "openvino"),
    (re.compile(_BOOSTING + r"\Z", re.S), "boosting"),
    (re.compile(_VECTORS + r"\Z", re.S), "vectors"),
)  # fmt: skip
# Characters of a path that are looked at: its end says what it is, and no pattern may run long.
MAX_PATH = 512
# Folders of training logs: what is no weight file there belongs to the trainer, by all that its name says.
TRAINER_FOLDERS = frozenset({"wandb", "tensorboard", "tb_logs", "runs", "logs"})
# Sharded optimizer state (FSDP) has its own folder, beside that of the weights.
_OPTIMIZER_FOLDER = re.compile(r"optimizer(?:_\d+)?\Z")


def ending_of(name: str) -> str:
    """The ending of a lower-cased base name, the longest known one first; empty where there is none."""
    second = name.rfind(".")
    if second < 0:
        return ""
    first = name.rfind(".", 0, second)
    if first >= 0 and (name[first:] in WEIGHT_ENDINGS or name[first:] in ROLE_BY_ENDING):
        return name[first:]
    return name[second:]


def _classify_name(name: str) -> tuple[Role, Trust]:
    known = ROLE_BY_NAME.get(name)
    if known is not None:
        return known, Trust.NAMED
    for pattern, role, trust in _NAMES:
        if pattern.match(name):
            return role, trust
    ending = ending_of(name)
    if ending in WEIGHT_ENDINGS:
        return Role.WEIGHTS, Trust.SURE
    for pattern, role, trust in _LAST_NAMES:
        if pattern.match(name):
            return role, trust
    return ROLE_BY_ENDING.get(ending, Role.UNKNOWN), TRUST_BY_ENDING.get(ending, Trust.SURE)


def classify(path: str) -> Role:
    """The role of one file, by its path alone.

    Args:
        path: as the repository spells it; may hold anything.
    """
    return _recognise(path)[0]


def trust_of(path: str) -> Trust:
    """How far the role by the path is believed, where it is something other than weights."""
    return _recognise(path)[1]


@lru_cache(maxsize=16_384)  # the same paths recur in most repositories
def _recognise(path: str) -> tuple[Role, Trust]:
    *folders, name = path[-MAX_PATH:].lower().split("/")
    if any(folder.endswith((".mlpackage", ".mlmodelc")) for folder in folders):
        weights = name.endswith((".bin", ".weights")) and name != "coremldata.bin"
        return (Role.WEIGHTS if weights else Role.CONFIG), Trust.SURE
    if folders and name == "model" and not ending_of(name):
        return Role.WEIGHTS, Trust.SURE  # spaCy keeps each component's weights in `<component>/model`
    if folders and name == "vectors" and folders[-1] == "vocab":
        return Role.WEIGHTS, Trust.SURE
    role, trust = _classify_name(name)
    if role is Role.WEIGHTS and any(_OPTIMIZER_FOLDER.match(folder) for folder in folders):
        # Nobody but a distributed trainer writes this ending; other weights there may be a network's own.
        return Role.TRAINER, Trust.SURE if name.endswith(".distcp") else Trust.WORD
    if role is Role.UNKNOWN and any(folder in TRAINER_FOLDERS for folder in folders):
        return Role.TRAINER, Trust.WORD
    return role, trust


@lru_cache(maxsize=4_096)
def format_of(path: str) -> Format:
    """The format that a weight file's name suggests; `other` where it suggests none."""
    folders, _, name = path[-MAX_PATH:].lower().rpartition("/")
    if ".mlpackage" in folders or ".mlmodelc" in folders or folders.endswith("com.apple.coreml/weights"):
        return FORMAT["coreml"]
    for pattern, form in FORMAT_NAMES:
        if pattern.match(name):
            return FORMAT[form]
    if name in ("model", "vectors"):
        return FORMAT["spacy"]
    ending = ending_of(name)
    if ending in ARCHIVE_ENDINGS:
        return FORMAT["archive"]
    return FORMAT[WEIGHT_ENDINGS.get(ending, "other")]
