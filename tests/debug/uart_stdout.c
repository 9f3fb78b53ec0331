/*
 * Standard output of picolibc over the serial line of QEMU's RISC-V board `virt`, a 16550, instead
 * of semihosting: what a monitor would see.
 */
#include <stdint.h>
#include <stdio.h>

#define UART ((volatile uint8_t *)0x10000000u)
enum { SEND = 0, LINE_STATUS = 5, SEND_IS_FREE = 0x20 };

static int send(char letter, FILE *file) {
  (void)file;
  while ((UART[LINE_STATUS] & SEND_IS_FREE) == 0) {
  }
  UART[SEND] = (uint8_t)letter;
  return letter;
}

static int send_line(char letter, FILE *file) {
  /* As ESP-IDF's console does. */
  return letter == '\n' ? (void)send('\r', file), send('\n', file) : send(letter, file);
}

static FILE serial = FDEV_SETUP_STREAM(send_line, NULL, NULL, _FDEV_SETUP_WRITE);

FILE *const stdin = &serial;
FILE *const stdout = &serial;
FILE *const stderr = &serial;
