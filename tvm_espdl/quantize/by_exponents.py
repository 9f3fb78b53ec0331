"""A float network quantized by a file of exponents in the place of data.

Must never look at samples.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from onnx import ModelProto

from ..chips import Chip
from ..errors import EspdlError
from ..onnx_graphs.graph import Graph
from .exponent_files import EspPpqExponents, SavedExponents, apply
from .exponent_files.applied import Applied
from .exponent_files.applying_esp_ppq import apply_esp_ppq, known_exponents
from .plan import Plan, make_plan
from .precision import INT8_ONLY
from .quantization import Options
from .report import QuantizationReport
from .report.account import Account
from .report.text import BY_FILE

Given = SavedExponents | EspPpqExponents


def by_exponents(
    given: Given, file: str, prepared: ModelProto, options: Options, chip: Chip
) -> tuple[Applied, QuantizationReport]:
    """The network with the exponents of a file, and the account of it, without measurements.

    `prepared` is the float network, preprocessed, and left as it is. Raises an EspdlError where
    the file does not fit network or chip.
    """
    if isinstance(given, SavedExponents):
        applied = apply(given, prepared, chip, file)
    else:
        applied = apply_esp_ppq(given, prepared, chip, per_channel=options.per_channel)
    floats = Account(applied.plan, applied.assignment, {}, chip).left_float()
    notes = (f"exponents are those of {file}; no data were looked at", *applied.notes)
    report = QuantizationReport(
        chip.name,
        BY_FILE,
        0,
        (),
        floats,
        BY_FILE,
        notes=notes,
        unmeasured="there were no calibration data",
    )
    return applied, report


def check_alone(ignored: Collection[str], file: str) -> None:
    """Refuse options that a file of exponents leaves no room for: EspdlError, naming them all."""
    if ignored:
        raise EspdlError(
            "the file of exponents decides alone",
            where="option exponents",
            found=f"{file}, and {', '.join(ignored)}",
            allowed="exponents without them",
            try_=f"leave out {', '.join(ignored)}, or quantize by data without exponents",
        )


def check_float(**options: object) -> None:
    """Refuse options about files of exponents for a network that is quantized: EspdlError."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise EspdlError(
            "the model is quantized already: its exponents are its own",
            where=f"option {given[0]}",
            found=", ".join(given),
            allowed="float models",
            try_="give the float model, or leave the option out",
        )


def with_known(
    given: EspPpqExponents, prepared: ModelProto, options: Options
) -> tuple[Options, dict[str, dict[int, int]]]:
    """Options and exponents for a quantization by data that keeps to what ESP-PPQ's file says."""
    plan = make_plan(Graph(prepared))
    bits = {name: held.bits for name, held in given.tensors.items()}
    floats = [name for name in given.floats if plan.graph.producer(name) in plan.rules]
    kept = replace(
        options,
        int16=(*options.int16, *int16_tensors(bits, plan)),
        float=(*options.float, *floats),
    )
    return kept, known_exponents(given)


def int16_tensors(bits: dict[str, int], plan: Plan) -> list[str]:
    """What is int16 elsewhere, by the width of each tensor's integers, and can be on the chip."""
    makers = {name: plan.graph.producer(name) for name in bits if plan.is_integer(name)}
    return [
        name
        for name, maker in sorted(makers.items())
        if bits[name] == 16
        and name not in plan.cells
        and maker is not None
        and plan.graph.nodes[maker].op_type not in INT8_ONLY
    ]
