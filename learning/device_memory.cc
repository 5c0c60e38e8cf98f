#include "learning/device_memory.h"

#include <algorithm>

#include "base/status_macros.h"

namespace shoal::learning {
namespace {

constexpr int64_t kFloatBytes = sizeof(float);

}  // namespace

int64_t PeakMemoryBytes(const Model& model, const MemoryPlan& plan) {
  // While training: the fetched model and where training starts, which becomes
  // the update. Afterwards the block is gone, and the encoded update there.
  const int64_t vectors = 2 * kFloatBytes * model.num_values();
  return vectors +
         std::max(plan.bytes(), kFloatBytes * model.layout().num_parameters());
}

int64_t ExternalMemoryBytes(const Model& model, int64_t own_bytes) {
  const int64_t vector = kFloatBytes * model.layout().num_parameters();
  return 2 * vector + std::max(own_bytes, vector);
}

int64_t BlockBytes(const Model& model, int64_t memory_bytes) {
  return memory_bytes - 2 * kFloatBytes * model.num_values();
}

absl::StatusOr<int64_t> LeastMemoryBytes(const Model& model,
                                         const TrainingOptions& training,
                                         int64_t num_examples) {
  if (model.is_external()) return ExternalMemoryBytes(model, 0);
  TrainingOptions smaller = training;
  SHOAL_ASSIGN_OR_RETURN(const MemoryPlan first,
                         LeastPlan(model, smaller, num_examples));
  int64_t least = PeakMemoryBytes(model, first);
  for (int i = 0; i < kMaxBatchHalvings && smaller.batch_size > 1; ++i) {
    smaller.batch_size /= 2;
    smaller.micro_batch_size =
        std::min(smaller.micro_batch_size, smaller.batch_size);
    SHOAL_ASSIGN_OR_RETURN(const MemoryPlan plan,
                           LeastPlan(model, smaller, num_examples));
    least = std::min(least, PeakMemoryBytes(model, plan));
  }
  return least;
}

}  // namespace shoal::learning
