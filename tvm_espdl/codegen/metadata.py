"""Says what a project holds: the account in metadata.json."""

from __future__ import annotations

import json
from typing import Any

from ..chips import Chip
from ..program import Program
from ..program.kernels import kernel_of_step
from ..version import __version__
from .sources import Sources


def metadata(program: Program, sources: Sources, model_id: str) -> str:
    """The text of metadata.json: what the network is, what it needs, what it computes."""
    chip: Chip = program.chip
    content = {
        "model_id": model_id,
        "tool": f"tvm-espdl {__version__}",
        "chip": chip.name,
        "rounding": chip.rounding,
        "inputs": _described(program.input_names, program.inputs, program),
        "outputs": _described(program.output_names, program.outputs, program),
        "states": _described(*_state_names(program), program),
        "arena_bytes": sources.plan.arena_bytes,
        "arena_lower_bound": sources.plan.lower_bound,
        "constant_bytes": sources.constant_bytes,
        "calls": [
            {
                "operator": step.operator.name,
                "kernel": kernel_of_step(step, chip),
                "inputs": step.inputs,
                "outputs": step.outputs,
            }
            for step in program.steps
        ],
        "tensors": _described(program.values, program.values, program),
    }
    return json.dumps(content, indent=2) + "\n"


def _state_names(program: Program) -> tuple[list[str], list[str]]:
    names = [state.value for state in program.states]
    return names, names


def _described(names: Any, values: Any, program: Program) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "dtype": program.values[value].dtype,
            "shape": program.values[value].shape,
            "exponent": program.values[value].exponent,
        }
        for name, value in zip(names, values, strict=True)
    ]
