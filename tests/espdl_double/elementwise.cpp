/*
 * The element-wise operators. ESP-DL merges neighbouring dimensions that broadcast alike, and how
 * long the innermost run then is decides which kernel multiplies: so a block that could be merged
 * further is refused, too.
 */
#include "sdkconfig.h"

#include "dl_base_add.hpp"
#include "dl_base_equal.hpp"
#include "dl_base_greater.hpp"
#include "dl_base_greaterorequal.hpp"
#include "dl_base_less.hpp"
#include "dl_base_lessorequal.hpp"
#include "dl_base_max.hpp"
#include "dl_base_min.hpp"
#include "dl_base_mul.hpp"
#include "dl_base_sub.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace {
template <typename X, typename Y> using Args = dl::base::elemwiseArgsType<X, Y>;

constexpr int most_dims = 4;

// One input: the strides of its block, outermost last, and what they say of its extents.
struct Input {
  const char *name;
  int d0;
  int steps[most_dims];   // after one run, one row of runs, ...
  int extents[most_dims]; // 1 where it is repeated
};

struct Shape {
  int dims;
  int extents[most_dims];
};

// ESP-DL's steps lead from the end of one dimension to where the next one reads on.
void check_steps(const char *function, const Shape &shape, Input *input) {
  demand(function, input->d0 == 1 || input->d0 == shape.extents[0],
         "an input's d0 is neither 1 nor output_d0");
  input->extents[0] = input->d0;
  int inner = input->d0;
  for (int dim = 1; dim < shape.dims; ++dim) {
    const int step = input->steps[dim];
    const bool inner_is_repeated = dim == 1 || input->extents[dim - 1] == 1;
    if (dim == 1) {
      demand(function, step == 0 || step == inner, "an input's d1_stride is neither 0 nor its d0");
      input->extents[dim] = step == 0 ? 1 : shape.extents[dim];
    } else if (inner_is_repeated) {
      demand(function, step == 0 || step == inner,
             "an input's stride is neither 0 nor its inner size");
      input->extents[dim] = step == 0 ? 1 : shape.extents[dim];
    } else {
      demand(function, step == 0 || step == -inner,
             "an input's stride is neither 0 nor minus its inner size");
      input->extents[dim] = step == 0 ? shape.extents[dim] : 1;
    }
    inner *= input->extents[dim];
  }
}

void check_merged(const char *function, const Shape &shape, const Input &a, const Input &b) {
  for (int dim = 0; dim < shape.dims; ++dim) {
    const int extent = shape.extents[dim];
    demand(function, extent > 0, "an extent is not positive");
    demand(function, extent > 1 || shape.dims == 1, "a dimension of extent 1 is not merged");
    demand(function, a.extents[dim] == extent || b.extents[dim] == extent,
           "both inputs are repeated");
    if (dim > 0) {
      const bool same_a = (a.extents[dim] == 1) == (a.extents[dim - 1] == 1);
      const bool same_b = (b.extents[dim] == 1) == (b.extents[dim - 1] == 1);
      demand(function, !same_a || !same_b, "two dimensions that broadcast alike are not merged");
    }
  }
}

int size_of(const Shape &shape, const int *extents) {
  int size = 1;
  for (int dim = 0; dim < shape.dims; ++dim) {
    size *= extents[dim];
  }
  return size;
}

enum class Reads { nothing, shift_or_scales, compare_mask };

template <typename X, typename Y>
void check_block(const char *function, const Args<X, Y> &args, Reads reads, bool in_vectors) {
  const size_t alignment = in_vectors ? vector_bytes : alignof(X);
  expect_pointer(function, "input0_element", args.input0_element, alignment);
  expect_pointer(function, "input1_element", args.input1_element, alignment);
  expect_pointer(function, "output_element", args.output_element,
                 in_vectors ? vector_bytes : alignof(Y));
  if (vectors) {
    const int whole = args.output_d0 / lanes<X>;
    ESPDL_EXPECT(c_div_x_1, whole - 1);
    ESPDL_EXPECT(c_remainder, args.output_d0 % lanes<X> * sizeof(X));
    const int pairs = whole / 2 - 1 > 0 ? whole / 2 - 1 : 0;
    ESPDL_EXPECT(c_div_2x_1, pairs);
    ESPDL_EXPECT(c_left_x_1, whole - 2 * pairs - 1);
  }
  if (reads == Reads::compare_mask && in_vectors) {
    ESPDL_EXPECT(compare_mask, 1);
  }
  if (reads == Reads::shift_or_scales && in_vectors) {
    demand(function, args.mul_shift >= 0 && args.mul_shift <= 31, "mul_shift is out of range");
  }
}

template <typename X, typename Y>
void check_memory(const char *function, const X *input, int input_size, const Y *output, int size,
                  bool in_vectors) {
  const bool same = sizeof(X) == sizeof(Y) && input_size == size;
  expect_apart(function, input, input_size * sizeof(X), output, size * sizeof(Y), same);
  if (in_vectors) {
    read_slack(input, input_size * sizeof(X), vector_bytes);
  }
}

// `vectorised`: whether the family has a vector kernel, for runs that fill a vector.
template <typename X, typename Y, typename Function>
void run(const char *function, Args<X, Y> *block, Reads reads, bool vectorised, Function value) {
  Args<X, Y> &args = *entered<Args<X, Y>>(function, block);
  demand(function, args.dims >= 1 && args.dims <= most_dims, "dims is not 1 to 4");
  Shape shape = {args.dims, {args.output_d0, args.output_d1, args.output_d2, args.output_d3}};
  Input a = {"input0",
             args.input0_d0,
             {0, args.input0_d1_stride, args.input0_d2_stride, args.input0_d3_stride},
             {1, 1, 1, 1}};
  Input b = {"input1",
             args.input1_d0,
             {0, args.input1_d1_stride, args.input1_d2_stride, args.input1_d3_stride},
             {1, 1, 1, 1}};
  for (int dim = args.dims; dim < most_dims; ++dim) {
    shape.extents[dim] = 1;
  }
  check_steps(function, shape, &a);
  check_steps(function, shape, &b);
  check_merged(function, shape, a, b);
  const bool in_vectors = vectors && vectorised && args.output_d0 >= lanes<X>;
  check_block(function, args, reads, in_vectors);
  const int size = size_of(shape, shape.extents);
  check_memory(function, args.input0_element, size_of(shape, a.extents), args.output_element, size,
               in_vectors);
  check_memory(function, args.input1_element, size_of(shape, b.extents), args.output_element, size,
               in_vectors);
  for (int number = 0; number < size; ++number) {
    int left = number, at_a = 0, at_b = 0, inner_a = 1, inner_b = 1;
    for (int dim = 0; dim < shape.dims; ++dim) {
      const int index = left % shape.extents[dim];
      left /= shape.extents[dim];
      at_a += a.extents[dim] == 1 ? 0 : index * inner_a;
      at_b += b.extents[dim] == 1 ? 0 : index * inner_b;
      inner_a *= a.extents[dim];
      inner_b *= b.extents[dim];
    }
    const int x0 = args.input0_element[at_a];
    const int x1 = args.input1_element[at_b];
    args.output_element[number] = value(args, in_vectors, x0, x1);
  }
  scribble(&args);
  forget_rounding_mode();
}

template <typename T> T product(const Args<T, T> &args, bool in_vectors, int x0, int x1) {
  if (in_vectors) {
    return saturated<T>(shifted(x0 * x1, args.mul_shift, to_nearest));
  }
  const float scale = args.input0_scale * args.input1_scale * args.output_rescale;
  return saturated<T>(nearest(static_cast<float>(x0 * x1) * scale));
}
} // namespace

// `formula` of the integers x0 and x1.
#define ESPDL_DOUBLE_ELEMENTWISE(name, type, result, reads, vectorised, formula)                \
  void elemwise_##name(elemwiseArgsType<type, result> *args) {                                  \
    run("elemwise_" #name, args, reads, vectorised,                                             \
        [](const Args<type, result> &, bool, int x0, int x1) -> result { return formula; });    \
  }
#define ESPDL_DOUBLE_ARITHMETIC(name, vectorised, formula)                                      \
  ESPDL_DOUBLE_ELEMENTWISE(name, int8_t, int8_t, Reads::nothing, vectorised,                    \
                           saturated<int8_t>(formula))                                          \
  ESPDL_DOUBLE_ELEMENTWISE(name, int16_t, int16_t, Reads::nothing, vectorised,                  \
                           saturated<int16_t>(formula))
#define ESPDL_DOUBLE_COMPARISON(name, formula)                                                  \
  ESPDL_DOUBLE_ELEMENTWISE(name, int8_t, bool, Reads::compare_mask, true, formula)              \
  ESPDL_DOUBLE_ELEMENTWISE(name, int16_t, bool, Reads::compare_mask, true, formula)

namespace dl {
namespace base {
ESPDL_DOUBLE_ARITHMETIC(add, true, x0 + x1)
ESPDL_DOUBLE_ARITHMETIC(sub, true, x0 - x1)
// Only the ESP32-P4 and ESP32-S31 have vector kernels for these two.
ESPDL_DOUBLE_ARITHMETIC(max, v2, x0 > x1 ? x0 : x1)
ESPDL_DOUBLE_ARITHMETIC(min, v2, x0 < x1 ? x0 : x1)

ESPDL_DOUBLE_COMPARISON(equal, x0 == x1)
ESPDL_DOUBLE_COMPARISON(greater, x0 > x1)
ESPDL_DOUBLE_COMPARISON(greaterorequal, x0 >= x1)
ESPDL_DOUBLE_COMPARISON(less, x0 < x1)
ESPDL_DOUBLE_COMPARISON(lessorequal, x0 <= x1)

void elemwise_mul(elemwiseArgsType<int8_t> *args) {
  run("elemwise_mul", args, Reads::shift_or_scales, true, product<int8_t>);
}

void elemwise_mul(elemwiseArgsType<int16_t> *args) {
  run("elemwise_mul", args, Reads::shift_or_scales, true, product<int16_t>);
}
} // namespace base
} // namespace dl
