"""What the classes and attributes of fitted models mean for counting, for pickles and skops files alike.

Sources: the attributes that scikit-learn's classes document (those that end in an underscore are fitted), and its
sources for the private ones; joblib, gensim, XGBoost, LightGBM, CatBoost for their wrappers.

Three sorts of numbers are told apart: weights, which count; numbers of which it is open whether they are parameters
(trees, stored training data, scores), which widen the interval; and the state of training, which never counts.
"""

from __future__ import annotations

import re
from enum import IntEnum


class Sort(IntEnum):
    """What numbers are for; where an array is reached twice, the highest sort holds."""

    STATE = 0  # optimizer and random state: never counts
    TREES = 1  # nodes of decision trees
    OPEN = 2  # stored data and scores: may or may not be called parameters
    WEIGHTS = 3


# Attributes that hold weights, even in models that otherwise store training data.
WEIGHT_NAMES = frozenset({"coef_", "intercept_", "dual_coef_", "coefs_", "intercepts_"})
COEFFICIENTS = frozenset({"coef_", "coefs_"})
# Attributes that no definition of "parameter" settles: training data, labels, scores, copies of weights.
OPEN_NAMES = frozenset({
    "_fit_X", "_y", "X_train_", "y_train_", "X_fit_", "X_", "y_", "_X", "_raw_data", "_training_data", "training_data_",
    "L_", "alpha_", "K_inv_", "classes_", "categories_", "outputs_2d_", "_dual_coef_", "_intercept_",
    "support_vectors_", "_probA", "_probB", "probA_", "probB_", "class_weight_", "fit_shape_",
    "cv_results_", "scores_", "pvalues_", "coefs_paths_", "Cs_", "l1_ratios_", "alphas_", "mse_path_", "coef_path_",
    "dual_gap_", "loss_curve_", "validation_scores_", "best_loss_", "train_score_",
    "oob_improvement_", "oob_score_", "oob_scores_", "oob_prediction_", "oob_decision_function_", "validation_score_",
    "estimators_samples_", "singular_", "inertia_", "reconstruction_err_", "embedding_", "_embedding",
    "affinity_matrix_", "dist_matrix_", "distances_", "label_distributions_", "transduction_", "core_distances_",
    "reachability_", "standard_coef_", "standard_intercept_", "average_coef_", "average_intercept_", "cv_values_",
    "feature_importances_", "_gamma", "_lrd", "negative_outlier_factor_", "_distances_fit_X_", "lambdas_",
    "class_weight",
})  # fmt: skip
# Single numbers that were fitted; other single numbers of an object are settings and scores.
OPEN_SCALARS = frozenset({"a_", "b_"})  # of a sigmoid that calibrates
# Attributes of training: optimizers, random states, copies of the weights at their best, weights of the examples.
STATE_NAMES = frozenset({
    "_optimizer", "optimizer", "opt_state", "random_state", "_random_state", "_rng", "rng", "_best_coefs",
    "_best_intercepts", "_expanded_class_weight", "vectors_lockf", "vectors_vocab_lockf", "vectors_ngrams_lockf",
    "syn1_lockf", "layer1_lockf",  # gensim: what of the vectors training may change
})  # fmt: skip

# Keys of JAX's training states: parts that are no weights, averages of weights, and statistics that are buffers.
STATE_KEYS = frozenset({"opt_state", "opt_states", "optimizer_state", "param_states"})
AVERAGE_KEYS = frozenset({"ema_params", "params_ema", "ema"})
STATISTICS = {"mean": "running_mean", "var": "running_var"}

_STATE_CLASSES = re.compile(
    r"sklearn\.neural_network\._?stochastic_optimizers\.|numpy\.random\.|torch\.optim\.|torch\.Generator|optax\.|"
    r"(?:tensorflow\.python\.)?keras\.(?:src\.)?optimizers\.|sentencepiece|tokenizers\.|gymnasium\.|gym\.|"
    r".*(?:Replay|Rollout)(?:Buffer|Memory)\Z",  # what an agent has seen
)
# Nodes of trees; everything else in such models is small, and as open as they are.
_TREE_NODES = re.compile(
    r"sklearn\.tree\._tree\.Tree\Z|sklearn\.ensemble\._?hist_gradient_boosting\.predictor\.TreePredictor\Z|"
    r".*\._tree\.Tree\Z"
)
_OPEN_CLASSES = re.compile(
    r"sklearn\.(?:tree|neighbors|gaussian_process|semi_supervised|manifold|isotonic)\.|"
    r"sklearn\.ensemble\.(?:_forest|_gb|_gradient_boosting|_hist_gradient_boosting|_iforest|forest|gradient_boosting|"
    r"iforest)\b|"
    r"sklearn\.svm\.(?:_classes|classes)\.(?:SVC|SVR|NuSVC|NuSVR|OneClassSVM)\Z|"
    r"sklearn\.(?:kernel_ridge\.|cluster\.(?!_kmeans|k_means)|impute\._knn)|"
    r"imblearn\.|stable_baselines3\.common\.vec_env\.|pandas\.|statsmodels\.|umap\.|hdbscan\.|pynndescent\.|xgboost\.|lightgbm\.|catboost\.|ngboost\.|"
    r"scipy\.spatial\.|quantile_forest\.|sksurv\.(?:tree|ensemble)\.|causalml\.|econml\.|treelite|snapml\."
)
# Models whose trees lie in one text or one run of bytes, and what that is called as a file.
BOOSTERS = {
    "xgboost.core.Booster": "booster.ubj",
    "lightgbm.basic.Booster": "booster.txt",
    "catboost": "booster.cbm",
}
_SPARSE = re.compile(r"scipy\.sparse\.(?:\w+\.)?\w+_(?:matrix|array)\Z")
DIAGONAL = "_idf_diag"  # of TfidfTransformer: weights on a diagonal, not a dense matrix


def sort_of_class(path: str, around: Sort) -> Sort:
    """The sort of what an object holds, by its class, in something of the sort `around`."""
    if around is Sort.STATE or _STATE_CLASSES.match(path):
        return Sort.STATE
    if _TREE_NODES.match(path):
        return Sort.TREES
    return min(around, Sort.OPEN) if _OPEN_CLASSES.match(path) else around


def sort_of_attribute(name: str, around: Sort) -> Sort:
    """The sort of an attribute in something of the sort `around`."""
    if around in (Sort.STATE, Sort.TREES):
        return around
    if name in STATE_NAMES:
        return Sort.STATE
    if name in WEIGHT_NAMES:
        return Sort.WEIGHTS
    return Sort.OPEN if name in OPEN_NAMES else around


def booster_file(path: str) -> str | None:
    """The name of the file that a booster's bytes would be; None for other classes."""
    return BOOSTERS.get(path) or (BOOSTERS["catboost"] if path.startswith("catboost.") else None)


def is_sparse(path: str) -> bool:
    """Whether a class is a sparse matrix of SciPy's."""
    return bool(_SPARSE.match(path))


def name_of(path: list[str]) -> str:
    """The name of an array by its keys, in the words that tensors of PyTorch have for what is left out or apart."""
    parts = list(path)
    if parts[:2] == ["optimizer", "target"]:  # flax.optim keeps the weights in its optimizer
        del parts[0]
    if not STATE_KEYS.isdisjoint(parts) or "optimizer" in parts:
        return "opt_state." + ".".join(parts)
    if parts and parts[0] in AVERAGE_KEYS:
        return ".".join(["ema", "params", *parts[1:]])
    if "batch_stats" in parts:
        parts[-1] = STATISTICS.get(parts[-1], parts[-1])
    return ".".join(parts)
