"""C compilers and the machines that run what they make: this PC, emulated RISC-V and Xtensa chips.

It builds and runs programs; what they compute is not its business.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import ToolError
from ..ops import Tensor
from ..ops.base.rounding import Array

TIMEOUT = 600

# Chips have no unit for double: where a formula wants one, it says so with a cast.
WARNINGS = (
    *("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wdouble-promotion"),
    "-Werror",
)
ALIGNED = "-Wcast-align=strict"
# A fused multiply-add would change the last bit of a float; the project's kernels never have one.
FLOATS = ("-ffp-contract=off",)
GCC = ("-O2", *WARNINGS, ALIGNED, *FLOATS)
# A task's stack is small: what is large lies in the arena.
CHIP = (*GCC, "-Wstack-usage=1024")
CLANG = ("-O2", *WARNINGS, "-Wcast-align", *FLOATS)
SANITIZERS = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")

#: Start-up code and arithmetic of the emulated Xtensa chip, linked into each of its programs.
XTENSA = Path(__file__).parent / "xtensa"


@dataclass(frozen=True)
class Counter:
    """What counts an emulated chip's instructions, where the emulator is asked to."""

    #: The instruction that reads the counter's lower 32 bits into `%0`, in assembly.
    read: str
    #: By how much an instruction moves it: differences are divided by this and rounded.
    per_instruction: float
    #: QEMU's option `-icount shift=`, the logarithm of an instruction's nanoseconds.
    shift: int


@dataclass(frozen=True)
class Compiler:
    """A C compiler and how to run what it makes."""

    #: For messages.
    name: str
    #: The compiler.
    command: str
    #: Its options.
    flags: tuple[str, ...]
    #: Command line in front of the program's path; empty when this PC runs it.
    emulator: tuple[str, ...]
    #: Debian packages that contain compiler and emulator.
    packages: str
    #: Sources that every program of an emulated board begins with.
    board: tuple[Path, ...] = ()
    #: What counts instructions on an emulated chip.
    counter: Counter | None = None

    @classmethod
    def host(cls, *extra: str, standard: str = "c11") -> Compiler:
        """GCC of this PC, every warning an error; `extra` options are for example sanitizers."""
        return cls("host", "gcc", (f"-std={standard}", *GCC, *extra), (), "gcc libc6-dev")

    @classmethod
    def clang(cls, *extra: str) -> Compiler:
        """Clang for this PC, every warning an error; `extra` options are for example sanitizers."""
        packages = "clang libclang-rt-dev libc6-dev"
        return cls("clang", "clang", ("-std=c11", *CLANG, *extra), (), packages)

    @classmethod
    def sanitized(cls, *, clang: bool = False) -> Compiler:
        """GCC or clang; a bad memory access or undefined behaviour stops the program."""
        return (cls.clang if clang else cls.host)(*SANITIZERS)

    @classmethod
    def rv32(cls, *, march: str = "rv32imafc", mabi: str = "ilp32f") -> Compiler:
        """A RISC-V cross compiler and QEMU: the base instruction set of the ESP32-P4.

        Files reach the program through semihosting. The link addresses are those of QEMU's `virt`
        board.
        """
        places = {
            **{"__flash": 0x80000000, "__flash_size": 0x1000000},
            **{"__ram": 0x81000000, "__ram_size": 0x2000000},
        }
        flags = (
            *("-std=c11", *CHIP, f"-march={march}", f"-mabi={mabi}"),
            *("--specs=picolibc.specs", "--oslib=semihost", "--crt0=semihost"),
            *(f"-Wl,--defsym={name}={value:#x}" for name, value in places.items()),
        )
        emulator = (
            *("qemu-system-riscv32", "-M", "virt", "-cpu", "rv32", "-m", "64M", "-bios", "none"),
            *("-display", "none", "-monitor", "none", "-serial", "none"),
            *("-chardev", "stdio,id=s0"),
            *("-semihosting-config", "enable=on,target=native,chardev=s0", "-kernel"),
        )
        packages = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc"
        counter = Counter("rdinstret %0", 1, 0)
        return cls(march, "riscv64-unknown-elf-gcc", flags, emulator, packages, (), counter)

    @classmethod
    def xtensa(cls) -> Compiler:
        """An Xtensa cross compiler and QEMU: an lx106, the nearest to ESP32 and S3 there is.

        It has neither their register windows nor their FPU; a misaligned access, which QEMU's
        RISC-V allows, ends the program. Files reach it through calls of the simulator.
        """
        flags = (
            *("-std=c11", *CHIP, "-mlongcalls", "-mtext-section-literals", "-nostartfiles"),
            *("--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs", "-T", str(XTENSA / "board.ld")),
            *("-DPICOLIBC_INTEGER_PRINTF_SCANF", "-Wl,--no-warn-rwx-segments"),
        )
        emulator = (
            *("qemu-system-xtensa", "-M", "sim", "-cpu", "lx106", "-m", "64M", "-nographic"),
            *("-monitor", "none", "-serial", "none", "-semihosting", "-kernel"),
        )
        packages = "gcc-xtensa-lx106 picolibc-xtensa-lx106-elf qemu-system-misc"
        board = tuple(XTENSA / name for name in ("start.S", "board.c", "integers.c", "floats.c"))
        # QEMU's clock has 40 MHz: at 64 ns an instruction it moves by 2.56.
        counter = Counter("rsr %0, ccount", 2.56, 6)
        return cls("lx106", "xtensa-lx106-elf-gcc", flags, emulator, packages, board, counter)

    def with_flags(self, *extra: str) -> Compiler:
        """The same with further options, of which GCC heeds the last: `-Os` takes `-O2`'s place."""
        return replace(self, flags=(*self.flags, *extra))

    def counting(self) -> Compiler:
        """The same emulator, slower, with its `counter` exact and the same in every run.

        Differences stay exact up to 1.6e9 instructions.

        Raises
        ------
        ToolError
            If this PC runs the programs.
        """
        if self.counter is None:
            raise ToolError("instructions are counted by emulators only", where=self.name)
        program, *options = self.emulator
        counted = (program, "-icount", f"shift={self.counter.shift}", *options)
        return replace(self, emulator=counted)

    def missing(self) -> tuple[str, ...]:
        """Programs that are not installed."""
        wanted = (self.command, *self.emulator[:1])
        return tuple(program for program in wanted if shutil.which(program) is None)

    def require(self) -> None:
        """Check that compiler and emulator are there.

        Raises
        ------
        ToolError
            If one is missing; the message names the packages to install.
        """
        missing = self.missing()
        if missing:
            raise ToolError(
                "program not found",
                where=f"C engine ({self.name})",
                found=f"no {' and no '.join(missing)}",
                try_=f"apt-get install {self.packages}",
            )

    def build(
        self,
        sources: Sequence[Path],
        program: Path,
        *,
        includes: Sequence[Path] = (),
        defines: Sequence[str] = (),
    ) -> None:
        """Compile and link `sources`, with the headers in `includes` and the macros `defines`.

        Raises
        ------
        ToolError
            If the compiler is missing or finds fault with a source.
        """
        self.require()
        options = [*(f"-D{name}" for name in defines), *(f"-I{folder}" for folder in includes)]
        command = [self.command, *self.flags, *options, *map(str, (*self.board, *sources))]
        self._check([*command, "-o", str(program), "-lm"], program.parent)

    def run(self, program: Path) -> str:
        """Run a program in its own folder and return what it printed.

        Raises
        ------
        ToolError
            If it fails or does not end.
        """
        # QEMU waits for ever when there is no program.
        if not program.exists():
            raise ToolError("no such program", where=str(program))
        return self._check([*self.emulator, str(program)], program.parent)

    def run_on(
        self,
        files: Mapping[Path, bytes],
        build: Callable[[Path, Path], None],
        inputs: Iterable[Array],
        results: Iterable[Tensor],
    ) -> list[Array]:
        """Build and run a program that reads `inputs.bin` and writes `outputs.bin` in its folder.

        Parameters
        ----------
        files : mapping of path to bytes
            Sources and headers, by their paths in a folder that exists only meanwhile.
        build : callable
            Makes the program at the second path from the files in the folder at the first.
        inputs : iterable of numpy.ndarray
            What stands in `inputs.bin`, one array behind the other.
        results : iterable of Tensor
            What `outputs.bin` then holds.

        Raises
        ------
        ToolError
            If the program cannot be built, fails or does not end.
        """
        with tempfile.TemporaryDirectory(prefix="tvm_espdl_") as name:
            folder = Path(name)
            for path, content in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
            build(folder, folder / "program")
            with (folder / "inputs.bin").open("wb") as file:
                file.writelines(np.ascontiguousarray(array).tobytes() for array in inputs)
            self.run(folder / "program")
            written, offset, arrays = (folder / "outputs.bin").read_bytes(), 0, []
        for tensor in results:
            values = np.frombuffer(written, tensor.dtype, tensor.size, offset)
            arrays.append(values.reshape(tensor.shape))
            offset += tensor.nbytes
        return arrays

    def _check(self, command: list[str], folder: Path) -> str:
        where = f"C engine ({self.name})"
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(
                f"{command[0]} did not end within {TIMEOUT} seconds", where=where
            ) from None
        if done.returncode != 0:
            raise ToolError(
                f"{Path(command[0]).name} failed with exit status {done.returncode}",
                where=where,
                found=(done.stderr + done.stdout)[-2000:].strip() or "no message",
            )
        return done.stdout
