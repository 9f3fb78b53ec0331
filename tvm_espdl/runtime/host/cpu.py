"""Which CPU the code of a module needs: written into it, and asked for before it runs.

An exported library may be loaded on another PC, where the first instruction that its CPU lacks
would end the process without a word. It knows features and bits, nothing of programs.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from tvm.target import Target
from tvm.target.codegen import (
    llvm_get_cpu_features,
    llvm_get_system_cpu,
    llvm_get_system_triple,
)

#: Stands before the text in a module; `cpu_of` looks for it.
MARK = "tvm-espdl needs the CPU "

#: Symbol of the function that gives 0 where the CPU has all that is needed.
LACKS = "espdl_cpu_lacks"

#: Where CPUID tells of a feature, by LLVM's name of it: leaf, subleaf, register, bit.
BITS = {
    **{n: (1, 0, 2, b) for n, b in {"sse3": 0, "ssse3": 9, "fma": 12}.items()},
    **{n: (1, 0, 2, b) for n, b in {"sse4.1": 19, "sse4.2": 20}.items()},
    **{n: (1, 0, 2, b) for n, b in {"movbe": 22, "popcnt": 23, "avx": 28, "f16c": 29}.items()},
    **{n: (7, 0, 1, b) for n, b in {"bmi": 3, "avx2": 5, "bmi2": 8, "avx512f": 16}.items()},
    **{n: (7, 0, 1, b) for n, b in {"avx512dq": 17, "avx512cd": 28, "avx512bw": 30}.items()},
    **{n: (7, 0, 1, b) for n, b in {"avx512vl": 31, "avx512ifma": 21}.items()},
    **{n: (7, 0, 2, b) for n, b in {"avx512vbmi": 1, "avx512vbmi2": 6, "gfni": 8}.items()},
    **{n: (7, 0, 2, b) for n, b in {"avx512vnni": 11, "avx512bitalg": 12}.items()},
    **{n: (7, 0, 2, b) for n, b in {"avx512vpopcntdq": 14, "vpclmulqdq": 10}.items()},
    **{n: (7, 0, 3, b) for n, b in {"avx512fp16": 23}.items()},
    **{n: (7, 1, 0, b) for n, b in {"avxvnni": 4, "avx512bf16": 5}.items()},
    "lzcnt": (0x80000001, 0, 2, 5),
}  # fmt: skip


#: Where Linux tells of a feature of aarch64, by LLVM's name of it: number for `getauxval`, bit.
#: Those that LLVM may use in our code: an AES unit, for one, it never does.
HWCAPS = {
    **{n: (16, b) for n, b in {"fullfp16": 10, "rdm": 12, "complxnum": 14, "dotprod": 20}.items()},
    **{n: (16, b) for n, b in {"sve": 22, "fp16fml": 23}.items()},
    **{n: (26, b) for n, b in {"sve2": 1, "i8mm": 13, "bf16": 14, "cssc": 34}.items()},
    **{n: (26, b) for n, b in {"sve2p1": 36, "mops": 43}.items()},
}  # fmt: skip


def architecture(target: Target) -> str:
    """The kind of CPU of a target, which is this PC's where it names none.

    "x86", "aarch64" (with the lowest byte first), or what LLVM's triple begins with.
    """
    return _architecture(_triple(target))


def _architecture(triple: str) -> str:
    first = triple.partition("-")[0]
    return "x86" if "x86" in first else {"arm64": "aarch64"}.get(first, first)


def _triple(target: Target) -> str:
    return str(target.attrs.get("mtriple", llvm_get_system_triple()))


def needed(target: Target) -> tuple[str, ...]:
    """The features that LLVM may use for a target and that `BITS` or `HWCAPS` know, sorted."""
    tables = {"x86": BITS.keys(), "aarch64": HWCAPS.keys()}
    known = tables.get(architecture(target))
    if known is None:
        return ()
    return tuple(sorted(known & {str(name) for name in llvm_get_cpu_features(target)}))


def of_this_pc() -> dict[str, str | list[str]]:
    """The attributes of a target that name this PC's CPU.

    On aarch64 what Linux says of features, too: LLVM knows some CPUs by no name, and others have
    features that a hypervisor or the kernel keeps from programs.
    """
    named: dict[str, str | list[str]] = {"mcpu": str(llvm_get_system_cpu())}
    triple = str(llvm_get_system_triple())
    if _architecture(triple) != "aarch64" or "linux" not in triple:
        return named
    has = {n: _auxiliary(number) >> bit & 1 for n, (number, bit) in HWCAPS.items()}
    return named | {"mattr": [f"{'+' if has[name] else '-'}{name}" for name in HWCAPS]}


def _auxiliary(number: int) -> int:
    """An entry of the auxiliary vector that Linux gives each process."""
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.restype, getauxval.argtypes = ctypes.c_ulong, [ctypes.c_ulong]
    return int(getauxval(number))


def said(target: Target) -> str:
    """The CPU that a target names, and what is needed of it."""
    return f"{target.attrs.get('mcpu', 'of any kind')}: {' '.join(needed(target))}"


def cpu_of(path: str | os.PathLike[str]) -> str | None:
    """The CPU that a library needs which `export_library` wrote: its name and its features.

    None where it does not say so. The library is read, not loaded.
    """
    _, found, behind = Path(path).read_bytes().partition(MARK.encode())
    return behind.partition(b"\0")[0].decode(errors="replace") if found else None


def llvm_text(target: Target) -> str:
    """The function `LACKS`, which asks the CPU once; "" where no feature is needed.

    On aarch64 it asks Linux; other systems are not asked, and it gives 0.
    """
    if not needed(target):
        return ""
    text = MARK + said(target)
    asked = _asked_of_x86(target) if architecture(target) == "x86" else _asked_of_linux(target)
    # Of two threads that ask at the same time, both store the same.
    return f"""
@espdl_cpu = weak_odr constant [{len(text) + 1} x i8] c"{text}\\00"
@espdl_cpu_known = internal global i32 0
declare i64 @getauxval(i64)
define linkonce_odr hidden i32 @{LACKS}() noinline {{
  %known = load i32, ptr @espdl_cpu_known
  %asked = icmp ne i32 %known, 0
  br i1 %asked, label %told, label %ask
told:
  %before = sub i32 %known, 1
  ret i32 %before
ask:
  %all0 = add i32 0, 0
{"".join(asked)}  %lacks = icmp ne i32 %all{len(asked)}, 0
  %result = zext i1 %lacks to i32
  %kept = add i32 %result, 1
  store i32 %kept, ptr @espdl_cpu_known
  ret i32 %result
}}
"""


def _asked_of_x86(target: Target) -> list[str]:
    """Instructions that add the missing bits of each register to `%all`."""
    masks: dict[tuple[int, int, int], int] = {}
    for name in needed(target):
        leaf, subleaf, register, bit = BITS[name]
        masks[leaf, subleaf, register] = masks.get((leaf, subleaf, register), 0) | 1 << bit
    kind = "{ i32, i32, i32, i32 }"
    places = "={ax},={bx},={cx},={dx},{ax},{cx}"
    return [
        f"""\
  %cpu{n} = call {kind} asm sideeffect "cpuid", "{places}"(i32 {leaf}, i32 {subleaf})
  %has{n} = extractvalue {kind} %cpu{n}, {register}
  %not{n} = xor i32 %has{n}, -1
  %miss{n} = and i32 %not{n}, {mask}
  %all{n + 1} = or i32 %all{n}, %miss{n}
"""
        for n, ((leaf, subleaf, register), mask) in enumerate(masks.items())
    ]


def _asked_of_linux(target: Target) -> list[str]:
    """Instructions that count in `%all` the entries of the auxiliary vector that lack bits.

    None for other systems.
    """
    if "linux" not in _triple(target):
        return []
    masks: dict[int, int] = {}
    for name in needed(target):
        number, bit = HWCAPS[name]
        masks[number] = masks.get(number, 0) | 1 << bit
    return [
        f"""\
  %has{n} = call i64 @getauxval(i64 {number})
  %not{n} = xor i64 %has{n}, -1
  %miss{n} = and i64 %not{n}, {mask}
  %some{n} = icmp ne i64 %miss{n}, 0
  %one{n} = zext i1 %some{n} to i32
  %all{n + 1} = or i32 %all{n}, %one{n}
"""
        for n, (number, mask) in enumerate(masks.items())
    ]
