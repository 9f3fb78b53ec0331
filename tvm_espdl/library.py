"""What `relay.build` gives back: a network that runs on the PC with the chip's exact bits.

It ties together the program, its executor, the report and the writers; each does its own work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from tvm import relax
from tvm.target import Target

from .chips import Chip
from .chips.settings import Board
from .errors import ModelError
from .files.output_files import check_new
from .ops.base.rounding import Array
from .program import Native, Program, Step
from .program.border.formats import Wish, border_of
from .program.border.pixel_form import PixelForm
from .program.graph_json import graph_json
from .program.kernels import Preference, check_preference
from .program.user_model import UserModel
from .report.log import PartitionLog
from .report.partition import Report, report_of
from .runtime.batch import Batch
from .runtime.executor import Executor, build
from .runtime.feeding import Feeder, quantized_inputs
from .runtime.linking import write_shared_object
from .runtime.making import MAKING
from .samples.progress import show_progress


class Session:
    """What `lib["default"](device)` returns: a library bound to a device."""

    def __init__(self, library: Library, device: Any) -> None:
        self.library = library
        self.device = device


class Library:
    """A compiled network.

    A network with states (`program.states`) continues with each run where the one before ended,
    as it does on the chip; `reset` returns to the start. The library keeps the states: they are
    neither inputs nor outputs of its methods.

    What is not asked for is not made: the program, its host kernels, TVM's executable.

    Parameters
    ----------
    program : Program or callable
        The network, or what makes it; that may raise a ModelError.
    log : PartitionLog
        What the chip refused, for the report.
    make_executable : callable
        Makes `executable` of the library; of `executor`, where the network has a program.
    target : tvm.target.Target
        LLVM, for the host kernels.
    name : str
        The name under which it answers, `lib[name](device)`.
    batch : int
        How many samples the model takes at once. The program takes one, as chips do: above 1,
        `run` goes through them one after the other, and nothing is written for the chip.
    cache_dir : path, optional
        Where compiled networks are kept.
    origin : str
        The identity of the network that an `.espdl` file was written from, as it states it; "" of
        other models.

    Attributes
    ----------
    chip : Chip
        The chip whose bits it computes.
    input_names, output_names : tuple of str
        As the model has them; the program's where `output_names` is empty.
    """

    def __init__(
        self,
        program: Program | Callable[[], Program],
        *,
        chip: Chip,
        input_names: tuple[str, ...],
        output_names: tuple[str, ...],
        log: PartitionLog,
        make_executable: Callable[[Library], relax.VMExecutable],
        target: Target,
        name: str = "default",
        batch: int = 1,
        cache_dir: Path | None = None,
        origin: str = "",
    ) -> None:
        self.chip = chip
        self.origin = origin
        self.batch = batch
        self.input_names = input_names
        self._given = program
        self._output_names = output_names
        self._log = log
        self._make_executable = make_executable
        self._target = target
        self._name = name
        self._cache_dir = cache_dir
        self._kept: list[Array] | None = None

    @cached_property
    def program(self) -> Program:
        """The network as a static list of calls.

        Raises
        ------
        ModelError
            If the network has control flow or shapes known only at run time.
        """
        with MAKING:
            return self._given if isinstance(self._given, Program) else self._given()

    @cached_property
    def executor(self) -> Executor:
        """The program's host kernels, compiled when first asked for.

        Raises
        ------
        ModelError
            As `program`.
        """
        if self._cache_dir is not None:
            from .runtime.cache import cached  # only when asked for

            return cached(self.program, self._target, self._cache_dir)
        return self.linkable_executor

    @cached_property
    def linkable_executor(self) -> Executor:
        """As `executor`, of a module that can be linked again: never that of a cache."""
        with MAKING:
            return build([self.program], self._target)[0]

    @cached_property
    def executable(self) -> relax.VMExecutable:
        """For `relax.VirtualMachine`, of any network, one without a program included.

        Its `main` keeps nothing: it takes the states after the inputs and gives the next ones
        after the outputs.
        """
        with MAKING:
            return self._make_executable(self)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, as the model has them."""
        return self._output_names or self.program.output_names

    def __call__(self, /, *arrays: Any, **named: Any) -> Array | tuple[Array, ...]:
        """Run the network once.

        Parameters
        ----------
        *arrays, **named : array
            The inputs, in order or by name, in the model's own types and layouts; integers of
            the first tensor's type are taken as already quantized.

        Returns
        -------
        numpy.ndarray or tuple of numpy.ndarray
            The outputs, in the model's own types and layouts.

        Raises
        ------
        DataError
            For missing inputs, wrong shapes or dtypes.
        """
        outputs = self.run(named or list(arrays))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def run(self, arrays: list[Any] | Mapping[str, Any]) -> list[Array]:
        """Run the network once; inputs as a list or by name, outputs as a list.

        Raises
        ------
        DataError
            For missing inputs, wrong shapes or dtypes.
        """
        if self.batch > 1:
            samples, count = self._feeder.samples(arrays, self.batch)
            return self._run_samples(samples, count, False)
        outputs, self._kept = self.executor.run(self.feed(arrays), self._states)
        return outputs

    def run_batch(
        self,
        xs: Any,
        progress: bool | Callable[[int, int], object] | None = None,
    ) -> Array | tuple[Array, ...]:
        """Run the network on many samples, over all cores; the bits are those of single runs.

        Each sample runs on one thread; there are as many threads as `TVM_NUM_THREADS` says, else
        `OMP_NUM_THREADS`, else one for each core. A network with states runs its samples in order,
        as so many calls would: it continues where the last run ended, and keeps the last states.

        Parameters
        ----------
        xs : array, list of array, or mapping of str to array
            For each input, N samples along the first axis, which is the input's own batch axis
            where that is 1: (N, C, H, W) for (1, C, H, W). N may be 0. Types as in a call. Memory
            that a file is mapped to (`numpy.load(..., mmap_mode="r")`) is read piece by piece.
        progress : bool or callable, optional
            Whether to draw a bar on stderr; None: if that is a terminal. A function gets how many
            samples are done, and how many there are, whenever some more are done.

        Returns
        -------
        numpy.ndarray or tuple of numpy.ndarray
            The outputs, each with N results along the first axis in the same way.

        Raises
        ------
        DataError
            For missing inputs, wrong shapes or dtypes, inputs with different numbers of samples.
        """
        given = xs if isinstance(xs, (Mapping, list, tuple)) else [xs]
        samples, count = self._feeder.samples(given)
        outputs = self._run_samples(samples, count, progress)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _run_samples(
        self,
        samples: list[Array],
        count: int,
        progress: bool | Callable[[int, int], object] | None,
    ) -> list[Array]:
        batch = Batch(self.executor, self._feeder, samples, count)
        if self.program.states:
            done: Iterator[int] = batch.run_in_order(self._states)
        else:
            done = batch.run()
        if callable(progress):
            for number in accumulate(done):
                progress(number, count)
        else:
            each = (None for portion in done for _ in range(portion))
            for _ in show_progress(each, count, label="samples", enabled=progress):
                pass
        if self.program.states:
            self._kept = batch.states
        return batch.outputs

    def _refuse_batch(self, what: str) -> None:
        if self.batch > 1:
            raise ModelError(
                "the model has a fixed batch above 1",
                where=what,
                found=f"a batch of {self.batch}",
                allowed="a batch of 1: the chips' kernels process one sample at a time",
                try_="quantize it with a batch of 1 or a dynamic one (`tvm-espdl preprocess` makes "
                "the network of one sample); `run` here takes the samples one after the other",
            )

    def first_run(self, arrays: list[Any] | Mapping[str, Any]) -> list[Array]:
        """What `run` gives right after `reset`, errors included; what the library keeps stays."""
        return self.executor.run(self.feed(arrays), self._zeros())[0]

    def first_values(self, arrays: list[Any] | Mapping[str, Any]) -> dict[str, Array]:
        """What `observe` gives right after `reset`, errors included."""
        return self.executor.values(self.feed(arrays), self._zeros())

    def reset(self) -> None:
        """Return to the start: the next run is a first one. No effect without states."""
        self._kept = None

    @property
    def _states(self) -> list[Array]:
        """What the next run begins with, in the order of `program.states`."""
        return self._zeros() if self._kept is None else self._kept

    def _zeros(self) -> list[Array]:
        return _zeros(self.program, tuple(state.value for state in self.program.states))

    def feed(self, arrays: list[Any] | Mapping[str, Any]) -> list[Array]:
        """The inputs as checked arrays of the network's own types, in order."""
        return self._feeder(arrays)

    @cached_property
    def _feeder(self) -> Feeder:
        program = self.program
        by_own_name = dict(zip(program.inputs, self.input_names, strict=True))
        quantized = {by_own_name[n]: t for n, t in quantized_inputs(program).items()}
        types = [program.values[name] for name in program.inputs]
        return Feeder(self.input_names, types, quantized)

    def run_with_intermediates(self, /, *arrays: Any, **named: Any) -> dict[str, Array]:
        """Run the network once and keep every tensor that the chip has.

        It looks at what the next `run` would do: states enter it, but do not advance.

        Returns
        -------
        dict of str to numpy.ndarray
            By the model's tensor names, in the order of execution, as the chip holds them:
            integers, NHWC; states as they were before the run.
        """
        return self.observe(named or list(arrays))

    def observe(
        self, arrays: list[Any] | Mapping[str, Any], states: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """`run_with_intermediates` with the inputs as a list or by name, as `run` takes them.

        Parameters
        ----------
        arrays : list or mapping
            The inputs.
        states : mapping of str to array, optional
            What the run begins with, by the program's names; for those that are not in it, what
            the library keeps.

        Raises
        ------
        DataError
            For missing inputs, wrong shapes or dtypes.
        """
        names = [state.value for state in self.program.states]
        kept = dict(zip(names, self._states, strict=True)) | dict(states or {})
        return self.executor.values(self.feed(arrays), [kept[name] for name in names])

    def recompute(self, step: Step, arrays: Sequence[Array]) -> dict[str, Array]:
        """What one call of the program writes, by name, of any inputs of its types."""
        return self.executor.step_values(step, arrays)

    def report(self, *samples: Any, kernels: Preference = "auto") -> Report:
        """Which kernel each part gets, and why a part is no operator of ESP-DL.

        Parameters
        ----------
        *samples : array
            One input of the network; with it, the report also warns of saturated tensors. States
            do not advance.
        kernels : str
            As for `export_project`: whose kernels the report is about.

        Raises
        ------
        EspdlError
            If there is no such choice of kernels.
        """
        check_preference(kernels)
        values = self.run_with_intermediates(*samples) if samples else None
        return report_of(self.program, self._log, values, kernels)

    def export_library(self, path: str | os.PathLike[str]) -> None:
        """Write a shared object that `tvm.runtime.load_module` and the virtual machine take.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        ToolError
            If no C compiler links it.
        """
        self._refuse_batch("export_library")
        check_new(path)
        write_shared_object(self.executable, path)

    def export_project(
        self,
        path: str | os.PathLike[str],
        sample_input: Any = None,
        *,
        template: str | os.PathLike[str] | None = None,
        kernels: Preference = "auto",
        name: str = "default",
        input_format: Wish = "float",
        output_format: Wish = "float",
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        pixel_range: tuple[float, float] | None = None,
        layout: Literal["NCHW", "NHWC"] | None = None,
        psram: str = "auto",
        chip_revision: str = "",
        internal_ram: int | None = None,
        arena: str = "static",
        weights: str = "flash",
        user_model_id: int | None = None,
        user_model_version: str | None = None,
    ) -> Path:
        """Write the ESP-IDF project.

        Parameters
        ----------
        path : path
            A folder that does not exist yet.
        sample_input : array, list or dict, optional
            Compiled in, with the expected output, so that the board prints PASS by itself; zeros
            where absent.
        template : path, optional
            A folder whose files replace ours or come on top, for example an own `main/app_main.c`.
        kernels : str
            `auto`: ESP-DL's kernels on chips with vectors, where they serve, and portable C for the
            rest; `esp-dl`: ESP-DL's also on chips without vectors; `portable`: never ESP-DL's.
        name : str
            What all symbols, macros and files of the network's C are called after, so that several
            networks fit into one firmware: small letters, digits and single underscores.
        input_format, output_format : str or dict of str
            One for all, or by the names of inputs and outputs. `float`: as the model has it;
            `native`: integers at the network's exponent, as the chip takes and gives them; for
            inputs also `uint8`: pixels (1, H, W, C), which a table quantizes. The sample may then
            be pixels, too; else it is in the model's form.
        mean, std : float or sequence of float, optional
            Of `uint8` inputs, one value or one per channel, 0 and 1 by default: a pixel is
            `(pixel - mean) / std` for the network.
        pixel_range : (float, float), optional
            What black and white are before `mean` and `std`, by default 0 and 1.
        layout : str, optional
            "NCHW" or "NHWC": where the model has the channels of pixels, if nothing else tells.
        psram : str
            PSRAM of the board: `auto` uses the chip's usual one where the network needs it, `none`
            never; `quad`, `octal` or `hex` switch it on in any case.
        chip_revision : str
            Major revision of the silicon, where firmware depends on it; the one that is sold today
            where absent.
        internal_ram : int, optional
            Bytes of internal RAM for tensors and states; what does not fit goes to PSRAM. What the
            chip has without ESP-IDF's part, where absent.
        arena : str
            `static`: arrays of the network's own; `caller`: a buffer that the application gives to
            `tvmgen_<name>_set_memory`.
        weights : str
            `flash`, or `psram`: copied there by the first run.
        user_model_id : int, optional
            The application's own number of the model, from 0 to 2^32 - 1: a macro of the header,
            and in `metadata.json`, beside the `model_id` that follows from the content.
        user_model_version : str, optional
            The same of its version: 1 to 64 letters, digits, dots, and signs out of + - _.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        OutputError
            If the folder exists or cannot be written.
        EspdlError
            If there is no such choice of kernels.
        DataError
            If the sample does not fit the network, the name cannot be one in C, the network has no
            such format, the chip no such PSRAM or revision, there is no such choice of memory, or
            number or version cannot be one.
        ModelError
            If a part of the network cannot be expressed in C, or the chip or its flash has too
            little memory; the message has the numbers.
        """
        from .codegen.memory_choice import choice_of  # only when asked for
        from .codegen.network_name import NetworkName
        from .codegen.project import check_path, refuse_empty, write_project

        self._refuse_batch("export_project")
        check_path(path)
        check_preference(kernels)
        user = UserModel(user_model_id, user_model_version)
        network, board = NetworkName(name, user), Board(psram, chip_revision)
        self.chip.project.revision(board)
        refuse_empty(self.program)
        wishes = {"mean": mean, "std": std, "pixel_range": pixel_range, "layout": layout}
        given: dict[str, Any] = {name: wish for name, wish in wishes.items() if wish is not None}
        pixels = PixelForm(**given) if given else None
        border = border_of(self.program, input_format, output_format, pixels)
        memory = choice_of(internal_ram, arena, weights)
        arrays = self._sample(border.in_model_form(sample_input))
        expected = self.first_run(arrays)
        return write_project(
            *(border, path, arrays, expected),
            template=template,
            kernels=kernels,
            name=network,
            memory=memory,
            board=board,
        )

    def workspaces(self) -> dict[int, int]:
        """Bytes that functions of TVM work in on the chip, by their step.

        Those are left out that C cannot express: such a network is not exported.
        """
        from .codegen.cut import cut_before  # only when asked for
        from .codegen.native import lower_native

        found = {}
        for index, step in enumerate(self.program.steps):
            if isinstance(step.operator, Native):
                try:
                    function = lower_native(step.operator, "f", cut_before(self.program, step))
                except ModelError:
                    continue
                found[index] = function.workspace_bytes
        return found

    def _sample(self, sample: Any) -> list[Array]:
        """One input of the network as a user gives it, or zeros."""
        if sample is None:
            return _zeros(self.program, self.program.inputs)
        if isinstance(sample, Mapping):
            return self.feed(dict(sample))
        return self.feed(list(sample) if isinstance(sample, (list, tuple)) else [sample])

    def save_espdl(
        self,
        path: str | os.PathLike[str],
        test_inputs: Any = None,
        *,
        overwrite: bool = False,
        info: bool = False,
        json: bool = False,
        user_model_id: int | None = None,
        user_model_version: str | None = None,
    ) -> Path:
        """Write an `.espdl` file, which ESP-DL's own runtime loads on the chip.

        As in ESP-PPQ's files, inputs and outputs are integers, and images have channels last
        where the model has them first; the file says so. The same network gives the same bytes.

        Parameters
        ----------
        path : path
            The file.
        test_inputs : array, list or dict, optional
            One sample; stored with the exact outputs, for `Model::test` on the chip and
            `tvm-espdl run` here. Nothing is stored where absent.
        overwrite : bool
            Whether files may be replaced.
        info, json : bool
            Whether to write a `.info` or a `.json` beside it, in ESP-PPQ's forms.
        user_model_id, user_model_version : int, str, optional
            As of `export_project`: in the file's metadata. A version that is a whole number is
            the file's `model_version`, too.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ModelError
            If ESP-DL's runtime cannot run a part of the network; nothing is written then.
        DataError
            If number or version cannot be one.
        OutputError
            If a file exists.
        """
        from .espdl.save import check_paths, refuse_report, save_program  # only when asked for

        user = UserModel(user_model_id, user_model_version)
        self._refuse_batch("save_espdl")
        check_paths(path, overwrite=overwrite, info=info, json=json)
        if any(isinstance(step.operator, Native) for step in self.program.steps):
            refuse_report(self.report())
        values = None if test_inputs is None else self.first_values(self._sample(test_inputs))
        texts = {"info": info, "json": json}
        return save_program(self.program, path, values, user=user, overwrite=overwrite, **texts)

    @property
    def graph_json(self) -> str:
        """The network as TVM's graph executor wrote graphs, for scripts of the old flow: JSON.

        Raises
        ------
        ModelError
            As `program`.
        """
        return graph_json(self.program)

    def get_graph_json(self) -> str:
        """As `graph_json`, for scripts of the old flow."""
        return self.graph_json

    def get_lib(self) -> Library:
        """The library itself, which holds its code, for scripts of the old flow."""
        return self

    def get_params(self) -> dict[str, Any]:
        """None: weights are constants of the library. For scripts of the old flow."""
        return {}

    def __reduce__(self) -> NoReturn:
        """A library holds compiled code, which stays in its process."""
        raise ModelError(
            "a library cannot be pickled or copied",
            try_="compile the model in the other process, or load there what export_library wrote",
        )

    def __getitem__(self, key: str) -> Callable[..., Session]:
        """`lib["default"](device)`, the old way to an executor; also `lib["debug_create"]`."""
        if key == self._name:
            return lambda device: Session(self, device)
        if key == "debug_create":
            return lambda _name, device: Session(self, device)
        raise ModelError(
            "no such module in the library", found=key, allowed=f"{self._name}, debug_create"
        )


def _zeros(program: Program, names: tuple[str, ...]) -> list[Array]:
    return [np.zeros(t.shape, t.dtype) for t in (program.values[name] for name in names)]
