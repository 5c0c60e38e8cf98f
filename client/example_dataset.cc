#include "client/example_dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/feature_statistics.h"
#include "learning/model_spec.h"

namespace shoal {
namespace client {
namespace {

absl::Status CheckSize(absl::string_view what, int64_t size, int64_t least,
                       int64_t most) {
  if (size >= least && size <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the examples have ", size,
                                                 " ", what, ", expected ",
                                                 least, " to ", most));
}

absl::Status CheckSizes(const learning::Dataset& data) {
  constexpr int64_t kMost = learning::kMaxValuesPerExample;
  if (data.num_examples() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there are ", data.num_examples(), " examples, expected at least 0"));
  }
  SHOAL_RETURN_IF_ERROR(CheckSize("features", data.num_features(), 0, kMost));
  SHOAL_RETURN_IF_ERROR(CheckSize("classes", data.num_classes(), 0, kMost));
  if (data.num_classes() > 0) {
    SHOAL_RETURN_IF_ERROR(
        CheckSize("labels each", data.labels_per_example(), 1, kMost));
  }
  return CheckSize("targets each", data.num_targets(), 0, kMost);
}

absl::Status CheckLabels(const learning::Dataset& data) {
  std::vector<int32_t> labels(data.labels_per_example());
  for (int64_t i = 0; i < data.num_examples(); ++i) {
    data.CopyLabels(i, absl::MakeSpan(labels));
    for (const int32_t label : labels) {
      if (label >= 0 && label < data.num_classes()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("example ", i, " has the label ", label,
                       ", expected 0 to ", data.num_classes() - 1));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTargets(const learning::Dataset& data) {
  std::vector<float> targets(data.num_targets());
  for (int64_t i = 0; i < data.num_examples(); ++i) {
    data.CopyTargets(i, absl::MakeSpan(targets));
    for (const float target : targets) {
      if (std::isfinite(target)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("example ", i, " has the target ", target,
                       ", expected a finite number"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDataset(const learning::Dataset& data) {
  SHOAL_RETURN_IF_ERROR(CheckSizes(data));
  if (data.num_classes() > 0) SHOAL_RETURN_IF_ERROR(CheckLabels(data));
  return data.num_targets() > 0 ? CheckTargets(data) : absl::OkStatus();
}

absl::StatusOr<std::string> EncodeStatistics(const learning::Dataset& data) {
  if (data.num_examples() < 1) {
    return absl::InvalidArgumentError("the device has no examples");
  }
  SHOAL_ASSIGN_OR_RETURN(const learning::FeatureStatistics statistics,
                         learning::StatisticsOf(data));
  return statistics.Encode();
}

}  // namespace client

// One label is the example's own. More, or targets, are what a source has to
// give itself: what stands for them here is refused.
void ExampleSource::CopyLabels(int64_t index, absl::Span<int32_t> out) const {
  std::fill(out.begin(), out.end(), -1);
  if (out.size() == 1) out[0] = label(index);
}

void ExampleSource::CopyTargets(int64_t, absl::Span<float> out) const {
  std::fill(out.begin(), out.end(), std::numeric_limits<float>::quiet_NaN());
}

absl::StatusOr<std::string> EncodeFeatureStatistics(
    const ExampleSource& examples) {
  return client::EncodeStatistics(client::ExampleDataset(examples));
}

}  // namespace shoal
