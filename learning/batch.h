// A mini-batch, and what a model scores on it.
#ifndef SHOAL_LEARNING_BATCH_H_
#define SHOAL_LEARNING_BATCH_H_

#include <cstdint>
#include <optional>

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
  double loss_sum = 0;  // nats for cross-entropies; mean squares otherwise
  std::optional<int64_t> num_correct = {};  // absent where there are no classes
  int64_t num_examples = 0;

  double loss() const { return num_examples ? loss_sum / num_examples : 0; }
  // In [0, 1]; absent without classes, and without examples.
  std::optional<double> accuracy() const {
    if (!num_correct.has_value() || num_examples == 0) return std::nullopt;
    return static_cast<double>(*num_correct) / num_examples;
  }
  void Add(const Score& other) {
    loss_sum += other.loss_sum;
    if (other.num_correct.has_value()) {
      num_correct = num_correct.value_or(0) + *other.num_correct;
    }
    num_examples += other.num_examples;
  }
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_BATCH_H_
