"""The version of this package, in one place that setuptools can read without importing TVM."""

__version__ = "0.1.0"
