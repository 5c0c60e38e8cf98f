// What quantising or pruning a model gains and costs.
#ifndef SHOAL_LEARNING_COMPRESSION_REPORT_H_
#define SHOAL_LEARNING_COMPRESSION_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "learning/batch.h"
#include "learning/parameters.h"
#include "learning/quantisation.h"

namespace shoal::learning {

// Bytes of a model's values.
struct StoredSize {
  int64_t dense = 0;
  int64_t sparse = 0;  // with zeros left out where that takes fewer
};
// Weights (tensors with two dimensions or more) take `weight_bytes` each, other
// values four. REQUIRES: `parameters` fits the layout.
StoredSize SizeOf(const ParameterLayout& layout,
                  absl::Span<const float> parameters,
                  int weight_bytes = sizeof(float));
StoredSize SizeOf(const QuantisedModel& model);

// One form of a model on a set of examples.
struct FormScore {
  Score score;
  double examples_per_second = 0;  // 0 when the clock did not move
};

// Both forms on the same examples. Prediction is in float32 either way:
// narrower weights are widened when they are loaded, so that speeds differ by
// chance alone, and by zeros where a processor is faster with them.
struct FormScores {
  FormScore before;
  FormScore after;
};

// Scores both forms with `evaluate`, which predicts a whole data set with the
// parameters that it is given, and times that by `clock`: each twice in turns,
// the faster counts, so that no form pays for being the first. Errors of
// `evaluate`.
absl::StatusOr<FormScores> ScoreForms(
    absl::Span<const float> before, absl::Span<const float> after,
    absl::FunctionRef<absl::StatusOr<Score>(absl::Span<const float>)> evaluate,
    const Clock& clock);

struct CompressionReport {
  StoredSize size_before;
  StoredSize size_after;
  std::optional<FormScores> scores;  // absent: there were no examples

  // A table of both and of what changed.
  std::string ToString() const;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_COMPRESSION_REPORT_H_
