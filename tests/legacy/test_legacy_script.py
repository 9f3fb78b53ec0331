"""The old published calling sequence works as it was written."""

import numpy as np
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
