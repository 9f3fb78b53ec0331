"""Tensor names as they stand in board dumps: one word, whatever the model calls its tensors.

Both the code generator, which prints them, and the reader, which undoes them, need this.
"""

from __future__ import annotations

import hashlib
import string
import urllib.parse

# `@` begins a line of a dump, so it is not left as it is.
_PLAIN = "".join(c for c in string.punctuation if c not in "%@")

#: Characters of the longest file name without its end; file systems end at 255 bytes.
LONGEST_STEM = 200
#: What no encoded name holds: it stands before the digest of a shortened one.
_SHORTENED = "%~"


def encoded(name: str) -> str:
    """A name without spaces, control characters and non-ASCII, percent-encoded."""
    return urllib.parse.quote(name, safe=_PLAIN)


def decoded(word: str) -> str:
    """The name again."""
    return urllib.parse.unquote(word)


def file_stem(name: str) -> str:
    """The name of a tensor's file without its end: `/` is written as `|`.

    A name that is too long for a file is cut, with a digest of the whole behind it.
    """
    stem = encoded(name).replace("|", "%7C").replace("/", "|")
    if len(stem) <= LONGEST_STEM:
        return stem
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{stem[: LONGEST_STEM - 20]}{_SHORTENED}{digest}"


def name_of_stem(stem: str) -> str:
    """The tensor's name again; a shortened one stays as it is, see `file_stem`."""
    return stem if _SHORTENED in stem else decoded(stem.replace("|", "/"))
