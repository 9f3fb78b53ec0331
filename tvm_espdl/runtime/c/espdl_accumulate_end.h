/*
 * Takes back the macros of espdl_accumulate_body.h that tiles use.
 */
#undef ESPDL_BEGIN
#undef ESPDL_ADD
#undef ESPDL_UPPER
#undef ESPDL_END
#undef ESPDL_EACH_CHANNEL
#undef ESPDL_BEGIN_ALL
#undef ESPDL_END_ALL
#undef ESPDL_LOOK
