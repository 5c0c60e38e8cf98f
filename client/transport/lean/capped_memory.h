// A cap on what a library allocates, for libraries that let us.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_CAPPED_MEMORY_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_CAPPED_MEMORY_H_

#include <atomic>
#include <cstddef>

namespace shoal::client::lean {

// malloc and its kin with a limit; what does not fit is refused with null.
// Blocks must not outlive it. Thread-safe.
class CappedMemory {
 public:
  explicit CappedMemory(size_t limit_bytes) : limit_(limit_bytes) {}
  CappedMemory(const CappedMemory&) = delete;
  CappedMemory& operator=(const CappedMemory&) = delete;

  // As malloc, calloc, realloc and free.
  void* Allocate(size_t size);
  void* AllocateZeroed(size_t count, size_t size);
  void* Resize(void* block, size_t size);
  void Free(void* block);

  // May be below what is allocated already: then nothing more is.
  void set_limit(size_t limit_bytes) { limit_ = limit_bytes; }
  size_t bytes() const { return bytes_; }
  size_t peak_bytes() const { return peak_; }

 private:
  // Whether there is room for so much more, which is then taken.
  bool Take(size_t size);

  std::atomic<size_t> limit_;
  std::atomic<size_t> bytes_ = 0;  // without what malloc itself needs
  std::atomic<size_t> peak_ = 0;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_CAPPED_MEMORY_H_
