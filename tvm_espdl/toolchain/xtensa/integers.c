/*
 * Products and quotients that the lx106 has no instruction for. Debian's libgcc lacks them: on an
 * ESP8266 they are in ROM.
 */
#include <stdint.h>

uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
int64_t __divdi3(int64_t a, int64_t b);
uint64_t __umulsidi3(uint32_t a, uint32_t b);
int64_t __muldi3(int64_t a, int64_t b);

/* The quotient, one binary digit after the other; `*a` becomes the remainder. */
static uint32_t divided(uint32_t *a, uint32_t b) {
  uint32_t quotient = 0;
  if (b == 0) {
    __builtin_trap();
  }
  for (int shift = *a < b ? -1 : __builtin_clz(b) - __builtin_clz(*a); shift >= 0; --shift) {
    quotient <<= 1;
    if (*a >= b << shift) {
      *a -= b << shift;
      quotient |= 1u;
    }
  }
  return quotient;
}

static uint64_t divided_wide(uint64_t *a, uint64_t b) {
  uint64_t quotient = 0;
  if (b == 0) {
    __builtin_trap();
  }
  for (int shift = *a < b ? -1 : __builtin_clzll(b) - __builtin_clzll(*a); shift >= 0; --shift) {
    quotient <<= 1;
    if (*a >= b << shift) {
      *a -= b << shift;
      quotient |= 1u;
    }
  }
  return quotient;
}

uint32_t __udivsi3(uint32_t a, uint32_t b) {
  return divided(&a, b);
}

uint32_t __umodsi3(uint32_t a, uint32_t b) {
  (void)divided(&a, b);
  return a;
}

int32_t __divsi3(int32_t a, int32_t b) {
  uint32_t rest = a < 0 ? 0u - (uint32_t)a : (uint32_t)a;
  const uint32_t quotient = divided(&rest, b < 0 ? 0u - (uint32_t)b : (uint32_t)b);
  return (int32_t)((a < 0) != (b < 0) ? 0u - quotient : quotient);
}

uint64_t __udivdi3(uint64_t a, uint64_t b) {
  return divided_wide(&a, b);
}

uint64_t __umoddi3(uint64_t a, uint64_t b) {
  (void)divided_wide(&a, b);
  return a;
}

int64_t __divdi3(int64_t a, int64_t b) {
  uint64_t rest = a < 0 ? 0u - (uint64_t)a : (uint64_t)a;
  const uint64_t quotient = divided_wide(&rest, b < 0 ? 0u - (uint64_t)b : (uint64_t)b);
  return (int64_t)((a < 0) != (b < 0) ? 0u - quotient : quotient);
}

/* From products of 16 by 16 bits. */
uint64_t __umulsidi3(uint32_t a, uint32_t b) {
  const uint32_t low = (a & 0xffffu) * (b & 0xffffu);
  const uint32_t one = (a >> 16) * (b & 0xffffu);
  const uint32_t other = (a & 0xffffu) * (b >> 16);
  const uint32_t high = (a >> 16) * (b >> 16);
  const uint32_t middle = (low >> 16) + (one & 0xffffu) + (other & 0xffffu);
  const uint32_t upper = high + (one >> 16) + (other >> 16) + (middle >> 16);
  return (uint64_t)upper << 32 | (uint32_t)(middle << 16 | (low & 0xffffu));
}

int64_t __muldi3(int64_t a, int64_t b) {
  const uint32_t a_low = (uint32_t)a;
  const uint32_t b_low = (uint32_t)b;
  const uint32_t a_high = (uint32_t)((uint64_t)a >> 32);
  const uint32_t b_high = (uint32_t)((uint64_t)b >> 32);
  const uint64_t crossed = (uint64_t)(a_high * b_low + a_low * b_high) << 32;
  return (int64_t)(__umulsidi3(a_low, b_low) + crossed);
}
