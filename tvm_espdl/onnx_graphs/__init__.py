"""Reading and editing ONNX: loading, names, operator sets, constants, rewriting, sessions.

This folder knows ONNX and nothing of exponents or TVM, and of chips only their names in files.
"""
