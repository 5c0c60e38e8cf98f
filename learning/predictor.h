// Predicts and evaluates inside one block of memory.
#ifndef SHOAL_LEARNING_PREDICTOR_H_
#define SHOAL_LEARNING_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/batch.h"
#include "learning/block.h"
#include "learning/kernels/kernels.h"
#include "learning/memory_plan.h"
#include "learning/model.h"

namespace shoal::learning {

// One thread. After Create nothing allocates.
class Predictor {
 public:
  // `plan` is one for prediction. `block` as for Trainer::Create; `model` and
  // the block must outlive the predictor.
  static absl::StatusOr<std::unique_ptr<Predictor>> Create(
      const Model& model, MemoryPlan plan, absl::Span<std::byte> block,
      const Kernels& kernels = BestKernels());

  // Buffers in the block that a caller may fill and use as a batch.
  absl::Span<float> features();
  absl::Span<int32_t> labels();
  absl::Span<float> targets();
  const MemoryPlan& plan() const { return plan_; }
  const Model& model() const { return model_; }

  // Any number of rows up to plan().rows(). `parameters` is a device's vector,
  // [num_values]. REQUIRES: spans of these sizes; labels in range.
  //
  // Class probabilities for softmax cross-entropy, a probability per output for
  // binary cross-entropy, otherwise the outputs; valid until the next call.
  absl::Span<const float> Predict(absl::Span<const float> parameters,
                                  absl::Span<const float> features);
  Score Evaluate(absl::Span<const float> parameters, const Batch& batch);

 private:
  Predictor(const Model& model, MemoryPlan plan, absl::Span<std::byte> block,
            const Kernels& kernels);
  // Leaves the network's outputs in the output buffer; returns the rows.
  int64_t Forward(absl::Span<const float> parameters,
                  absl::Span<const float> features);

  const Model& model_;
  const MemoryPlan plan_;
  const Kernels& kernels_;
  const std::vector<float*> buffers_;  // by plan index
};

// A predictor with a block of its own, for those who count no bytes.
class OwnedPredictor {
 public:
  // `model` must outlive it.
  OwnedPredictor(const Model& model, int64_t rows);
  Predictor* operator->() { return predictor_.get(); }
  Predictor& operator*() { return *predictor_; }

 private:
  OwnedPredictor(const Model& model, MemoryPlan plan);

  Block block_;
  std::unique_ptr<Predictor> predictor_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_PREDICTOR_H_
