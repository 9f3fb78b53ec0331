/*
 * clip by ESP-DL's vector kernels of two inputs, where the exponent stays; ESP-DL's own clip computes
 * element by element. The ESP32-P4 has vectors for the larger and the smaller of two integers; the
 * ESP32-S3 for their sum, which saturates: moved down until the lower limit is the lowest integer,
 * and up until the upper one is the highest, integers stop there.
 *
 * What fills no vector, and what changes its exponent, is computed one by one.
 *
 *              with vectors
 *   alignment  any
 *   over-read  16 of the input
 *   in place   the input
 *
 * Source: ESP-DL dl/base/dl_base_add.cpp, dl_base_max.cpp, dl_base_min.cpp and dl/base/isa.
 */
#include "espdl_arithmetic.h"
#include "espdl_elementwise.hpp"

namespace {

inline int8_t saturated(int32_t value, int8_t) { return espdl_saturate_s8(value); }
inline int16_t saturated(int32_t value, int16_t) { return espdl_saturate_s16(value); }

/* Limits within a type. */
template <typename T>
struct Limits {
  static constexpr int lowest = sizeof(T) == 1 ? INT8_MIN : INT16_MIN;
  static constexpr int highest = sizeof(T) == 1 ? INT8_MAX : INT16_MAX;
  int low;
  int high;
};

template <typename T>
Limits<T> limits_of(const espdl_limits_t &d) {
  /* A lower limit above all integers is above the upper one, too. */
  const int low = d.low < Limits<T>::lowest ? Limits<T>::lowest : d.low;
  const int high = d.high > Limits<T>::highest ? Limits<T>::highest : d.high;
  return {low, high};
}

/* Elements of a vector or more, each with one and the same number. */
template <typename T>
class Strip {
 public:
  Strip(const T *x, T *y, int size) : x_(x), y_(y), size_(size) {}

  /* `kernel` of the elements and a number; what comes next takes the results. */
  void with(void (*kernel)(dl::base::elemwiseArgsType<T, T> *), int number) {
    alignas(espdl::kVectorBytes) T numbers[2 * espdl::kLanes<T>] = {static_cast<T>(number)};
    const espdl_binary_t d = {1, {1, 1, 1, size_}, {0, 0, 0, 1}, {0, 0, 0, 0}, 0};
    auto args = espdl::elementwise(d, x_, numbers, y_);
    kernel(&args);
    x_ = y_;
  }

  /* Adds an integer, in parts that are of the type: sums saturate on one side alone. */
  void move(int distance) {
    while (distance != 0) {
      const int least = distance < Limits<T>::lowest ? Limits<T>::lowest : distance;
      const int part = least > Limits<T>::highest ? Limits<T>::highest : least;
      with(dl::base::elemwise_add, part);
      distance -= part;
    }
  }

 private:
  const T *x_;
  T *y_;
  int size_;
};

template <typename T>
void clip_strip(Strip<T> strip, const Limits<T> &limits) {
#if CONFIG_PIE_V2_BOOST
  strip.with(dl::base::elemwise_max, limits.low);
  strip.with(dl::base::elemwise_min, limits.high);
#else
  const int down = limits.low - Limits<T>::lowest;
  const int up = Limits<T>::highest - limits.high;
  strip.move(-down);
  strip.move(down + up);
  strip.move(-up);
#endif
}

/* Whether vectors can do it, and there is anything to do. */
template <typename T>
bool suits_vectors(const espdl_limits_t &d, const Limits<T> &limits) {
  const bool binds = limits.low > Limits<T>::lowest || limits.high < Limits<T>::highest;
  return d.shift == 0 && binds && limits.low <= limits.high;
}

/* The elements that are computed in vectors; strips stay in the cache from one step to the next. */
template <typename T>
int in_vectors(const espdl_limits_t &d, const T *x, T *y) {
  constexpr int strip = 4096 / static_cast<int>(sizeof(T));
  const Limits<T> limits = limits_of<T>(d);
  if (!suits_vectors(d, limits) || !espdl::is_aligned(x) || !espdl::is_aligned(y)) {
    return 0;
  }
  const int size = d.size / espdl::kLanes<T> * espdl::kLanes<T>;
  for (int first = 0; first < size; first += strip) {
    const int count = size - first < strip ? size - first : strip;
    clip_strip(Strip<T>(x + first, y + first, count), limits);
  }
  return size;
}

template <typename T>
void clip(const espdl_limits_t &d, const T *x, T *y) {
  for (int i = in_vectors(d, x, y); i < d.size; ++i) {
    const int32_t raised = x[i] < d.low ? d.low : x[i];
    const int32_t limited = raised > d.high ? d.high : raised;
    y[i] = saturated(espdl_shift_limited(limited, d.shift, d.half_even), T());
  }
}

}  // namespace

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_clip_s8(const espdl_limits_t *d, const int8_t *x, int8_t *y) {
  clip(*d, x, y);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_clip_s16(const espdl_limits_t *d, const int16_t *x, int16_t *y) {
  clip(*d, x, y);
}
#endif
