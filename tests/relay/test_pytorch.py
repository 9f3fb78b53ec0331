"""PyTorch models come in through ONNX; without torch the error says what to install."""

import importlib.util

import numpy as np
import pytest
from tvm import relay

from tvm_espdl.errors import ToolError

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "onnxscript"))


def import_linear():
    torch = pytest.importorskip("torch") if HAS_TORCH else None
    model = torch.nn.Linear(4, 2).eval() if torch else object()
    return model, relay.frontend.from_pytorch(model, [("input", (1, 4))])


def test_linear_layer_or_a_clear_error():
    if not HAS_TORCH:
        with pytest.raises(ToolError, match=r"pip install 'tvm-espdl\[torch\]'"):
            import_linear()
        return
    import torch

    model, (mod, params) = import_linear()
    with pytest.warns(UserWarning, match="no part of the network is quantized"):
        lib = relay.build(mod, target="espdl", params=params)
    x = np.array([[1.0, -2.0, 0.5, 3.0]], np.float32)
    np.testing.assert_allclose(lib(x), model(torch.from_numpy(x)).detach().numpy(), rtol=1e-5)
    assert lib.input_names == ("input",)
