/* Calls compiled functions as TVM's runtime does, on a machine where there is none: reads all
 * tensors from inputs.bin and writes the results to outputs.bin. cases.h says what there is. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tvm/ffi/c_api.h>

struct tensor {
    DLDataType type;
    int32_t dimensions;
    int64_t shape[6];
};
struct call {
    TVMFFISafeCallType function;
    int32_t first, inputs, outputs; /* of its tensors */
};

#include "cases.h"

void *TVMBackendAllocWorkspace(int device, int number, uint64_t size, int code, int bits) {
    (void)device, (void)number, (void)code, (void)bits;
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

int TVMBackendFreeWorkspace(int device, int number, void *memory) {
    (void)device, (void)number;
    free(memory);
    return 0;
}

void TVMFFIErrorSetRaisedFromCStr(const char *kind, const char *message) {
    printf("%s: %s\n", kind, message);
}

void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count) {
    printf("%s: ", kind);
    for (int32_t n = 0; n < count; n++) fputs(parts[n], stdout);
    puts("");
}

/* What TVM's loader does: in these words of a library, functions are looked for. */
extern void *__TVMBackendAllocWorkspace __attribute__((weak));
extern void *__TVMBackendFreeWorkspace __attribute__((weak));

static void set_runtime(void) {
    if (&__TVMBackendAllocWorkspace) __TVMBackendAllocWorkspace = TVMBackendAllocWorkspace;
    if (&__TVMBackendFreeWorkspace) __TVMBackendFreeWorkspace = TVMBackendFreeWorkspace;
}

static void run(const struct call *call, FILE *in, FILE *out) {
    DLTensor held[16];
    int64_t strides[16][6];
    size_t bytes[16];
    TVMFFIAny arguments[16] = {0}, result = {0};
    const int32_t count = call->inputs + call->outputs;
    for (int32_t n = 0; n < count; n++) {
        const struct tensor *of = &tensors[call->first + n];
        int64_t size = 1;
        for (int32_t d = of->dimensions; d-- > 0;) {
            strides[n][d] = size;
            size *= of->shape[d];
        }
        /* Users' arrays begin at any element. */
        const size_t element = (size_t)of->type.bits / 8;
        bytes[n] = (size_t)size * element;
        char *memory = (char *)malloc(bytes[n] + element) + element;
        if (n < call->inputs && fread(memory, 1, bytes[n], in) != bytes[n]) exit(2);
        held[n] = (DLTensor){
            .data = memory, .device = {kDLCPU, 0}, .ndim = of->dimensions, .dtype = of->type,
            .shape = (int64_t *)of->shape, .strides = strides[n]};
        arguments[n] = (TVMFFIAny){.type_index = kTVMFFIDLTensorPtr, .v_ptr = &held[n]};
    }
    if (call->function(NULL, arguments, count, &result) != 0) exit(1);
    for (int32_t n = 0; n < count; n++) {
        if (n >= call->inputs && fwrite(held[n].data, 1, bytes[n], out) != bytes[n]) exit(2);
        free((char *)held[n].data - held[n].dtype.bits / 8);
    }
}

int main(void) {
    FILE *in = fopen("inputs.bin", "rb"), *out = fopen("outputs.bin", "wb");
    if (in == NULL || out == NULL) return 2;
    set_runtime();
    for (size_t n = 0; n < sizeof calls / sizeof *calls; n++) run(&calls[n], in, out);
    return fclose(out) != 0;
}
