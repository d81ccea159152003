// Preloaded: prints at the end how many blocks of at least LARGE bytes were allocated.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_long count;

static size_t large(void) {
    static size_t bytes;
    if (!bytes) bytes = strtoul(getenv("LARGE"), NULL, 10);
    return bytes;
}

void *malloc(size_t size) {
    static void *(*real)(size_t);
    if (!real) real = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    if (size >= large()) atomic_fetch_add(&count, 1);
    return real(size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    static int (*real)(void **, size_t, size_t);
    if (!real) real = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    if (size >= large()) atomic_fetch_add(&count, 1);
    return real(block, alignment, size);
}

__attribute__((destructor)) static void report(void) { fprintf(stderr, "large: %ld\n", atomic_load(&count)); }
