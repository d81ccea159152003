// What Swift calls of the C++ core's runtime on Linux: a bundle's graphs on ExecuTorch.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gfnet_graphs gfnet_graphs;
typedef struct gfnet_call gfnet_call;

enum { gfnet_float32, gfnet_float16, gfnet_int32, gfnet_uint8 };

// A tensor of a graph, and the memory that a call reads or writes. Name and shape are needed while it is
// bound only.
typedef struct {
    const char *name;
    int dtype;
    const int32_t *shape;
    size_t rank;
    void *data;
} gfnet_tensor;

// Functions that can fail give NULL, or what is wrong: one line, to be freed with `free`.

// Checks a bundle's files and loads all graphs of its target "executorch".
char *gfnet_graphs_open(const char *bundle, int threads, gfnet_graphs **graphs);
void gfnet_graphs_close(gfnet_graphs *graphs);

// Prepares one call; it must be closed before its graphs.
char *gfnet_call_bind(gfnet_graphs *graphs, const char *graph, const gfnet_tensor *inputs, size_t input_count,
                      const gfnet_tensor *outputs, size_t output_count, gfnet_call **call);
char *gfnet_call_run(gfnet_call *call);
void gfnet_call_close(gfnet_call *call);

const char *gfnet_executorch_version(void);

#ifdef __cplusplus
}
#endif
