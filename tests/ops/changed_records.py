"""Records with one field changed, and the rules that they break."""

import dataclasses

from tvm_espdl.chips import find_chip


def refused(operator, chip="esp32s3", **changes):
    """Names of the rules that a changed record breaks."""
    changed = dataclasses.replace(operator, **changes)
    return {refusal.rule for refusal in changed.refusals(find_chip(chip))}


def like(tensor, **changes):
    return dataclasses.replace(tensor, **changes)
