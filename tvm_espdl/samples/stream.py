"""Opens whatever a user gives as calibration data and streams it, one sample at a time.

Must never read ahead: a sample is made when it is asked for, and forgotten when the next one is.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, EspdlWarning
from ..files.output_files import path_of
from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature
from .arrays import Part, check_names, is_array, named, unknown_kind, with_batch
from .checks import Sample, check_array, has_rows, split
from .columns import Column, side_by_side
from .files import array_of_file, parts_of_file, parts_of_folder
from .folder import kind_of_folder
from .images import ImageFolder
from .progress import show_progress

Calibration = (
    Array
    | Mapping[str, Array | str | os.PathLike[str] | ImageFolder]
    | str
    | os.PathLike[str]
    | ImageFolder
    | Iterable[Array | Mapping[str, Array]]
)

#: Below this number of samples the ranges of activations are hardly those of real data.
FEW_SAMPLES = 8


def read_samples(
    calibration: Calibration,
    signature: Signature,
    *,
    progress: bool | None = None,
    label: str = "calibration",
    again: bool = False,
) -> Iterator[Sample]:
    """Stream calibration data, one checked sample at a time, in the same order every time.

    Parameters
    ----------
    calibration : array, dict, path, ImageFolder or iterable
        An array (N, ...) for a model with one input; the path of an .npy or .npz file (the name of
        a single array in it does not matter), of a folder of such files with one sample each, or
        of a folder of images; an `ImageFolder`; {input: any of these}, as many samples of each
        input, which belong together in their order, that of the files' names in folders; or an
        iterable of arrays or dicts, each a sample with or without its batch axis, or a batch.
    signature : dict
        What `onnx_graphs.model.input_signature` returned, with batch 1.
    progress : bool, optional
        Whether to draw a progress bar on stderr; None: if that is a terminal.
    label : str
        What the bar is called.
    again : bool
        Whether these data were read before: what there is to warn about was said then.

    Yields
    ------
    dict of str to array
        One array per input, of exactly the shape and dtype in `signature`.

    Raises
    ------
    DataError
        If an input is missing, or data have another shape or dtype, are empty, or hold NaN or
        infinity; if inputs have different numbers of samples; also if a file cannot be read.

    Warns
    -----
    EspdlWarning
        If there are fewer samples than `FEW_SAMPLES`, or a folder of images holds other files.
    """
    samples, total = _open(calibration, signature, again=again)
    count = 0
    for sample in show_progress(samples, total, label=label, enabled=progress):
        count += 1
        yield sample
    if count == 0:
        raise DataError(
            "there is no calibration sample",
            where="calibration",
            found="0 samples",
            allowed="1 sample or more; 32 to 200 typical ones give good exponents",
            try_="pass an array of shape (N, ...) with real inputs of the network",
        )
    if count < FEW_SAMPLES and not again:
        warnings.warn(
            f"calibration: only {count} calibration sample{'s' if count > 1 else ''}; ranges are "
            "hardly those of real data; try: 32 to 200 typical inputs",
            EspdlWarning,
            stacklevel=2,
        )


def can_reopen(calibration: Calibration) -> bool:
    """Whether `read_samples` can be called on `calibration` again and gives the same samples.

    Parameters
    ----------
    calibration : array, dict, path, ImageFolder or iterable
        As for `read_samples`; nothing is read from it.

    Returns
    -------
    bool
        False for iterators, such as generators, which are used up by one pass; True for arrays,
        dicts, files, folders, sequences, and objects that give a new iterator each time.
    """
    return not isinstance(calibration, Iterator)


class SeveralPasses:
    """The samples of calibration data, as often as they are asked for: read anew where possible.

    Only those of an iterator, which gives them once, are kept in memory.

    Parameters
    ----------
    calibration, signature, progress
        As for `read_samples`, whose errors and warnings come with the first pass.
    """

    def __init__(
        self, calibration: Calibration, signature: Signature, *, progress: bool | None = None
    ) -> None:
        self._calibration, self._signature, self._progress = calibration, signature, progress
        self._kept: list[Sample] | None = None
        self._again = False
        if not can_reopen(calibration):
            self._kept = list(self._read())

    def __iter__(self) -> Iterator[Sample]:
        return self._read() if self._kept is None else iter(self._kept)

    def _read(self) -> Iterator[Sample]:
        again, self._again = self._again, True
        return read_samples(
            self._calibration, self._signature, progress=self._progress, again=again
        )


def _open(
    calibration: Any, signature: Signature, *, again: bool
) -> tuple[Iterator[Sample], int | None]:
    if isinstance(calibration, Mapping):
        check_names(calibration, signature, "calibration")
        columns = {n: _column(calibration[n], {n: signature[n]}, again=again) for n in signature}
        return side_by_side(columns)
    parts, total = _parts(calibration, signature, again=again)
    return (sample for part, where in parts for sample in split(part, signature, where)), total


def _column(value: Any, signature: Signature, *, again: bool) -> Column:
    """What a user gave for one of the inputs."""
    (name,) = signature
    where = f"calibration, input {name!r}"
    if isinstance(value, (str, os.PathLike)):
        path_of(value, where, DataError)
    if isinstance(value, (str, os.PathLike)) and not Path(value).is_dir():
        array, where = array_of_file(Path(value), signature), f"calibration file {value}"
    elif is_array(value):
        array, where = np.asarray(value), "calibration"
    elif isinstance(value, (str, os.PathLike, ImageFolder)):
        samples, total = _open(value, signature, again=again)
        counted = isinstance(value, ImageFolder) or kind_of_folder(Path(value)) == "images"
        return Column(samples, total if counted else None)
    else:
        raise unknown_kind(value, where, one_of_several=True)
    check_array(array, name, signature, where)
    rows = has_rows(array, signature[name][0])
    samples = split({name: array}, signature, where)
    return Column(samples, array.shape[0] if rows and array.ndim else None, fixed=not rows)


def _parts(
    calibration: Any, signature: Signature, *, again: bool
) -> tuple[Iterator[Part], int | None]:
    if isinstance(calibration, (str, os.PathLike)):
        path = path_of(calibration, "calibration", DataError)
        if not path.is_dir():
            return parts_of_file(path, signature)
        if kind_of_folder(path) == "arrays":
            return parts_of_folder(path, signature)
        calibration = ImageFolder(path)
    if isinstance(calibration, ImageFolder):
        return calibration.parts(signature, again=again)
    if is_array(calibration):
        arrays = named(calibration, signature, "calibration")
        batches = [array.shape[0] for array in arrays.values() if array.ndim]
        return iter([(arrays, "calibration")]), max(batches, default=1)
    if isinstance(calibration, Iterable):
        total = len(calibration) if isinstance(calibration, Sized) else None
        return _parts_of_iterable(calibration, signature), total
    raise unknown_kind(calibration, "calibration")


def _parts_of_iterable(calibration: Iterable[Any], signature: Signature) -> Iterator[Part]:
    for number, item in enumerate(calibration):
        where = f"calibration sample {number}"
        part = named(item, signature, where)
        yield {name: with_batch(a, signature[name][0]) for name, a in part.items()}, where
