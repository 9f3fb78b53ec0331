"""AES-128 in counter mode, as ESP-PPQ encrypts models: FIPS-197 in NumPy, all blocks at once.

For files that their owner has the key of. It is not made to resist timing attacks.
"""

from __future__ import annotations

import numpy as np

from ..ops.base.rounding import Array

BLOCK = 16
ROUNDS = 10
FIRST_COUNTER = bytes(range(0x10, 0x20))
BLOCKS_AT_ONCE = 1 << 16


def _double(value: int) -> int:
    return (value << 1 ^ 0x11B) & 0xFF if value & 0x80 else value << 1


def _substitution() -> Array:
    """The S-box: the inverse in GF(2^8), then an affine map."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= _double(value)
    box = np.zeros(256, np.uint8)
    for exponent, number in enumerate(powers):
        inverse = powers[-exponent % 255]
        rotated = inverse * 0x101
        mixed = rotated ^ rotated >> 7 ^ rotated >> 6 ^ rotated >> 5 ^ rotated >> 4
        box[number] = (mixed ^ 0x63) & 0xFF
    box[0] = 0x63
    return box


S_BOX = _substitution()
DOUBLE = np.array([_double(value) for value in range(256)], np.uint8)
# ShiftRows on a block whose bytes stand column by column.
SHIFT_ROWS = np.array([(4 * (at // 4 + at % 4) + at % 4) % BLOCK for at in range(BLOCK)])


def round_keys(key: bytes) -> Array:
    """The 11 round keys, `(11, 16)`."""
    words = [np.frombuffer(key[at : at + 4], np.uint8) for at in range(0, BLOCK, 4)]
    constant = 1
    for number in range(4, 4 * (ROUNDS + 1)):
        word = words[-1]
        if number % 4 == 0:
            word = S_BOX[np.roll(word, -1)]
            word = np.concatenate([word[:1] ^ np.uint8(constant), word[1:]])
            constant = _double(constant)
        words.append(words[-4] ^ word)
    return np.concatenate(words).reshape(ROUNDS + 1, BLOCK)


def encrypt(blocks: Array, keys: Array) -> Array:
    """Encrypt blocks, `(n, 16)` uint8."""
    state = blocks ^ keys[0]
    for number in range(1, ROUNDS + 1):
        state = S_BOX[state][:, SHIFT_ROWS]
        if number < ROUNDS:
            columns = state.reshape(-1, 4, 4)
            following = np.roll(columns, -1, axis=2)
            total = np.bitwise_xor.reduce(columns, axis=2, keepdims=True)
            state = (columns ^ total ^ DOUBLE[columns ^ following]).reshape(-1, BLOCK)
        state = state ^ keys[number]
    return state


def ctr(data: bytes, key: bytes, counter: bytes = FIRST_COUNTER) -> bytes:
    """Encrypt or decrypt `data`, which is the same; the counter counts up as a big integer."""
    keys = round_keys(key)
    first = int.from_bytes(counter, "big")
    result = bytearray()
    for start in range(0, len(data), BLOCK * BLOCKS_AT_ONCE):
        part = np.frombuffer(data, np.uint8, min(len(data) - start, BLOCK * BLOCKS_AT_ONCE), start)
        at, count = first + start // BLOCK, -(-len(part) // BLOCK)
        counters = b"".join(((at + n) % (1 << 128)).to_bytes(BLOCK, "big") for n in range(count))
        stream = encrypt(np.frombuffer(counters, np.uint8).reshape(-1, BLOCK), keys)
        result += (part ^ stream.ravel()[: len(part)]).tobytes()
    return bytes(result)
