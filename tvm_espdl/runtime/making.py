"""The one lock under which modules of TVM are made: its builders share stacks between threads.

Whoever builds, imports or compiles holds it; running what is compiled needs it not.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

MAKING = threading.RLock()


def one_at_a_time(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A function that only one thread at a time is in; it may call others of that kind."""

    @functools.wraps(function)
    def locked(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        with MAKING:
            return function(*arguments, **options)

    return locked
