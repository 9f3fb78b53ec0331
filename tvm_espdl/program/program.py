"""A network as a static list of calls, the common ground of C, host library, reports and tests.

Plain data: made from Relax by `relay.program` or from an `.espdl` file, changed by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..chips import Chip
from ..errors import ModelError
from ..ops import Operator, Refusal, Tensor
from ..ops.base.rounding import Array

#: A shape that the elements are seen with, and the axes by which they are then transposed.
Turn = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Native:
    """A function that TVM compiles itself, because no operator of ESP-DL took it.

    Attributes
    ----------
    function : tvm.tirx.PrimFunc
        Buffers of the inputs, then of the outputs.
    inputs, outputs : tuple of Tensor
        Their types, without exponents.
    reason : Refusal or None
        Why it is left to TVM, where the reader of the model knows.
    """

    function: Any
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    name: str = "tvm"
    reason: Refusal | None = None

    @property
    def text(self) -> str:
        """The function as TVM prints it, constants with all their digits: equal in every run."""
        return str(self.function.script(show_meta=True))

    def __copy__(self) -> Native:
        """Itself: nobody changes it."""
        return self

    def __deepcopy__(self, memo: object) -> Native:
        """Itself: nobody changes it."""
        return self

    def __reduce__(self) -> NoReturn:
        """TVM's own functions end a process that pickles them."""
        raise ModelError(
            "a network with functions that TVM compiles cannot be pickled",
            where=self.name,
            try_="give the other process the model's file, and a cache of compiled networks "
            "(`cache_dir` of relay.build) if that takes too long",
        )


@dataclass(frozen=True, eq=False)
class Step:
    """One call.

    Attributes
    ----------
    operator : Operator or Native
        What is called.
    inputs, outputs : tuple of str
        Names of values, in the order of the call.
    constants : tuple of numpy.ndarray
        In the order of the call, as the operator's `constants` state them; none for a `Native`.
    covers : tuple of str
        Tensors of the model that the call computes on its way, its result's among them; empty
        where the compiler has added the call.
    admits : tuple of str
        Names of rules of the chip that the operator breaks, and is to run all the same: as the
        chip does with a file made for it, or by this package's kernel (`rule`'s `otherwise`).
    """

    operator: Operator | Native
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: tuple[Array, ...] = ()
    covers: tuple[str, ...] = ()
    admits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """A node of the model, as its file has it.

    Attributes
    ----------
    name, type : str
        As in the file.
    tensor : str
        Its first result.
    others : tuple of str
        Its further results.
    """

    name: str
    type: str
    tensor: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """A value that a network keeps from one run to the next; zeros before the first run.

    Attributes
    ----------
    value : str
        What a run begins with: no step computes it.
    next : str
        What the next run begins with; of the same type.
    """

    value: str
    next: str


@dataclass(frozen=True)
class Origin:
    """The tensor of the model that a value is.

    Attributes
    ----------
    tensor : str
        The model's name of it; the value's own name may have a number behind it.
    turns : tuple of Turn
        Brings the elements of the value into the model's order, one after the other.
    """

    tensor: str
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, eq=False)
class Program:
    """A whole network, or the part of one that runs as one function.

    Attributes
    ----------
    chip : Chip
        The chip whose bits it computes.
    values : dict of str to Tensor
        Every activation by its unique name: inputs, intermediates, outputs. The order is that in
        which they come to life.
    inputs, outputs : tuple of str
        Names of the values that enter and leave, states apart. A name may stand in `outputs`
        twice, or in both.
    steps : tuple of Step
        In the order of execution; each value is written by one step, or is an input, a state or a
        constant.
    constants : dict of str to numpy.ndarray
        Values that are known beforehand: the operands of `Native` steps that are no activations.
    input_names, output_names : tuple of str
        What the model itself calls its inputs and outputs.
    nodes : tuple of Node
        The model's own nodes, in its order; empty where the importer did not keep them.
    states : tuple of State
        What is kept between runs.
    origins : dict of str to Origin
        What operators compute that is a tensor of the model, by the name of the value.
    """

    chip: Chip
    values: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    constants: Mapping[str, Array] = field(default_factory=dict)
    input_names: tuple[str, ...] = field(default=())
    output_names: tuple[str, ...] = field(default=())
    nodes: tuple[Node, ...] = field(default=())
    states: tuple[State, ...] = field(default=())
    origins: Mapping[str, Origin] = field(default_factory=dict)
