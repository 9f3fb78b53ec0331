"""Which CPU the code of a module needs: written into it, and asked for before it runs.

An exported library may be loaded on another PC, where the first instruction that its CPU lacks
would end the process without a word. It knows features and bits, nothing of programs.
"""

from __future__ import annotations

import os
from pathlib import Path

from tvm.target import Target
from tvm.target.codegen import llvm_get_cpu_features, llvm_get_system_triple

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


def needed(target: Target) -> tuple[str, ...]:
    """The features that LLVM may use for a target and that `BITS` knows, sorted."""
    if "x86" not in str(target.attrs.get("mtriple", llvm_get_system_triple())):
        return ()
    return tuple(sorted(BITS.keys() & {str(name) for name in llvm_get_cpu_features(target)}))


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
    """The function `LACKS`, which asks the CPU once; "" where nothing is asked."""
    masks: dict[tuple[int, int, int], int] = {}
    for name in needed(target):
        leaf, subleaf, register, bit = BITS[name]
        masks[leaf, subleaf, register] = masks.get((leaf, subleaf, register), 0) | 1 << bit
    if not masks:
        return ""
    text = MARK + said(target)
    asked = [_asked(n, *place, mask) for n, (place, mask) in enumerate(masks.items())]
    # Of two threads that ask at the same time, both store the same.
    return f"""
@espdl_cpu = weak_odr constant [{len(text) + 1} x i8] c"{text}\\00"
@espdl_cpu_known = internal global i32 0
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


def _asked(n: int, leaf: int, subleaf: int, register: int, mask: int) -> str:
    """Instructions that add the missing bits of one register to `%all`."""
    kind = "{ i32, i32, i32, i32 }"
    places = "={ax},={bx},={cx},={dx},{ax},{cx}"
    return f"""\
  %cpu{n} = call {kind} asm sideeffect "cpuid", "{places}"(i32 {leaf}, i32 {subleaf})
  %has{n} = extractvalue {kind} %cpu{n}, {register}
  %not{n} = xor i32 %has{n}, -1
  %miss{n} = and i32 %not{n}, {mask}
  %all{n + 1} = or i32 %all{n}, %miss{n}
"""
