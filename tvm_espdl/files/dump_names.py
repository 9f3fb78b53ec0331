"""Tensor names as they stand in board dumps: one word, whatever the model calls its tensors.

Both the code generator, which prints them, and the reader, which undoes them, need this.
"""

from __future__ import annotations

import string
import urllib.parse

_PLAIN = "".join(c for c in string.punctuation if c != "%")


def encoded(name: str) -> str:
    """A name without spaces, control characters and non-ASCII, percent-encoded."""
    return urllib.parse.quote(name, safe=_PLAIN)


def decoded(word: str) -> str:
    """The name again."""
    return urllib.parse.unquote(word)
