"""Writes a board's log in Python, line by line as the firmware does, to be damaged by tests."""

import base64
import zlib

from tvm_espdl.files.dump_names import encoded
from tvm_espdl.program.identity import identity


def tensor_lines(index, name, array, exponent=0, *, data=True):
    raw = array.tobytes()
    shape = "x".join(map(str, array.shape)) or "1"
    head = f"{index} {encoded(name)} {array.dtype} {shape} {exponent} {len(raw)}"
    yield f"@espdl tensor {head} {zlib.crc32(raw):08x}"
    for offset in range(0, len(raw) if data else 0, 48):
        text = base64.b64encode(raw[offset : offset + 48]).decode()
        yield f"@espdl data {index} {offset} {text}"
    yield f"@espdl end {index}"


def board_log(program, tensors, *, with_data=lambda name: True):
    """The log of a board that computes `tensors`; those without data come as checksums."""
    entering = (*program.inputs, *(state.value for state in program.states))
    floats = {n for n in entering if program.values[n].exponent is None}
    dumped = {name: array for name, array in tensors.items() if name not in floats}
    lines = [f"@espdl begin v1 {identity(program)} {len(dumped)}"]
    for name, array in dumped.items():
        exponent = program.values[name].exponent
        lines += tensor_lines(
            list(program.values).index(name),
            name,
            array,
            exponent if isinstance(exponent, int) else 0,
            data=with_data(name),
        )
    return "\n".join([*lines, f"@espdl done {len(dumped)}"]) + "\n"
