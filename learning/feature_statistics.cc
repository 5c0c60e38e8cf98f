#include "learning/feature_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/model_spec.h"

namespace shoal::learning {
namespace {

constexpr absl::string_view kMagic = "SHFS";
constexpr uint16_t kFormatVersion = 1;
// Of a constant feature, relative to its mean.
constexpr double kConstantDeviation = 1.0 / (1 << 20);

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("feature statistics: ", what));
}

// What float32 values can have given.
bool IsPossible(uint64_t count, double mean, double squares) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (count > static_cast<uint64_t>(FeatureStatistics::kMaxCount)) return false;
  if (count == 0) return mean == 0 && squares == 0;
  // Twice, for rounding.
  const double largest_squares = 2 * kLargest * kLargest * count;
  return std::abs(mean) <= kLargest && squares >= 0 &&
         squares <= largest_squares && (count > 1 || squares == 0);
}

}  // namespace

FeatureStatistics::FeatureStatistics(int64_t num_features)
    : features_(num_features) {
  SHOAL_CHECK(num_features >= 1);
}

void FeatureStatistics::Add(absl::Span<const float> example) {
  SHOAL_CHECK(example.size() % features_.size() == 0);
  auto feature = features_.begin();
  for (float value : example) {
    if (std::isfinite(value)) {
      ++feature->count;
      const double difference = value - feature->mean;
      feature->mean += difference / static_cast<double>(feature->count);
      feature->squares += difference * (value - feature->mean);
    }
    if (++feature == features_.end()) feature = features_.begin();
  }
}

absl::Status FeatureStatistics::CheckCounts(int64_t feature, int64_t a,
                                            int64_t b) {
  if (a + b <= kMaxCount) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("feature ", feature, " has ", a, " and ", b,
                   " values, expected at most ", kMaxCount, " together"));
}

void FeatureStatistics::Join(const Feature& from, Feature& to) {
  if (from.count == 0) return;
  const double total = static_cast<double>(to.count + from.count);
  const double difference = from.mean - to.mean;
  const double share = from.count / total;
  to.mean += difference * share;
  to.squares += from.squares + difference * difference * share * to.count;
  to.count += from.count;
}

absl::Status FeatureStatistics::Merge(const FeatureStatistics& other) {
  if (other.num_features() != num_features()) {
    return absl::InvalidArgumentError(
        absl::StrCat("feature statistics of ", other.num_features(),
                     " features, expected ", num_features()));
  }
  for (int64_t i = 0; i < num_features(); ++i) {
    SHOAL_RETURN_IF_ERROR(CheckCounts(i, count(i), other.count(i)));
  }
  for (int64_t i = 0; i < num_features(); ++i) {
    Join(other.features_[i], features_[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<FeatureStatistics> FeatureStatistics::PerChannel(
    int64_t num_channels) const {
  if (num_features() % num_channels != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "feature statistics of ", num_features(),
        " features, expected a multiple of ", num_channels, " channels"));
  }
  FeatureStatistics channels(num_channels);
  for (int64_t i = 0; i < num_features(); ++i) {
    const int64_t channel = i % num_channels;
    SHOAL_RETURN_IF_ERROR(
        CheckCounts(channel, channels.count(channel), count(i)));
    Join(features_[i], channels.features_[channel]);
  }
  return channels;
}

std::vector<float> FeatureStatistics::Means() const {
  std::vector<float> means;
  for (const Feature& feature : features_) {
    means.push_back(static_cast<float>(feature.mean));
  }
  return means;
}

std::vector<float> FeatureStatistics::Deviations() const {
  std::vector<float> deviations;
  for (const Feature& feature : features_) {
    const double deviation =
        std::sqrt(feature.squares / std::max<int64_t>(1, feature.count));
    const double least =
        std::max<double>(kConstantDeviation * std::abs(feature.mean),
                         std::numeric_limits<float>::min());
    // One value far from the rest of a few may deviate by more than float32
    // holds.
    const double largest = std::numeric_limits<float>::max();
    deviations.push_back(
        deviation < least ? 1.0f
                          : static_cast<float>(std::min(deviation, largest)));
  }
  return deviations;
}

std::string FeatureStatistics::Encode() const {
  std::string bytes(kMagic);
  AppendU16(bytes, kFormatVersion);
  AppendU16(bytes, 0);
  AppendU32(bytes, static_cast<uint32_t>(num_features()));
  for (const Feature& feature : features_) {
    AppendU64(bytes, static_cast<uint64_t>(feature.count));
    AppendF64(bytes, feature.mean);
    AppendF64(bytes, feature.squares);
  }
  return bytes;
}

absl::StatusOr<FeatureStatistics> FeatureStatistics::Decode(
    absl::string_view bytes) {
  constexpr size_t kFeatureBytes = 24;
  ByteReader reader(bytes);
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return Broken("do not begin with 'SHFS'");
  }
  const uint16_t version = reader.U16();
  const uint16_t reserved = reader.U16();
  const uint32_t num_features = reader.U32();
  if (!reader.ok()) return Broken("end inside the header");
  if (version != kFormatVersion || reserved != 0) {
    return Broken(absl::StrCat("have format version ", version,
                               " and reserved ", reserved, ", expected ",
                               kFormatVersion, " and 0"));
  }
  if (num_features < 1 || num_features > kMaxValuesPerExample) {
    return Broken(absl::StrCat("are of ", num_features,
                               " features, expected 1 to ",
                               kMaxValuesPerExample));
  }
  if (reader.rest().size() != num_features * kFeatureBytes) {
    return Broken(absl::StrCat("hold ", reader.rest().size(),
                               " bytes of features, expected ",
                               num_features * kFeatureBytes));
  }
  FeatureStatistics statistics(num_features);
  for (uint32_t i = 0; i < num_features; ++i) {
    const uint64_t count = reader.U64();
    const double mean = reader.F64();
    const double squares = reader.F64();
    if (!IsPossible(count, mean, squares)) {
      return Broken(absl::StrCat("feature ", i, " has count ", count, ", mean ",
                                 mean, " and squares ", squares,
                                 ", which no data can give"));
    }
    statistics.features_[i] = {static_cast<int64_t>(count), mean, squares};
  }
  return statistics;
}

absl::StatusOr<FeatureStatistics> StatisticsOf(const Dataset& data) {
  if (data.num_features() < 1) {
    return absl::InvalidArgumentError("the examples have no features");
  }
  FeatureStatistics statistics(data.num_features());
  std::vector<float> features(data.num_features());
  for (int64_t i = 0; i < data.num_examples(); ++i) {
    data.CopyFeatures(i, absl::MakeSpan(features));
    statistics.Add(features);
  }
  return statistics;
}

absl::Status ApplyStatistics(const ParameterLayout& layout,
                             const FeatureStatistics& statistics,
                             ParameterVector& parameters) {
  if (static_cast<int64_t>(parameters.size()) != layout.num_parameters()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", parameters.size(), " parameters, expected ",
                     layout.num_parameters()));
  }
  std::vector<int> tensors;
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const TensorShape& tensor = layout.tensors()[i];
    if (tensor.name != "input.mean" && tensor.name != "input.deviation") {
      continue;
    }
    if (tensor.num_values() != statistics.num_features()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the statistics are of ", statistics.num_features(), " features, ",
          tensor.name, " is of ", tensor.num_values()));
    }
    tensors.push_back(static_cast<int>(i));
  }
  if (tensors.empty()) {
    return absl::InvalidArgumentError(
        "the model has no preprocessing: expected a tensor input.mean or "
        "input.deviation");
  }
  for (int i : tensors) {
    const std::vector<float> values = layout.tensors()[i].name == "input.mean"
                                          ? statistics.Means()
                                          : statistics.Deviations();
    std::copy(values.begin(), values.end(),
              parameters.begin() + layout.offset(i));
  }
  return absl::OkStatus();
}

}  // namespace shoal::learning
