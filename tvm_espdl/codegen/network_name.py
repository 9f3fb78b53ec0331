"""The name of a network in C, `default` or what `--name` says, and all that is made of it.

Everything that a linker or a compiler could take for another network's bears it, the kernels
included: two networks of one firmware may be of different releases, or for different kernels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from ..program.user_model import UNNAMED, UserModel

_DEFAULT = "default"
LONGEST = 32
_FORM = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
#: `tvm_model` is the folder of the default one; the others begin names that are the tool's own.
_TAKEN = ("model", "tvm", "tvmgen", "espdl")
#: Macros that users define for a whole build.
_SWITCHES = (
    "TVM_ESPDL_DUMP",
    "TVM_ESPDL_DUMP_CRC",
    "TVM_ESPDL_DUMP_ONLY",
    "TVM_ESPDL_PROFILE",
    "TVM_ESPDL_PORTABLE",
    "TVM_ESPDL_ESP_DL_VERSION",
    "TVM_ESPDL_WHOLE_FILTERS",
)
_OURS = re.compile(
    rf"\b(?!(?:{'|'.join(_SWITCHES)})\b)"
    r"(?:(?P<small>(?:tvm_)?espdl_|espdl(?=::)|(?<=namespace )espdl\b)"
    r"|(?P<capital>(?:TVM_)?ESPDL_)"
    r"|(?P<config>crt_config(?=\.h\b)|CRT_CONFIG(?=_H\b)))"
)


@dataclass(frozen=True)
class NetworkName:
    """A network's name in C, and what its user calls it.

    Raises
    ------
    DataError
        If it makes no good names in C, or those of something else.
    """

    text: str = _DEFAULT
    user: UserModel = UNNAMED  #: Printed, where it is given; no name is made of it.

    def __post_init__(self) -> None:
        """Check it."""
        letters = isinstance(self.text, str) and re.fullmatch(_FORM, self.text)
        if not letters or len(self.text) > LONGEST or self.text in _TAKEN:
            raise DataError(
                "no name for a network in C",
                where="name",
                found=repr(self.text),
                allowed=f"at most {LONGEST} small letters, digits and single underscores between "
                f"them, a letter first; not {', '.join(_TAKEN)}",
                try_="--name face, for example",
            )

    @property
    def prefix(self) -> str:
        """What its functions and types begin with, and its header's name."""
        return f"tvmgen_{self.text}"

    @property
    def macro(self) -> str:
        """What its macros begin with."""
        return self.prefix.upper()

    @property
    def component(self) -> Path:
        """The folder of its component in a project."""
        return Path("components") / f"tvm_{'model' if self.text == _DEFAULT else self.text}"

    @property
    def sources(self) -> tuple[str, str]:
        """The files of its constants, and of its calls."""
        return f"{self.text}_lib0.c", f"{self.text}_lib1.c"

    @property
    def constants_header(self) -> str:
        """The file that declares its constants."""
        return f"{self.text}_constants.h"

    @property
    def large_constants(self) -> tuple[str, str]:
        """The assembly file that includes its large constants, and the binary file with them."""
        return f"{self.text}_constants.S", f"{self.text}_constants.bin"

    def state_buffer(self, index: int) -> str:
        """Name of a state's buffer."""
        return f"{self.prefix}_state_{index}"

    def own(self, code: str) -> str:
        """Code, or a file's name, in which what all networks share bears this one's name.

        For the default one that is as it was. The code must hold no names of the model.
        """
        return code if self.text == _DEFAULT else _OURS.sub(self._renamed, code)

    def _renamed(self, found: re.Match[str]) -> str:
        if found["config"]:
            of_network = self.text if found[0].islower() else self.text.upper()
            return f"{found[0]}_{of_network}"
        return f"{self.prefix if found['small'] else self.macro}_{found[0]}"


#: That of a network that is not given one.
DEFAULT_NAME = NetworkName()
