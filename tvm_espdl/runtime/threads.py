"""Who may use TVM's pool of threads, and how many threads there are.

Its workers wait busily for their next task, and a process that was forked has none of them: one
caller at a time gets the pool, the others compute on their own thread, with the same bits.
"""

from __future__ import annotations

import os
import threading

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


def thread_count() -> int:
    """As TVM has it: `TVM_NUM_THREADS`, else `OMP_NUM_THREADS`, else one for each core."""
    return int(tvm.get_global_func("runtime.NumThreads")())
