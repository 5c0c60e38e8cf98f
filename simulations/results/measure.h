// How good a model is, in the number that suits what it predicts.
#ifndef SHOAL_SIMULATIONS_RESULTS_MEASURE_H_
#define SHOAL_SIMULATIONS_RESULTS_MEASURE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "learning/batch.h"
#include "learning/model.h"

namespace shoal::simulations {

enum class Measure {
  kAccuracy,  // of classes: the share of predictions that are right
  kRmse,      // of values: the root of the mean squared error
  kLoss,      // of probabilities: nats
};

Measure MeasureOf(const learning::Model& model);
// 0 without examples. REQUIRES: a score of a model with that measure.
double ValueOf(Measure measure, const learning::Score& score);
// As keys and short lines have it: "accuracy", "rmse", "loss".
absl::string_view NameOf(Measure measure);
// "accuracy", "root mean squared error", "loss".
absl::string_view WordsFor(Measure measure);
// "87.2 %", "0.5321": an error has the size of what is predicted.
std::string ValueText(Measure measure, double value);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RESULTS_MEASURE_H_
