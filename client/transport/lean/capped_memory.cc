#include "client/transport/lean/capped_memory.h"

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

bool CappedMemory::Take(size_t size) {
  const size_t limit = limit_;
  size_t before = bytes_;
  do {
    if (before > limit || size > limit - before) return false;
  } while (!bytes_.compare_exchange_weak(before, before + size));
  size_t peak = peak_;
  while (peak < before + size &&
         !peak_.compare_exchange_weak(peak, before + size)) {
  }
  return true;
}

void* CappedMemory::Allocate(size_t size) {
  if (!Take(size)) return nullptr;
  char* const block = static_cast<char*>(std::malloc(kHeader + size));
  if (block == nullptr) {
    bytes_ -= size;
    return nullptr;
  }
  std::memcpy(block, &size, sizeof size);
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
  const size_t more = size > old_size ? size - old_size : 0;
  if (more > 0 && !Take(more)) return nullptr;
  char* const moved = static_cast<char*>(
      std::realloc(static_cast<char*>(block) - kHeader, kHeader + size));
  if (moved == nullptr) {
    bytes_ -= more;
    return nullptr;
  }
  std::memcpy(moved, &size, sizeof size);
  bytes_ -= old_size + more - size;
  return moved + kHeader;
}

void CappedMemory::Free(void* block) {
  if (block == nullptr) return;
  bytes_ -= SizeOf(block);
  std::free(static_cast<char*>(block) - kHeader);
}

}  // namespace shoal::client::lean
