"""Text files of the ESP-IDF project: templates filled in, and metadata.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import tvm

from ..chips import Chip
from ..chips.settings import Board
from ..program import Native, Program
from ..program.border.ports import Border, Port
from ..program.identity import digest, identity
from ..program.kernels import Preference, choice_of_step
from ..version import __version__
from .component import ESP_DL_VERSION
from .filling import filled
from .flash import CODE_BYTES, Flash
from .memory_account import memory_account
from .sources import Sources


def project_cmake(folder: str, chip: Chip) -> str:
    """Text of the project's `CMakeLists.txt`: its name is the folder's, in letters CMake takes."""
    name = re.sub(r"[^A-Za-z0-9_.+-]", "_", folder)
    return filled("CMakeLists.txt", command=build_command(chip), project=name)


def build_command(chip: Chip) -> str:
    """What builds a project for it."""
    preview = " --preview" if chip.project.preview else ""
    return f"idf.py{preview} set-target {chip.name} build"


def metadata(
    border: Border, sources: Sources, preference: Preference, board: Board, flash: Flash
) -> str:
    """The text of metadata.json: what the network is, what it needs, what it computes."""
    program = border.program
    chip, states = program.chip, [state.value for state in program.states]
    content = {
        "model_id": identity(border.network),
        **sources.name.user.entries,
        "name": sources.name.text,
        "tool": f"tvm-espdl {__version__}",
        "chip": chip.name,
        "rounding": chip.rounding,
        "inputs": _ports(border.inputs),
        "outputs": _ports(border.outputs),
        "states": _described(states, states, program),
        "versions": _versions(program, sources, board),
        "sha256": {"network": digest(border.network), "constants": sources.constant_sha256},
        "flash": {
            "megabytes": flash.megabytes,
            "application_bytes": flash.partitions[-1].size,
            "most_code_bytes": CODE_BYTES,
        },
        "arena_bytes": sources.plan.arena_bytes,
        "arena_lower_bound": sources.plan.lower_bound,
        "constant_bytes": sources.constant_bytes,
        "stack_bytes": sources.stack_bytes,
        "memory": memory_account(
            sources.plan,
            sources.constant_bytes,
            sum(program.values[name].nbytes for name in states),
            sources.output_psram_bytes,
            sources.memory,
        ),
        "calls": [
            {
                "operator": step.operator.name,
                "kernel": chosen.kernel,
                "why": chosen.why,
                "inputs": step.inputs,
                "outputs": step.outputs,
            }
            for step in program.steps
            for chosen in (choice_of_step(step, chip, preference),)
        ],
        "tensors": _described(program.values, program.values, program),
    }
    return json.dumps(content, indent=2) + "\n"


def _versions(program: Program, sources: Sources, board: Board) -> dict[str, str]:
    """What the project was made with, and what it is to be built with."""
    revision = program.chip.project.revision(board)
    versions = {"tvm-espdl": __version__, "esp-idf": revision.idf_versions}
    if sources.runtime.glue:
        versions["esp-dl"] = ESP_DL_VERSION
    if any(isinstance(step.operator, Native) for step in program.steps):
        versions["apache-tvm"] = tvm.__version__
    return versions


def _ports(ports: Iterable[Port]) -> list[object]:
    """What firmware exchanges; the layout where it is not the model's."""
    return [
        {
            "name": port.name,
            "dtype": port.own.dtype,
            "shape": port.own.shape,
            "exponent": port.own.exponent,
            **({} if port.format == "float" else {"format": port.format, "axes": port.axes}),
        }
        for port in ports
    ]


def _described(names: Iterable[str], values: Iterable[str], program: Program) -> list[object]:
    tensors = [program.values[value] for value in values]
    return [
        {"name": name, "dtype": t.dtype, "shape": t.shape, "exponent": t.exponent}
        for name, t in zip(names, tensors, strict=True)
    ]
