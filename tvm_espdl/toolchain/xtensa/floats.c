/*
 * Arithmetic of float and double that Debian's libgcc for the lx106 lacks: on an ESP8266 it is in
 * ROM. Every result is IEEE 754's, rounded to nearest, ties to even; each NaN is the same quiet one.
 */
#include <stdint.h>

typedef struct {
  int digits;        /* binary digits of a significand */
  int lowest;        /* exponent of the last digit of the smallest number */
  uint64_t infinity; /* its bits */
} format_t;

static const format_t float_format = {24, -149, UINT64_C(0xff) << 23};
static const format_t double_format = {53, -1074, UINT64_C(0x7ff) << 52};

typedef union {
  float value;
  uint32_t bits;
} float_bits_t;

typedef union {
  double value;
  uint64_t bits;
} double_bits_t;

/* A number without its sign: significand * 2^exponent; the first digit is not 0 but for zero. */
typedef struct {
  int exponent;
  uint64_t significand;
} parts_t;

static inline uint64_t sign_of(format_t f) {
  return (f.infinity << 1) & ~f.infinity;
}

static inline uint64_t nan_of(format_t f) {
  return f.infinity | f.infinity >> 1;
}

static parts_t parts(format_t f, uint64_t magnitude) {
  const uint64_t leading = UINT64_C(1) << (f.digits - 1);
  const int exponent = (int)(magnitude >> (f.digits - 1));
  const parts_t normal = {f.lowest + exponent - 1, (magnitude & (leading - 1)) | leading};
  if (exponent != 0 || magnitude == 0) {
    return magnitude == 0 ? (parts_t){f.lowest, 0} : normal;
  }
  const int shift = __builtin_clzll(magnitude) - (64 - f.digits);
  return (parts_t){f.lowest - shift, magnitude << shift};
}

/* Shifted to the right; the last bit says whether any bit from there on was set. */
static uint64_t shifted(uint64_t value, int shift) {
  if (shift > 63) {
    return value != 0;
  }
  return value >> shift | ((value & ((UINT64_C(1) << shift) - 1)) != 0);
}

/*
 * The bits of significand * 2^exponent, rounded. Of a significand that was `shifted` more than two
 * digits behind the last of the format are known.
 */
static uint64_t rounded(format_t f, int exponent, uint64_t significand) {
  if (significand == 0) {
    return 0;
  }
  int shift = 64 - __builtin_clzll(significand) - f.digits;
  shift = exponent + shift < f.lowest ? f.lowest - exponent : shift;
  uint64_t kept = significand << (shift < 0 ? -shift : 0);
  if (shift > 0) {
    const uint64_t quarters = shifted(significand << 1, shift - 1); /* two more digits */
    kept = (quarters >> 2) + ((quarters & 3u) > 2u || (quarters & 7u) == 6u);
  }
  /* The first digit of `kept` counts in the exponent, and so does a carry out of it. */
  const uint64_t steps = (uint64_t)(exponent + shift - f.lowest);
  if (steps > f.infinity >> (f.digits - 1)) {
    return f.infinity;
  }
  const uint64_t bits = (steps << (f.digits - 1)) + kept;
  return bits < f.infinity ? bits : f.infinity;
}

static uint64_t sum(format_t f, uint64_t a, uint64_t b) {
  const uint64_t sign = sign_of(f);
  if ((a & ~sign) < (b & ~sign)) {
    const uint64_t swapped = a;
    a = b;
    b = swapped;
  }
  const uint64_t differ = (a ^ b) & sign;
  if ((a & ~sign) >= f.infinity) {
    return (a & ~sign) > f.infinity || ((b & ~sign) == f.infinity && differ != 0) ? nan_of(f) : a;
  }
  const parts_t large = parts(f, a & ~sign);
  const parts_t small = parts(f, b & ~sign);
  const uint64_t top = large.significand << 9;
  const uint64_t added =
      small.significand == 0 ? 0 : shifted(small.significand << 9, large.exponent - small.exponent);
  const uint64_t total = differ != 0 ? top - added : top + added;
  if (total == 0) {
    return differ != 0 ? 0 : a & sign;
  }
  return (a & sign) | rounded(f, large.exponent - 9, total);
}

/* The upper bits of a product of two significands; the last one stands for all below it. */
static uint64_t product_above_44(uint64_t a, uint64_t b) {
  const uint64_t low = (a & 0xffffffffu) * (b & 0xffffffffu);
  const uint64_t one = (a >> 32) * (b & 0xffffffffu);
  const uint64_t other = (a & 0xffffffffu) * (b >> 32);
  const uint64_t middle = (low >> 32) + (one & 0xffffffffu) + (other & 0xffffffffu);
  const uint64_t high = (a >> 32) * (b >> 32) + (one >> 32) + (other >> 32) + (middle >> 32);
  const uint64_t lower = middle << 32 | (low & 0xffffffffu);
  return high << 20 | shifted(lower, 44);
}

static uint64_t product(format_t f, uint64_t a, uint64_t b) {
  const uint64_t sign = (a ^ b) & sign_of(f);
  a &= ~sign_of(f);
  b &= ~sign_of(f);
  if (a >= f.infinity || b >= f.infinity) {
    return a > f.infinity || b > f.infinity || a == 0 || b == 0 ? nan_of(f) : sign | f.infinity;
  }
  const parts_t x = parts(f, a);
  const parts_t y = parts(f, b);
  if (f.digits <= 31) {
    return sign | rounded(f, x.exponent + y.exponent, x.significand * y.significand);
  }
  const uint64_t upper = product_above_44(x.significand, y.significand);
  return sign | rounded(f, x.exponent + y.exponent + 44, upper);
}

static uint64_t quotient(format_t f, uint64_t a, uint64_t b) {
  const uint64_t sign = (a ^ b) & sign_of(f);
  a &= ~sign_of(f);
  b &= ~sign_of(f);
  if (a >= f.infinity || b >= f.infinity || a == 0 || b == 0) {
    if (a > f.infinity || b > f.infinity || a == b) {
      return nan_of(f);
    }
    return a < b ? sign : sign | f.infinity;
  }
  const parts_t x = parts(f, a);
  const parts_t y = parts(f, b);
  uint64_t rest = x.significand;
  uint64_t digits = 0;
  for (int i = 0; i <= f.digits + 3; ++i) {
    digits <<= 1;
    if (rest >= y.significand) {
      rest -= y.significand;
      digits |= 1u;
    }
    rest <<= 1;
  }
  return sign | rounded(f, x.exponent - y.exponent - f.digits - 3, digits | (rest != 0));
}

/* What stands in front of the point, of a number below 2^32; beyond that, and of NaN, all ones. */
static uint32_t whole(format_t f, uint64_t magnitude) {
  const parts_t x = parts(f, magnitude);
  if (x.exponent >= 32 - f.digits + 1) {
    return UINT32_MAX;
  }
  const int shift = -x.exponent;
  return shift < 64 ? (uint32_t)(shift < 0 ? x.significand << -shift : x.significand >> shift) : 0;
}

static uint64_t of_integer(format_t f, int negative, uint32_t magnitude) {
  return (negative != 0 ? sign_of(f) : 0) | rounded(f, 0, magnitude);
}

static uint64_t converted(format_t from, format_t to, uint64_t a) {
  const uint64_t sign = (a & sign_of(from)) != 0 ? sign_of(to) : 0;
  const uint64_t magnitude = a & ~sign_of(from);
  if (magnitude >= from.infinity) {
    return magnitude > from.infinity ? nan_of(to) : sign | to.infinity;
  }
  const parts_t x = parts(from, magnitude);
  return sign | rounded(to, x.exponent, x.significand);
}

static uint64_t bits_of_float(float value) {
  const float_bits_t given = {.value = value};
  return given.bits;
}

static uint64_t bits_of_double(double value) {
  const double_bits_t given = {.value = value};
  return given.bits;
}

static float float_of(uint64_t bits) {
  const float_bits_t result = {.bits = (uint32_t)bits};
  return result.value;
}

static double double_of(uint64_t bits) {
  const double_bits_t result = {.bits = bits};
  return result.value;
}

static uint32_t magnitude_of(int32_t value) {
  return value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
}

#define DEFINE(type, operation, name, mode, negated)                                         \
  type __##name##mode##3(type a, type b);                                                    \
  type __##name##mode##3(type a, type b) {                                                   \
    const format_t f = type##_format;                                                        \
    return type##_of(operation(f, bits_of_##type(a), bits_of_##type(b) ^ (negated)));        \
  }

/* A NaN with another sign is a NaN. */
DEFINE(float, sum, add, sf, 0)
DEFINE(float, sum, sub, sf, sign_of(f))
DEFINE(float, product, mul, sf, 0)
DEFINE(double, sum, add, df, 0)
DEFINE(double, sum, sub, df, sign_of(f))
DEFINE(double, product, mul, df, 0)
DEFINE(double, quotient, div, df, 0)

float __floatsisf(int32_t value);
float __floatunsisf(uint32_t value);
double __floatsidf(int32_t value);
double __floatunsidf(uint32_t value);
double __extendsfdf2(float value);
float __truncdfsf2(double value);
uint32_t __fixunssfsi(float value);
uint32_t __fixunsdfsi(double value);
int32_t __fixdfsi(double value);

float __floatsisf(int32_t value) {
  return float_of(of_integer(float_format, value < 0, magnitude_of(value)));
}

float __floatunsisf(uint32_t value) {
  return float_of(of_integer(float_format, 0, value));
}

double __floatsidf(int32_t value) {
  return double_of(of_integer(double_format, value < 0, magnitude_of(value)));
}

double __floatunsidf(uint32_t value) {
  return double_of(of_integer(double_format, 0, value));
}

double __extendsfdf2(float value) {
  return double_of(converted(float_format, double_format, bits_of_float(value)));
}

float __truncdfsf2(double value) {
  return float_of(converted(double_format, float_format, bits_of_double(value)));
}

uint32_t __fixunssfsi(float value) {
  const uint64_t bits = bits_of_float(value);
  return (bits & sign_of(float_format)) != 0 ? 0 : whole(float_format, bits);
}

uint32_t __fixunsdfsi(double value) {
  const uint64_t bits = bits_of_double(value);
  return (bits & sign_of(double_format)) != 0 ? 0 : whole(double_format, bits);
}

int32_t __fixdfsi(double value) {
  const uint64_t bits = bits_of_double(value);
  const uint32_t magnitude = whole(double_format, bits & ~sign_of(double_format));
  if ((bits & sign_of(double_format)) != 0) {
    return magnitude > INT32_MAX ? INT32_MIN : -(int32_t)magnitude;
  }
  return magnitude > INT32_MAX ? INT32_MAX : (int32_t)magnitude;
}
