"""The old published calling sequence works as it was written."""

import json

import numpy as np
import pytest
from networks import digits_arrays, quantized_digits

import tvm_espdl  # noqa: F401 - the one line that users add


def test_published_sequence(tmp_path):
    import onnx
    import tvm
    from tvm import relay
    from tvm.contrib import graph_executor
    from tvm.contrib.debugger import debug_executor

    onnx.save(quantized_digits("esp32s3"), tmp_path / "model_quant.onnx")
    img = digits_arrays()["images"][:1]

    onnx_model = onnx.load(tmp_path / "model_quant.onnx")
    input_name = "input"
    shape_dict = {input_name: img.shape}
    mod, params = relay.frontend.from_onnx(onnx_model, shape_dict)
    with tvm.transform.PassContext(opt_level=3):
        lib = relay.build(mod, target="espdl", params=params)
    dev = tvm.cpu(0)
    m = graph_executor.GraphModule(lib["default"](dev))
    m.set_input(input_name, tvm.nd.array(img))
    m.run()
    tvm_output = m.get_output(0).numpy()

    assert tvm_output.shape == (1, 10)
    assert tvm_output.argmax() == digits_arrays()["labels"][0]

    debug = debug_executor.GraphModuleDebug(
        lib["debug_create"]("default", dev),
        [dev],
        lib.graph_json,
        dump_root=str(tmp_path / "dump"),
    )
    debug.set_input(input_name, img)
    debug.run()
    np.testing.assert_array_equal(debug.get_output(0).numpy(), tvm_output)
    np.testing.assert_array_equal(
        debug.debug_get_output("logits").numpy() * np.float32(2.0**-3), tvm_output
    )
    assert (tmp_path / "dump" / "logits.npy").is_file()


def test_published_debugging_sequence(tmp_path):
    """`debug_onnx_model` of the old guide, but for the node's name, which the error tells."""
    import onnx
    import tvm
    from tvm import relay
    from tvm.contrib.debugger.debug_executor import GraphModuleDebug

    from tvm_espdl.errors import DataError

    model_path = tmp_path / "model_quant.onnx"
    onnx.save(quantized_digits("esp32s3"), model_path)
    image_sample = digits_arrays()["images"][:1]
    mod, params = relay.frontend.from_onnx(onnx.load(model_path), shape={"input": (1, 1, 8, 8)})
    dev = tvm.cpu(0)
    with tvm.transform.PassContext(opt_level=0):
        lib = relay.build(mod, "espdl", params=params)
    m = GraphModuleDebug(
        lib["debug_create"]("default", dev),
        [dev],
        lib.graph_json,
        dump_root=str(tmp_path / "tvmdbg"),
    )
    m.set_input("input", tvm.nd.array(image_sample))
    m.set_input(**params)
    m.run()
    tvm_out = m.get_output(0, tvm.nd.empty((1, 10), dtype="float32"))
    np.testing.assert_array_equal(tvm_out.numpy(), lib(image_sample))

    graph = json.loads((tmp_path / "tvmdbg" / "_tvmdbg_graph_dump.json").read_text())
    (first, *_) = [node for node in graph["nodes"] if node["op"] == "conv2d"]
    assert first["shape"] == [1, 8, 8, 16] and first["attrs"]["T"] == "type: int8"
    tvm_out = tvm.nd.empty((1, 8, 8, 16), dtype="int8")
    with pytest.raises(DataError, match=rf"try: debug_get_output\('{first['name']}'\)"):
        m.debug_get_output("tvmgen_default_fused_nn_relu", tvm_out)
    m.debug_get_output(first["name"], tvm_out)
    expected = lib.run_with_intermediates(image_sample)[first["name"]]
    np.testing.assert_array_equal(tvm_out.numpy().flatten()[:16], expected.flatten()[:16])
