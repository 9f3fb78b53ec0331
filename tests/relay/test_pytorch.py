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


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # torch's own
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


def in_form(torch, model, x, form):
    """A module, its exported program, its trace, or what TVM's own importer makes of it."""
    if form == "traced":
        model = torch.jit.trace(model, (x,))
    elif form != "module":
        model = torch.export.export(model, (x,))
    if form == "tvm":
        from tvm.relax.frontend.torch import from_exported_program

        return from_exported_program(model), {}
    return relay.frontend.from_pytorch(model, [("x", (tuple(x.shape), "float32"))])


@pytest.mark.skipif(not HAS_TORCH, reason="torch and onnxscript are not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["module", "exported", "traced", "tvm"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_two_recurrent_layers_and_the_last_step(kind, form):
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = getattr(torch.nn, kind)(4, 6, num_layers=2, batch_first=True)

        def forward(self, x):
            y, _ = self.layers(x)
            return y[:, -1], x[..., -2:], x[:, [0, -1]]

    torch.manual_seed(0)
    model, x = Network().eval(), torch.randn(1, 5, 4)
    mod, params = in_form(torch, model, x, form)
    results = relay.build(mod, target="espdl", params=params).run([x.numpy()])
    for found, expected in zip(results, model(x), strict=True):
        np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-6)
