"""C compilers and the machines that run what they make: this PC, and an emulated RISC-V chip.

It builds and runs programs; what they compute is not its business.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ToolError
from ..ops import Tensor
from ..ops.base.rounding import Array

TIMEOUT = 600

WARNINGS = (*("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wcast-align=strict", "-Werror"),)
# A fused multiply-add would change the last bit of a float; the project's kernels never have one.
FLOATS = ("-ffp-contract=off",)


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

    @classmethod
    def host(cls, *extra: str, standard: str = "c11") -> Compiler:
        """GCC of this PC, every warning an error; `extra` options are for example sanitizers."""
        flags = (f"-std={standard}", "-O2", *WARNINGS, *FLOATS, *extra)
        return cls("host", "gcc", flags, (), "gcc libc6-dev")

    @classmethod
    def sanitized(cls) -> Compiler:
        """GCC of this PC; a bad memory access or undefined behaviour stops the program."""
        return cls.host("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")

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
            *("-std=c11", "-O2", *WARNINGS, *FLOATS, f"-march={march}", f"-mabi={mabi}"),
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
        return cls(march, "riscv64-unknown-elf-gcc", flags, emulator, packages)

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
        command = [self.command, *self.flags, *options, *map(str, sources)]
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
