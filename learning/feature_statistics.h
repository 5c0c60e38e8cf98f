// Mean and deviation of features, gathered where the data is and merged.
#ifndef SHOAL_LEARNING_FEATURE_STATISTICS_H_
#define SHOAL_LEARNING_FEATURE_STATISTICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "learning/dataset.h"
#include "learning/parameters.h"

namespace shoal::learning {

// Count, mean and sum of squared differences from the mean, per feature of a
// vector or per channel of a sequence or image: Welford 1962, merged as in
// Chan, Golub and LeVeque 1979. Missing values (NaN) do not count, nor do
// infinite ones, which no scale fits. Thread-compatible; a value type.
class FeatureStatistics {
 public:
  // REQUIRES: num_features >= 1.
  explicit FeatureStatistics(int64_t num_features);

  int64_t num_features() const { return features_.size(); }
  // Values of `feature` that counted.
  int64_t count(int64_t feature) const { return features_[feature].count; }

  // One example, or one position after the other: row-major
  // [positions, num_features]. REQUIRES: a multiple of num_features values.
  void Add(absl::Span<const float> example);

  // As if the examples of `other` had been added as well, up to rounding.
  // INVALID_ARGUMENT when it is about another number of features, or the two
  // counts together exceed kMaxCount.
  absl::Status Merge(const FeatureStatistics& other);

  // As if values of the features i, i + num_channels, i + 2 num_channels, …
  // were values of channel i: from statistics of every value of an image or
  // sequence to those of its channels. INVALID_ARGUMENT when the features are
  // not a multiple of num_channels, or as Merge for counts.
  // REQUIRES: num_channels >= 1.
  absl::StatusOr<FeatureStatistics> PerChannel(int64_t num_channels) const;

  // [num_features]; 0 for a feature without values.
  std::vector<float> Means() const;
  // [num_features], the root of the mean squared difference. A feature without
  // values, or one that is constant (its deviation is less than 2^-20 of its
  // mean: rounding of float32), has 1, so that standardising gives about 0.
  std::vector<float> Deviations() const;

  // docs/reference/formats.md has the bytes.
  std::string Encode() const;
  // DATA_LOSS when the bytes are none, or hold what no data can give.
  static absl::StatusOr<FeatureStatistics> Decode(absl::string_view bytes);

  static constexpr int64_t kMaxCount = int64_t{1} << 53;

 private:
  struct Feature {
    int64_t count = 0;
    double mean = 0;
    double squares = 0;  // sum of (x - mean)^2
  };
  static absl::Status CheckCounts(int64_t feature, int64_t a, int64_t b);
  static void Join(const Feature& from, Feature& to);

  std::vector<Feature> features_;
};

// Of every feature of a data set, one by one. INVALID_ARGUMENT when it has no
// features.
absl::StatusOr<FeatureStatistics> StatisticsOf(const Dataset& data);

// Writes means and deviations into the tensors "input.mean" and
// "input.deviation" of a model, of which preprocessing has one or both.
// INVALID_ARGUMENT, with `parameters` unchanged, when the layout has neither,
// a size differs, or `parameters` does not fit the layout.
absl::Status ApplyStatistics(const ParameterLayout& layout,
                             const FeatureStatistics& statistics,
                             ParameterVector& parameters);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_FEATURE_STATISTICS_H_
