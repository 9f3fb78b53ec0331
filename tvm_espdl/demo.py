"""The whole way on a small real network, for somebody who has just installed the package.

It uses what users would use and nothing else; it leaves one new folder behind.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from .chips import DEFAULT_CHIP
from .compilation import compile_file
from .errors import ToolError
from .library import Library
from .ops.base.rounding import Array
from .quantize import quantize_onnx

DATA = Path(__file__).parent / "data" / "digits"


def run_demo() -> int:
    """Quantize, compile, run and export the digits network; print each step.

    Returns
    -------
    int
        0 when the C gives the bits of the library, else 1.

    Raises
    ------
    ToolError
        If there is no C compiler; everything before it has been shown by then.
    """
    with np.load(DATA / "digits.npz") as stored:
        calibration, images, labels = (stored[n] for n in ("calibration", "images", "labels"))
    folder = Path(tempfile.mkdtemp(prefix="tvm-espdl-demo-"))

    print("1. Quantize: a float CNN for 8x8 digits, 32 calibration images\n")
    quantized = quantize_onnx(DATA / "digits_cnn.onnx", calibration, DEFAULT_CHIP, measure=False)
    quantized.save(folder / "digits_quantized.onnx")
    print(quantized.report)

    print(f"\n2. Compile for the {DEFAULT_CHIP}: what runs where\n")
    library = compile_file(quantized.model)
    print(library.report())

    print("\n3. Run on the PC, with the chip's exact bits\n")
    print(_agreement(library, images, labels))

    project = library.export_project(folder / "new_project", sample_input=images[:1])
    print(f"\n4. ESP-IDF project written to {project}")

    print("\n5. Build its C with the system's compiler and run it\n")
    printed = _run_project(project, folder / "digits")
    print(printed)
    passed = printed.splitlines()[-1:] == ["PASS"]
    return 0 if passed else 1


def _agreement(library: Library, images: Array, labels: Array) -> str:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(DATA / "digits_cnn.onnx"), providers=["CPUExecutionProvider"]
    )
    name = library.input_names[0]
    floats = [session.run(None, {name: image[None]})[0].argmax() for image in images]
    chip = [library.run([image[None]])[0].argmax() for image in images]
    right = (np.mean(np.array(which) == labels) for which in (floats, chip))
    return (
        f"{len(images)} test images: float {next(right):.1%} right, int8 {next(right):.1%}; "
        f"both agree on {np.mean(np.array(floats) == np.array(chip)):.1%}"
    )


def _run_project(project: Path, program: Path) -> str:
    from .toolchain.compiler import Compiler
    from .toolchain.network import build_project

    compiler = Compiler.host()
    build_project(project, program, compiler)
    try:
        return compiler.run(program).strip()
    except ToolError as error:
        return f"{error}\nFAIL"
