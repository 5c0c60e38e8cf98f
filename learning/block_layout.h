// Places buffers with lifetimes in one block.
#ifndef SHOAL_LEARNING_BLOCK_LAYOUT_H_
#define SHOAL_LEARNING_BLOCK_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "learning/memory_plan.h"

namespace shoal::learning {

// Sets every buffer's offset, so that no two whose lifetimes overlap share a
// byte; returns the size of the block. Greedy by size, into the smallest gap
// that fits. O(n^2 log n).
int64_t PlaceBuffers(std::vector<PlannedBuffer>& buffers);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_BLOCK_LAYOUT_H_
