"""Runs pieces of work that do not depend on each other on several CPU cores, results in order.

Must never let the number of cores change a result: whoever adds results up does so in the order
in which they come from here, which is that of the items.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

#: More threads than this would only hold more activations in memory.
MOST_WORKERS = 8

#: Seconds below which handing an item to a thread costs more than it saves.
WORTH_A_THREAD = 0.001


def worker_count() -> int:
    """How many CPU cores this process may use, at most `MOST_WORKERS`."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


@contextlib.contextmanager
def ordered_sums() -> Iterator[None]:
    """Let NumPy's products and factorizations run in one thread each.

    Their sums have one order then, and their last bits do not depend on the number of cores; the
    cores are left to `map_ahead`.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`function` of each item, computed ahead in threads and given in the order of the items.

    The function spends its time in onnxruntime or NumPy, which leave other threads free to run.
    Items are read in this thread, never more than `worker_count() + 1` ahead of the results, so
    that memory does not grow with their number. What either raises comes in the place of the
    result.
    """
    remaining = iter(items)
    for item in remaining:
        begin = time.perf_counter()
        result = function(item)
        short = time.perf_counter() - begin < WORTH_A_THREAD
        yield result
        if not short and worker_count() > 1:
            break
    yield from _in_threads(function, remaining, worker_count())


def _in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="espdl") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
