// A block of memory for one plan.
#ifndef SHOAL_LEARNING_BLOCK_H_
#define SHOAL_LEARNING_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "absl/types/span.h"
#include "learning/memory_plan.h"

namespace shoal::learning {

// Aligned to kBlockAlignment; not initialised. Movable.
class Block {
 public:
  explicit Block(int64_t num_bytes)
      : memory_(static_cast<std::byte*>(
            ::operator new[](num_bytes, std::align_val_t(kBlockAlignment)))),
        num_bytes_(num_bytes) {}

  absl::Span<std::byte> bytes() {
    return {memory_.get(), static_cast<size_t>(num_bytes_)};
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const {
      ::operator delete[](memory, std::align_val_t(kBlockAlignment));
    }
  };
  std::unique_ptr<std::byte[], Free> memory_;
  int64_t num_bytes_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_BLOCK_H_
