"""Who may use TVM's pool of threads, and how many threads there are.

Its workers wait busily for their next task, and a process that was forked has none of them: one
caller at a time gets the pool, the others compute on their own thread, with the same bits.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable

import tvm


class Pool:
    """The right to use TVM's pool of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forked = False
        self._outside = threading.local()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._close)

    def _close(self) -> None:
        self._lock, self._forked = threading.Lock(), True

    def enter(self) -> bool:
        """Take the pool, if nobody has it; who got True calls `leave`."""
        if self._forked or getattr(self._outside, "always", False):
            return False
        return self._lock.acquire(blocking=False)

    def leave(self) -> None:
        """Give it back."""
        self._lock.release()

    def stay_out(self) -> None:
        """Never give it to the thread that calls this: it is one of several already."""
        self._outside.always = True


POOL = Pool()

#: The first runs of each kind are compared; later, now and then, the slower one gets a chance.
_TRIALS = 3


class Chooser:
    """Runs something with the pool or alone, whichever was faster lately.

    Workers that wait busily for a core that others have make a run many times as long.
    """

    def __init__(self) -> None:
        self._runs, self._next_trial = 0, 4 * _TRIALS
        self._took: dict[bool, float] = {}

    def run(self, with_pool: Callable[[], object], alone: Callable[[], object]) -> None:
        """Call one of two functions that do the same."""
        pool = self._wants_pool() and POOL.enter()
        start = time.perf_counter()
        if pool:
            try:
                with_pool()
            finally:
                POOL.leave()
        else:
            alone()
        took = time.perf_counter() - start
        self._took[pool] = (3 * self._took.get(pool, took) + took) / 4

    def _wants_pool(self) -> bool:
        number = self._runs
        self._runs += 1
        if number < 2 * _TRIALS:
            return number % 2 == 0
        faster = self._took.get(True, math.inf) < self._took.get(False, math.inf)
        if number < self._next_trial:
            return faster
        self._next_trial = 2 * number
        return not faster


def thread_count() -> int:
    """As TVM has it: `TVM_NUM_THREADS`, else `OMP_NUM_THREADS`, else one for each core."""
    return int(tvm.get_global_func("runtime.NumThreads")())
