"""Damage done to files at random: bits, bytes, numbers at their limits, copied and cut pieces."""

import random
import struct

EXTREMES = (0, 1, 4, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def mutated(data: bytes, source: random.Random) -> bytes:
    """One to four random changes."""
    changed = bytearray(data)
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        at = source.randrange(len(changed))
        kind = source.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << source.randrange(8)
        elif kind == 1:
            changed[at] = source.randrange(256)
        elif kind == 2:
            at -= at % 4
            changed[at : at + 4] = struct.pack("<I", source.choice(EXTREMES))
        elif kind == 3:
            at -= at % 4
            (old,) = struct.unpack("<I", bytes(changed[at : at + 4]).ljust(4, b"\0"))
            changed[at : at + 4] = struct.pack("<I", (old + source.randrange(-64, 64)) % 2**32)
        elif kind == 4:
            start, size = source.randrange(len(changed)), source.randrange(1, 64)
            changed[at : at + size] = changed[start : start + size]
        else:
            at -= at % 8
            number = source.choice((-(2**63), 2**63 - 1, -1, 0, 2**31, 2**40))
            changed[at : at + 8] = struct.pack("<q", number)
        if not changed:
            return bytes(data[:1])
    return bytes(changed)
