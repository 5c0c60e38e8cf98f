// The memory that one local update takes on a device, model and all: what
// devices keep within, and coordinators can know in advance.
#ifndef SHOAL_LEARNING_DEVICE_MEMORY_H_
#define SHOAL_LEARNING_DEVICE_MEMORY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "learning/local_update.h"
#include "learning/memory_plan.h"
#include "learning/model.h"

namespace shoal::learning {

// A device that is short of memory or energy may train mini-batches of half of
// the plan's size, or of a quarter.
inline constexpr int kMaxBatchHalvings = 2;

// The most memory that a local update takes at one time, in bytes: the block of
// `plan`, the fetched model, what becomes the update, and what the algorithm
// keeps besides. Within the allocator's
// and the transport's overhead of what is measured.
int64_t PeakMemoryBytes(const Model& model, const MemoryPlan& plan,
                        const LocalAlgorithm& algorithm = FedAvgLocal{});

// The same of a product's own trainer that takes `own_bytes` for itself.
int64_t ExternalMemoryBytes(const Model& model, int64_t own_bytes);

// What is left of `memory_bytes` for the block that training runs in; negative
// when that is too little for the model.
int64_t BlockBytes(const Model& model, int64_t memory_bytes,
                   const LocalAlgorithm& algorithm = FedAvgLocal{});

// The peak of the smallest plan in which a device with `num_examples` >= 1
// examples can train; for a product's own model what it takes here, whatever
// its trainer takes besides. Does not fall with more examples. Errors as
// PlanLocalUpdate.
absl::StatusOr<int64_t> LeastMemoryBytes(
    const Model& model, const TrainingOptions& training, int64_t num_examples,
    const LocalAlgorithm& algorithm = FedAvgLocal{});

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DEVICE_MEMORY_H_
