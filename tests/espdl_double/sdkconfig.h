/*
 * What ESP-IDF's configuration says of the chip, one of each family: -DESPDL_DOUBLE_<TARGET>.
 */
#ifndef ESPDL_DOUBLE_SDKCONFIG_H
#define ESPDL_DOUBLE_SDKCONFIG_H

#if defined(ESPDL_DOUBLE_ESP32)
#define CONFIG_IDF_TARGET_ESP32 1
#elif defined(ESPDL_DOUBLE_ESP32S3)
#define CONFIG_IDF_TARGET_ESP32S3 1
#elif defined(ESPDL_DOUBLE_ESP32P4)
#define CONFIG_IDF_TARGET_ESP32P4 1
#else
#error "no target: define one of ESPDL_DOUBLE_ESP32, _ESP32S3, _ESP32P4"
#endif

#endif
