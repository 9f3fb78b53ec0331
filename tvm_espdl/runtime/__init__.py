"""Running on the PC, and the kernels that generated projects carry.

`executor` runs whole programs with the kernels of `host`. Projects carry the portable C of `c`, and
the C++ of `glue`, which calls ESP-DL's own kernels behind the same symbols. This folder knows
operators and TVM, never model files.
"""
