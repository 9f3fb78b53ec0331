/*
 * Reset and exceptions of the lx106 on QEMU's board `sim`: memory is cleared, then board_main runs;
 * an exception ends the program through board_fault.
 */
  .section .reset, "ax"
  j 1f
  .align 4
  .literal_position
1:
  movi a0, _start
  jx a0

  .section .vectors, "ax"
  .org 0x30 /* kernel exception */
  j 1f
  .org 0x50 /* user exception */
  j 1f
  .org 0x70 /* double exception */
  j 1f
  .align 4
  .literal_position
1:
  movi a1, __stack
  rsr a2, exccause
  rsr a3, epc1
  rsr a4, excvaddr
  movi a0, board_fault
  callx0 a0

  .section .init, "ax"
  .literal_position
  .global _start
_start:
  movi a2, 0x0f /* leaves the state of a reset, in which an exception keeps no address */
  wsr a2, ps
  rsync
  movi a1, __stack
  movi a2, __bss_start
  movi a3, __bss_end
  movi a4, 0
2:
  bgeu a2, a3, 3f
  s32i a4, a2, 0
  addi a2, a2, 4
  j 2b
3:
  movi a0, board_main
  callx0 a0
