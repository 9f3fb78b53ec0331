"""The names of the old flow, lent to TVM where it has none itself, and what answers to them.

Thin faces over `library`; nothing new is built on them.
"""

from .lend import lend

__all__ = ["lend"]
