"""What Python's users pass by mistake is told as everything else: by the project's own errors."""

import inspect

import pytest
from networks import library, quantized_digits
from qdq_networks import floats, network, node

from tvm_espdl import debug, relay
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlError
from tvm_espdl.estimate import Limits, Settings, evaluate
from tvm_espdl.quantize import quantize_onnx

WRONG = (5, -2.5, "x", b"x", None, object(), [5], {5: 5}, (), True)
LIB = library("digits", "esp32")


def settings(**stated):
    return evaluate(LIB, Settings(**stated))


def everyday(tmp_path):
    """Function, what it is called with, and the parameters of it that are wrong in turn."""
    model = quantized_digits("esp32")
    folder = {"path": tmp_path / "project"}
    yield LIB.export_project, folder, [*inspect.signature(LIB.export_project).parameters]
    yield LIB.export_library, {}, ["path"]
    yield LIB.save_espdl, {"path": tmp_path / "m.espdl", "overwrite": True}, ["path", "test_inputs"]
    yield LIB.report().to_html, {}, ["path"]
    yield Limits, {}, ["ms", "ram", "flash"]
    yield settings, {}, [*inspect.signature(Settings).parameters]
    yield evaluate, {"network": LIB}, ["settings", "kernels"]
    yield compile_file, {"model": model}, ["model", "chip", "name", "cache_dir"]
    yield debug.compare, {"lib": LIB}, ["dump"]
    tensors = LIB.run_with_intermediates(floats(1, 1, 8, 8))
    board = {**tensors, "logits": tensors["logits"] ^ 1}
    names = ["inputs", "mean", "std", "seconds", "tensors"]
    yield debug.compare, {"lib": LIB, "dump": board, "seconds": 0.2}, names
    yield LIB.run_batch, {}, ["xs"]
    yield relay.frontend.from_onnx, {"model": model}, ["model", "shape", "dtype", "opset"]
    yield relay.frontend.from_espdl, {}, ["model"]
    yield LIB.run_with_intermediates, {}, [""]
    names = [name for name in inspect.signature(quantize_onnx).parameters if name != "progress"]
    yield quantize_onnx, {"model": model, "calibration": None, "chip": "esp32"}, names
    gemm = network([node("Gemm", "x w", "y")], {"x": (1, 4)}, {"y": (1, 2)}, {"w": floats(4, 2)})
    plain = {"calibration": floats(8, 4), "measure": False, "recover": (), "hold_out": 0}
    yield quantize_onnx, {"model": gemm, **plain}, names


@pytest.mark.filterwarnings("ignore")
def test_no_other_error_leaves_a_call_of_the_interface(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused, other = 0, []
    for number, (function, given, names) in enumerate(everyday(tmp_path)):
        for name in names:
            for place, wrong in enumerate(WRONG):
                arguments = {**given, name: wrong} if name else {}
                try:
                    function(*(() if name else (wrong,)), **arguments)
                except EspdlError:
                    refused += 1
                except Exception as error:
                    other.append(f"{function.__name__}({name}={wrong!r}): {error!r}")
                for left in tmp_path.iterdir():  # What was no mistake has been written.
                    left.rename(tmp_path.parent / f"{tmp_path.name}-{number}-{name}-{place}")
    assert not other, "\n".join(other)
    assert refused > 200
