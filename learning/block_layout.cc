#include "learning/block_layout.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace shoal::learning {
namespace {

bool LiveTogether(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The start of the smallest gap between `taken` (by offset) that holds
// `bytes`, or their end.
int64_t FindOffset(const std::vector<const PlannedBuffer*>& taken,
                   int64_t bytes) {
  int64_t end = 0;
  int64_t best = -1;
  int64_t best_gap = std::numeric_limits<int64_t>::max();
  for (const PlannedBuffer* buffer : taken) {
    const int64_t gap = buffer->offset - end;
    if (gap >= bytes && gap < best_gap) {
      best = end;
      best_gap = gap;
    }
    end = std::max(end, buffer->offset + buffer->bytes);
  }
  return best >= 0 ? best : end;
}

}  // namespace

int64_t PlaceBuffers(std::vector<PlannedBuffer>& buffers) {
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return buffers[a].bytes > buffers[b].bytes;
  });
  std::vector<int> placed;
  std::vector<const PlannedBuffer*> taken;
  int64_t block_bytes = 0;
  for (int index : order) {
    PlannedBuffer& buffer = buffers[index];
    taken.clear();
    for (int other : placed) {
      if (LiveTogether(buffer, buffers[other])) {
        taken.push_back(&buffers[other]);
      }
    }
    std::sort(taken.begin(), taken.end(),
              [](const PlannedBuffer* a, const PlannedBuffer* b) {
                return a->offset < b->offset;
              });
    buffer.offset = FindOffset(taken, buffer.bytes);
    block_bytes = std::max(block_bytes, buffer.offset + buffer.bytes);
    placed.push_back(index);
  }
  return block_bytes;
}

}  // namespace shoal::learning
