/*
 * What all files of this folder include: ESP-DL's headers, and the proof at compile time that they
 * are of the release that the files are written for.
 *
 * A file espdl_<kernel>.cpp here defines the C symbols of espdl_<kernel>.c, for the same
 * descriptors, and computes with ESP-DL's own kernel. What ESP-DL's argument block says follows
 * from the descriptor at the call; the block lies on the stack, because ESP-DL writes into it.
 * Nothing is allocated, and nothing is kept between two calls. ESPDL_WITHOUT_S8 and
 * ESPDL_WITHOUT_S16 mean here what they mean there.
 *
 * Each file has a table of what ESP-DL's kernel takes for granted:
 *   alignment  pointers that it wants at multiples of 16 bytes; "any" where it looks itself
 *   over-read  bytes that it may read behind an array, whose length counts rounded up to 16
 *   in place   inputs whose memory the result may take
 * No kernel writes behind its result, and where "heap" is not mentioned none is used.
 */
#ifndef ESPDL_GLUE_HPP
#define ESPDL_GLUE_HPP

#include "sdkconfig.h" /* before ESP-DL's headers: it selects members of their structures */

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/* What ESP-DL turns off for its own sources, and what its headers raise under -Wall -Wextra. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wdeprecated-copy"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wstring-plus-int"
#endif
#include "dl_base.hpp"
#include "dl_base_add.hpp"
#include "dl_base_conv2d.hpp"
#include "dl_base_depthwise_conv2d.hpp"
#include "dl_base_elemwise.hpp"
#include "dl_base_equal.hpp"
#include "dl_base_greater.hpp"
#include "dl_base_greaterorequal.hpp"
#include "dl_base_isa.hpp"
#include "dl_base_less.hpp"
#include "dl_base_lessorequal.hpp"
#include "dl_base_lut.hpp"
#include "dl_base_max.hpp"
#include "dl_base_max_pool2d.hpp"
#include "dl_base_min.hpp"
#include "dl_base_mul.hpp"
#include "dl_base_pool2d.hpp"
#include "dl_base_prelu.hpp"
#include "dl_base_requantize_linear.hpp"
#include "dl_base_resize.hpp"
#include "dl_base_sub.hpp"
#pragma GCC diagnostic pop

#include "espdl_kernels.h"
#include "espdl_layout.hpp"

#ifndef TVM_ESPDL_ESP_DL_VERSION
#error "TVM_ESPDL_ESP_DL_VERSION is not defined: the version of ESP-DL, as a string"
#endif
static_assert(__builtin_strcmp(TVM_ESPDL_ESP_DL_VERSION, "3.3.9") == 0,
              "these files call ESP-DL 3.3.9 and no other release: pin it in idf_component.yml");

namespace espdl {

/* Whether ESP-DL's kernels of this chip are assembly for vectors; else they are C++. */
constexpr bool kVectors = CONFIG_PIE_V1_BOOST || CONFIG_PIE_V2_BOOST;

/* Bytes of a vector, and what addresses of vectors are multiples of. */
constexpr int kVectorBytes = 16;

/* Elements of a vector. */
template <typename T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

/* ESP-DL's blocks have no pointers to const, not even to what is only read. */
template <typename T>
T *unconst(const T *pointer) {
  return const_cast<T *>(pointer);
}

inline bool is_aligned(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % kVectorBytes == 0;
}

/* A shift to the right as ESP-DL has it: a factor for shifts to the left, a shift for others. */
inline int factor_of(int shift) { return shift < 0 ? 1 << -shift : 1; }
inline int right_shift_of(int shift) { return shift < 0 ? 0 : shift; }

}  // namespace espdl

#endif
