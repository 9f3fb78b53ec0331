"""Tries the choices that an estimate advises for a float network, and takes the fastest.

Optional steps of preprocessing change the network, memory and kernels its project. What wants
training or another board is advised only, and never tried here.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from onnx import ModelProto

from .chips import Chip
from .compilation import compile_file
from .estimate import Estimate, Settings, evaluate
from .estimate.counting import is_counted
from .estimate.machine import Weights
from .preprocess import preprocess_onnx
from .preprocess.steps import STEPS
from .program.kernels import PREFERENCES, Preference
from .quantize.preview import as_if_quantized


@dataclass(frozen=True)
class Trial:
    """One combination.

    Attributes
    ----------
    enabled : tuple of str
        Optional steps of preprocessing.
    weights : str
        `flash` or `psram`.
    kernels : str
        As `export` takes them.
    estimate : Estimate
        Of the network with these.
    model : ModelProto
        The preprocessed network.
    """

    enabled: tuple[str, ...]
    weights: Weights
    kernels: Preference
    estimate: Estimate
    model: ModelProto

    @property
    def options(self) -> str:
        """What to type for it."""
        steps = "".join(f" --enable {name}" for name in self.enabled)
        export = f"export --weights {self.weights} --kernels {self.kernels}"
        return f"preprocess{steps}; {export}"


def deep_search(
    model: str | os.PathLike[str] | ModelProto,
    chip: Chip,
    settings: Settings | None = None,
    kernels: Sequence[Preference] | None = None,
    **preprocessing: Any,
) -> list[Trial]:
    """All combinations, the fastest that fits first.

    Parameters
    ----------
    settings : Settings, optional
        What is tried beside them is as a user states it.
    kernels : sequence of str, optional
        Those that are tried; by default all whose time on the chip can be estimated.
    **preprocessing
        Further arguments of `preprocess_onnx`.

    Raises
    ------
    ModelError
        If the network cannot be preprocessed, quantized or compiled.
    EspdlError
        As `evaluate`.
    """
    optional = [step.name for step in STEPS if not step.on and step.changes_cost]
    subsets = itertools.chain.from_iterable(
        itertools.combinations(optional, count) for count in range(len(optional) + 1)
    )
    if kernels is None:
        kernels = [kind for kind in PREFERENCES if is_counted(kind, chip)]
    trials: list[Trial] = []
    for enabled in subsets:
        prepared = preprocess_onnx(model, enable=enabled, **preprocessing)
        library = compile_file(as_if_quantized(prepared, chip), chip.name)
        for place, kind in itertools.product(_places(chip, settings or Settings()), kernels):
            stated = replace(settings or Settings(), weights=place)
            estimate = evaluate(library, stated, kernels=kind)
            trials.append(Trial(enabled, place, kind, estimate, prepared))
    return sorted(trials, key=lambda trial: (not trial.estimate.fits, trial.estimate.milliseconds))


def _places(chip: Chip, settings: Settings) -> tuple[Weights, ...]:
    """Where weights may be: as a user states it, else wherever the chip can have them."""
    if settings.weights is not None:
        return (settings.weights,)
    return ("flash", "psram") if chip.memories.psram else ("flash",)
