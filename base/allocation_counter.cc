#include "base/allocation_counter.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace shoal {
namespace {

std::atomic<int64_t> num_allocations = 0;
std::atomic<int64_t> allocated_bytes = 0;
std::atomic<int64_t> peak_bytes = 0;

}  // namespace

int64_t NumAllocations() { return num_allocations; }
int64_t AllocatedBytes() { return allocated_bytes; }
int64_t PeakAllocatedBytes() { return peak_bytes; }
void ResetPeakAllocatedBytes() { peak_bytes = allocated_bytes.load(); }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__) && defined(__GLIBC__)
bool CountsAllocations() { return true; }

namespace {

void* Given(void* block) {
  ++num_allocations;
  if (block == nullptr) return block;
  const int64_t size = static_cast<int64_t>(malloc_usable_size(block));
  const int64_t now = allocated_bytes += size;
  int64_t peak = peak_bytes;
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now)) {
  }
  return block;
}

void TakenBack(void* block) {
  if (block == nullptr) return;
  allocated_bytes -= static_cast<int64_t>(malloc_usable_size(block));
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t size) { return Given(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) {
  return Given(__libc_calloc(count, size));
}
void* realloc(void* memory, size_t size) {
  const size_t before = memory == nullptr ? 0 : malloc_usable_size(memory);
  void* const moved = __libc_realloc(memory, size);
  if (moved != nullptr || size == 0) {
    allocated_bytes -= static_cast<int64_t>(before);
  }
  return Given(moved);
}
void* aligned_alloc(size_t alignment, size_t size) {
  return Given(__libc_memalign(alignment, size));
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  *memory = Given(__libc_memalign(alignment, size));
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
  TakenBack(memory);
  __libc_free(memory);
}
}
#else
bool CountsAllocations() { return false; }
#endif

}  // namespace shoal
