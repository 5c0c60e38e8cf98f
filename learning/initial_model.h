// Version 0 of a model: what a task starts from.
#ifndef SHOAL_LEARNING_INITIAL_MODEL_H_
#define SHOAL_LEARNING_INITIAL_MODEL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "learning/feature_statistics.h"
#include "learning/model.h"
#include "learning/model_spec.h"
#include "learning/parameters.h"

namespace shoal::learning {

// A task's seed draws the same values for the same model.
// [model.layout().num_parameters()].
ParameterVector DrawInitialValues(const Model& model, uint64_t seed);

// The serialised model (SerializeModel) with the weights that `seed` draws and,
// where its preprocessing needs them, the means and deviations of `statistics`:
// of its channels, or of every value of its input, which are taken together by
// channel. Null: there are none.
// INVALID_ARGUMENT when there are none and the model needs them (never a
// silent mean of 0 and deviation of 1), when there are and it needs none, or
// when they are about other features or about nothing; or the model is
// impossible.
absl::StatusOr<std::string> MakeInitialModel(
    const ModelSpec& spec, uint64_t seed, const FeatureStatistics* statistics);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_INITIAL_MODEL_H_
