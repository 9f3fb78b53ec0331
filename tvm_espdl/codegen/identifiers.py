"""C identifiers from the names of a model: readable, unique, always the same.

A name that stands alone, as the members of the public structures do, is no word of C or C++ and no
macro that a header may define. All others bear a prefix of their own (`input_`, `tensor_`, ...),
and so meet no name of the C library, of the generated code or of each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_RESERVED = frozenset(
    re.findall(
        r"\w+",
        # Words of C, to C23.
        "auto break case char const continue default do double else enum extern float for goto if "
        "inline int long register restrict return short signed sizeof static struct switch typedef "
        "union unsigned void volatile while alignas alignof bool constexpr false nullptr "
        "static_assert thread_local true typeof typeof_unqual asm fortran "
        # Words of C++, to C++26.
        "and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield "
        "compl concept consteval constinit const_cast contract_assert decltype delete dynamic_cast "
        "explicit export final friend import module mutable namespace new noexcept not not_eq "
        "operator or or_eq override private protected public reinterpret_cast requires "
        "static_cast template this throw try typeid typename using virtual wchar_t xor xor_eq "
        # Macros with small letters: of compilers, and of C's headers.
        "linux unix i386 near far assert complex imaginary errno fpclassify isfinite isgreater "
        "isgreaterequal isinf isless islessequal islessgreater isnan isnormal isunordered "
        "math_errhandling noreturn offsetof setjmp sigsetjmp signbit stdin stdout stderr "
        "unreachable va_arg va_copy va_end va_start kill_dependency "
        # What functions out of TVM's loops refer to.
        "main memcpy memset",
    )
)
MAX_LENGTH = 48


class Identifiers:
    """Gives C identifiers, none of those `taken`, and no two that are alike in capital letters.

    So macros may be made of them.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.upper() for name in taken}

    def unique(self, name: str) -> str:
        """The identifier for a name: another one at every call."""
        base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:MAX_LENGTH] or "tensor"
        # Most macros have no small letter, and types of C's headers end with _t.
        taken = base in _RESERVED or base.endswith("_t") or base == base.upper()
        if base[0].isdigit() or taken:
            base = f"tensor_{base}"
        unique, number = base, 1
        while unique.upper() in self._taken:
            number += 1
            unique = f"{base}_{number}"
        self._taken.add(unique.upper())
        return unique


def identifiers(names: Iterable[str]) -> list[str]:
    """One C identifier for each name, no two alike."""
    given = Identifiers()
    return [given.unique(name) for name in names]


def comment(text: str) -> str:
    """Text that is safe inside a C comment; for GCC so are no letters that turn the direction."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown.replace("*/", "* /").replace("/*", "/ *")


def string(text: str) -> str:
    """A C string literal: plain ASCII as it is, everything else in octal bytes."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{escaped}"'
