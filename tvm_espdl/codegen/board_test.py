"""The project's test for pytest-embedded: its firmware on a board, or on Espressif's emulators.

Which emulators know a chip, `chips` says.
"""

from __future__ import annotations

from ..chips import Chip
from .filling import filled
from .project_text import build_command

#: What pytest calls a run, the services that it needs, and the package of the last one of them.
_BOARD = ("board", "esp,idf", "pytest-embedded-serial-esp")


def board_test(chip: Chip, name: str, model_id: str, *, has_vectors: bool) -> str:
    """Text of `pytest_<name>.py`.

    Parameters
    ----------
    name : str
        The network's name in C.
    model_id : str
        What the firmware prints first.
    has_vectors : bool
        Whether kernels compute with the chip's vector instructions.
    """
    emulated = [(each, f"idf,{each}", f"pytest-embedded-{each}") for each in chip.project.emulators]
    kinds = (_BOARD, *emulated)
    runs = [f"    pytest pytest_{name}.py -k {kind}" for kind, *_ in kinds]
    runs[0] += " --port /dev/ttyUSB0"
    if has_vectors and "qemu" in chip.project.emulators:
        runs += ["", "QEMU has no vector instructions: build with -DTVM_ESPDL_PORTABLE=1 for it."]
    return filled(
        "pytest.py",
        command=build_command(chip),
        packages=" ".join(["pytest-embedded-idf", *(package for *_, package in kinds)]),
        runs="\n".join(runs),
        services="\n".join(f'    pytest.param("{s}", id="{kind}"),' for kind, s, _ in kinds),
        chip=chip.name,
        name=name,
        model_id=model_id,
    )
