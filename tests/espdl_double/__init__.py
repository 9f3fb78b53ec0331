"""A test double of ESP-DL's interface, and the programs that run the glue on it.

The headers have ESP-DL's names and declare what the glue uses; the sources compute each call from
its argument block alone, and refuse one that ESP-DL's own builders would not have made.

* `objects` compiles glue and double for a family, for whoever links them into something.
* `Program` runs operators through them, in a program that guards all memory.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tvm_espdl.chips import CHIPS, FAMILIES
from tvm_espdl.codegen.kernels import runtime_files
from tvm_espdl.codegen.literals import descriptor_definition
from tvm_espdl.errors import ToolError
from tvm_espdl.ops.base.ccall import CCall
from tvm_espdl.program.kernels import row_of
from tvm_espdl.toolchain.compiler import Compiler

HERE = Path(__file__).parent
GLUE = HERE.parents[1] / "tvm_espdl" / "runtime" / "glue"
VERSION = "3.3.9"

#: Macro that makes the double a chip of the family.
TARGETS = {
    "c": "ESPDL_DOUBLE_ESP32",
    "pie_v1": "ESPDL_DOUBLE_ESP32S3",
    "pie_v2": "ESPDL_DOUBLE_ESP32P4",
}

_CPP = (
    *("-std=c++20", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"),
    *("-Wall", "-Wextra", "-Werror", "-O1"),
)
HOST = ("g++", *_CPP)
RV32 = (
    *("riscv64-unknown-elf-g++", *_CPP, "-march=rv32imafc", "-mabi=ilp32f"),
    *("--specs=picolibc.specs", "-ffreestanding"),
)


def glue_sources(family):
    """The files of the glue that a family's chips may be given; the table decides."""
    vectors = CHIPS[FAMILIES[family]].vector_bytes
    paths = {path.stem.removeprefix("espdl_"): path for path in sorted(GLUE.glob("espdl_*.cpp"))}
    kept = (name for name in paths if vectors or row_of(name, "int8").without_vectors)
    return [paths[name] for name in kept]


def double_sources():
    """All files of the double that are compiled."""
    return sorted(HERE.glob("*.cpp"))


def objects(family, folder, sources=None, *, includes=(), compiler=HOST, defines=(), options=()):
    """Compile glue and double for a family.

    Parameters
    ----------
    family : str
        Of the chip.
    folder : Path
        Gets the objects; it exists.
    sources : iterable of Path, optional
        Sources of the glue, where they are not those of `glue_sources`: a project's own, for
        example.
    includes : iterable of Path
        Folders with `espdl_kernels.h` and `espdl_prototypes.h`.
    compiler : sequence of str
        Command and options, `HOST` or `RV32`.
    defines : iterable of str
        Further macros for the glue, as ESPDL_WITHOUT_S8.
    options : iterable of str
        Further options for the glue.

    Returns
    -------
    dict of str to Path
        The objects by the names of their sources, to be linked with C or C++: they need no library
        but that of C.

    Raises
    ------
    ToolError
        If a source does not compile.
    """
    glue = glue_sources(family) if sources is None else list(sources)
    made = {source.name: folder / f"{source.stem}.o" for source in (*glue, *double_sources())}
    flags = [*options, *(f"-D{macro}" for macro in defines)]
    for source in glue:
        compile_one(
            *(family, source, made[source.name]),
            includes=includes,
            compiler=compiler,
            options=flags,
        )
    for source in double_sources():
        compile_one(family, source, made[source.name], compiler=compiler)
    return made


def compile_one(family, source, target, *, includes=(), compiler=HOST, options=(), version=VERSION):
    """Compile one source of glue or double; where `target` is None, only look for its errors."""
    macros = [f"-D{TARGETS[family]}", f'-DTVM_ESPDL_ESP_DL_VERSION="{version}"']
    folders = [f"-I{folder}" for folder in (source.parent, *includes, GLUE, HERE)]
    made = ("-fsyntax-only",) if target is None else ("-c", "-o", target)
    run([*compiler, *options, *macros, *folders, *made, source])


def run(command, folder=None):
    """What a command prints.

    Raises
    ------
    ToolError
        If it fails; `found` has what it said.
    """
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise ToolError(f"exit status {done.returncode}", where=str(command[0]), found=said)
    return done.stdout


@dataclass(frozen=True, eq=False)
class Run:
    """An operator with one set of inputs; `call` is the compiled one of its constants."""

    call: CCall
    inputs: tuple
    output: object


@dataclass(frozen=True)
class Result:
    """What a run computed, and how often it called ESP-DL."""

    output: np.ndarray
    calls: int


def cases_source(runs):
    """The cases of `harness.h` in C, one function for each call."""
    functions, numbers, rows = [], {}, []
    for one in runs:
        call = one.call
        if id(call) not in numbers:
            numbers[id(call)] = len(numbers)
            functions.append(_function(numbers[id(call)], one))
        constants = ", ".join(str(a.nbytes) for a in call.arrays.values()) or "0"
        inputs = ", ".join(str(a.nbytes) for a in one.inputs)
        needs = call.needs
        rows.append(
            f"  {{case_{numbers[id(call)]}, {{{constants}}}, {{{inputs}}}, {one.output.nbytes}, "
            f"{needs.workspace_bytes}, {call.over_read}, {needs.over_read}, "
            f"{sum(1 << place for place in needs.in_place)}}},\n"
        )
    table = f"const struct test_case cases[] = {{\n{''.join(rows)}}};\n"
    count = f"const size_t case_count = {len(rows)};\n"
    head = '#include "harness.h"\n\n#include "espdl_kernels.h"\n'
    return "\n".join([head, *functions, table, count])


def _function(number, one):
    call = one.call
    places = {name: f"constants[{i}]" for i, name in enumerate(call.arrays)}
    descriptor = descriptor_definition("d", call, places).replace("static const ", "const ", 1)
    arguments = [f"inputs[{i}]" for i in range(len(one.inputs))] + ["output"]
    if call.needs.workspace_bytes:
        arguments.append("workspace")
    return (
        f"static void case_{number}(void *const *constants, void *const *inputs, void *output,\n"
        f"    void *workspace) {{\n  (void)constants, (void)workspace;\n{descriptor}"
        f"  {call.function}(&d, {', '.join(arguments)});\n}}\n"
    )


class Program:
    """The glue, the double and some runs in one program.

    Parameters
    ----------
    family : str
        Of the chip.
    folder : Path
        Where it is built and run; it exists.
    runs : sequence of (Operator, Run)
        What it computes.
    options : sequence of str
        Further options for the glue, and for linking.
    """

    def __init__(self, family, folder, runs, *, compiler=HOST, options=()):
        self.family, self.folder, self.compiler, self.options = family, folder, compiler, options
        self.runs = [one for _, one in runs]
        self.headers = folder / "headers"
        self.headers.mkdir()
        for name, text in runtime_files((operator, one.call) for operator, one in runs).items():
            if name.endswith(".h"):
                (self.headers / name).write_text(text)
        (folder / "cases.c").write_text(cases_source(self.runs))
        self.made = objects(
            family, folder, includes=(self.headers,), compiler=compiler, options=options
        )
        command = [part for part in compiler if part not in _CPP]
        for source in (HERE / "harness.c", folder / "cases.c"):
            target = folder / f"{source.stem}.o"
            places = (f"-I{HERE}", f"-I{self.headers}")
            run(
                [
                    command[0].replace("g++", "gcc"),
                    *command[1:],
                    *places,
                    "-c",
                    source,
                    "-o",
                    target,
                ]
            )
            self.made[source.name] = target

    def compiled(self, source, folder):
        """The object of a source of another glue, in a folder of its own."""
        target = folder / f"{source.stem}.o"
        compile_one(
            *(self.family, source, target), includes=(self.headers,), compiler=self.compiler
        )
        return target

    def results(self, replaced=(), arrays=lambda call: call.arrays):
        """Link and run it.

        Parameters
        ----------
        replaced : mapping of str to Path
            Other objects for some files of the glue.
        arrays : callable
            Other constants for a call, of the same sizes.

        Returns
        -------
        list of Result
            One for each run.

        Raises
        ------
        ToolError
            If the double refuses a call, or memory outside the tensors is touched.
        """
        with (self.folder / "inputs.bin").open("wb") as file:
            for one in self.runs:
                for array in (*arrays(one.call).values(), *one.inputs):
                    file.write(np.ascontiguousarray(array).tobytes())
        made = {**self.made, **dict(replaced)}.values()
        program = self.folder / "program"
        if self.compiler is HOST:
            run(["gcc", *self.options, *made, "-o", program])
            run([program], self.folder)
        else:
            machine = Compiler.rv32()
            run([machine.command, *machine.flags, *made, "-o", program])
            machine.run(program)
        return list(self._read())

    def _read(self):
        counts = np.fromfile(self.folder / "calls.bin", np.uint32)
        written, offset = (self.folder / "outputs.bin").read_bytes(), 0
        for one, calls in zip(self.runs, counts, strict=True):
            tensor = one.output
            values = np.frombuffer(written, tensor.dtype, tensor.size, offset)
            yield Result(values.reshape(tensor.shape), int(calls))
            offset += tensor.nbytes
