"""Many samples in one call: over all cores, each on one thread; or in order, with states."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

import numpy as np

from ..ops.base.rounding import Array
from .executor import Executor
from .feeding import Feeder, sample_shape
from .threads import POOL, thread_count

#: A thread takes about so many seconds of samples at once: long enough that Python costs nothing
#: beside them, short enough that a user who interrupts need not wait.
_PORTION = 0.02

_WAIT = 0.05


class Batch:
    """The samples of one batch, their results, and which of them are still to be computed.

    Parameters
    ----------
    executor : Executor
        The network.
    feeder : Feeder
        Of the inputs.
    samples : sequence of numpy.ndarray
        As `Feeder.samples` gives them.
    count : int
        How many samples.

    Attributes
    ----------
    outputs : list of numpy.ndarray
        For each output of the program the results of all samples along the first axis, which is
        the output's own where that is 1; complete at the end of `run` or `run_in_order`.
    states : list of numpy.ndarray
        Of the next run, at the end of `run_in_order`.
    """

    def __init__(
        self, executor: Executor, feeder: Feeder, samples: Sequence[Array], count: int
    ) -> None:
        self._executor, self._feeder, self._samples = executor, feeder, samples
        self._count = count
        self.states: list[Array] = []
        program = executor.program
        tensors = [program.values[name] for name in program.outputs]
        self.outputs = [np.empty((count, *sample_shape(t)), t.dtype) for t in tensors]
        self._next, self._lock = 0, threading.Lock()
        self._stop = threading.Event()
        self._done: SimpleQueue[int | BaseException] = SimpleQueue()

    def run(self) -> Iterator[int]:
        """Compute all samples; gives, whenever some more are done, how many more.

        Threads end before it does, also where it is left early.
        """
        threads = [
            threading.Thread(target=self._work, name="espdl batch", daemon=True)
            for _ in range(min(thread_count(), self._count))
        ]
        done = 0
        try:
            for thread in threads:
                thread.start()
            while done < self._count:
                try:
                    found = self._done.get(timeout=_WAIT)
                except Empty:  # so that an interrupt of the user's gets its turn
                    continue
                if isinstance(found, BaseException):
                    raise found
                done += found
                yield found
        finally:
            self._stop.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()

    def run_in_order(self, states: Sequence[Array]) -> Iterator[int]:
        """As `run`, of a network with states, which each sample leaves to the one behind it."""
        self.states = [*states]
        for number in range(self._count):
            (sample,) = self._singles(number, number + 1)
            results, self.states = self._executor.run(sample, self.states)
            self._store(number, results)
            yield 1

    def _work(self) -> None:
        """One thread: portion after portion."""
        POOL.stay_out()
        size = 1
        try:
            while not self._stop.is_set():
                with self._lock:
                    begin, end = self._next, min(self._next + size, self._count)
                    self._next = end
                if begin == end:
                    return
                started = time.perf_counter()
                self._compute(begin, end)
                each = (time.perf_counter() - started) / (end - begin)
                size = max(1, min(int(_PORTION / max(each, 1e-9)), 4 * size))
                self._done.put(end - begin)
        except BaseException as error:  # told to the thread that waits, which raises it
            self._done.put(error)

    def _compute(self, begin: int, end: int) -> None:
        direct = self._executor.direct
        if direct is not None:
            inputs = self._feeder.converted(self._samples, begin, end)
            direct.run_many(inputs, [output[begin:end] for output in self.outputs])
            return
        for number, sample in enumerate(self._singles(begin, end), begin):
            self._store(number, self._executor.run(sample)[0])

    def _singles(self, begin: int, end: int) -> Iterator[list[Array]]:
        """Samples as single runs take them."""
        program = self._executor.program
        shapes = [program.values[name].shape for name in program.inputs]
        inputs = self._feeder.converted(self._samples, begin, end)
        for sample in zip(*inputs, strict=True):
            yield [part.reshape(shape) for part, shape in zip(sample, shapes, strict=True)]

    def _store(self, number: int, results: Sequence[Array]) -> None:
        for output, result in zip(self.outputs, results, strict=True):
            output[number] = result.reshape(output.shape[1:])
