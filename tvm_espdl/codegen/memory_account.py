"""What a network's memory is used for, and why a tensor lies where it does: for metadata and users.

It tells what the plan says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..program.memory import Block, Plan
from .arenas import arena_name, psram_bytes
from .memory_choice import PSRAM, MemoryChoice

#: Blocks outside internal RAM that are shown to users.
SHOWN = 8


def memory_account(
    plan: Plan, constant_bytes: int, state_bytes: int, output_bytes: int, choice: MemoryChoice
) -> dict[str, Any]:
    """The entry `memory` of metadata.json: sizes in bytes, arenas, and what lies in them.

    Of states, and of the main's buffers for outputs in PSRAM, the bytes are given.
    """
    copied = constant_bytes if choice.weights == "psram" else 0
    return {
        "internal_ram_bytes": _static_internal(plan) + state_bytes,
        "psram_bytes": psram_bytes(plan) + copied + output_bytes,
        "constants": "flash, copied to PSRAM by the first run" if copied else "flash",
        "arenas": [
            {
                "name": arena_name(index),
                "memory": arena.pool.name,
                "bytes": arena.nbytes,
                "most_bytes": arena.pool.limit,
            }
            for index, arena in enumerate(plan.arenas)
        ],
        "blocks": [
            {
                "tensors": list(block.names),
                "bytes": block.nbytes,
                "steps": [block.step, block.last],
                "arena": arena_name(block.arena),
                "offset": block.offset,
                "accesses_of_a_byte": round(block.density, 2),
                "why": _why(block, plan),
            }
            for block in plan.blocks
        ],
        "views": sorted(plan.views),
        "joined": sorted(plan.pitches),
        "outputs_in_psram": sorted(choice.psram_outputs),
    }


def _static_internal(plan: Plan) -> int:
    return sum(a.nbytes for a in plan.arenas if a.pool.limit is not None and a.pool.name != PSRAM)


def _why(block: Block, plan: Plan) -> str:
    pool = plan.arenas[block.arena].pool
    if pool.limit is None:
        return "the caller's buffer holds all tensors"
    used = [arena for arena in plan.arenas if arena.nbytes]
    if len(used) == 1:
        return f"all tensors fit into {pool.name}"
    if pool.name != PSRAM:
        return "of the tensors whose bytes are accessed most often"
    rooms = [arena.pool.limit or 0 for arena in plan.arenas if arena.pool.name != PSRAM]
    if block.nbytes > max(rooms, default=0):
        return "larger than what internal RAM has for tensors"
    return "internal RAM is taken by tensors whose bytes are accessed more often"


def memory_of(project: Path) -> str:
    """What users read of the memory of a project that was written."""
    (file,) = project.glob("components/*/model/metadata.json")
    return account_text(json.loads(file.read_text()))


def account_text(metadata: Mapping[str, Any]) -> str:
    """What users read of a project's memory, from its metadata.json."""
    memory = metadata["memory"]
    lines = [f"memory on {metadata['chip']}:"]
    blocks = memory["blocks"]
    accesses = sum(block["accesses_of_a_byte"] * block["bytes"] for block in blocks)
    for arena in memory["arenas"]:
        inside = [block for block in blocks if block["arena"] == arena["name"]]
        if not inside:
            continue
        its = sum(block["accesses_of_a_byte"] * block["bytes"] for block in inside)
        most = "" if arena["most_bytes"] is None else f" of {arena['most_bytes']:,}"
        lines.append(
            f"  {arena['memory']}: {arena['bytes']:,}{most} bytes for {len(inside)} "
            f"block{'s' * (len(inside) != 1)} of tensors, "
            f"{100 * its / max(accesses, 1):.0f} % of accesses"
        )
    lines.append(f"  flash: {metadata['constant_bytes']:,} bytes of constants")
    lines.append(f"  stack of the task that runs it: {metadata['stack_bytes']:,} bytes for the run")
    if memory["outputs_in_psram"]:
        outputs = ", ".join(map(repr, memory["outputs_in_psram"]))
        lines.append(f"  in PSRAM: the buffers for outputs of the project's main, {outputs}")
    if memory["psram_bytes"]:
        lines.append(f"  the board needs {memory['psram_bytes']:,} bytes of PSRAM in all")
    names = {arena["name"] for arena in memory["arenas"] if arena["memory"] == PSRAM}
    outside = sorted(
        (block for block in blocks if block["arena"] in names), key=lambda block: -block["bytes"]
    )
    for block in outside[:SHOWN]:
        tensors = block["tensors"]
        more = f" and {len(tensors) - 1} more" if len(tensors) > 1 else ""
        named = f"{tensors[0]}{more}" if tensors else f"workspace of step {block['steps'][0]}"
        lines.append(f"  in PSRAM: {block['bytes']:,} bytes, {named}: {block['why']}")
    if more_outside := outside[SHOWN:]:
        lines.append(f"  in PSRAM: {len(more_outside)} more, see metadata.json")
    return "\n".join(lines)
