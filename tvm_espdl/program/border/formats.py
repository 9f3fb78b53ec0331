"""From what a user asks for to the border of a network, or to why it cannot have it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import get_args

from ...errors import DataError
from ...ops import Operator, Tensor
from ...ops.base.rounding import Array
from ...ops.quantize import Quantize
from ..passes.native_border import integers_of_input, integers_of_output, native_border
from ..program import Program, Step
from .pixel_form import PixelForm
from .pixel_table import PixelTable
from .ports import Border, Format, Port

FORMATS_IN: tuple[Format, ...] = get_args(Format)
FORMATS_OUT: tuple[Format, ...] = ("float", "native")

#: One for all, or by the model's names.
Wish = str | Mapping[str, str]


def border_of(
    program: Program,
    input_format: Wish = "float",
    output_format: Wish = "float",
    pixels: PixelForm | None = None,
) -> Border:
    """The network between the ports that a user asks for.

    Parameters
    ----------
    input_format, output_format : str or mapping
        `float`: as the model has it; `native`: integers at the network's exponent, in the layout
        that the chip works in; for inputs also `uint8`: pixels (1, H, W, C). By name where a
        network has several, the others as the model has them.
    pixels : PixelForm, optional
        What pixels become.

    Raises
    ------
    DataError
        If there is no such format or port, or the network cannot have it.
    """
    names_in = program.input_names or program.inputs
    names_out = program.output_names or program.outputs
    wanted_in = _wanted(input_format, names_in, FORMATS_IN, "input")
    wanted_out = _wanted(output_format, names_out, FORMATS_OUT, "output")
    if pixels is not None and "uint8" not in wanted_in.values():
        raise DataError(
            "what pixels become is said, and no input takes pixels",
            where="mean, std, pixel_range, layout",
            found=", ".join(f"{name}: {format_}" for name, format_ in wanted_in.items()),
            allowed="an input of format uint8",
            try_="--input_format uint8, or leave them out",
        )
    for name, value in zip(names_in, program.inputs, strict=True):
        if wanted_in[name] != "float":
            _check_input(program, name, value, wanted_in[name])
    for name, value in zip(names_out, program.outputs, strict=True):
        if wanted_out[name] != "float":
            _check_output(program, name, value)
    changed_in = [name for name in names_in if wanted_in[name] != "float"]
    changed_out = [name for name in names_out if wanted_out[name] != "float"]
    network = inside = native_border(program, changed_in, changed_out)
    inputs: list[Port] = []
    for place, name in enumerate(names_in):
        of_both = (program.inputs[place], inside.inputs[place])
        port = _port(name, wanted_in[name], program, inside, of_both)
        if wanted_in[name] == "uint8":
            inside, port = _with_pixels(inside, place, port, pixels or PixelForm())
        inputs.append(port)
    outputs = [
        _port(name, wanted_out[name], program, inside, of_both)
        for name, *of_both in zip(names_out, program.outputs, inside.outputs, strict=True)
    ]
    return Border(inside, network, tuple(inputs), tuple(outputs))


def as_border(network: Program | Border) -> Border:
    """A network in the model's own form, where nothing is said of its border."""
    return network if isinstance(network, Border) else border_of(network)


def _wanted(
    wish: Wish, names: Sequence[str], allowed: Sequence[Format], kind: str
) -> dict[str, Format]:
    """The format of each port."""
    by_name = dict(wish) if isinstance(wish, Mapping) else dict.fromkeys(names, wish)
    for name in by_name:
        if name not in names:
            raise DataError(
                f"the network has no such {kind}",
                where=f"{kind}_format",
                found=repr(name),
                allowed=", ".join(map(repr, names)),
            )
    known: dict[str, Format] = {format_: format_ for format_ in allowed}
    for asked in by_name.values():
        if not isinstance(asked, str) or asked not in known:
            raise DataError(
                f"no such format of an {kind}",
                where=f"{kind}_format",
                found=repr(asked),
                allowed=", ".join(allowed),
                try_=f"--{kind}_format native, or NAME=native for one of several {kind}s",
            )
    return {name: known[by_name.get(name, "float")] for name in names}


def _check_input(program: Program, name: str, value: str, wanted: Format) -> None:
    tensor = program.values[value]
    if isinstance(tensor.exponent, int) or integers_of_input(program, value) is not None:
        return
    readers = sorted({s.operator.name for s in program.steps if value in s.inputs}) or ["nothing"]
    raise DataError(
        f"the network takes no integers for this input, so that it cannot be {wanted}",
        where=f"input {name!r}",
        found=f"{tensor.dtype}, read by {', '.join(readers)}",
        allowed="float; others where all that happens to the input first is one quantization",
        try_=f"--input_format {name}=float, or quantize the network",
    )


def _check_output(program: Program, name: str, value: str) -> None:
    tensor = program.values[value]
    if isinstance(tensor.exponent, int) or integers_of_output(program, value) is not None:
        return
    makers = [step.operator.name for step in program.steps if value in step.outputs]
    raise DataError(
        "the network computes no integers for this output, so that it cannot be native",
        where=f"output {name!r}",
        found=f"{tensor.dtype}, computed by {', '.join(makers) or 'nothing'}",
        allowed="float; native where integers are dequantized last",
        try_=f"--output_format {name}=float",
    )


def _port(
    name: str, format_: Format, program: Program, inside: Program, of_both: Sequence[str]
) -> Port:
    of_model, of_firmware = of_both
    model, own = program.values[of_model], inside.values[of_firmware]
    axes = tuple(range(len(own.shape)))
    origin, before = inside.origins.get(of_firmware), program.origins.get(of_model)
    if format_ != "float" and origin is not None:
        new = origin.turns[: len(origin.turns) - (0 if before is None else len(before.turns))]
        assert len(new) < 2, "more than one transpose at the border"
        for _, back in new:
            axes = tuple(back.index(axis) for axis in axes)
    return Port(name, format_, model, own, axes)


def _with_pixels(program: Program, place: int, port: Port, form: PixelForm) -> tuple[Program, Port]:
    """The program that takes pixels for an input, whose integers a table gives."""
    channel = _channel(program, place, port, form)
    rank = len(port.axes)
    pixel_axes = (0, *(axis for axis in range(1, rank) if axis != channel), channel)
    shape = tuple(port.model.shape[axis] for axis in pixel_axes)
    shades = form.table(shape[-1])
    value = program.inputs[place]
    name = value + "_pixels"
    while name in program.values or name in program.constants:
        name += "_"
    taken = Tensor("uint8", shape)
    table = _table(program, shades, port.own)
    # Of one channel both layouts are the same bytes.
    first = shape[-1] > 1 and port.axes.index(channel) == 1
    operator = PixelTable(taken, port.own, first)
    entering = list(program.inputs)
    entering[place] = name
    step = Step(operator, (name,), (value,), (table,))
    changed = dataclasses.replace(
        program,
        inputs=tuple(entering),
        values={name: taken, **program.values},
        steps=(step, *program.steps),
    )
    return changed, Port(port.name, "uint8", port.model, taken, pixel_axes, shades)


def _table(program: Program, shades: Array, integers: Tensor) -> Array:
    """What the chip's quantization makes of each shade."""
    floats = Tensor("float32", shades.shape)
    return Quantize(floats, dataclasses.replace(integers, shape=shades.shape)).reference(
        program.chip, shades
    )


def _channel(program: Program, place: int, port: Port, form: PixelForm) -> int:
    """The model's axis of the channels of an image."""
    rank, shape = len(port.axes), port.model.shape
    if rank != 4 or shape[0] != 1 or port.model.dtype not in ("float32", port.own.dtype):
        raise DataError(
            "the input takes no pixels",
            where=f"input {port.name!r}",
            found=f"{port.model.dtype} {shape}",
            allowed="one image: (1, C, H, W) or (1, H, W, C)",
            try_=f"--input_format {port.name}=native",
        )
    if port.axes != tuple(range(rank)):
        return port.axes[-1]
    named = {"NCHW": 1, "NHWC": 3}
    if form.layout is not None and form.layout not in named:
        raise DataError(
            "unknown layout", where="layout", found=repr(form.layout), allowed="NCHW or NHWC"
        )
    readers = [s for s in program.steps if program.inputs[place] in s.inputs]
    if readers and all(
        isinstance(s.operator, Operator) and s.operator.channels_last for s in readers
    ):
        return 3
    fitting = [axis for axis in named.values() if shape[axis] in (1, 3)]
    if form.layout is not None:
        return named[form.layout]
    if len(fitting) != 1:
        raise DataError(
            "nothing tells where the channels of the image are",
            where=f"input {port.name!r}",
            found=f"shape {shape}",
            allowed="layout NCHW or NHWC",
            try_='layout="NCHW" (--layout NCHW), as networks from PyTorch have it',
        )
    return fitting[0]
