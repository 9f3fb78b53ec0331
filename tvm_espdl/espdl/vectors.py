"""The test inputs and outputs stored in a file, and the first place where results differ from them.

Integers must be equal. Floats come from a C library's `expf`, whose last bits differ between
machines: they must be near.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import ModelError
from ..ops.base.rounding import Array
from .file import File
from .schema import Tensor

FLOAT_ULPS = 16
#: Of the values of a tensor that a simulation in float32 leaves one step beside.
MOST_SIMULATED = 0.01


def inputs_of(file: File) -> dict[str, Array]:
    """The stored inputs by name, one sample; refused where the file has none."""
    return _arrays(file, file.model.graph.test_inputs, "inputs")


def outputs_of(file: File) -> dict[str, Array]:
    """The stored outputs by name, for the stored inputs; refused where the file has none."""
    return _arrays(file, file.model.graph.test_outputs, "outputs")


def _arrays(file: File, tensors: tuple[Tensor, ...], what: str) -> dict[str, Array]:
    if not tensors:
        raise ModelError(
            f"the file has no test {what}",
            where=file.where,
            try_="give inputs of your own: --input, or a call with arrays",
        )
    return arrays_of(tensors)


def arrays_of(tensors: tuple[Tensor, ...]) -> dict[str, Array]:
    """Stored tensors by name, dense."""
    return {tensor.name: tensor.array().astype(tensor.dtype) for tensor in tensors}


def difference(name: str, stored: Array, computed: Array) -> str | None:
    """What differs first between a stored and a computed tensor, None where nothing does.

    The shape may differ, which exporters leave in another order of axes; the elements may not.
    """
    if stored.size != computed.size or stored.dtype != computed.dtype:
        return (
            f"{name}: {computed.dtype} of shape {computed.shape}, "
            f"stored {stored.dtype} of shape {stored.shape}"
        )
    if not stored.size:
        return f"{name}: the stored tensor has no elements"
    expected, found = stored.reshape(computed.shape), computed
    wrong = ~_near(expected, found) if stored.dtype.kind == "f" else expected != found
    if not wrong.any():
        return None
    place = tuple(int(at) for at in np.argwhere(wrong)[0])
    return (
        f"{name}: {int(wrong.sum())} of {wrong.size} values differ, first at {place}: "
        f"{found[place]}, stored {expected[place]}"
    )


def differences(stored: Mapping[str, Array], computed: Mapping[str, Array]) -> list[str]:
    """`difference` for all stored tensors, those without any left out."""
    found = (
        difference(name, array, computed[name]) if name in computed else f"{name}: not computed"
        for name, array in stored.items()
    )
    return list(filter(None, found))


def simulated(stored: Mapping[str, Array], computed: Mapping[str, Array]) -> str:
    """Why results differ where a simulation explains it, a sentence; "" where it does not.

    It does where all that differs is int16, by one step, in few values.
    """
    explained = False
    for name, expected in stored.items():
        found = computed.get(name)
        if found is None or difference(name, expected, found) is None:
            continue
        if (str(expected.dtype), str(found.dtype), found.size) != ("int16",) * 2 + (expected.size,):
            return ""
        steps = np.abs(found.ravel().astype(np.int32) - expected.ravel().astype(np.int32))
        if steps.max() > 1 or np.count_nonzero(steps) > max(1, MOST_SIMULATED * steps.size):
            return ""
        explained = True
    return _SIMULATED if explained else ""


_SIMULATED = (
    "The stored outputs are probably ESP-PPQ's, which simulates int16 in float32: the last bit of "
    "a sum of products is lost there. The bits here are the chip's, which adds up integers."
)


def _near(a: Array, b: Array) -> Array:
    """Whether floats are a few units in the last place apart, or both infinite or no numbers."""
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= FLOAT_ULPS * np.spacing(np.maximum(np.abs(a), np.abs(b)))
    return near | (a == b) | (np.isnan(a) & np.isnan(b))
