"""What every operator is: a frozen record of tensors and attributes that answers questions.

An operator knows its rules, its arithmetic, its cost and its C call. It never reads files and
never imports TVM.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

from ...chips import Chip
from .ccall import CCall, FieldValue, Needs, Pointers
from .form import Form
from .rounding import Array

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: bool) -> Callable[[type], type]:
        """Nothing at run time: what type checkers are told about `Operator.__init_subclass__`."""
        return lambda kind: kind


Exponent = int | tuple[int, ...] | None

#: What becomes of an operator that breaks a rule, in a file that is for this chip: no kernel runs
#: it, so that the file's reader looks for other operators, and for TVM; the chip does, with the
#: reference's bits, which may be none that a user wants; or this package's kernels do, by the same
#: definition, where ESP-DL's cannot.
Otherwise = Literal["refused", "followed", "portable"]


@dataclass(frozen=True)
class Tensor:
    """Type of a tensor as the chip holds it.

    Attributes
    ----------
    dtype : str
        `int8`, `int16`, `int32`, `int64`, `float32`, or `bool` for the result of a comparison.
    shape : tuple of int
        In the chip's run-time layout (NHWC for activations); filters are OIHW, gemm weights KN.
    exponent : int, tuple of int or None
        The real value is `q * 2**exponent`; one per output channel for a per-channel filter;
        None for floats and truth values.
    """

    dtype: str
    shape: tuple[int, ...]
    exponent: Exponent = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, without padding."""
        return self.size * np.dtype(self.dtype).itemsize

    @property
    def suffix(self) -> str:
        """Ending of the names of C kernels for such tensors: `s8`, `s16` or `f32`."""
        return {"int8": "s8", "int16": "s16", "float32": "f32"}[self.dtype]

    @property
    def uniform_exponent(self) -> int:
        """The one exponent of the tensor.

        Raises
        ------
        ValueError
            If it is a float tensor or has an exponent per channel.
        """
        if not isinstance(self.exponent, int):
            raise ValueError(f"no uniform exponent: {self.exponent}")
        return self.exponent

    def permuted(self, axes: tuple[int, ...]) -> Tensor:
        """The type after a transpose by `axes`."""
        return dataclasses.replace(self, shape=tuple(self.shape[axis] for axis in axes))


@dataclass(frozen=True)
class Refusal:
    """Why ESP-DL's kernels on a chip cannot compute an operator.

    Attributes
    ----------
    rule : str
        Name of the rule, stable, for programs.
    sentence : str
        The rule itself, as it stands in the table of supported operators.
    found, allowed, fix : str
        What this operator has, what the rule wants, and what to change.
    otherwise : str
        What becomes of the operator of a file that is for this chip.
    """

    rule: str
    sentence: str
    found: str
    allowed: str
    fix: str
    otherwise: Otherwise = "refused"

    def __str__(self) -> str:
        return f"{self.sentence} Found: {self.found}. Allowed: {self.allowed}. Try: {self.fix}."


@dataclass(frozen=True, eq=False)
class Summed:
    """The sums inside a convolution or a matrix product, for bounds.

    Attributes
    ----------
    weights : numpy.ndarray
        `(output channels, products)`, integers.
    bias : numpy.ndarray or None
        `(output channels,)`.
    lanes_only : bool
        Whether the chip computes all output channels in vector lanes (depthwise).
    """

    weights: Array
    bias: Array | None
    lanes_only: bool = False


Check = Callable[[Any, Chip], str | None]
CheckT = TypeVar("CheckT", bound=Check)


def rule(*, allowed: str, fix: str, otherwise: Otherwise = "refused") -> Callable[[CheckT], CheckT]:
    """Declare a method as a rule of its operator.

    The method returns None when the chip can run the operator, else what it found. Its docstring
    is the sentence shown to users, in the report, in errors and in the table of operators.
    """

    def mark(check: CheckT) -> CheckT:
        check.espdl_rule = (allowed, fix)  # type: ignore[attr-defined]
        check.espdl_otherwise = otherwise  # type: ignore[attr-defined]
        return check

    return mark


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Operator:
    """Base of all operators. Every class derived from it is a frozen dataclass.

    Attributes
    ----------
    name : str
        Name of the operator; its composite is called `espdl.<name>`.
    channels_last : bool
        True when the activations must be NHWC (NWC); False when any layout will do.
    family : str
        Name of the file that says something of it in each layer, one of `families.FAMILIES`.
    header : str
        The C header `espdl_<header>.h` whose loops its derived kernel uses; "" for others.
    form : Form or None
        The declaration of an ordinary operator; None for others.
    c : str
        The formula as an expression of C99, or as lines that return it; "" where the kernels are
        files of the operator's own.
    descriptor : str
        Struct type of the C kernel's descriptor; "" for `espdl_<name>_t`.
    pointers : str
        Types of the pointers that the C kernel takes, as `CCall` has them.
    has_vector_kernel : bool
        Whether ESP-DL has a kernel for it in vectors, which wants operands aligned to vectors and
        reads them in whole ones.
    writes_apart : bool
        Whether the pixels of its result may lie apart; then its call has the field `PITCH`.
    input_fields, constant_fields : tuple of str
        Fields that are run-time inputs and constants. The result is always the field `y`.
    """

    name: ClassVar[str] = ""
    channels_last: ClassVar[bool] = False
    family: ClassVar[str] = ""
    header: ClassVar[str] = ""
    form: ClassVar[Form | None] = None
    c: ClassVar[str] = ""
    descriptor: ClassVar[str] = ""
    pointers: ClassVar[Pointers] = "typed"
    has_vector_kernel: ClassVar[bool] = False
    writes_apart: ClassVar[bool] = False
    input_fields: ClassVar[tuple[str, ...]] = ("x",)
    constant_fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)

    @classmethod
    def derives_kernels(cls) -> bool:
        """Whether the kernels are derived from the class, in TIR and in C."""
        return bool(cls.c) or cls.header == "strided"

    @classmethod
    def in_esp_dl(cls) -> bool:
        """Whether ESP-DL has a kernel for it: else the definition is this package's own."""
        return cls.form is None or cls.form.espdl is not None or cls.form.base_only

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Types of the run-time inputs, in the order of the call."""
        return self._tensors(self.input_fields)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Types of the constants, in the order of the call, after the inputs."""
        return self._tensors(self.constant_fields)

    @property
    def output(self) -> Tensor:
        """Type of the result."""
        return self._tensors(("y",))[0]

    def _tensors(self, names: tuple[str, ...]) -> tuple[Tensor, ...]:
        """What the fields hold; one that is None is left out."""
        return tuple(tensor for name in names if (tensor := getattr(self, name)) is not None)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return 0

    @property
    def bytes_moved(self) -> int:
        """Bytes of all inputs, constants and the output, each counted once."""
        return sum(t.nbytes for t in (*self.inputs, *self.constants, self.output))

    def workspace_bytes(self, chip: Chip) -> int:
        """Memory that the C kernel works in: where not 0, its last argument points to so much."""
        return 0

    def needs(self, chip: Chip) -> Needs:
        """What the C kernel asks of the memory it works on, whichever implementation is linked."""
        vector = chip.vector_bytes if self.has_vector_kernel else 0
        return Needs(
            self.workspace_bytes(chip), self.in_place, vector, max(vector, 1), self.writes_apart
        )

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """The result on `chip`, bit for bit: the definition of truth.

        Parameters
        ----------
        chip : Chip
            Decides rounding and accumulators.
        *arrays : numpy.ndarray
            Inputs, then constants, of the types stated by `inputs` and `constants`.
        """
        raise NotImplementedError

    @property
    def in_place(self) -> tuple[int, ...]:
        """Inputs whose memory the output may take in C, one at a time."""
        return ()

    @property
    def suffix(self) -> str:
        """Ending of the C kernel's name: the type of the first input."""
        return self.inputs[0].suffix

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """How generated C runs the operator: function, descriptor, packed constants."""
        return CCall(
            function=f"espdl_{self.name}_{self.suffix}",
            descriptor=self.descriptor or f"espdl_{self.name}_t",
            fields=self.fields(chip),
            arrays=self.arrays(*constants),
            needs=self.needs(chip),
            pointers=self.pointers,
        )

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Members of the C descriptor that are numbers, in order."""
        raise NotImplementedError

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """Members of the C descriptor that point to constants, packed as the kernel reads them."""
        return {}

    def summed(self, *constants: Array) -> Summed | None:
        """What is summed for each output channel; None without products of constants."""
        return None

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same operator on activations transposed by `axes`, where any layout will do."""
        raise NotImplementedError(f"{self.name} has a fixed layout")

    def transposed(self, axes: tuple[int, ...], /, **changes: Any) -> Operator:
        """The record with inputs and result transposed by `axes`, and other fields changed."""
        moved = {n: getattr(self, n).permuted(axes) for n in (*self.input_fields, "y")}
        return dataclasses.replace(self, **moved, **changes)

    def refusals(self, chip: Chip) -> list[Refusal]:
        """Every rule that keeps the operator off the chip's ESP-DL kernels; empty when none."""
        found = []
        for check in rules_of(type(self)):
            result = check(self, chip)
            if result is not None:
                allowed, fix = check.espdl_rule  # type: ignore[attr-defined]
                sentence = sentence_of(check)
                otherwise = check.espdl_otherwise  # type: ignore[attr-defined]
                found.append(Refusal(check.__name__, sentence, result, allowed, fix, otherwise))
        return found

    def to_json(self) -> str:
        """The record as text: deterministic, read back by `registry.from_json`."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps({"name": self.name, **fields}, default=_encode, sort_keys=True)


_RULES: dict[type[Operator], tuple[Check, ...]] = {}


def rules_of(operator: type[Operator]) -> tuple[Check, ...]:
    """The rules of an operator class, inherited ones included, in alphabetical order."""
    if operator not in _RULES:
        members = (check for _, check in inspect.getmembers(operator))
        _RULES[operator] = tuple(check for check in members if hasattr(check, "espdl_rule"))
    return _RULES[operator]


def otherwise_of(operator: Operator, name: str) -> Otherwise:
    """What becomes of an operator that breaks the rule of this name."""
    check = next(check for check in rules_of(type(operator)) if check.__name__ == name)
    otherwise: Otherwise = check.espdl_otherwise  # type: ignore[attr-defined]
    return otherwise


def sentence_of(check: Check) -> str:
    """The first paragraph of a rule's docstring, in one line."""
    return inspect.cleandoc(check.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _encode(value: object) -> object:
    if isinstance(value, Tensor):
        return {"dtype": value.dtype, "shape": value.shape, "exponent": value.exponent}
    raise TypeError(f"a record cannot hold {value!r}")
