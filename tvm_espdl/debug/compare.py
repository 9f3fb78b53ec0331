"""Names the first tensor, in the order of execution, where a board and the PC part.

It compares bits; what a difference may come from is said only as far as the tensors show it.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..files.dump_names import file_stem
from ..files.printed_tensors import Checksum
from ..ops import Tensor
from ..ops.base.rounding import Array
from ..ops.dequantize import Dequantize
from ..ops.reshape import Reshape
from ..ops.transpose import Transpose
from ..program import Program
from ..program.identity import identity
from .border import border_of_dump, in_firmwares_layout
from .dump import Dump
from .dump_files import Source, read_dump
from .feeding import Host, fed_by, quantized_form
from .result import ChecksumDifference, Comparison, Difference, Part

#: Equal, different, equal as far as it goes, or why it cannot be compared.
_Finding = Difference | ChecksumDifference | Part | str | None


def compare(lib: Host, dump: Source, inputs: Any = None) -> Comparison:
    """Compare a board's tensors with the PC's.

    Parameters
    ----------
    lib : Library
        The network that the firmware was made from.
    dump : path or mapping
        A monitor's log, a dump folder, an `.npz`, or `{name: array}`; a flat array is compared
        with the first values of its tensor.
    inputs : array, list or dict, optional
        What the board was fed. Where absent, the input in the dump is taken.

    Returns
    -------
    Comparison
        True only where every output of the network and everything else in the dump is whole and
        equal, with at least one tensor that the board has computed.

    Raises
    ------
    DataError
        If the dump cannot be read, or it is whole, lacks the input and none is given.
    """
    board = read_dump(dump)
    _find_shortened(board, lib.program.values)
    border = border_of_dump(lib.program, board)
    program = border.program
    problems = [*_other_network(program, board), *board.problems]
    fed = fed_by(lib, border, board, inputs_too=inputs is None)
    notes = (*board.notes, *fed.notes)
    given = fed.inputs if inputs is None else _as_arrays(inputs)
    if given is None:
        missing = tuple(name for name in program.values if name not in program.constants)
        problems += [*fed.problems, "nothing could be computed to compare with"]
        return Comparison(missing=missing, problems=tuple(problems), notes=notes)
    computed = lib.observe(given, fed.states or None)
    pc = in_firmwares_layout(lib.program, border, computed)
    names = {*board.tensors, *board.checksums}
    entering = (*program.inputs, *(state.value for state in program.states))
    integers = {value: quantized_form(program, value) for value in entering}
    missing = tuple(name for name in pc if not names & {name, integers.get(name)})
    unknown = _unknown_states(program, board, pc)
    if unknown:
        return Comparison(missing=missing, problems=(*problems, *unknown), notes=notes)
    findings = {
        name: _finding(name, board, expected, program.values[name])
        for name, expected in pc.items()
        if name in names and not (name in fed.tensors and _is_the_float_input(program, name, board))
    }
    equal = tuple(name for name, finding in findings.items() if finding is None)
    problems += [finding for finding in findings.values() if isinstance(finding, str)]
    problems += [f"{n}: no such tensor in the network" for n in sorted(names) if n not in pc]
    if not any(name not in {*integers, *integers.values()} for name in equal):
        problems.append("no tensor that the board has computed is shown to be equal")
    problems += [
        f"{name}: this output of the network is not in the dump"
        for name in dict.fromkeys(program.outputs)
        if not _is_there(program, name, {*findings, *fed.tensors}, itself=board.by_firmware)
    ]
    return Comparison(
        equal,
        tuple(f for f in findings.values() if isinstance(f, (Difference, ChecksumDifference))),
        tuple(f for f in findings.values() if isinstance(f, Part)),
        missing,
        tuple(problems),
        notes,
    )


def _as_arrays(inputs: Any) -> list[Any] | dict[str, Any]:
    if isinstance(inputs, Mapping):
        return dict(inputs)
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def _find_shortened(board: Dump, names: Collection[str]) -> None:
    """Give tensors their names again whose files have shortened ones."""
    for name in names:
        stem = file_stem(name)
        if stem in board.tensors and stem != name and name not in board.tensors:
            board.tensors[name] = board.tensors.pop(stem)


def _other_network(program: Program, board: Dump) -> list[str]:
    expected = identity(program)
    if board.model_id in ("", expected):
        return []
    return [
        f"the firmware holds network {board.model_id}, this one is {expected} on "
        f"{program.chip.name}: export the project again and flash it, or compare with its own model"
    ]


def _is_the_float_input(program: Program, name: str, board: Dump) -> bool:
    """Whether a user has given floats under the name that the chip's integers have."""
    array = board.tensors.get(name)
    return array is not None and str(array.dtype) != program.values[name].dtype


def _unknown_states(program: Program, board: Dump, pc: Mapping[str, Array]) -> list[str]:
    """States of which the dump has only checksums, which are not those of the PC's."""
    return [
        f"{state.value}: the run began with another state than the library keeps, and the dump has "
        "only its checksum, so that the run cannot be repeated"
        for state in program.states
        for name in (state.value, quantized_form(program, state.value))
        if name in board.checksums
        and name is not None
        and isinstance(_finding(name, board, pc[name], program.values[name]), ChecksumDifference)
    ]


def _is_there(program: Program, name: str, there: Collection[str], *, itself: bool) -> bool:
    """Whether a value is in the dump, or, unless `itself`, one that it is only another form of."""
    if name in there or name in program.constants:
        return True
    makers = [step for step in program.steps if name in step.outputs]
    if not makers:
        return True  # an input or a state, which is an output as it is
    if itself or not isinstance(makers[0].operator, (Dequantize, Reshape, Transpose)):
        return False
    return _is_there(program, makers[0].inputs[0], there, itself=itself)


def _finding(name: str, board: Dump, expected: Array, tensor: Tensor) -> _Finding:
    exponent = tensor.exponent if isinstance(tensor.exponent, int) else 0
    if board.exponents.get(name, exponent) != exponent:
        return f"{name}: exponent {board.exponents[name]} on the board, {exponent} on the PC"
    if name in board.checksums:
        return _checksum_finding(name, board.checksums[name], expected)
    return _values_finding(name, board.tensors[name], expected, whole=board.by_firmware)


def _checksum_finding(name: str, board: Checksum, expected: Array) -> _Finding:
    problem = _misfit(name, board.dtype, board.shape, expected)
    if problem is not None:
        return problem
    crc = zlib.crc32(np.ascontiguousarray(expected).tobytes())
    return None if crc == board.crc else ChecksumDifference(name, board.crc, crc)


def _values_finding(name: str, board: Array, expected: Array, *, whole: bool) -> _Finding:
    flat = board.ndim == 1 and 0 < board.size <= expected.size and not whole
    problem = _misfit(name, str(board.dtype), expected.shape if flat else board.shape, expected)
    if problem is not None:
        return problem
    values, pc = board.ravel(), expected.ravel()[: board.size]
    # Bits, not values: a NaN equals itself, and -0.0 is not 0.0.
    width = pc.dtype.itemsize
    unequal = (values.view(f"u{width}") != pc.view(f"u{width}")).nonzero()[0]
    if not unequal.size:
        short = values.size < expected.size
        return Part(name, int(values.size), int(expected.size)) if short else None
    at = int(unequal[0])
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(values.astype(np.float64) - pc.astype(np.float64)).max())
    return Difference(
        name, int(unequal.size), int(pc.size), at, float(values[at]), float(pc[at]), largest
    )


def _misfit(name: str, dtype: str, shape: tuple[int, ...], expected: Array) -> str | None:
    if dtype != str(expected.dtype):
        return f"{name}: {dtype} on the board, {expected.dtype} on the PC"
    # C has no scalars: a firmware prints them with one extent.
    if shape not in (expected.shape, expected.shape or (1,)):
        return f"{name}: shape {shape} on the board, {expected.shape} on the PC"
    if not expected.size:
        return f"{name}: has no values to compare"
    return None
