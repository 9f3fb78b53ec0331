/*
 * The text form of a board dump: header, base64 of at most 48 bytes a line, CRC-32 (IEEE 802.3)
 * of each tensor. Its format is described in docs/board-dumps.md.
 */
#include "tvm_espdl_dump.h"

#ifdef TVM_ESPDL_DUMP

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BYTES_PER_LINE 48

/* The register of a CRC with more bytes. */
static uint32_t crc_with(uint32_t crc, const uint8_t *data, int32_t bytes) {
  for (int32_t i = 0; i < bytes; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1u) != 0u ? 0xedb88320u : 0u);
    }
  }
  return crc;
}

uint32_t tvm_espdl_crc32(const void *data, int32_t bytes) {
  return ~crc_with(0xffffffffu, data, bytes);
}

/* One call prints a line, so that other tasks print before or behind it. */
static void print_data(int32_t index, int32_t offset, const uint8_t *data, int32_t bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char line[BYTES_PER_LINE / 3 * 4 + 1];
  int32_t length = 0;
  for (int32_t i = 0; i < bytes; i += 3) {
    const uint32_t second = i + 1 < bytes ? data[i + 1] : 0u;
    const uint32_t third = i + 2 < bytes ? data[i + 2] : 0u;
    const uint32_t word = ((uint32_t)data[i] << 16) | (second << 8) | third;
    line[length++] = digits[(word >> 18) & 63u];
    line[length++] = digits[(word >> 12) & 63u];
    line[length++] = i + 1 < bytes ? digits[(word >> 6) & 63u] : '=';
    line[length++] = i + 2 < bytes ? digits[word & 63u] : '=';
  }
  line[length] = '\0';
  printf("@espdl data %" PRId32 " %" PRId32 " %s\n", index, offset, line);
}

void tvm_espdl_dump_begin(const char *model_id, int32_t tensors) {
  printf("@espdl begin v1 %s %" PRId32 "\n", model_id, tensors);
}

static void print_head(int32_t index, const char *name, const char *dtype, const char *shape,
                       int32_t exponent, const void *data, int32_t bytes, int32_t row,
                       int32_t pitch) {
  const uint8_t *const start = data;
  uint32_t crc = 0xffffffffu;
  for (int32_t offset = 0; offset < bytes; offset += row) {
    crc = crc_with(crc, start + offset / row * pitch, row);
  }
  printf("@espdl tensor %" PRId32 " %s %s %s %" PRId32 " %" PRId32 " %08" PRIx32 "\n", index, name,
         dtype, shape, exponent, bytes, ~crc);
}

static void print_end(int32_t index) {
  printf("@espdl end %" PRId32 "\n", index);
}

void tvm_espdl_dump_tensor(int32_t index, const char *name, const char *dtype, const char *shape,
                           int32_t exponent, const void *data, int32_t bytes) {
  tvm_espdl_dump_apart(index, name, dtype, shape, exponent, data, bytes, bytes, bytes);
}

void tvm_espdl_dump_apart(int32_t index, const char *name, const char *dtype, const char *shape,
                          int32_t exponent, const void *data, int32_t bytes, int32_t row,
                          int32_t pitch) {
  const uint8_t *const start = data;
  print_head(index, name, dtype, shape, exponent, data, bytes, row, pitch);
  for (int32_t offset = 0; offset < bytes; offset += BYTES_PER_LINE) {
    const int32_t left = bytes - offset;
    const int32_t count = left < BYTES_PER_LINE ? left : BYTES_PER_LINE;
    uint8_t line[BYTES_PER_LINE];
    for (int32_t i = 0; i < count; ++i) {
      line[i] = start[(offset + i) / row * pitch + (offset + i) % row];
    }
    print_data(index, offset, line, count);
  }
  print_end(index);
}

static bool is_chosen(int32_t index) {
#if defined(TVM_ESPDL_DUMP_ONLY)
  static const int32_t chosen[] = {TVM_ESPDL_DUMP_ONLY};
  for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; ++i) {
    if (chosen[i] == index) {
      return true;
    }
  }
  return false;
#elif defined(TVM_ESPDL_DUMP_CRC)
  (void)index;
  return false;
#else
  (void)index;
  return true;
#endif
}

void tvm_espdl_dump_chosen(int32_t index, const char *name, const char *dtype, const char *shape,
                           int32_t exponent, const void *data, int32_t bytes, int32_t row,
                           int32_t pitch) {
  if (is_chosen(index)) {
    tvm_espdl_dump_apart(index, name, dtype, shape, exponent, data, bytes, row, pitch);
  } else {
    print_head(index, name, dtype, shape, exponent, data, bytes, row, pitch);
    print_end(index);
  }
}

void tvm_espdl_dump_done(int32_t tensors) {
  printf("@espdl done %" PRId32 "\n", tensors);
}

#else

/* ISO C wants at least one declaration in a file. */
typedef int tvm_espdl_dump_is_off;

#endif
