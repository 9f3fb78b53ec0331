"""The readers that are fed damaged files: what they are given, and what they may raise.

Run as a program with a target's name and libFuzzer's options, it fuzzes that one.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
sys.path[:0] = [str(ROOT), *(str(TESTS / name) for name in ("", "espdl", "debug"))]

import numpy as np  # noqa: E402

Read = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes
    ----------
    make : callable
        Imports the reader and returns it; it may raise an `EspdlError`.
    seeds : callable
        Good inputs to start from.
    modules : tuple of str
        Whose branches guide the search.
    """

    make: Callable[[], Read]
    seeds: Callable[[], list[bytes]]
    modules: tuple[str, ...]


def _espdl() -> Read:
    from tvm_espdl.chips import find_chip
    from tvm_espdl.espdl import load
    from tvm_espdl.espdl.summary import summary_of
    from tvm_espdl.relay.frontend.espdl import program_of

    def read(data: bytes) -> None:
        file = load(data)
        str(summary_of(file))
        program_of(file, find_chip("esp32s3"))

    return read


def _espdl_seeds() -> list[bytes]:
    from small_models import addition, convolution, write
    from unusual_nodes import EXACT, network_of

    unusual = [network_of({name: case("int8", "esp32s3")})[0] for name, case in EXACT.items()]
    plain = [convolution(), convolution(channels=5), *unusual]
    return [*map(write, plain), write(addition(), b"EDL1")]


def _onnx() -> Read:
    import onnx
    from google.protobuf.message import DecodeError

    from tvm_espdl.onnx_graphs.model import fix_batch, input_signature, load_model
    from tvm_espdl.preprocess import preprocess_onnx

    def read(data: bytes) -> None:
        try:
            model = onnx.load_from_string(data)
        except DecodeError:
            return
        input_signature(fix_batch(load_model(model)))
        preprocess_onnx(model)

    return read


def _onnx_seeds() -> list[bytes]:
    data = ROOT / "tvm_espdl" / "data" / "digits" / "digits_cnn.onnx"
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["x", "s"], ["r"]),
            helper.make_node("Concat", ["r", "c"], ["y"], axis=0),
        ],
        "g",
        [value("x", TensorProto.FLOAT, ["N", 4])],
        [value("y", TensorProto.FLOAT, ["M"])],
        [
            helper.make_tensor("s", TensorProto.INT64, [1], [-1]),
            helper.make_tensor("c", TensorProto.FLOAT, [2], [1.0, 2.0]),
        ],
    )
    small = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return [data.read_bytes(), small.SerializeToString()]


def _log() -> Read:
    from tvm_espdl.debug.esp_dl_prints import esp_dl_prints
    from tvm_espdl.debug.monitor_log import parse_pieces
    from tvm_espdl.files.number_text import number_groups

    def read(data: bytes) -> None:
        parse_pieces([data])
        lines = data.decode("utf-8", errors="replace").split("\n")
        esp_dl_prints(lines)
        number_groups(lines)

    return read


def _log_seeds() -> list[bytes]:
    from board_log import tensor_lines

    lines = ["@espdl begin v1 0123456789abcdef 2"]
    lines += tensor_lines(0, "a/b c", np.arange(60, dtype=np.int8).reshape(3, 20), -7)
    lines += tensor_lines(1, "ä", np.arange(5, dtype=np.int16), 3, data=False)
    esp_dl = (
        "I (123) dl::Model: Testing output y.\n"
        "E (123) compare_elements: Inconsistent values, ground truth: 1.0, infer: 2.0, epsilon:0\n"
        "E (123) compare_elements: The position is: [0, 1]\n"
        "I (124) print: shape: [1, 3], dtype: int8, exponent: -3, auto_free: 1, data: 0x3fc0\n"
        "I (124) print: The data of TensorBase is:\n1, -2, 3, \n"
    )
    return ["\n".join([*lines, "@espdl done 2", ""]).encode(), esp_dl.encode()]


def _arrays() -> Read:
    from tvm_espdl.files.array_files import read_arrays

    with _scratch() as folder:

        def read(data: bytes) -> None:
            path = folder / "a.npz"
            path.write_bytes(data)
            read_arrays(path)

        return read


@contextmanager
def _scratch() -> Iterator[Path]:
    import tempfile

    memory = Path("/dev/shm")
    yield Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))


def _arrays_seeds() -> list[bytes]:
    several, packed, one = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(several, a=np.arange(4, dtype=np.int8), b=np.ones((2, 2), np.float32))
    np.savez_compressed(packed, a=np.arange(300, dtype=np.int16))
    np.save(one, np.arange(6, dtype=np.float32).reshape(2, 3, order="F"))
    return [stream.getvalue() for stream in (several, packed, one)]


def _exponents() -> Read:
    from tvm_espdl.quantize.exponent_files.reading import parse_exponents

    return parse_exponents


def _exponents_seeds() -> list[bytes]:
    held = {"bits": 8, "exponent": -5}
    packed = base64.b64encode(zlib.compress(np.arange(6, dtype="<i2").tobytes())).decode()
    own = {
        "format": "tvm-espdl exponents",
        "version": 1,
        "chip": "esp32p4",
        "opset": 21,
        "per_channel": True,
        "int16": ["y"],
        "float": [],
        "tensors": {"x": held, "y": {"bits": 16, "exponent": -12}},
        "operands": {"Add_0": {"1": held}},
        "weights": {"y": [-5, -6]},
        "channels": {"y": [1.0, 0.5]},
        "integers": {
            "Conv_0": {
                "1": {"check": "00c0ffee", "type": "int16", "count": 6, "offsets": packed},
            }
        },
    }
    config = {"bit_width": 8, "state": "ACTIVATED", "hash": 1000, "dominator": 1000}
    foreign = {
        "configs": {"Conv_0": {"x": config, "y": {**config, "state": "FP32"}}},
        "dispatchings": {},
        "values": {"1000": {"scale": 0.125, "zero_point": 0.0}},
    }
    return [json.dumps(content).encode() for content in (own, foreign)]


TARGETS = {
    "espdl": Target(_espdl, _espdl_seeds, ("tvm_espdl.espdl", "tvm_espdl.relay.frontend")),
    "onnx": Target(_onnx, _onnx_seeds, ("tvm_espdl.onnx_graphs", "tvm_espdl.preprocess")),
    "log": Target(_log, _log_seeds, ("tvm_espdl.debug", "tvm_espdl.files")),
    "exponents": Target(
        _exponents, _exponents_seeds, ("tvm_espdl.quantize.exponent_files", "tvm_espdl.files")
    ),
    "arrays": Target(_arrays, _arrays_seeds, ("tvm_espdl.files", "numpy.lib")),
}


def main() -> None:
    """Fuzz the target that the first argument names; the others are libFuzzer's."""
    import atheris  # an extra

    target = TARGETS[sys.argv.pop(1)]
    with atheris.instrument_imports(include=[*target.modules]):
        for name in target.modules:
            importlib.import_module(name)
        read = target.make()
    from tvm_espdl.errors import EspdlError

    def one(data: bytes) -> None:
        with suppress(EspdlError):
            read(data)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
