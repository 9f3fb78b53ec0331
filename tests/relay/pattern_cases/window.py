"""Resizes and pools."""

from .forms import IMAGE, SIGNAL, case, node, numbers


def resized(*sizes, **attributes):
    return node("Resize", None, None, numbers(*sizes), **attributes)


def signal_as_rows(mode):
    """A signal that is resized as an image of one row and does not come back as a signal."""

    def build(b, x):
        channels = 16 if mode == "nearest" else 4
        image = b.node("Reshape", x, b.constant(numbers(1, channels, 1, 7)))
        sizes = b.constant(numbers(1, channels, 1, 14))
        wider = b.node("Resize", image, "", "", sizes, mode=mode)
        return b.node("Reshape", wider, b.constant(numbers(channels, 14)))

    return build


def pool(kind, rank, dilation=None):
    attributes = {"kernel_shape": [2] * rank}
    if dilation:
        attributes["dilations"] = [dilation] * rank
    return node(kind, **attributes)


def pool_case(kind, rank):
    shape = {1: SIGNAL, 2: IMAGE}[rank]
    return case(pool(kind, rank), pool(kind, rank, 2), "window_is_not_dilated", shape=shape)


NEAREST = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}
LINEAR = {"mode": "linear"}

CASES = {
    "resize_nearest: of images": case(resized(1, 16, 12, 10, **NEAREST), shape=(1, 16, 6, 5)),
    "resize_linear: of images": case(resized(1, 4, 12, 10, **LINEAR)),
    "resize_nearest: of signals": case(
        resized(1, 16, 14, **NEAREST), signal_as_rows("nearest"), "is_one_image", shape=(1, 16, 7)
    ),
    "resize_linear: of signals": case(
        resized(1, 4, 14, **LINEAR), signal_as_rows("linear"), "is_one_image", shape=SIGNAL
    ),
    "average_pool2d: of images": pool_case("AveragePool", 2),
    "average_pool2d: of signals": pool_case("AveragePool", 1),
    "max_pool2d: of images": pool_case("MaxPool", 2),
    "max_pool2d: of signals": pool_case("MaxPool", 1),
}
