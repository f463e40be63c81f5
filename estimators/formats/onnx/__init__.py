"""ONNX graphs, and ONNX Runtime's own format."""
