/*
 * Takes back the macros of espdl_block.h.
 */
#undef ESPDL_BEGIN
#undef ESPDL_ADD
#undef ESPDL_UPPER
#undef ESPDL_END
#undef ESPDL_BEGIN_ALL
#undef ESPDL_END_ALL
#undef ESPDL_SEE
#undef ESPDL_LOOK
