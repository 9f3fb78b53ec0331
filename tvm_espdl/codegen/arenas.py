"""The arrays of a network's C that values and workspaces lie in: how each is declared and named.

What lies where is the plan's decision.
"""

from __future__ import annotations

from ..program.memory import Place, Plan
from .memory_choice import CALLER, PSRAM
from .network_name import NetworkName


def arena_name(index: int) -> str:
    """The C name of an arena."""
    return f"arena_{index}" if index else "arena"


def in_arena(place: Place, further: int = 0) -> str:
    """A pointer to a place in an arena, in brackets; `further` bytes behind it."""
    return f"({arena_name(place.index)} + {place.offset + further})"


def arena_declarations(memory: Plan, name: NetworkName) -> str:
    """All arenas that hold anything, and the function that takes the caller's buffer."""
    aligned = f"{name.own('ESPDL_ALIGNED')}(16)"
    lines, static = [], []
    for index, arena in enumerate(memory.arenas):
        if arena.pool.name == CALLER:
            lines.append(_CALLERS.format(prefix=name.prefix, nbytes=arena.nbytes))
        elif arena.nbytes:
            where = "EXT_RAM_BSS_ATTR " if arena.pool.name == PSRAM else ""
            lines.append(f"static {where}{aligned} uint8_t {arena_name(index)}[{arena.nbytes}];\n")
            static.append(f"sizeof {arena_name(index)}")
    if static and not asks_memory(memory):
        lines.append(
            f"{name.macro}_ASSERT({' + '.join(static)} == {name.macro}_ARENA_BYTES,\n"
            f'{" " * len(name.macro)}        "the arenas are as large as the header says");\n'
        )
    return "".join(lines)


def psram_bytes(memory: Plan) -> int:
    """Bytes of arenas in PSRAM."""
    return sum(arena.nbytes for arena in memory.arenas if arena.pool.name == PSRAM)


def psram_attribute(what: str) -> str:
    """Lines for a C file with arrays in PSRAM: without the option, they would be in internal RAM.

    Parameters
    ----------
    what : str
        What is there, for the message of a build that has no PSRAM.
    """
    return _ATTRIBUTE.format(what=what)


def asks_memory(memory: Plan) -> bool:
    """Whether the arena is a buffer of the caller's."""
    return any(arena.pool.name == CALLER for arena in memory.arenas)


def memory_declaration(memory: Plan, name: NetworkName) -> list[str]:
    """Lines of the header for the function that takes the caller's buffer; none without it."""
    if not asks_memory(memory):
        return []
    return _DECLARATION.format(prefix=name.prefix, macro=name.macro).splitlines()


def own_memory(memory: Plan, name: NetworkName) -> list[str]:
    """Lines of the project's main for the buffer that it gives; none where arenas are static."""
    if not asks_memory(memory):
        return []
    aligned = name.own("ESPDL_ALIGNED")
    return _OWN.format(aligned=aligned, nbytes=max(memory.arena_bytes, 1)).splitlines()


def giving_memory(memory: Plan, name: NetworkName) -> str:
    """Lines of the project's main that give the buffer; "" where arenas are static."""
    if not asks_memory(memory):
        return ""
    return _GIVING.format(prefix=name.prefix, macro=name.macro)


_OWN = """\
#ifdef ESP_PLATFORM
#include "esp_heap_caps.h"
static void *network_memory(void) {{
  return heap_caps_aligned_alloc(16, {nbytes}, MALLOC_CAP_8BIT);
}}
#else
static void *network_memory(void) {{
  static {aligned}(16) uint8_t memory[{nbytes}];
  return memory;
}}
#endif

"""

_GIVING = """\
  if ({prefix}_set_memory(network_memory(), {macro}_ARENA_BYTES) != 0) {{
    printf("FAIL: no memory of %lu bytes\\n", (unsigned long){macro}_ARENA_BYTES);
    return 1;
  }}
"""

_ATTRIBUTE = """\
#ifdef ESP_PLATFORM
#include "esp_attr.h"
#include "sdkconfig.h"
#ifndef CONFIG_SPIRAM_ALLOW_BSS_SEG_EXTERNAL_MEMORY
#error "{what} in PSRAM: set CONFIG_SPIRAM and CONFIG_SPIRAM_ALLOW_BSS_SEG_EXTERNAL_MEMORY"
#endif
#else
#define EXT_RAM_BSS_ATTR
#endif
"""

_CALLERS = """\
static uint8_t *arena;

int32_t {prefix}_set_memory(void *memory, uint32_t bytes) {{
  if (memory == NULL) {{
    return -1;
  }}
  if ((uintptr_t)memory % 16 != 0) {{
    return -2;
  }}
  if (bytes < {nbytes}u) {{
    return -3;
  }}
  arena = memory;
  return 0;
}}
"""

_DECLARATION = """\
/* Give the network the memory that it works in, {macro}_ARENA_BYTES of it, before the
 * first run; it may be anywhere but in TCM or RTC RAM, and belongs to the network until it is
 * given another one. Returns 0, -1 if it is NULL, -2 if it does not begin at a multiple of 16
 * bytes, -3 if it is too small; then the network keeps what it had. */
int32_t {prefix}_set_memory(void *memory, uint32_t bytes);

"""
