"""Which kernel computes a call in an exported project, and why: one table, for C and reports.

A chip with vectors gets ESP-DL's kernel wherever it computes in vectors what `ops` defines, and
does so without allocating memory. Everywhere else this package's portable C stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..chips import Chip, Family
from ..errors import EspdlError
from ..ops import Operator
from ..ops.base.operator import otherwise_of, sentence_of
from ..ops.clip import Clip
from ..ops.lut import Lut
from .border.pixel_table import PixelTable
from .program import Step

#: ESP-DL's own, this package's portable C, or a function that TVM has lowered to C.
Kernel = Literal["esp-dl", "portable", "tvm"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)

#: What a project prefers: the table, ESP-DL on chips without vectors as well, or never ESP-DL.
Preference = Literal["auto", "esp-dl", "portable"]
PREFERENCES: tuple[Preference, ...] = get_args(Preference)

#: Whose operator a call is, and so whose bits it gives: ESP-DL's, this package's, or TVM's.
Definer = Literal["ESP-DL", "tvm-espdl", "TVM"]
DEFINERS: tuple[Definer, ...] = get_args(Definer)


@dataclass(frozen=True)
class Row:
    """What some operators get.

    Attributes
    ----------
    operators : tuple of str
        Their names.
    kernel : str
        On chips with vectors: `esp-dl` or `portable`.
    why : str
        A sentence for users.
    dtypes : tuple of str
        Types of the first input that the row is for; empty for all of them.
    families : tuple of str
        Families of chips on which ESP-DL's kernel computes in vectors.
    without_vectors : bool
        Whether ESP-DL's kernel may be asked for on chips without vectors.
    """

    operators: tuple[str, ...]
    kernel: Kernel
    why: str
    dtypes: tuple[str, ...] = ()
    families: tuple[Family, ...] = ("pie_v1", "pie_v2")
    without_vectors: bool = False


_IN_VECTORS = "ESP-DL's kernel computes in vectors and allocates nothing"
_FLAGS = "the last bit of ESP-DL's result depends on the flags that it is compiled with"
_SCALAR = "ESP-DL's own loop computes element by element as well"
_ALLOCATES = "ESP-DL's kernel allocates memory at every call"
_SAME_BYTES = "its bytes stay as they are, in place or copied"
_LIMITS = "ESP-DL's kernels for two inputs limit integers in vectors"
_CHANGED = "ESP-DL's loop changes the exponent element by element as well"
_WHOLE_TABLE = "ESP-DL has no kernel for a table with an entry for each of 65536 integers"
_NOT_IN_ESP_DL = "ESP-DL has no such operator"
_NEEDS_VECTORS = "ESP-DL's kernel is called on chips with vectors alone"
_NO_HEAP = "this kernel allocates nothing"
_BROKEN = "ESP-DL's kernel cannot run it. The rule: {}"
_FLOATS = "ESP-DL's formula computes in float, element by element, as well"

_VECTORS: tuple[Kernel, str] = ("esp-dl", _IN_VECTORS)

TABLE: tuple[Row, ...] = (
    Row(
        ("conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d", "gemm"),
        *_VECTORS,
        without_vectors=True,
    ),
    Row(("matmul",), *_VECTORS),
    Row(("add", "sub", "mul"), *_VECTORS, without_vectors=True),
    Row(("maximum", "minimum"), *_VECTORS, families=("pie_v2",), without_vectors=True),
    Row(
        ("equal", "greater", "greater_equal", "less", "less_equal"),
        *_VECTORS,
        without_vectors=True,
    ),
    Row(("max_pool2d", "lut"), *_VECTORS, without_vectors=True),
    Row(("prelu",), *_VECTORS, dtypes=("int8",), without_vectors=True),
    Row(("prelu",), *_VECTORS, dtypes=("int16",), families=("pie_v1",), without_vectors=True),
    Row(("resize_nearest",), *_VECTORS, without_vectors=True),
    Row(("requantize",), *_VECTORS),
    Row(("average_pool2d",), "portable", _ALLOCATES),
    Row(
        ("hard_sigmoid", "layer_norm", "rms_norm", "resize_linear", "softmax", "log_softmax"),
        "portable",
        _FLAGS,
    ),
    Row(("quantize", "dequantize", "leaky_relu", "gru", "lstm"), "portable", _FLOATS),
    Row(("elu", "exp", "hard_swish", "log", "sigmoid", "swish", "tanh"), "portable", _FLOATS),
    Row(("div", "lp_norm", "mod", "pow", "sqrt"), "portable", _FLOATS),
    Row(
        ("reduce_l1", "reduce_l2", "reduce_log_sum", "reduce_log_sum_exp", "reduce_max"),
        "portable",
        _SCALAR,
    ),
    Row(
        ("reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "reduce_sum_square"),
        "portable",
        _SCALAR,
    ),
    Row(("clip",), "esp-dl", _LIMITS),
    Row(("neg", "relu"), "portable", _SCALAR),
    Row(
        ("concat", "depth_to_space", "gather", "insert_zeros", "pad"),
        "portable",
        _SCALAR,
    ),
    Row(
        ("reverse_sequence", "scatter_nd", "slice", "space_to_depth", "transpose"),
        "portable",
        _SCALAR,
    ),
    Row(("reshape",), "portable", _SAME_BYTES),
    Row(("abs", "sign"), "portable", _NOT_IN_ESP_DL),
)


#: No operator of a network: it stands in front of one.
_PIXELS = Row(("pixel_table",), "portable", _NOT_IN_ESP_DL)


@dataclass(frozen=True)
class Choice:
    """A kernel, and the sentence that says why it is this one."""

    kernel: Kernel
    why: str


def check_preference(preference: str) -> None:
    """Refuse what is none of `PREFERENCES`.

    Raises
    ------
    EspdlError
        If it is not; the message names all of them.
    """
    if preference not in PREFERENCES:
        raise EspdlError(
            "no such preference for kernels",
            where="kernels",
            found=repr(preference),
            allowed=", ".join(PREFERENCES),
        )


def row_of(operator: str, dtype: str) -> Row:
    """The one row for an operator whose first input is of a type."""
    (row,) = (
        row
        for row in TABLE
        if operator in row.operators and (not row.dtypes or dtype in row.dtypes)
    )
    return row


def choice(operator: Operator, chip: Chip, preference: Preference = "auto") -> Choice:
    """The kernel of an operator in a project for `chip`; `check_preference` has seen the last."""
    dtype = operator.inputs[0].dtype
    row = _PIXELS if isinstance(operator, PixelTable) else row_of(operator.name, dtype)
    if preference == "portable":
        return Choice("portable", "portable kernels were asked for")
    if unsuited := _unsuited(operator):
        return Choice("portable", unsuited)
    if row.kernel != "esp-dl" or chip.family in row.families:
        return Choice(row.kernel, row.why)
    if chip.vector_bytes:
        return Choice("portable", _SCALAR)
    if preference == "esp-dl" and row.without_vectors:
        return Choice("esp-dl", "ESP-DL's kernels were asked for")
    why = _NEEDS_VECTORS if preference == "esp-dl" else _NO_HEAP
    return Choice("portable", f"{chip.name} has no vectors, and {why}")


def _unsuited(operator: Operator) -> str:
    """Why ESP-DL's kernel does not suit this one among its operators; "" where it does."""
    if isinstance(operator, Lut) and not operator.in_esp_dls_form:
        return _WHOLE_TABLE
    return _CHANGED if isinstance(operator, Clip) and not operator.keeps_exponent else ""


def choice_of_step(step: Step, chip: Chip, preference: Preference = "auto") -> Choice:
    """The kernel that an exported project for `chip` calls; the same where it is a mere view."""
    if not isinstance(step.operator, Operator):
        return Choice("tvm", "no operator of ESP-DL or of this package computes it")
    if broken := rules_beyond_espdl(step):
        return Choice("portable", _BROKEN.format(sentence_of(getattr(step.operator, broken[0]))))
    return choice(step.operator, chip, preference)


def kernel_of_step(step: Step, chip: Chip, preference: Preference = "auto") -> Kernel:
    """`esp-dl`, `portable` or `tvm`."""
    return choice_of_step(step, chip, preference).kernel


def definer_of_step(step: Step) -> Definer:
    """Whose operator it is. Where it is ESP-DL's, ESP-DL has a kernel for it."""
    if not isinstance(step.operator, Operator):
        return "TVM"
    own = rules_beyond_espdl(step) or not is_in_espdl(step.operator)
    return "tvm-espdl" if own else "ESP-DL"


def rules_beyond_espdl(step: Step) -> tuple[str, ...]:
    """Rules that a step may break because this package's kernel computes it in ESP-DL's place."""
    if not isinstance(step.operator, Operator):
        return ()
    return tuple(name for name in step.admits if otherwise_of(step.operator, name) == "portable")


def is_in_espdl(operator: Operator) -> bool:
    """Whether ESP-DL has the operator, as it declares itself."""
    return operator.in_esp_dl()
