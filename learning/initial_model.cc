#include "learning/initial_model.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

// "model mlp 784-64-10 standardises its features".
std::string WhatItDoes(const ModelSpec& spec) {
  return absl::StrCat(
      "model ", spec.ToString(),
      spec.preprocessing.standardise ? " standardises" : " imputes",
      " its features");
}

bool IsEmpty(const FeatureStatistics& statistics) {
  for (int64_t i = 0; i < statistics.num_features(); ++i) {
    if (statistics.count(i) > 0) return false;
  }
  return true;
}

absl::Status CheckNeed(const ModelSpec& spec,
                       const FeatureStatistics* statistics) {
  const bool needed = spec.preprocessing.needs_statistics();
  if (needed && statistics == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        WhatItDoes(spec), ": it needs their means and deviations"));
  }
  if (!needed && statistics != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("model ", spec.ToString(),
                     " neither standardises nor imputes its features: it "
                     "takes no statistics of them"));
  }
  if (needed && IsEmpty(*statistics)) {
    return absl::InvalidArgumentError("the statistics are of no value at all");
  }
  return absl::OkStatus();
}

absl::Status Apply(const Model& model, const FeatureStatistics& statistics,
                   ParameterVector& parameters) {
  const int64_t channels = model.input().channels();
  if (statistics.num_features() == channels) {
    return ApplyStatistics(model.layout(), statistics, parameters);
  }
  if (statistics.num_features() != model.input().num_values()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the statistics are of ", statistics.num_features(),
                     " features, model ", model.spec().ToString(), " has ",
                     model.input().num_values()));
  }
  SHOAL_ASSIGN_OR_RETURN(const FeatureStatistics by_channel,
                         statistics.PerChannel(channels));
  return ApplyStatistics(model.layout(), by_channel, parameters);
}

}  // namespace

ParameterVector DrawInitialValues(const Model& model, uint64_t seed) {
  SeededRng rng(DeriveSeed(seed, "initial model"));
  return model.Initialise(rng);
}

absl::StatusOr<std::string> MakeInitialModel(
    const ModelSpec& spec, uint64_t seed, const FeatureStatistics* statistics) {
  SHOAL_ASSIGN_OR_RETURN(const std::unique_ptr<Model> model,
                         Model::Create(spec));
  SHOAL_RETURN_IF_ERROR(CheckNeed(spec, statistics));
  ParameterVector parameters = DrawInitialValues(*model, seed);
  if (statistics != nullptr) {
    SHOAL_RETURN_IF_ERROR(Apply(*model, *statistics, parameters));
  }
  return SerializeModel(model->layout(), parameters);
}

}  // namespace shoal::learning
