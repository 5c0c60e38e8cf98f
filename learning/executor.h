// What training and prediction share: running the forward operations of a
// plan inside a block.
#ifndef SHOAL_LEARNING_EXECUTOR_H_
#define SHOAL_LEARNING_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "learning/kernels/kernels.h"
#include "learning/memory_plan.h"
#include "learning/model.h"

namespace shoal::learning {

// INVALID_ARGUMENT when the block is too small or not aligned for the plan.
absl::Status CheckBlock(const MemoryPlan& plan,
                        absl::Span<const std::byte> block);

// Where each of the plan's buffers lies in the block.
std::vector<float*> BufferAddresses(const MemoryPlan& plan,
                                    absl::Span<std::byte> block);

// One forward operation.
struct ForwardStep {
  const Model* model = nullptr;
  const Kernels* kernels = nullptr;
  const MemoryPlan* plan = nullptr;
  float* const* buffers = nullptr;    // BufferAddresses
  const float* features = nullptr;    // value 0, wherever it lies
  const float* parameters = nullptr;  // [num_values]
  float* statistics = nullptr;  // the same, where running statistics may move
  int64_t rows = 0;
  uint64_t seed = 0;
  int64_t first_row = 0;  // as in ForwardPass
};
void RunForward(const PlannedOp& op, const ForwardStep& step);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_EXECUTOR_H_
