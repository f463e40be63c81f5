"""Pickles and skops files of fitted models, tables and arrays."""
