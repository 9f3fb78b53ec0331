"""Names the first tensor, in the order of execution, where a board and the PC part.

It compares bits; whose fault a difference is, `culprit` finds out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..files.printed_tensors import Checksum
from ..ops import Tensor
from ..ops.base.rounding import Array
from ..ops.dequantize import Dequantize
from ..ops.reshape import Reshape
from ..ops.transpose import Transpose
from ..program import Program
from ..program.border.pixel_form import numbers_of
from ..program.identity import identity
from .bisection import next_dump
from .border import border_of_dump, in_firmwares_layout
from .culprit import Investigation
from .dump import Dump
from .dump_files import Source, read_dump
from .esp_dl_prints import spots_on_pc
from .feeding import Host, fed_by, quantized_form
from .layer_run import Normalization
from .layers import axes_of
from .measuring import difference
from .observed import Observed, checksum
from .result import Comparison
from .rows import ChecksumDifference, Difference, Part
from .settling import settle
from .tensor_rows import Finding, pictures_of, rows_of


def compare(
    lib: Host,
    dump: Source,
    inputs: Any = None,
    *,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    seconds: float = 60.0,
    tensors: str | Sequence[str] = (),
) -> Comparison:
    """Compare a board's tensors with the PC's, and find out which layer's fault a difference is.

    Parameters
    ----------
    lib : Library
        The network that the firmware was made from.
    dump : path or mapping
        A monitor's log, a dump folder, an `.npz`, or `{name: array}`; a flat array, a list or text
        with numbers is compared with the first values of its tensor. A log may also hold what
        ESP-DL's own runtime prints.
    inputs : array, list or dict, optional
        What the board was fed. Where absent, the input in the dump is taken, and not compared.
    mean, std : float or sequence of float, optional
        How images become inputs, one value or one per channel: helps to explain a wrong input.
    seconds : float
        How long known explanations are tried on layers that compute something wrong; what there is
        no time for is said in their faults.
    tensors : str or sequence of str, optional
        Names of what a log shows without names, in its order: tensors that ESP-DL has printed, or
        groups of numbers that somebody has.

    Returns
    -------
    Comparison
        True only where every output of the network and everything else in the dump is whole and
        equal, with at least one tensor that the board has computed.

    Raises
    ------
    DataError
        If the dump cannot be read, or it is whole, lacks the input and none is given; or `mean`,
        `std` or `seconds` are no numbers.
    """
    said = () if mean is None and std is None else (_normalization(mean, std),)
    seconds = float(numbers_of(seconds, "seconds", "a number of seconds").max(initial=0.0))
    board = read_dump(dump, tensors)
    settle(board, lib.program)
    border = border_of_dump(lib.program, board)
    program = border.program
    # Of another network's dump, nobody expects the input.
    board.problems[:0] = _other_network(program, board)
    problems = [*board.problems]
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
    axes = axes_of(lib.program)
    findings = {
        name: _finding(name, board, pc[name], program.values[name], axes.get(name, ""))
        for name in _in_order(lib.program, pc)
        if name in names and not (name in fed.tensors and _is_the_float_input(program, name, board))
    }
    equal = tuple(name for name, finding in findings.items() if finding is None)
    problems += _problems_of(program, board, pc, findings, fed.tensors)
    problems += spots_on_pc(board.spots, pc)
    seen = _seen(board, pc, findings)
    # A layer is recomputed in the library's layout, which firmware may have turned at a border.
    alike = {name: there for name, there in seen.items() if pc[name] is computed.get(name)}
    investigation = None
    if any(isinstance(f, (Difference, ChecksumDifference)) for f in findings.values()):
        earlier = {n: a for n, a in board.earlier.items() if n in alike and _is_like(a, pc[n])}
        investigation = Investigation(
            lib, alike, computed, seconds=seconds, normalizations=said, earlier=earlier
        )
    faults = {} if investigation is None else investigation.faults
    return Comparison(
        equal,
        tuple(f for f in findings.values() if isinstance(f, (Difference, ChecksumDifference))),
        tuple(f for f in findings.values() if isinstance(f, Part)),
        missing,
        tuple(problems),
        notes if investigation is None else (*notes, *investigation.notes),
        rows_of(lib.program, pc, findings, axes, faults),
        program.chip.name,
        inputs is None,
        pictures_of(seen, pc, faults),
        next_dump(program, board, findings),
    )


def _problems_of(
    program: Program,
    board: Dump,
    pc: Mapping[str, Array],
    findings: Mapping[str, Finding],
    fed: Collection[str],
) -> list[str]:
    """What could not be compared, and what keeps equality from being shown."""
    problems = [finding for finding in findings.values() if isinstance(finding, str)]
    names = sorted({*board.tensors, *board.checksums})
    problems += [f"{name}: no such tensor in the network" for name in names if name not in pc]
    entering = (*program.inputs, *(state.value for state in program.states))
    given = {*entering, *(quantized_form(program, value) for value in entering)}
    if not any(finding is None and name not in given for name, finding in findings.items()):
        problems.append("no tensor that the board has computed is shown to be equal")
    problems += [
        f"{name}: this output of the network is not in the dump"
        for name in dict.fromkeys(program.outputs)
        if not _is_there(program, name, {*findings, *fed}, itself=board.by_firmware)
    ]
    return problems


def _in_order(program: Program, pc: Mapping[str, Array]) -> list[str]:
    """Inputs and states, then what each call computes: the order of execution."""
    made = dict.fromkeys(name for step in program.steps for name in step.outputs)
    return [*(name for name in pc if name not in made), *(name for name in made if name in pc)]


def _seen(
    board: Dump, pc: Mapping[str, Array], findings: Mapping[str, Finding]
) -> dict[str, Observed]:
    """What the board shows of each tensor that could be compared."""
    found: dict[str, Observed] = {}
    for name, finding in findings.items():
        if isinstance(finding, str):
            continue
        if name in board.checksums:
            found[name] = Observed(None, board.checksums[name].crc)
            continue
        values = board.tensors[name]
        whole = values.size == pc[name].size
        found[name] = Observed(values.reshape(pc[name].shape) if whole else values, 0, whole)
    return found


def _is_like(array: Array, expected: Array) -> bool:
    return array.shape == expected.shape and array.dtype == expected.dtype


def _normalization(
    mean: float | Sequence[float] | None, std: float | Sequence[float] | None
) -> Normalization:
    means, stds = (
        numbers_of(default if given is None else given, option, "one, or one for each channel")
        for given, option, default in ((mean, "mean", 0.0), (std, "std", 1.0))
    )
    return means.ravel().tolist(), stds.ravel().tolist()


def _as_arrays(inputs: Any) -> list[Any] | dict[str, Any]:
    if isinstance(inputs, Mapping):
        return dict(inputs)
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


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
        and isinstance(
            _finding(name, board, pc[name], program.values[name], ""), ChecksumDifference
        )
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


def _finding(name: str, board: Dump, expected: Array, tensor: Tensor, axes: str) -> Finding:
    exponent = tensor.exponent if isinstance(tensor.exponent, int) else 0
    if board.exponents.get(name, exponent) != exponent:
        return f"{name}: exponent {board.exponents[name]} on the board, {exponent} on the PC"
    if name in board.checksums:
        return _checksum_finding(name, board.checksums[name], expected)
    array = board.tensors[name]
    flat = array.ndim == 1 and 0 < array.size <= expected.size and not board.by_firmware
    shape = expected.shape if flat else array.shape
    problem = _misfit(name, str(array.dtype), shape, expected)
    if problem is not None:
        return problem
    found = difference(name, array, expected, axes)
    if found is None and array.size < expected.size:
        return Part(name, int(array.size), int(expected.size))
    return found


def _checksum_finding(name: str, board: Checksum, expected: Array) -> Finding:
    problem = _misfit(name, board.dtype, board.shape, expected)
    if problem is not None:
        return problem
    crc = checksum(expected)
    return None if crc == board.crc else ChecksumDifference(name, board.crc, crc)


def _misfit(name: str, dtype: str, shape: tuple[int, ...], expected: Array) -> str | None:
    if dtype != str(expected.dtype):
        return f"{name}: {dtype} on the board, {expected.dtype} on the PC"
    # C has no scalars: a firmware prints them with one extent.
    if shape not in (expected.shape, expected.shape or (1,)):
        return f"{name}: shape {shape} on the board, {expected.shape} on the PC"
    if not expected.size:
        return f"{name}: has no values to compare"
    return None
