"""Vectors and single-node files of ESP-DL's own code beyond those that the package ships.

TVM_ESPDL_VECTORS names their folders: `index.json` with its `.npz` files, and `.espdl` files in
`espdl`; without it they are looked for beside the project. By default NumPy runs all vectors, and
one file of each operator on each chip; with TVM_ESPDL_ALL=1 every engine runs all of both.
"""

import os
import re
import warnings
from pathlib import Path

import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.espdl import load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import differences, inputs_of, outputs_of
from tvm_espdl.program import reference
from tvm_espdl.selftest.run import run_selftest

ALL = os.environ.get("TVM_ESPDL_ALL") == "1"
SHARED = Path(__file__).parents[3] / "shared"
NAMED = os.environ.get("TVM_ESPDL_VECTORS", f"{SHARED / 'vectors'}{os.pathsep}{SHARED / 'golden'}")
FOLDERS = [path for path in map(Path, NAMED.split(os.pathsep)) if (path / "index.json").is_file()]

WITH_FILES = [folder for folder in FOLDERS if (folder / "espdl").is_dir()]

pytestmark = pytest.mark.skipif(
    not FOLDERS, reason="no folder of vectors: TVM_ESPDL_VECTORS names some"
)


def files_of(folder):
    """All files, or one of each chip and operator."""
    paths = sorted((folder / "espdl").glob("*.espdl"))
    kinds = {re.match(r"(\w+?)__(\w+?)__", path.name).groups(): path for path in paths}
    return paths if ALL else list(kinds.values())


@pytest.mark.parametrize("engine", ["numpy", "host", "c"] if ALL else ["numpy"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_vectors(folder, engine, request):
    if engine == "c":
        request.getfixturevalue("c_compiler")
    outcomes = run_selftest(engine, folder)
    assert outcomes
    assert [outcome for outcome in outcomes if outcome.failure] == []


@pytest.mark.parametrize("folder", WITH_FILES, ids=lambda path: path.name)
def test_files(folder):
    wrong = {}
    assert files_of(folder)
    for path in files_of(folder):
        file, chip = load(path), path.name.split("__")[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EspdlWarning)
            if ALL:
                library = compile_espdl(file, chip)
                results = library.first_run(inputs_of(file))
                found = dict(zip(library.output_names, results, strict=True))
            else:
                found = reference.outputs(program_of(file, find_chip(chip)), inputs_of(file))
        wrong[path.name] = differences(outputs_of(file), found)
    assert {name: texts for name, texts in wrong.items() if texts} == {}
