"""Writes in Python, line by line, what the self-test's firmware prints, to be damaged by tests."""

import base64
import zlib

from tvm_espdl.files.dump_names import encoded
from tvm_espdl.version import __version__


def checked(text):
    """A line that nothing has damaged."""
    return f"@espdl {text} *{zlib.crc32(text.encode()):08x}"


def crc(array):
    return zlib.crc32(array.tobytes())


def begin(firmware):
    return checked(f"selftest v1 begin {firmware.identity} {len(firmware.vectors)} {__version__}")


def done(firmware):
    return checked(f"selftest v1 done {firmware.identity} {len(firmware.vectors)}")


def value_lines(index, name, array):
    """An output in full."""
    raw, shape = array.tobytes(), "x".join(map(str, array.shape)) or "1"
    head = f"{index} {encoded(name)} {array.dtype} {shape} 0 {len(raw)} {crc(array):08x}"
    yield f"@espdl tensor {head}"
    for offset in range(0, len(raw), 48):
        text = base64.b64encode(raw[offset : offset + 48]).decode()
        yield f"@espdl data {index} {offset} {text}"
    yield f"@espdl end {index}"


def vector_lines(firmware, index, output=None, in_place=None, *, untouched=True, verdict=None):
    """What is printed of one vector that gives `output`, and `in_place` over each input."""
    vector = firmware.vectors[index]
    name, places = vector.trial.name, vector.call.needs.in_place
    output = vector.trial.expected if output is None else output
    outputs = {place: output for place in places} | (in_place or {})
    equal = untouched and all(
        crc(one) == crc(vector.trial.expected) for one in (output, *outputs.values())
    )
    if crc(output) != crc(vector.trial.expected):
        yield from value_lines(index, name, output)
    for place, one in outputs.items():
        if crc(one) != crc(output):
            number = index + (place + 1) * len(firmware.vectors)
            yield from value_lines(number, f"{name}/in_place_{place}", one)
    checksums = ",".join(f"{crc(one):08x}" for one in outputs.values()) or "-"
    yield checked(
        f"vector {firmware.identity} {index} {vector.name} portable {crc(output):08x} {checksums} "
        f"{'untouched' if untouched else 'touched'} "
        f"{verdict or ('equal' if equal else 'differs')}"
    )


def log_of(firmware, given=None):
    """The lines of a run; `given` has those of vectors that are not as they should be."""
    lines = [begin(firmware)]
    for index in range(len(firmware.vectors)):
        lines += (given or {}).get(index) or vector_lines(firmware, index)
    return [*lines, done(firmware)]
