"""Core ML models, as written and as compiled."""
