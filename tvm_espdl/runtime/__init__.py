"""Running on the PC, and the C kernels that generated projects carry (`c`).

`executor` runs whole programs with the kernels of `host`. This folder knows operators and TVM,
never model files.
"""
