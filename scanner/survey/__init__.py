"""The share of models in scope, with error bars, from a complete listing and a sample of what it left undecided."""
