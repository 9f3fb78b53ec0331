"""Reading and editing ONNX: loading, names, operator sets, constants, rewriting, sessions.

This folder knows ONNX and nothing of exponents, chips or TVM.
"""
