/*
 * What picolibc wants from a board, by the calls that QEMU's simulator answers: files of this PC,
 * standard output, the exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SYS_EXIT = 1, SYS_READ = 3, SYS_WRITE = 4, SYS_OPEN = 5, SYS_CLOSE = 6, SYS_LSEEK = 19 };
enum { FAULT = 70 }; /* exit status after an exception */

static int simulator(int call, int a, int b, int c) {
  register int r2 __asm__("a2") = call;
  register int r3 __asm__("a3") = a;
  register int r4 __asm__("a4") = b;
  register int r5 __asm__("a5") = c;
  __asm__ volatile("simcall" : "+r"(r2), "+r"(r3) : "r"(r4), "r"(r5) : "memory");
  if (r2 < 0) {
    errno = r3;
  }
  return r2;
}

void _exit(int status) {
  for (;;) {
    (void)simulator(SYS_EXIT, status, 0, 0);
  }
}

ssize_t read(int file, void *to, size_t bytes) {
  return simulator(SYS_READ, file, (int)to, (int)bytes);
}

ssize_t write(int file, const void *from, size_t bytes) {
  return simulator(SYS_WRITE, file, (int)from, (int)bytes);
}

int close(int file) {
  return simulator(SYS_CLOSE, file, 0, 0);
}

_off_t lseek(int file, _off_t offset, int whence) {
  return simulator(SYS_LSEEK, file, (int)offset, whence);
}

/* QEMU hands flags on as Linux counts them. */
int open(const char *name, int flags, ...) {
  int host = flags & (O_RDONLY | O_WRONLY | O_RDWR);
  host |= (flags & O_CREAT) != 0 ? 0100 : 0;
  host |= (flags & O_TRUNC) != 0 ? 01000 : 0;
  host |= (flags & O_APPEND) != 0 ? 02000 : 0;
  return simulator(SYS_OPEN, (int)name, host, 0644);
}

static char line[256];
static size_t filled;

static int flush_line(FILE *file) {
  (void)file;
  if (filled != 0) {
    (void)write(1, line, filled);
  }
  filled = 0;
  return 0;
}

static int put(char character, FILE *file) {
  line[filled++] = character;
  if (character == '\n' || filled == sizeof line) {
    (void)flush_line(file);
  }
  return (unsigned char)character;
}

static FILE console = FDEV_SETUP_STREAM(put, NULL, flush_line, _FDEV_SETUP_WRITE);
FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

int main(void);
void board_main(void);
void board_fault(int cause, uint32_t pc, uint32_t address);

void board_main(void) {
  exit(main());
}

void board_fault(int cause, uint32_t pc, uint32_t address) {
  printf("exception %d at 0x%08lx, address 0x%08lx\n", cause, (unsigned long)pc,
         (unsigned long)address);
  (void)flush_line(&console);
  _exit(FAULT);
}

/* For abort(). */
int getpid(void) {
  return 1;
}

int kill(int process, int signal) {
  (void)process;
  (void)flush_line(&console);
  _exit(128 + signal);
}
