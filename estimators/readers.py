"""Every format that is read, one row each: a format is added by a row here, one in `filetypes.py`, and its module."""

from __future__ import annotations

from dataclasses import dataclass

from estimators.formats import (
    archives,
    caffe,
    ctranslate2,
    darknet,
    fasttext,
    flax_msgpack,
    kaldi,
    llama2c,
    mlc,
    mnn,
    mxnet,
    ncnn,
    word_vectors,
)
from estimators.formats.coreml import blobs as coreml_blobs
from estimators.formats.coreml import compiled as coreml_text
from estimators.formats.coreml import models as coreml
from estimators.formats.ggml import gguf, llamafile
from estimators.formats.ggml import legacy as ggml
from estimators.formats.hdf5 import files as hdf5
from estimators.formats.hdf5 import keras
from estimators.formats.numpy import files as numpy_files
from estimators.formats.onnx import models as onnx
from estimators.formats.onnx import ort
from estimators.formats.openvino import models as openvino
from estimators.formats.paddle import params as paddle_params
from estimators.formats.paddle import program as paddle_program
from estimators.formats.paddle import stream as paddle_stream
from estimators.formats.pickled import files as pickled
from estimators.formats.pickled import skops as skops_files
from estimators.formats.pytorch import distributed as pytorch_distributed
from estimators.formats.pytorch import legacy as pytorch_legacy
from estimators.formats.pytorch import stable_baselines
from estimators.formats.pytorch import tar_files as pytorch_tar
from estimators.formats.pytorch import zip_files as pytorch_zip
from estimators.formats.safetensors import files as safetensors
from estimators.formats.tensorflow import graphs as tensorflow_graph
from estimators.formats.tensorflow import index as tensorflow_index
from estimators.formats.tensorflow import tfjs, tflite, tflite_bundles
from estimators.formats.trees import catboost, lightgbm, xgboost
from estimators.interface import Estimator, Matcher


@dataclass(frozen=True, slots=True)
class Reader:
    """One row of the registry, from which docs/formats.md is made.

    Attributes:
        format: what people call it.
        names: patterns of lower-cased base names that the format's writers use.
        matches: whether a file's first bytes are of this format.
        estimate: the estimator.
        reads: what is read, for the page.
        exact: what is counted exactly, for the page.
        bound: where only bounds are given, for the page; empty where that never happens.
        scattered: its headers lie all over the file, so that a small file is read whole at once.
    """

    format: str
    names: tuple[str, ...]
    matches: Matcher
    estimate: Estimator
    reads: str
    exact: str
    bound: str = ""
    scattered: bool = False


READERS: tuple[Reader, ...] = (
    Reader(
        "safetensors",
        ("*.safetensors",),
        safetensors.matches,
        safetensors.estimate,
        reads="the JSON header, piece by piece above 8 MiB; small tensors of shapes where the header is not enough",
        exact="every tensor; packed weights by their scheme",
        bound="unknown packings and element types",
    ),
    Reader(
        "GGUF",
        ("*.gguf",),
        gguf.matches,
        gguf.estimate,
        reads="key-values and the tensor table, in ranges foreseen from the length of token lists",
        exact="every tensor, of every ggml type; scales beside quantised tensors are left out",
    ),
    Reader(
        "llamafile",
        ("*.llamafile",),
        llamafile.matches,
        llamafile.estimate,
        reads="the zip's directory at the end, then each GGUF file inside as one of its own",
        exact="as GGUF",
    ),
    Reader(
        "PyTorch distributed",
        ("*.distcp", ".metadata"),
        pytorch_distributed.matches,
        pytorch_distributed.estimate,
        reads="`.metadata`, which names the tensors of all shards",
        exact="every tensor that `.metadata` names, optimizer state left out",
        bound="a shard by itself (`.distcp`), by its size",
    ),
    Reader(
        "PyTorch tar",
        ("*.pth.tar",),
        pytorch_tar.matches,
        pytorch_tar.estimate,
        reads="the tar's members `pickle` and `tensors`",
        exact="as PyTorch",
        bound="as PyTorch",
    ),
    Reader(
        "PyTorch",
        (
            *("*.pt", "*.pth", "*.bin", "*.ckpt", "*.pth.tar", "*.pt2", "*.ptl", "*.torchscript", "*.jit", "*.th"),
            *("*.pyth", "*.chkpt", "*.checkpoint", "*.cleanrl_model", "*.ot", "*.t7"),
        ),
        pytorch_zip.matches,
        pytorch_zip.estimate,
        reads="`data.pkl` at the front of the zip, opcode by opcode; the zip's directory where something else is first",
        exact="every tensor and parameter, views and ties once; copies and trainer state are left out",
        bound="what may be no weights: plain attributes of modules, arrays beside tensors",
    ),
    Reader(
        "PyTorch legacy",
        ("*.pth.tar",),
        pytorch_legacy.matches,
        pytorch_legacy.estimate,
        reads="the pickles at the front, opcode by opcode",
        exact="as PyTorch",
        bound="as PyTorch",
    ),
    Reader(
        "stable-baselines3",
        ("*.zip",),
        stable_baselines.matches,
        stable_baselines.estimate,
        reads="the zip's directory, and the pickle at the front of `policy.pth`; files up to 4 MiB whole",
        exact="every network of the policy, target networks included",
        scattered=True,
    ),
    Reader(
        "TFLite",
        ("*.tflite", "*.lite"),
        tflite.matches,
        tflite.estimate,
        reads="the tables of tensors and buffers, never the buffers; files up to 4 MiB whole",
        exact="every constant that is a float, or an integer with a scale; sparse ones by their dense shape",
        bound="networks compiled for a device; language models whose shapes are lengths in bytes",
        scattered=True,
    ),
    Reader(
        "TFLite bundle",
        ("*.task", "*.litertlm"),
        tflite_bundles.matches,
        tflite_bundles.estimate,
        reads="the directory, and of every model its tables",
        exact="all models in it, added up",
        bound="data of no stated kind",
        scattered=True,
    ),
    Reader(
        "TensorFlow checkpoint",
        ("*.index",),
        tensorflow_index.matches,
        tensorflow_index.estimate,
        reads="the table of variables (.index), never their values",
        exact="every variable; slots of optimizers, counters, metrics and averages are left out by name",
        scattered=True,
    ),
    Reader(
        "Paddle parameters",
        ("*.pdparams",),
        paddle_params.matches,
        paddle_params.estimate,
        reads="the opcodes of the pickle; arrays are stepped over",
        exact="every array, optimizer state left out",
        bound="large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "Paddle inference",
        ("*.pdiparams",),
        paddle_stream.matches,
        paddle_stream.estimate,
        reads="the head of every tensor",
        exact="every float",
        bound="integers of a byte, whose scales are not named; large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "Paddle program",
        ("*.pdmodel", "__model__", "inference.json"),
        paddle_program.matches,
        paddle_program.estimate,
        reads="the variables of a program, or of a JSON program of Paddle 3; their values are in other files",
        exact="every persistable float, and integers of a byte where operators dequantise them",
        scattered=True,
    ),
    Reader(
        "npy",
        ("*.npy", "vectors"),  # spaCy's word vectors lie in `vocab/vectors`
        numpy_files.matches_array,
        numpy_files.estimate,
        reads="the header",
        exact="floating and complex elements, fields of structures included",
        bound="arrays of Python objects, opaque bytes",
    ),
    Reader(
        "skops",
        ("*.skops",),
        skops_files.matches,
        skops_files.estimate,
        reads="the schema, and the header of each array",
        exact="linear models and networks of scikit-learn; floating arrays of every other model",
        bound="trees, and models that store their training data",
        scattered=True,
    ),
    Reader(
        "npz",
        ("*.npz",),
        numpy_files.matches_archive,
        numpy_files.estimate,
        reads="the zip's directory and the header of each array",
        exact="floating and complex elements; packed weights (MLX) by their scheme",
        bound="arrays of Python objects; large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "spaCy",
        ("model",),
        flax_msgpack.matches_thinc,
        flax_msgpack.estimate,
        reads="keys, shapes and types, stepping over elements",
        exact="every array of thinc's layers, and the networks of PyTorch inside",
        bound="large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "Flax",
        ("*.msgpack",),
        flax_msgpack.matches_flax,
        flax_msgpack.estimate,
        reads="keys, shapes and types, stepping over elements",
        exact="every array but the optimizer's",
        bound="large files, where a bound is enough; arrays that lie in files of their own",
        scattered=True,
    ),
    Reader(
        "ONNX",
        ("*.onnx",),
        onnx.matches,
        onnx.estimate,
        reads="the graph; values of tensors are stepped over",
        exact="initialisers, Constant nodes of more than 64 elements; quantised weights by the operators that use them",
        bound="integers used by operators nobody knows, compiled networks inside, numbers in attributes",
        scattered=True,
    ),
    Reader(
        "TensorFlow graph",
        ("*.pb",),
        tensorflow_graph.matches,
        tensorflow_graph.estimate,
        reads="the nodes of a frozen graph or SavedModel; the contents of constants are stepped over",
        exact="every constant of more than 64 floats, in functions too; a SavedModel's variables are in its .index",
        bound="constants that functions of a SavedModel repeat; large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "TensorFlow.js",
        ("*weights_manifest.json", "model.json"),
        tfjs.matches,
        tfjs.estimate,
        reads="the manifest in model.json, or beside the shards; never the shards",
        exact="every float, also quantised ones",
    ),
    Reader(
        "Keras",
        ("*.keras",),
        keras.matches,
        keras.estimate,
        reads="the headers of the weights inside the zip",
        exact="float variables, optimizer state left out; layers quantised to 8 and 4 bits",
        bound="other packings of quantised layers; large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "HDF5",
        ("*.h5", "*.hdf5"),
        hdf5.matches,
        hdf5.estimate,
        reads="object headers, wherever they lie",
        exact="every dataset of floats, complex numbers included; optimizer state left out",
        bound="tables of records, data in other files, quantised layers; large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "fastText",
        ("*.ftz", "*fasttext*.bin", "cc.*.300.bin", "lid.176.bin"),
        fasttext.matches,
        fasttext.estimate,
        reads="the settings and the header of each matrix; the dictionary where the file's size does not place them",
        exact="both matrices; quantised ones by the matrices they stand for",
        bound="large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "GGML",
        ("*.ggml", "ggml-*.bin"),
        ggml.matches,
        ggml.estimate,
        reads="settings, the vocabulary, and a block at each large tensor",
        exact="every tensor of whisper.cpp and of GGML, GGMF and GGJT files of 2023's language models",
        bound="layouts that are not known; large files, where a bound is enough",
    ),
    Reader(
        "MXNet",
        ("*.params",),
        mxnet.matches,
        mxnet.estimate,
        reads="a block at each large array, and the names",
        exact="every float array; quantised ones by their names",
        bound="large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "ncnn",
        ("*.param",),
        ncnn.matches,
        ncnn.estimate,
        reads="the text of the network",
        exact="what each layer loads, by its settings; pnnx's shapes",
        bound="layers that ncnn does not have",
    ),
    Reader(
        "MLC",
        ("ndarray-cache.json", "tensor-cache.json"),
        mlc.matches,
        mlc.estimate,
        reads="the manifest beside the shards; never the shards",
        exact="every float; packed weights where shapes and bits per parameter agree",
        bound="packed weights whose rows are padded, or without metadata",
    ),
    Reader(
        "MNN",
        ("*.mnn",),
        mnn.matches,
        mnn.estimate,
        reads="the tables of operators and the counts of their vectors",
        exact="vectors of weights, compressed ones by their shapes",
        bound="operators of newer schemas; shapes that are not stated; large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "XGBoost",
        ("*.ubj", "*.bst", "*.xgb", "*xgb*.json", "*xgb*.model", "*xgb*.bin", "*booster*.json"),
        xgboost.matches,
        xgboost.estimate,
        reads="files up to 32 MiB while their side is open, else the front",
        exact="weights of linear boosters",
        bound="trees: from their leaves to every number stored",
        scattered=True,
    ),
    Reader(
        "LightGBM",
        ("*.lgb", "*lgb*.txt", "*lightgbm*.txt", "*lgbm*.model"),
        lightgbm.matches,
        lightgbm.estimate,
        reads="files up to 32 MiB while their side is open, else the front",
        exact="nothing",
        bound="trees: from their leaves to every number stored",
        scattered=True,
    ),
    Reader(
        "CatBoost",
        ("*.cbm",),
        catboost.matches,
        catboost.estimate,
        reads="the number of leaf values",
        exact="nothing",
        bound="trees: from their leaf values to every number stored",
        scattered=True,
    ),
    Reader(
        "pickle",
        ("*.pkl", "*.pickle", "*.joblib", "*.jbl", "*.sav", "*.dill", "*.cloudpickle", "*.pkl.z", "*.joblib.z"),
        pickled.matches,
        pickled.estimate,
        reads="the opcodes, stepping over arrays; compressed files of joblib as they are unpacked",
        exact="linear models and networks of scikit-learn, Q-tables, arrays in dictionaries and lists",
        bound="trees, models that store their training data, pandas; files compressed by LZ4",
        scattered=True,
    ),
    Reader(
        "llama2.c",
        ("stories*.bin",),
        llama2c.matches,
        llama2c.estimate,
        reads="the sizes at the front",
        exact="files of exactly the bytes that the sizes add up to",
    ),
    Reader(
        "Kaldi",
        ("*.mdl",),
        kaldi.matches,
        kaldi.estimate,
        reads="what lies between the matrices of a binary model",
        exact="nothing",
        bound="from its matrices to every number in it",
        scattered=True,
    ),
    Reader(
        "Darknet",
        ("*.weights",),
        darknet.matches,
        darknet.estimate,
        reads="the version at the front",
        exact="all floats after it, batch-norm statistics included",
    ),
    Reader(
        "Word vectors",
        (
            "*.vec",
            "*.magnitude",
            "*.kv",
            "*word2vec*.bin",
            *(f"*{writer}*.model" for writer in ("word2vec", "fasttext", "glove")),
            *(f"glove.*.{dimension}d.txt" for dimension in (25, 50, 100, 200, 300)),
        ),
        word_vectors.matches,
        word_vectors.estimate,
        reads="the front; text without a first line until enough lines are counted",
        exact="words times dimension, where first line, rows and size agree; lines that were all counted",
        bound="Magnitude; long text without a first line",
    ),
    Reader(
        "Core ML",
        ("*.mlmodel",),
        coreml.matches,
        coreml.estimate,
        reads="the layers or the program's constants; values are stepped over",
        exact="weights of neural networks, constants of ML programs (packed ones by their shapes), linear models",
        bound="trees, nearest neighbours, data without a public layout",
        scattered=True,
    ),
    Reader(
        "Caffe",
        ("*.caffemodel",),
        caffe.matches,
        caffe.estimate,
        reads="the layers; values of blobs are stepped over",
        exact="values of every layer's blobs",
        bound="values of types that are not in the specification",
        scattered=True,
    ),
    Reader(
        "CTranslate2",
        (),  # `model.bin` is found by its bytes
        ctranslate2.matches,
        ctranslate2.estimate,
        reads="the head of each variable",
        exact="floats, and integers with a scale: one to an element, eight to an AWQ word",
        bound="large files, where a bound is enough",
    ),
    Reader(
        "Zip archive",
        ("*.zip", "*.mar"),
        archives.matches_zip,
        archives.estimate_zip,
        reads="the directory at the end, then the members that matter, each as a file of its own",
        exact="what the formats inside allow; archives without weights",
        bound="encrypted members, large members that are deflated and not read from their front",
        scattered=True,
    ),
    Reader(
        "Tar archive",
        ("*.tar", "*.nemo"),
        archives.matches_tar,
        archives.estimate_tar,
        reads="the header of each member, then the members that matter, each as a file of its own",
        exact="what the formats inside allow; archives without weights",
        scattered=True,
    ),
    Reader(
        "Packed archive",
        ("*.tar.gz", "*.tgz", "*.tar.bz2", "*.tar.xz", "*.gz", "*.bz2", "*.xz"),
        archives.matches_packed,
        archives.estimate_packed,
        reads="the front, unpacked up to a cap, and the members that matter in there",
        exact="archives that end before the cap",
        bound="what lies behind the cap",
    ),
    Reader(
        "OpenVINO",
        ("*.xml",),
        openvino.matches,
        openvino.estimate,
        reads="the .xml, which tells all of the .bin beside it",
        exact="constants of every type; compressed weights by their shapes",
        bound="element types that are not in the specification; long texts, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "ONNX Runtime",
        ("*.ort",),
        ort.matches,
        ort.estimate,
        reads="the graph; values of tensors are stepped over",
        exact="as ONNX",
        bound="as ONNX; large files, where a bound is enough",
        scattered=True,
    ),
    Reader(
        "Core ML compiled",
        ("*.mil",),
        coreml_text.matches,
        coreml_text.estimate,
        reads="the program's text (model.mil), which tells all of the weight file beside it",
        exact="constants by their types; packed ones by what they stand for",
        scattered=True,
    ),
    Reader(
        "Core ML weights",
        ("weight.bin",),
        coreml_blobs.matches,
        coreml_blobs.estimate,
        reads="the record before each value",
        exact="nothing: values of up to ten elements stand in the program",
        bound="always; floats are seen one by one",
    ),
)
"""Every format, strict magic first: the first row whose `matches` says yes reads the file."""
