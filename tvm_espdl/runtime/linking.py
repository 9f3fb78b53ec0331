"""Links a compiled network into one shared object; it appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from tvm import relax
from tvm.support import cc

from ..errors import ToolError
from ..files.output_files import make_set


def write_shared_object(executable: relax.VMExecutable, path: str | os.PathLike[str]) -> None:
    """Write what `tvm.runtime.load_module` takes; a name that ends in `.tar` needs no compiler.

    Raises
    ------
    OutputError
        If the file exists, or its folder takes none.
    ToolError
        If there is no C compiler, or it fails; its last line tells why.
    """
    if not str(path).endswith(".tar") and cc.get_cc() is None:
        raise ToolError(
            "no C compiler links the library",
            where=str(path),
            found="none of g++, gcc, clang in PATH",
            try_="apt-get install gcc libc6-dev",
        )

    def link(file: Path) -> None:
        file.touch()  # a folder that takes no file is no fault of the compiler
        try:
            executable.export_library(str(file))
        except RuntimeError as error:
            lines = str(error).strip().splitlines()
            raise ToolError(
                "the library cannot be linked",
                where=str(path),
                found=lines[-1].strip() if lines else type(error).__name__,
                try_="look whether the disk, or the one of temporary files, is full",
            ) from error

    make_set({Path(path): link})
