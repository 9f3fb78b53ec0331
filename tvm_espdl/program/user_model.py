"""A network's number and version by its user, who counts models in another way than we do.

They stand beside the content's own name (`identity`) and decide nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import DataError

#: Numbers that fit 32 bits without a sign.
LARGEST_ID = (1 << 32) - 1

_VERSION = re.compile(r"[A-Za-z0-9._+-]{1,64}")


@dataclass(frozen=True)
class UserModel:
    """Number and version; None: not given.

    Raises
    ------
    DataError
        If they are not of the forms that C, JSON and file formats take alike.
    """

    id: int | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        """Check them."""
        number = isinstance(self.id, int) and not isinstance(self.id, bool)
        if self.id is not None and not (number and 0 <= self.id <= LARGEST_ID):
            raise DataError(
                "no number of a model",
                where="user_model_id",
                found=repr(self.id),
                allowed=f"whole numbers from 0 to {LARGEST_ID}",
                try_="--user_model_id 32769, for example",
            )
        text = isinstance(self.version, str) and _VERSION.fullmatch(self.version)
        if self.version is not None and not text:
            raise DataError(
                "no version of a model",
                where="user_model_version",
                found=repr(self.version),
                allowed="1 to 64 letters, digits, dots, and signs out of + - _",
                try_="--user_model_version 1.0.2, for example",
            )

    @property
    def entries(self) -> dict[str, int | str]:
        """What is given, as entries of `metadata.json`."""
        given = {"user_model_id": self.id, "user_model_version": self.version}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def revision(self) -> int:
        """The version as a number, where it is one that fits 63 bits; else 0."""
        text = self.version or ""
        return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0


#: That of a network that is not given one.
UNNAMED = UserModel()
