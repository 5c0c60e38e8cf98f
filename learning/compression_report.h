// What quantising or pruning a model gains and costs.
#ifndef SHOAL_LEARNING_COMPRESSION_REPORT_H_
#define SHOAL_LEARNING_COMPRESSION_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
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
// REQUIRES: `parameters` fits the layout.
StoredSize SizeOf(const ParameterLayout& layout,
                  absl::Span<const float> parameters);
StoredSize SizeOf(const QuantisedModel& model);

// One form of a model: what it predicts with, and how large it is.
struct ModelForm {
  absl::Span<const float> parameters;
  StoredSize size;
};

struct FormMeasure {
  StoredSize size;
  Score score;
  double examples_per_second = 0;  // 0 when the clock did not move
};

struct CompressionReport {
  FormMeasure before;
  FormMeasure after;

  // A table of both and of what changed.
  std::string ToString() const;
};

// Scores both forms with `evaluate`, which predicts a whole data set with the
// parameters that it is given, and times it by `clock`. Prediction is in
// float32 either way: a quantised model is dequantised when it is loaded, so
// that a change of speed beyond noise comes from the data's path, not from
// fewer multiplications.
CompressionReport CompareForms(
    const ModelForm& before, const ModelForm& after,
    absl::FunctionRef<Score(absl::Span<const float>)> evaluate,
    const Clock& clock);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_COMPRESSION_REPORT_H_
