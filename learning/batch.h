// A mini-batch, and what a model scores on it.
#ifndef SHOAL_LEARNING_BATCH_H_
#define SHOAL_LEARNING_BATCH_H_

#include <cstdint>

#include "absl/types/span.h"

namespace shoal::learning {

// All spans belong to the caller. Those that the model's target does not ask
// for are empty.
struct Batch {
  absl::Span<const float> features;  // row-major [rows, input]
  absl::Span<const int32_t> labels;  // [rows, labels per example], in range
  absl::Span<const float> targets;   // [rows, targets per example]
  // For distillation: a teacher's probabilities [rows, output], or empty.
  absl::Span<const float> teacher;
};

// Sums over predictions: one for an example, or one for every position of a
// sequence that has labels.
struct Score {
  double loss_sum = 0;      // nats for cross-entropies; mean squares otherwise
  int64_t num_correct = 0;  // 0 where there are no classes
  int64_t num_examples = 0;

  double loss() const { return num_examples ? loss_sum / num_examples : 0; }
  double accuracy() const {
    return num_examples ? static_cast<double>(num_correct) / num_examples : 0;
  }
  void Add(const Score& other) {
    loss_sum += other.loss_sum;
    num_correct += other.num_correct;
    num_examples += other.num_examples;
  }
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_BATCH_H_
