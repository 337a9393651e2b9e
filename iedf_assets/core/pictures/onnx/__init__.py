"""ONNX files: what a graph is, and what runs it. Which network it is told to be is for `subjects`."""
