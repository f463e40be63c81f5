"""PyTorch's files of every age, and the checkpoints that libraries save with it."""
