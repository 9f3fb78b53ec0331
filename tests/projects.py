"""A library's project as files in memory."""

import numpy as np

from tvm_espdl.codegen.project import project_files


def project_of(library, sample=None, *, kernels="auto"):
    """Every file by its path, with an input or several, and what comes out; zeros where absent."""
    program = library.program
    zeros = [np.zeros(t.shape, t.dtype) for t in (program.values[n] for n in program.inputs)]
    several = isinstance(sample, (dict, list, tuple))
    arrays = zeros if sample is None else library.feed(sample if several else [sample])
    expected = library.first_run(arrays)
    return project_files(program, "project", arrays, expected, kernels)
