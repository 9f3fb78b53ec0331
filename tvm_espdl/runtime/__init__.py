"""Running on the PC (`host`) and the C kernels that generated projects carry (`c`).

This folder knows operators and TVM, never model files.
"""
