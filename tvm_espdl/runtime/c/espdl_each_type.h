/*
 * Compiles the body of a kernel, the file that ESPDL_BODY names, once per data type, with
 * these set:
 *   ESPDL_NAME(name)  the name with the type's ending     ESPDL_VALUE       type of the data
 *   ESPDL_VALUE_BITS  its width                           ESPDL_LANES       values of one vector
 *   ESPDL_SUM         type of sums
 *
 * It has no include guard on purpose, and neither have the bodies.
 */
#ifndef ESPDL_WITHOUT_S8
#define ESPDL_NAME(name) name##_s8
#define ESPDL_VALUE int8_t
#define ESPDL_VALUE_BITS 8
#define ESPDL_LANES 16
#define ESPDL_SUM int32_t
#include ESPDL_BODY
#undef ESPDL_NAME
#undef ESPDL_VALUE
#undef ESPDL_VALUE_BITS
#undef ESPDL_LANES
#undef ESPDL_SUM
#endif

#ifndef ESPDL_WITHOUT_S16
#define ESPDL_NAME(name) name##_s16
#define ESPDL_VALUE int16_t
#define ESPDL_VALUE_BITS 16
#define ESPDL_LANES 8
#define ESPDL_SUM int64_t
#include ESPDL_BODY
#endif
