"""Which networks the golden replay compiles, each by its name, and how to make one of them.

Must never import a module of the package other than its public interface: modules move, what users
hold does not. The tests' own networks come from the tree whose package is replayed, found by the
names of their files.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CHIPS = ("esp32s3", "esp32p4", "esp32")
SEED = 20261129
SAMPLES = 8
RANDOM_GRAPHS = 10

#: Nothing saturates, nothing is searched or measured: exponents follow from extremes only, so that
#: they do not depend on the last bit of onnxruntime's results.
PLAIN: dict[str, Any] = {
    "activations": "minmax",
    "weights": "minmax",
    "recover": (),
    "hold_out": 0,
    "measure": False,
}

#: Files and packages of the tests that make networks.
TEST_MODULES = (
    "qdq_builder.py",
    "qdq_product.py",
    "qdq_networks.py",
    "coverage_cases.py",
    "random_graphs.py",
    "pattern_cases",
)

#: Networks of models/float that are small enough for the quick replay, and all others.
SMALL = ("digits_cnn", "kws_conv1d", "dscnn_kws_49x10", "resnet8_32", "actzoo_32")
LARGE = ("mobilenetv2_035_96", "yolo_nano_96", "yolo_tiny_160", "mobilenetv2_100_224")
#: Rules whose near misses have no result in ONNX: TVM would write where nothing is.
WITHOUT_RESULT = ("indices_are_inside", "scattered_indices_are_inside")

#: Bytes up to which a published network is in the quick replay.
SMALL_FILE = 40_000


@dataclass(frozen=True)
class Entry:
    """One network for one chip.

    Attributes
    ----------
    name : str
        Family, case and width, such as `operators/Conv/int8`.
    chip : str
        The chip that it is compiled for.
    case : str
        What the family calls the network: a name, or a path below the folder of models.
    width : str
        `int8` or `int16` of its layers, "" where the network says it itself.
    quick : bool
        Whether it is replayed without `--all`.
    measured : bool
        Whether sums in onnxruntime decide what the quantizer does: its result may depend on the
        CPU.
    """

    name: str
    chip: str
    case: str
    width: str = ""
    quick: bool = True
    measured: bool = False

    @property
    def key(self) -> str:
        """Name and chip, in one string."""
        return f"{self.name} {self.chip}"

    @property
    def folder(self) -> str:
        """Where its artefacts are, a relative path."""
        return re.sub(r"[^\w./-]+", "_", self.name) + f"/{self.chip}"


@dataclass(frozen=True)
class Network:
    """One network as `relay.build` takes it.

    Attributes
    ----------
    module : tvm.IRModule
        What the frontend gives.
    params : dict
        Likewise.
    inputs : dict of str to numpy.ndarray
        What is known of a good sample; other inputs are drawn.
    quantization : QuantizationResult or None
        Where our own quantizer has made it.
    """

    module: Any
    params: Mapping[str, Any]
    inputs: Mapping[str, np.ndarray]
    quantization: Any = None


def find_test_modules(root: Path) -> None:
    """Make the networks of a tree's tests importable, wherever they are in it."""
    for name in TEST_MODULES:
        found = sorted((root / "tests").rglob(name))
        if not found:
            raise SystemExit(f"no {name} below the tests of this tree")
        folder = str(found[0].parent)
        if folder not in sys.path:
            sys.path.append(folder)


def models_folder(root: Path) -> Path | None:
    """The folder of models that are no part of the repository, or None."""
    folder = Path(os.environ.get("TVM_ESPDL_MODELS", root.parent / "shared" / "models"))
    return folder if folder.is_dir() else None


def generator(*words: str) -> np.random.Generator:
    """Random numbers of their own for each name: other networks change nothing."""
    return np.random.default_rng([SEED, *(zlib.crc32(word.encode()) for word in words)])


def entries(models: Path | None) -> list[Entry]:
    """All networks, in a fixed order; those of `models` only where the folder is there."""
    found = [*_operators(), *_patterns(), *_random_graphs(), *_digits()]
    if models is not None:
        found += [*_float_models(models), *_espdl_files(models)]
    keys = [entry.key for entry in found]
    folders = {entry.folder for entry in found}
    assert len({*keys}) == len(keys) == len(folders), "two networks of one name"
    return found


def make(entry: Entry, root: Path, models: Path | None) -> Network:
    """The network of an entry."""
    return FAMILIES[entry.name.split("/")[0]](entry, root, models)


def _operators() -> Iterator[Entry]:
    """A network for every operator type of ONNX that the quantizer has a rule for."""
    from coverage_cases import CASES

    for case in CASES:
        # Each case in both widths and, some in int8 and others in int16, for all three families.
        width_of_esp32 = ("int8", "int16")[zlib.crc32(case.encode()) % 2]
        quick = {("esp32s3", "int8"), ("esp32p4", "int16"), ("esp32", width_of_esp32)}
        for chip in CHIPS:
            for width in ("int8", "int16"):
                name = f"operators/{case}/{width}"
                yield Entry(name, chip, case, width, (chip, width) in quick)


def _make_operator(entry: Entry, root: Path, models: Path | None) -> Network:
    import onnx
    from coverage_cases import CASES
    from onnx import TensorProto, helper, numpy_helper

    case = CASES[entry.case]
    outputs = [n for node in case.nodes for n in node.output if n.startswith("y")]
    float_type = TensorProto.FLOAT
    graph = helper.make_graph(
        case.nodes,
        "case",
        [helper.make_tensor_value_info(n, float_type, s) for n, s in case.shapes.items()],
        [helper.make_tensor_value_info(n, float_type, None) for n in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in case.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=11)
    samples: list[dict[str, np.ndarray]] = [{} for _ in range(SAMPLES)]
    for name, shape in case.shapes.items():
        rng = generator(entry.case, name)
        for sample in samples:
            values = np.maximum(rng.normal(size=shape), case.low)
            sample[name] = values.astype(np.float32)
    return _quantized(entry, onnx.shape_inference.infer_shapes(model), samples, **PLAIN)


def _quantized(entry: Entry, model: Any, samples: Any, **options: Any) -> Network:
    from tvm_espdl import relay
    from tvm_espdl.quantize import quantize_onnx

    widths = {"int8": {}, "int16": {"int16": "*"}, "mixed": {"int16": "auto", "budget": 0.1}}
    result = quantize_onnx(model, samples, entry.chip, **widths[entry.width], **options)
    first = samples[0] if isinstance(samples, list) else samples[:1]
    names = [value.name for value in result.model.graph.input]
    inputs = first if isinstance(first, dict) else {names[0]: first}
    return Network(*relay.frontend.from_onnx(result.model), inputs, result)


def _patterns() -> Iterator[Entry]:
    """Every form that a pattern takes, and in the long replay every near miss."""
    from pattern_cases import CASES, FURTHER

    for name, case in CASES.items():
        yield Entry(f"patterns/{name}", case.positive.chip, f"{name}|-1")
        for number, near in enumerate([case.near, *FURTHER.get(name, [])]):
            if near.rule in WITHOUT_RESULT:
                continue
            place = f"patterns/{name}/near{number}"
            yield Entry(place, near.chip, f"{name}|{number}", quick=False)


def _make_pattern(entry: Entry, root: Path, models: Path | None) -> Network:
    from pattern_cases import CASES, FURTHER, forms

    from tvm_espdl import relay

    name, number = entry.case.split("|")
    case = CASES[name]
    form = [*[case.near, *FURTHER.get(name, [])], case.positive][int(number)]
    # The forms draw from one generator while they are built: each from the start.
    forms.RNG = generator(entry.name)
    made = relay.frontend.from_onnx(form.model()) if form.importable else (form.build(), {})
    return Network(*made, {})


def _random_graphs() -> Iterator[Entry]:
    for number in range(RANDOM_GRAPHS):
        for chip in CHIPS:
            quick = number % len(CHIPS) == CHIPS.index(chip)
            yield Entry(f"random/{number}", chip, str(number), quick=quick)


def _make_random_graph(entry: Entry, root: Path, models: Path | None) -> Network:
    from random_graphs import RandomGraph

    from tvm_espdl import relay
    from tvm_espdl.chips import find_chip

    graph = RandomGraph(generator(entry.case), find_chip(entry.chip))
    model = graph.net.model(*(value.name for value in graph.outputs()))
    return Network(*relay.frontend.from_onnx(model), graph.sample())


def _digits() -> Iterator[Entry]:
    """The network of the demo, plainly quantized, and with all that the quantizer does."""
    for chip in CHIPS:
        yield Entry("digits/int8", chip, "", "int8")
        yield Entry("digits/int16", chip, "", "int16")
        yield Entry("digits/default", chip, "default", "int8", measured=True)
        yield Entry("digits/mixed", chip, "default", "mixed", quick=False, measured=True)


def _make_digits(entry: Entry, root: Path, models: Path | None) -> Network:
    (path,) = (root / "tvm_espdl").rglob("digits_cnn.onnx")
    with np.load(path.with_name("digits.npz")) as stored:
        samples = stored["calibration"]
    options = {} if entry.case == "default" else PLAIN
    return _quantized(entry, path, samples, **options)


def _float_models(models: Path) -> Iterator[Entry]:
    for name in (*SMALL, *LARGE):
        if not (models / "float" / f"{name}.onnx").is_file():
            continue
        for chip in CHIPS:
            for width in ("int8", "int16"):
                quick = name in SMALL and (chip, width) == ("esp32s3", "int8")
                if name in SMALL or (chip == "esp32p4" and width == "int8"):
                    yield Entry(f"float/{name}/{width}", chip, name, width, quick, True)
    if (models / "seed" / "model.onnx").is_file():
        for chip in CHIPS:
            yield Entry("float/seed/int8", chip, "seed", "int8", chip == "esp32s3", True)


def _make_float_model(entry: Entry, root: Path, models: Path | None) -> Network:
    import onnx

    assert models is not None
    seed = entry.case == "seed"
    path = models / ("seed/model.onnx" if seed else f"float/{entry.case}.onnx")
    calibration = models / "float" / f"{'seed_resnet8' if seed else entry.case}.calib.npz"
    if calibration.is_file():
        with np.load(calibration) as stored:
            samples = stored[stored.files[0]][:2].astype(np.float32)
    else:
        value = onnx.load(path).graph.input[0].type.tensor_type
        shape = [d.dim_value for d in value.shape.dim[1:]]
        samples = generator(entry.case).normal(size=(2, *shape)).astype(np.float32)
    return _quantized(entry, path, samples, **PLAIN)


def _espdl_files(models: Path) -> Iterator[Entry]:
    """Files of other writers: ESP-PPQ's and Espressif's own."""
    for path in sorted(models.glob("quantized/*/*/*.espdl")):
        case = str(path.relative_to(models))
        scheme = path.parent.name
        chip = {"c": "esp32"}.get(scheme.split("_")[0], scheme.split("_")[0])
        yield Entry(case.removesuffix(".espdl"), chip, case)
    for place, path in enumerate(sorted(models.glob("espdl-ops/*.espdl"))):
        case = str(path.relative_to(models))
        chip = {"c": "esp32"}.get(path.name.split("__")[0], path.name.split("__")[0])
        yield Entry(case.removesuffix(".espdl"), chip, case, quick=place % 5 == 0)
    for path in sorted(models.glob("espdl/*.espdl")):
        case, quick = str(path.relative_to(models)), path.stat().st_size < SMALL_FILE
        chip = "esp32p4" if "p4_" in path.name else "esp32s3"
        yield Entry(case.removesuffix(".espdl"), chip, case, quick=quick)


def _make_espdl(entry: Entry, root: Path, models: Path | None) -> Network:
    from tvm_espdl import relay

    assert models is not None
    return Network(*relay.frontend.from_espdl(str(models / entry.case), chip=entry.chip), {})


FAMILIES: dict[str, Callable[[Entry, Path, Path | None], Network]] = {
    "operators": _make_operator,
    "patterns": _make_pattern,
    "random": _make_random_graph,
    "digits": _make_digits,
    "float": _make_float_model,
    "quantized": _make_espdl,
    "espdl-ops": _make_espdl,
    "espdl": _make_espdl,
}
