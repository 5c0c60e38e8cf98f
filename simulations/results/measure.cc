#include "simulations/results/measure.h"

#include <cmath>

#include "absl/strings/str_format.h"
#include "base/check.h"

namespace shoal::simulations {

Measure MeasureOf(const learning::Model& model) {
  if (model.target() == learning::Target::kLabels) return Measure::kAccuracy;
  return model.loss() == learning::Loss::kMeanSquaredError ? Measure::kRmse
                                                           : Measure::kLoss;
}

double ValueOf(Measure measure, const learning::Score& score) {
  switch (measure) {
    case Measure::kAccuracy:
      return score.accuracy().value_or(0);
    case Measure::kRmse:
      return std::sqrt(score.loss());
    case Measure::kLoss:
      return score.loss();
  }
  SHOAL_CHECK(false);
}

absl::string_view NameOf(Measure measure) {
  switch (measure) {
    case Measure::kAccuracy:
      return "accuracy";
    case Measure::kRmse:
      return "rmse";
    case Measure::kLoss:
      return "loss";
  }
  SHOAL_CHECK(false);
}

absl::string_view WordsFor(Measure measure) {
  return measure == Measure::kRmse ? "root mean squared error"
                                   : NameOf(measure);
}

std::string ValueText(Measure measure, double value) {
  return measure == Measure::kAccuracy ? absl::StrFormat("%.1f %%", 100 * value)
                                       : absl::StrFormat("%.6g", value);
}

}  // namespace shoal::simulations
