"""What options of several commands have in common: spellings, models, chips, keys.

Must never import more than argparse when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
import math
import re
from typing import TYPE_CHECKING

from ..chips import DEFAULT_CHIP
from ..errors import DataError

if TYPE_CHECKING:
    from ..library import Library


def option(parser: argparse._ActionsContainer, name: str, help_: str, **settings: object) -> None:
    """Add an option that may be written with underscores or with hyphens."""
    spellings = dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"])
    parser.add_argument(*spellings, help=help_, **settings)  # type: ignore[arg-type]


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which chip a quantized model is compiled for, and how an .espdl file is opened."""
    option(parser, "target_chip", f"chip (default: the model's own, else {DEFAULT_CHIP})")
    add_espdl_options(parser)


def library_of(model: str, arguments: argparse.Namespace) -> Library:
    """Compile a model as `add_model_options` let users say; errors are those of `compile_file`."""
    from ..compilation import compile_file

    chosen, key = arguments.package_model, key_of(arguments)
    return compile_file(model, arguments.target_chip, name=chosen, key=key)


def add_espdl_options(parser: argparse.ArgumentParser) -> None:
    """How an .espdl file is opened."""
    option(parser, "package_model", "which model of an .espdl package")
    option(parser, "key", "key of an encrypted .espdl file, 32 hexadecimal digits")


def key_of(arguments: argparse.Namespace) -> bytes | None:
    """The key that was given.

    Raises
    ------
    DataError
        If it is not hexadecimal.
    """
    if arguments.key is None:
        return None
    try:
        return bytes.fromhex(arguments.key)
    except ValueError:
        raise DataError(
            "no key", where="--key", found=repr(arguments.key), allowed="32 hexadecimal digits"
        ) from None


def whole_number(text: str) -> int:
    """A whole number, in decimal or as 0x...; errors are told by the parser.

    Python's own spellings, such as 1_0, are none: nobody else reads them so.
    """
    found = re.fullmatch(r"([+-]?)(?:0[xX]([0-9a-fA-F]{1,15})|([0-9]{1,18}))", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"no whole number: {text!r}")
    sign, hexadecimal, decimal = found.groups()
    number = int(decimal) if hexadecimal is None else int(hexadecimal, 16)
    return -number if sign == "-" else number


def real_number(text: str) -> float:
    """A finite number in decimal, with or without an exponent; errors are told by the parser."""
    form = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?"
    number = float(text) if re.fullmatch(form, text) else math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"no finite number: {text!r}")
    return number


def byte_count(text: str) -> int:
    """A number of bytes with K or M behind it; errors are told by the parser."""
    found = re.fullmatch(r"([0-9]{1,15})\s*([kKmM]?)(?:i?[bB])?", text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"no number of bytes: {text!r}; for example 200K or 1M")
    return int(found[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20}[found[2].lower()]
