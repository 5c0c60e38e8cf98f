#include "client/transport/lean/capped_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace shoal::client::lean {
namespace {

// Before every block stands its size; what follows is aligned as by malloc.
constexpr size_t kHeader = alignof(std::max_align_t);
static_assert(kHeader >= sizeof(size_t));

size_t SizeOf(void* block) {
  size_t size;
  std::memcpy(&size, static_cast<char*>(block) - kHeader, sizeof size);
  return size;
}

}  // namespace

void* CappedMemory::Allocate(size_t size) {
  if (size > limit_ - bytes_) return nullptr;
  char* const block = static_cast<char*>(std::malloc(kHeader + size));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  bytes_ += size;
  peak_ = std::max(peak_, bytes_);
  return block + kHeader;
}

void* CappedMemory::AllocateZeroed(size_t count, size_t size) {
  if (size != 0 && count > limit_ / size) return nullptr;
  void* const block = Allocate(count * size);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* CappedMemory::Resize(void* block, size_t size) {
  if (block == nullptr) return Allocate(size);
  const size_t old_size = SizeOf(block);
  if (size > old_size && size - old_size > limit_ - bytes_) return nullptr;
  char* const moved = static_cast<char*>(
      std::realloc(static_cast<char*>(block) - kHeader, kHeader + size));
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, &size, sizeof size);
  bytes_ = bytes_ - old_size + size;
  peak_ = std::max(peak_, bytes_);
  return moved + kHeader;
}

void CappedMemory::Free(void* block) {
  if (block == nullptr) return;
  bytes_ -= SizeOf(block);
  std::free(static_cast<char*>(block) - kHeader);
}

}  // namespace shoal::client::lean
