"""TensorFlow's checkpoints and graphs, TensorFlow Lite, TensorFlow.js."""
