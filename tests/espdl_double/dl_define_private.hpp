/*
 * Which kernels a chip has. Real headers include sdkconfig.h here; this one insists that who calls
 * has done so before, since members of ArgsType depend on it.
 */
#pragma once

#ifndef ESPDL_DOUBLE_SDKCONFIG_H
#error "sdkconfig.h has to be included before the first header of ESP-DL"
#endif

#ifdef CONFIG_IDF_TARGET_ESP32S3
#define CONFIG_PIE_V1_BOOST 1
#else
#define CONFIG_PIE_V1_BOOST 0
#endif

#ifdef CONFIG_IDF_TARGET_ESP32P4
#define CONFIG_PIE_V2_BOOST 1
#define CONFIG_ROUND_HALF_EVEN_ENABLED 1
#else
#define CONFIG_PIE_V2_BOOST 0
#define CONFIG_ROUND_HALF_EVEN_ENABLED 0
#endif
