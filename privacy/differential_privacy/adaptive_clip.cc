#include "privacy/differential_privacy/adaptive_clip.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace shoal::privacy {
namespace {

constexpr uint32_t kVersion = 1;
constexpr double kSmallest = 1e-20;
constexpr double kLargest = 1e20;

absl::Status OutOfRange(absl::string_view name, double value,
                        absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "adaptive clipping: ", name, " is ", value, ", expected ", expected));
}

}  // namespace

absl::StatusOr<AdaptiveClip> AdaptiveClip::Create(
    const AdaptiveClipOptions& options) {
  if (!(options.initial_clip_norm >= kSmallest &&
        options.initial_clip_norm <= kLargest)) {
    return OutOfRange("the initial clip norm", options.initial_clip_norm,
                      "1e-20 to 1e20");
  }
  if (!(options.target_quantile >= 0 && options.target_quantile <= 1)) {
    return OutOfRange("the target quantile", options.target_quantile, "0 to 1");
  }
  if (!(options.learning_rate > 0 && std::isfinite(options.learning_rate))) {
    return OutOfRange("the learning rate", options.learning_rate,
                      "a positive number");
  }
  if (!(options.count_stddev > 0 && std::isfinite(options.count_stddev))) {
    return OutOfRange("the count's standard deviation", options.count_stddev,
                      "a positive number");
  }
  if (options.expected_devices < 1) {
    return OutOfRange("the number of expected devices",
                      static_cast<double>(options.expected_devices),
                      "1 or more");
  }
  return AdaptiveClip(options);
}

int64_t AdaptiveClip::Vote(double norm, double clip_norm) {
  if (norm == 0 || !std::isfinite(norm)) return 0;
  return norm > clip_norm ? -1 : 1;
}

void AdaptiveClip::Update(int64_t noisy_votes) {
  const double fraction =
      0.5 + static_cast<double>(noisy_votes) /
                (2 * static_cast<double>(options_.expected_devices));
  clip_norm_ *=
      std::exp(-options_.learning_rate * (fraction - options_.target_quantile));
  clip_norm_ = std::clamp(clip_norm_, kSmallest, kLargest);
  ++num_updates_;
}

std::string AdaptiveClip::Serialize() const {
  std::string state;
  AppendU32(state, kVersion);
  AppendU64(state, static_cast<uint64_t>(num_updates_));
  AppendF64(state, clip_norm_);
  return state;
}

absl::StatusOr<AdaptiveClip> AdaptiveClip::Restore(
    const AdaptiveClipOptions& options, absl::string_view state) {
  absl::StatusOr<AdaptiveClip> clip = Create(options);
  if (!clip.ok()) return clip;
  if (state.size() < 4) {
    return absl::DataLossError("adaptive clipping: the state is cut off");
  }
  if (const uint32_t version = LoadU32(state.data()); version != kVersion) {
    return absl::UnimplementedError(
        absl::StrCat("adaptive clipping: the state has version ", version,
                     ", expected ", kVersion));
  }
  constexpr size_t kStateBytes = 4 + 8 + 8;
  if (state.size() != kStateBytes) {
    return absl::DataLossError(absl::StrCat("adaptive clipping: the state has ",
                                            state.size(), " bytes, expected ",
                                            kStateBytes));
  }
  clip->num_updates_ = static_cast<int64_t>(LoadU64(state.data() + 4));
  clip->clip_norm_ = LoadF64(state.data() + 12);
  if (!(clip->clip_norm_ >= kSmallest && clip->clip_norm_ <= kLargest) ||
      clip->num_updates_ < 0) {
    return absl::DataLossError(
        absl::StrCat("adaptive clipping: the state has clip norm ",
                     clip->clip_norm_, " after ", clip->num_updates_,
                     " rounds, expected 1e-20 to 1e20 after 0 or more"));
  }
  return clip;
}

absl::StatusOr<double> ValueNoiseMultiplier(double noise_multiplier,
                                            double count_stddev) {
  if (!(noise_multiplier > 0 && std::isfinite(noise_multiplier))) {
    return OutOfRange("the noise multiplier", noise_multiplier,
                      "a positive number");
  }
  if (!(2 * count_stddev > noise_multiplier && std::isfinite(count_stddev))) {
    return OutOfRange(
        "the count's standard deviation", count_stddev,
        absl::StrCat("more than half of the noise multiplier ",
                     noise_multiplier, ", which the count alone would spend"));
  }
  const double inverse = 1 / noise_multiplier;
  const double of_count = 1 / (2 * count_stddev);
  return 1 / std::sqrt((inverse - of_count) * (inverse + of_count));
}

}  // namespace shoal::privacy
