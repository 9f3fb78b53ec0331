/* Stands in for ESP-IDF's: without the option the attribute is empty, there as here. */
#pragma once
#include "sdkconfig.h"
#ifdef CONFIG_SPIRAM_ALLOW_BSS_SEG_EXTERNAL_MEMORY
#define EXT_RAM_BSS_ATTR __attribute__((section(".ext_ram.bss")))
#else
#define EXT_RAM_BSS_ATTR
#endif
