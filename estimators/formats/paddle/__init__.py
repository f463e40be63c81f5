"""PaddlePaddle's parameters, streams and programs."""
