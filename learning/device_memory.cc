#include "learning/device_memory.h"

#include <algorithm>

#include "base/status_macros.h"

namespace shoal::learning {
namespace {

constexpr int64_t kFloatBytes = sizeof(float);

// The fetched model, where training starts, which becomes the update, and what
// the algorithm keeps: all that is there beside the block.
int64_t VectorBytes(const Model& model, const AlgorithmTraits& traits) {
  const int64_t more = 2 * (traits.num_vectors - 1) + traits.kept_vectors;
  return kFloatBytes *
         (2 * model.num_values() + more * model.layout().num_parameters());
}

}  // namespace

int64_t PeakMemoryBytes(const Model& model, const MemoryPlan& plan,
                        const LocalAlgorithm& algorithm) {
  const AlgorithmTraits traits = TraitsOf(algorithm);
  // After training the block is gone, and the encoded update there.
  const int64_t encoded =
      kFloatBytes * traits.num_vectors * model.layout().num_parameters();
  return VectorBytes(model, traits) + std::max(plan.bytes(), encoded);
}

int64_t ExternalMemoryBytes(const Model& model, int64_t own_bytes) {
  const int64_t vector = kFloatBytes * model.layout().num_parameters();
  return 2 * vector + std::max(own_bytes, vector);
}

int64_t BlockBytes(const Model& model, int64_t memory_bytes,
                   const LocalAlgorithm& algorithm) {
  return memory_bytes - VectorBytes(model, TraitsOf(algorithm));
}

absl::StatusOr<int64_t> LeastMemoryBytes(const Model& model,
                                         const TrainingOptions& training,
                                         int64_t num_examples,
                                         const LocalAlgorithm& algorithm) {
  if (model.is_external()) return ExternalMemoryBytes(model, 0);
  TrainingOptions smaller = training;
  SHOAL_ASSIGN_OR_RETURN(const MemoryPlan first,
                         LeastPlan(model, smaller, num_examples, algorithm));
  int64_t least = PeakMemoryBytes(model, first, algorithm);
  for (int i = 0; i < kMaxBatchHalvings && smaller.batch_size > 1; ++i) {
    smaller.batch_size /= 2;
    smaller.micro_batch_size =
        std::min(smaller.micro_batch_size, smaller.batch_size);
    SHOAL_ASSIGN_OR_RETURN(const MemoryPlan plan,
                           LeastPlan(model, smaller, num_examples, algorithm));
    least = std::min(least, PeakMemoryBytes(model, plan, algorithm));
  }
  return least;
}

}  // namespace shoal::learning
