// gfnet-allocations BUNDLE: walks a few golden images through all steps, and prints how often memory was
// allocated within the loop: in the first image, and in all later ones, by whomever in this process.
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "core/golden.h"
#include "core/picture.h"
#include "core/session.h"

namespace {
bool counting = false;
size_t count = 0;
}  // namespace

// glibc lets a program bring its own; operator new and the libraries come here too.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t bytes) {
    count += counting;
    return __libc_malloc(bytes);
}
void* calloc(size_t items, size_t bytes) {
    count += counting;
    return __libc_calloc(items, bytes);
}
void* realloc(void* memory, size_t bytes) {
    count += counting;
    return __libc_realloc(memory, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
    count += counting;
    return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
    *memory = memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}
}

int main(int, char** arguments) {
    const gfnet::Bundle bundle = gfnet::open_bundle(arguments[1], gfnet::kTarget);
    const gfnet::Golden golden(bundle);
    gfnet::Graphs graphs(bundle, 1);
    gfnet::Session session(bundle, graphs);
    const gfnet::ExitRule& rule = bundle.manifest.rule(gfnet::kTarget, "");
    size_t stopped = 0, first = 0;
    for (size_t image = 0; image < golden.count(); ++image) {
        gfnet::to_tensor(golden.image(image), bundle.manifest.preprocessing.size, session.image());
        counting = true;
        session.begin();
        while (!session.at_end()) stopped += should_stop(rule, gfnet::Limits{}, session.next());
        counting = false;
        if (image == 0) first = count;
    }
    std::printf("%zu %zu %zu\n", first, count - first, stopped);
}
