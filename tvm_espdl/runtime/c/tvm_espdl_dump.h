/*
 * Prints every tensor of a network over standard output, between other log lines, for
 * `tvm_espdl.debug.compare` on the PC. Compiled in only where TVM_ESPDL_DUMP is defined; without
 * it the macros below cost nothing.
 */
#ifndef TVM_ESPDL_DUMP_H
#define TVM_ESPDL_DUMP_H

#include "crt_config.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef TVM_ESPDL_DUMP
/* CRC-32 (IEEE 802.3) of some bytes. */
uint32_t tvm_espdl_crc32(const void *data, int32_t bytes);

void tvm_espdl_dump_begin(const char *model_id, int32_t tensors);
void tvm_espdl_dump_tensor(int32_t index, const char *name, const char *dtype, const char *shape,
                           int32_t exponent, const void *data, int32_t bytes);
/* The same of a tensor of which `row` bytes lie together, and the next ones `pitch` bytes on. */
void tvm_espdl_dump_apart(int32_t index, const char *name, const char *dtype, const char *shape,
                          int32_t exponent, const void *data, int32_t bytes, int32_t row,
                          int32_t pitch);
/* That, or its checksum alone, as TVM_ESPDL_DUMP_CRC and TVM_ESPDL_DUMP_ONLY choose. */
void tvm_espdl_dump_chosen(int32_t index, const char *name, const char *dtype, const char *shape,
                           int32_t exponent, const void *data, int32_t bytes, int32_t row,
                           int32_t pitch);
void tvm_espdl_dump_done(int32_t tensors);

#define TVM_ESPDL_DUMP_BEGIN(model_id, tensors) tvm_espdl_dump_begin(model_id, tensors)
#define TVM_ESPDL_DUMP_FED(index, name, dtype, shape, exponent, data, bytes) \
  tvm_espdl_dump_tensor(index, name, dtype, shape, exponent, data, bytes)
#define TVM_ESPDL_DUMP_FED_APART(index, name, dtype, shape, exponent, data, bytes, row, pitch) \
  tvm_espdl_dump_apart(index, name, dtype, shape, exponent, data, bytes, row, pitch)
#define TVM_ESPDL_DUMP_TENSOR(index, name, dtype, shape, exponent, data, bytes) \
  tvm_espdl_dump_chosen(index, name, dtype, shape, exponent, data, bytes, bytes, bytes)
#define TVM_ESPDL_DUMP_TENSOR_APART(index, name, dtype, shape, exponent, data, bytes, row, pitch) \
  tvm_espdl_dump_chosen(index, name, dtype, shape, exponent, data, bytes, row, pitch)
#define TVM_ESPDL_DUMP_DONE(tensors) tvm_espdl_dump_done(tensors)
#else
#define TVM_ESPDL_DUMP_BEGIN(model_id, tensors) ((void)0)
#define TVM_ESPDL_DUMP_FED(index, name, dtype, shape, exponent, data, bytes) ((void)(data))
#define TVM_ESPDL_DUMP_FED_APART(index, name, dtype, shape, exponent, data, bytes, row, pitch) \
  ((void)(data))
#define TVM_ESPDL_DUMP_TENSOR(index, name, dtype, shape, exponent, data, bytes) ((void)(data))
#define TVM_ESPDL_DUMP_TENSOR_APART(index, name, dtype, shape, exponent, data, bytes, row, pitch) \
  ((void)(data))
#define TVM_ESPDL_DUMP_DONE(tensors) ((void)0)
#endif

#ifdef __cplusplus
}
#endif

#endif
