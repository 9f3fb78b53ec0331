/*
 * Descriptor and prototypes of recurrent layers. espdl_kernels.h includes this file.
 */
#ifndef ESPDL_RECURRENT_H
#define ESPDL_RECURRENT_H

/* What a recurrent layer gives: all hidden states, the last ones, or the last cells. */
enum { ESPDL_GIVES_ALL = 0, ESPDL_GIVES_LAST = 1, ESPDL_GIVES_CELLS = 2 };

/* A layer that goes through a sequence, the second direction backward. */
typedef struct {
  int32_t steps;         /* vectors of the sequence */
  int32_t directions;    /* 1 or 2 */
  int32_t input_size;    /* elements of each vector */
  int32_t hidden_size;   /* elements of a hidden state */
  int32_t w_shift;       /* gate exponent minus product exponent, of weights and input */
  int32_t r_shift;       /* the same of weights and hidden state */
  int32_t w_integers;    /* 1: the sums are shifted as integers, 0: multiplied as floats */
  int32_t r_integers;    /* the same of weights and hidden state */
  int32_t gives;         /* ESPDL_GIVES_... */
  float hidden_scale;    /* 2^-exponent of the hidden states */
  float cell_scale;      /* 2^-exponent of cells and gates */
  int32_t sigmoid_last;  /* largest index of the table */
  int32_t tanh_last;     /* largest index of the table */
  int32_t half_even;     /* 1: ties go to the even integer, 0: up */
  const void *w;         /* (directions, gates * hidden, input), type of the data */
  const void *r;         /* (directions, gates * hidden, hidden), type of the data */
  const int16_t *b;      /* (directions, 2, gates * hidden), of w and of r, gate exponent */
  const float *sigmoid;  /* of integers at the gate exponent, from 0 */
  const float *tanh;     /* of integers at the gate exponent, from 0 */
} espdl_recurrent_t;

#endif
