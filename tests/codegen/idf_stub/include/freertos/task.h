/* Stands in for ESP-IDF's: stacks are as good as empty. */
#pragma once
#include "freertos/FreeRTOS.h"
typedef void *TaskHandle_t;
static inline UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task) {
  (void)task;
  return 8000;
}
