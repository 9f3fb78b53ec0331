/*
 * Kernels that put elements where constant tables say; included by espdl_kernels.h, whose
 * conventions hold.
 */
#ifndef ESPDL_PLACEMENT_H
#define ESPDL_PLACEMENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first steps of each sequence in reverse order. */
typedef struct {
  int32_t sequences;        /* number of sequences */
  int32_t steps;            /* steps of each sequence */
  int32_t features;         /* elements of one step, side by side */
  int32_t sequence_stride;  /* elements between two sequences */
  int32_t step_stride;      /* elements between two steps */
  const int32_t *lengths;   /* steps to reverse, of each sequence */
} espdl_reverse_sequence_t;

/* What an update does to the value that is there. */
enum {
  ESPDL_SCATTER_NONE,
  ESPDL_SCATTER_ADD,
  ESPDL_SCATTER_MUL,
  ESPDL_SCATTER_MAX,
  ESPDL_SCATTER_MIN
};

/* A copy with updated slices. */
typedef struct {
  int32_t size;           /* elements of the data */
  int32_t slices;         /* number of updates */
  int32_t slice_size;     /* elements of each */
  int32_t reduction;      /* ESPDL_SCATTER_NONE, _ADD, _MUL, _MAX or _MIN */
  const int32_t *places;  /* where each slice begins in the data */
} espdl_scatter_nd_t;

#ifdef __cplusplus
}
#endif

#endif
