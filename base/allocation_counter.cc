#include "base/allocation_counter.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace shoal {
namespace {

std::atomic<int64_t> num_allocations = 0;

}  // namespace

int64_t NumAllocations() { return num_allocations; }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__) && defined(__GLIBC__)
bool CountsAllocations() { return true; }

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) {
  ++num_allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++num_allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  ++num_allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++num_allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  ++num_allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#else
bool CountsAllocations() { return false; }
#endif

}  // namespace shoal
