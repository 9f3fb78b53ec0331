"""For each operator what its arithmetic rests on, besides our reading of ESP-DL's source.

`GOLDEN`: vectors that ESP-DL's own C++ and assembly gave, in `tvm_espdl/data/golden`. A path: a
file of Espressif's with stored outputs, below the folder of models. `SOURCE`: the source alone, so
that a mistake in reading it would not be found here; each such operator is compared with other
means (onnxruntime, float64, plain integers) in its family's tests. `OWN`: ESP-DL has no kernel, so
that the definition is this package's.
"""

from tvm_espdl.ops import operators
from tvm_espdl.selftest import golden
from tvm_espdl.selftest.builders import operator_of

GOLDEN, SOURCE = "golden vectors", "ESP-DL's source"
OWN = "no kernel of ESP-DL's: our own definition"

_STREAMING = (
    "espdl/examples_tutorial_how_to_deploy_streaming_model_test_streaming_model_main_models_"
    "esp32s3_model.espdl"
)
_RESHAPE = "espdl-ops/esp32s3__reshape__reshape_ishape_1_10_32_5_5_shape_320_5_5.espdl"

# Operators whose witness is no vector, and not the source alone.
FILES = {"conv1d": _STREAMING, "depthwise_conv1d": _STREAMING, "reshape": _RESHAPE}
# ESP-DL has the arithmetic of these, and only registers no node for them.
UNREGISTERED = ("maximum", "minimum")
HAVE_VECTORS = {built[0].name for case in golden.load() if (built := operator_of(case))}


def witness(name, kind):
    if name in HAVE_VECTORS:
        return GOLDEN
    if not kind.in_esp_dl() and name not in UNREGISTERED:
        return OWN
    return FILES.get(name, SOURCE)


WITNESSES = {name: witness(name, kind) for name, kind in operators().items()}
