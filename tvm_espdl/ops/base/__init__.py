"""What operators share: the record itself, families of forms, arithmetic, packing, registry.

Each operator stands in a file of its own beside this folder, and imports from here.
"""

from .accumulate import accumulate, finish
from .alike import AllOfOneExponent, AllOfOneType
from .broadcast import Broadcast, RawBroadcast, RealBroadcast, WithRelu
from .builder import Builder, Expression
from .ccall import CCall, FieldValue, Needs
from .comparison import Comparison
from .convolution import Convolution
from .convolution1d import Convolution1d
from .form import Form
from .function import FloatFunction, exponential, logistic
from .gates import dot_products, entries, sigmoid_of, tanh_of, wrapped
from .newton import newton_root
from .normalization import Normalization, sum_of_squares
from .operator import Operator, Summed, Tensor, rule
from .packing import convolution_call, register_fields
from .pointwise import Pointwise
from .pool import Pool
from .recurrent import ALL, CELLS, LAST, Recurrent
from .reduction import ExactSum, Extreme, RealSum, Reduction
from .resize import Resize, inverse_scale
from .rounding import Array, power_of_two, round_float, saturate, shift_and_round, wrap
from .shifted_scales import ShiftedScales
from .strided import Shape, Strided, split_at, strides_of
from .unary import Elementwise, Moved, MovedIntegers, OneType, SameExponent, Unary
from .weighted import Weighted
from .window import OneImage, Pair, with_rows
