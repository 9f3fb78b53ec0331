"""ONNX's own backend tests, from the `onnx` package, run through this project and through TVM.

Each case is a model of one operator, mostly, with stored inputs and outputs. Each runs in a child
process, so that one that ends the process costs no other.
"""

import dataclasses
import json
import os
import pickle
import signal
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import numpy_helper

KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
RESULTS = ("pass", "wrong", "refused", "traceback")
RECORD = Path(__file__).with_name("onnx_backend.json")
CONSTANTS = " with constants"
SECONDS = 120
BATCH = 25


@dataclass(frozen=True)
class Case:
    """A model and its data: for each set, the inputs and outputs in the graph's order."""

    name: str
    category: str
    model: onnx.ModelProto
    sets: tuple
    rtol: float
    atol: float


@dataclass(frozen=True)
class Outcome:
    """One of RESULTS, and why."""

    result: str
    reason: str = ""


def load_cases():
    """All cases, by name."""
    from onnx.backend.test.loader import load_model_tests

    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = [case for kind in KINDS for case in load_model_tests(kind=kind)]
    for case in loaded:
        if case.model is not None:
            model = case.model
            sets = tuple([list(map(_plain, part)) for part in data] for data in case.data_sets)
            category = model.graph.node[0].op_type
            for operator in ("Attention", "SoftmaxCrossEntropyLoss"):
                if f"_{operator.lower()}_" in case.name and "expanded" not in case.name:
                    category = operator
        else:
            folder = Path(case.model_dir)
            model = onnx.load(folder / "model.onnx")
            sets = tuple(_stored(model, f) for f in sorted(folder.glob("test_data_set_*")))
            category = case.kind
        if "expanded" in case.name:
            category = "functions written out"
        found[case.name] = Case(case.name, category, model, sets, case.rtol, case.atol)
    return dict(sorted(found.items()))


def _plain(value):
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _stored(model, folder):
    return [
        [
            _array(folder / f"{kind}_{n}.pb", value.type)
            for n, value in enumerate(values)
            if (folder / f"{kind}_{n}.pb").exists()  # weights are inputs without a file
        ]
        for kind, values in (("input", model.graph.input), ("output", model.graph.output))
    ]


def _array(path, kind):
    if not kind.HasField("tensor_type"):
        return None
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def with_constants(case):
    """The case with axes, shapes, scales and the like as constants, as networks have them.

    None where the case has no such inputs: those of at most one dimension, but for the first; and
    where it is about sequences.
    """
    if case.category.startswith(("Sequence", "Optional")):
        return None
    ((inputs, outputs), *others) = case.sets
    own = {tensor.name for tensor in case.model.graph.initializer}
    names = [value.name for value in case.model.graph.input]
    bound = {
        name: np.asarray(value)
        for name, value in zip(names[1:], inputs[1:], strict=False)
        if name not in own
        and not isinstance(value, (list, dict, type(None)))
        and np.ndim(value) < 2
    }
    if others or not bound or not all(v.dtype.kind in "iufb" for v in bound.values()):
        return None
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    kept = [value for value in model.graph.input if value.name not in bound]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in bound.items())
    left = [v for name, v in zip(names, inputs, strict=False) if name not in bound]
    name = case.name + CONSTANTS
    return dataclasses.replace(case, name=name, model=model, sets=([left, outputs],))


def ours(case):
    """The case through `from_onnx` and `relay.build`, for a chip that rounds as ONNX does."""
    from tvm_espdl import relay
    from tvm_espdl.errors import EspdlError

    def run():
        mod, params = relay.frontend.from_onnx(case.model)
        library = relay.build(mod, "espressif/esp32p4", params)

        def call(feed):
            library.reset()
            return library.run({name: feed[name] for name in library.input_names})

        return call

    return _outcome(case, run, EspdlError)


def plain_tvm(case):
    """The case through TVM's own importer and compiler."""
    import tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    def run():
        mod = from_onnx(case.model, keep_params_in_input=False)
        machine = relax.VirtualMachine(relax.build(mod, "llvm"), tvm.cpu())
        names = [p.name_hint if hasattr(p, "name_hint") else p.name for p in mod["main"].params]
        given = [value.name for value in case.model.graph.input]

        def call(feed):
            by_own = dict(zip(names, given, strict=False)) if len(names) == len(given) else {}
            arrays = [tvm.runtime.tensor(np.asarray(feed[by_own.get(n, n)])) for n in names]
            result = machine["main"](*arrays)
            parts = [result] if hasattr(result, "numpy") else list(result)
            return [part.numpy() for part in parts]

        return call

    return _outcome(case, run, NotImplementedError)


def _outcome(case, prepare, refusal):
    try:
        call = prepare()
        names = [value.name for value in case.model.graph.input]
        for inputs, outputs in case.sets:
            feed = {name: _fed(value) for name, value in zip(names, inputs, strict=False)}
            problem = _difference(case, call(feed), outputs)
            if problem:
                return Outcome("wrong", problem)
    except refusal as error:
        return Outcome("refused", " ".join(str(error).split()))
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        line = " ".join(str(error).split())[-200:]
        where = f"{Path(at.filename).name}:{at.name}"
        return Outcome("traceback", f"{type(error).__name__} in {where}: {line}")
    return Outcome("pass")


def _fed(value):
    return value if isinstance(value, (list, dict)) or value is None else np.asarray(value)


def _difference(case, found, expected):
    """What differs, as ONNX's own runner judges it; empty where nothing does."""
    if len(found) != len(expected):
        return f"{len(found)} outputs, not {len(expected)}"
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        if isinstance(other, (list, dict)) or other is None:
            return f"output {number} is no tensor in the test"
        problem = _unlike(case, one, np.asarray(other))
        if problem:
            return f"output {number} {problem}"
    return ""


def _unlike(case, one, other):
    if one.shape != other.shape:
        return f"has shape {one.shape}, not {other.shape}"
    if one.dtype != other.dtype:
        return f"is {one.dtype}, not {other.dtype}"
    if other.dtype.kind in "fcV":
        wide = [array.astype(np.float64) for array in (one, other)]
        # One last bit of a half is a thousandth already, which is all that ONNX's runner allows.
        last = 4 * float(ml_dtypes.finfo(other.dtype).eps) if other.dtype.kind != "c" else 0.0
        rtol = max(case.rtol, last) if other.dtype.itemsize == 2 else case.rtol
        close = np.isclose(*wide, rtol=rtol, atol=case.atol, equal_nan=True)
    else:
        close = one == other
    if not np.all(close):
        worst = int(np.argmin(np.asarray(close).ravel()))
        return f"has {one.ravel()[worst]}, not {other.ravel()[worst]}, at {worst}"
    return ""


def run_cases(cases, run, tell=lambda name, outcome: None):
    """The outcome of each case, by name; `run` is `ours` or `plain_tvm`."""
    left, outcomes = list(cases), {}
    while left:
        batch = left[:BATCH]
        done = _in_child(batch, run)
        if len(done) < len(batch):  # the child ended in the middle of a case
            done.append(Outcome("traceback", "the process ended"))
        for case, outcome in zip(batch, done, strict=False):
            outcomes[case.name] = outcome
            tell(case.name, outcome)
        left = left[len(done) :]
    return outcomes


def _in_child(batch, run):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        warnings.simplefilter("ignore")
        with os.fdopen(writing, "wb") as pipe:
            for case in batch:
                signal.alarm(SECONDS)
                pickle.dump(run(case), pipe)
                pipe.flush()
        os._exit(0)
    os.close(writing)
    done = []
    with os.fdopen(reading, "rb") as pipe:
        while len(done) < len(batch):
            try:
                done.append(pickle.load(pipe))
            except (EOFError, pickle.UnpicklingError):
                break
    os.waitpid(child, 0)
    return done


def run_ours(cases, tell=lambda name, outcome: None):
    """The outcomes of cases, and of those refused once more with constants."""
    outcomes = run_cases(cases, ours, tell)
    refused = [case for case in cases if outcomes[case.name].result == "refused"]
    again = [case for case in map(with_constants, refused) if case is not None]
    return outcomes | run_cases(again, ours, tell)


def recorded():
    """What `scripts/onnx_backend.py` has found: category, our result and TVM's by case."""
    return {name: tuple(entry) for name, entry in json.loads(RECORD.read_text()).items()}


def write_record(record):
    """The record as a file, a line for each case."""
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(record.items())]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def lacking(record):
    """Cases that plain TVM passes and this project does not, with nothing that excuses them."""
    return [
        name
        for name, (_, result, plain) in record.items()
        if plain == "pass" and result != "pass" and excuse(name) is None
    ]


def excuse(name):
    """Why a case is refused although TVM passes it; None where there is no reason."""
    return next(
        (why for why, names in EXCUSES.items() if any(fnmatch(name, n) for n in names)), None
    )


def page(record):
    """docs/onnx_backend.md."""
    counts, total = {}, Counter()
    for category, result, plain in record.values():
        row = counts.setdefault(category, Counter())
        for key in (result, f"TVM {plain}"):
            row[key] += 1
            total[key] += 1
    columns = (*RESULTS, *(f"TVM {result}" for result in RESULTS))
    lines = [PREFACE, "| category | " + " | ".join(columns) + " |"]
    lines.append("| --- |" + " ---: |" * len(columns))
    for category, row in [*sorted(counts.items()), ("**all**", total)]:
        cells = (str(row[column] or "") for column in columns)
        lines.append(f"| {category} | " + " | ".join(cells) + " |")
    lines.append("\n## Refused here, passed by TVM alone\n")
    for why in EXCUSES:
        names = [
            name
            for name, (_, result, plain) in record.items()
            if plain == "pass" and result != "pass" and excuse(name) == why
        ]
        if names:
            lines.append(f"- {why}: {', '.join(f'`{name}`' for name in names)}")
    return "\n".join(lines) + "\n"


PREFACE = """# ONNX's backend tests

`python scripts/onnx_backend.py` writes this page; tests run a part of the cases each time, and all
of them with `TVM_ESPDL_ONNX_BACKEND=all`. Each of the cases of the `onnx` package, a model of one
operator mostly, with stored inputs and outputs, goes through `relay.frontend.from_onnx` and
`relay.build` and runs on the PC; the columns TVM are `tvm.relax.frontend.onnx` and `relax.build`
alone. “With constants” are the refused cases once more, their axes, shapes and scales not inputs
but constants, as in the networks that are exported. *Wrong* is a result beyond ONNX's own
tolerance (of halves, beyond four last bits), *refused* an error that says why, *traceback* any
other exception, or the end of the process.
"""

EXCUSES = {
    "the size of a result depends on values, and a program for a chip is static": [
        *("test_compress_*", "test_nonzero_*", "test_unique_*", "test_range_*", "test_tile*"),
        *("test_expand_*", "test_slice*", "test_squeeze*", "test_unsqueeze_*"),
    ],
    "scales that are computed at run time; the chip's are constants": [
        *("test_quantizelinear*", "test_dequantizelinear*", "test_dynamicquantizelinear*"),
        "test_matmulinteger",
    ],
    "control flow, sequences and optional values": [
        *("test_if", "test_optional_*", "test_split_to_sequence*", "test_sequence_*"),
    ],
    "training": ["test_training_dropout*", "test_batchnorm_*_training_mode"],
    "ONNX's own strict shape inference fails on the operator": ["test_mvn"],
}
