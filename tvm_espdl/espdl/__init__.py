"""The `.espdl` file format: containers, a bounded FlatBuffer reader, typed models, what nodes mean.

This folder owns bytes and the meaning that ESP-DL gives them, up to operator records with their
constants. It never imports TVM, never runs a network on the host, and never trusts a file: what
is damaged ends in a `ModelError`, in bounded time and memory.
"""

from .file import File, load, load_package
from .schema import Attribute, Graph, Model, Node, Tensor, ValueInfo

__all__ = [
    "Attribute",
    "File",
    "Graph",
    "Model",
    "Node",
    "Tensor",
    "ValueInfo",
    "load",
    "load_package",
]
