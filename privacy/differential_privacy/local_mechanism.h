// Noise on each device's own value before it is sent, for counters, histograms
// and vectors: what protects a device from everybody else, the coordinator
// included. Neighbours are kDeviceReplaceOne: what a device told is hidden, not
// that it told something.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_LOCAL_MECHANISM_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_LOCAL_MECHANISM_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "privacy/differential_privacy/bounded_rounding.h"
#include "privacy/differential_privacy/exact_samplers.h"
#include "privacy/differential_privacy/integer_noise.h"
#include "privacy/differential_privacy/mechanism.h"

namespace shoal::privacy {

// An integer of [0, range] plus discrete Laplace noise of scale
// range / epsilon, rounded up to a multiple of 2^-16: epsilon-private.
// Ghosh, Roughgarden, Sundararajan, "Universally Utility-Maximizing Privacy
// Mechanisms", STOC 2009. A value type; thread-safe.
class LocalLaplace {
 public:
  using Told = Noised<kDeviceReplaceOne, int64_t>;

  // INVALID_ARGUMENT unless range is in [1, 2^32), epsilon positive, and the
  // scale below 2^16.
  static absl::StatusOr<LocalLaplace> Create(int64_t range, double epsilon);

  const PrivacyEvent& event() const { return event_; }
  // Values out of the range become its nearest end.
  Told Tell(int64_t value, SecureRng& rng) const;

 private:
  LocalLaplace(int64_t range, Ratio scale, PrivacyEvent event)
      : range_(range), scale_(scale), event_(std::move(event)) {}

  int64_t range_;
  Ratio scale_;
  PrivacyEvent event_;
};

// One of num_values values by randomised response, where a uniform value is
// told with probability k / (k + e^epsilon - 1), rounded up to a multiple of
// 2^-32. A value type; thread-safe.
class LocalResponse {
 public:
  using Told = Noised<kDeviceReplaceOne, uint64_t>;

  // INVALID_ARGUMENT unless num_values is in [2, 2^32) and epsilon positive.
  static absl::StatusOr<LocalResponse> Create(int64_t num_values,
                                              double epsilon);

  const PrivacyEvent& event() const { return event_; }
  double noise_probability() const;
  // INVALID_ARGUMENT for a value that is none.
  absl::StatusOr<Told> Tell(int64_t value, SecureRng& rng) const;

  // Unbiased estimates of how many devices have each value, of the counts of
  // what they told. REQUIRES: num_values counts.
  std::vector<double> Estimate(absl::Span<const int64_t> told_counts) const;

 private:
  LocalResponse(int64_t num_values, Ratio noise, PrivacyEvent event)
      : num_values_(num_values), noise_(noise), event_(std::move(event)) {}

  int64_t num_values_;
  Ratio noise_;
  PrivacyEvent event_;
};

// A vector as integers of a bounded norm, plus discrete Gaussian noise in every
// value: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential
// Privacy", NeurIPS 2020, here as a rounded Gaussian (GaussianMultiplier). Two
// vectors differ by up to twice the bound, which the accountant knows. A value
// type; thread-safe.
class LocalGaussian {
 public:
  // In steps of the rounding's grid, in its rotated coordinates.
  using Told = Noised<kDeviceReplaceOne, std::vector<int64_t>>;

  // The noise is `noise_multiplier` times rounding.bound(), and a little more.
  // INVALID_ARGUMENT unless the multiplier is positive and its noise is 4 steps
  // or more, up to what samplers draw.
  static absl::StatusOr<LocalGaussian> Create(const BoundedRounding& rounding,
                                              double noise_multiplier);

  const PrivacyEvent& event() const { return event_; }
  // Standard deviation of the noise, in steps of the grid.
  double sigma() const { return noise_.sigma(); }

  // Clips, rotates and rounds `values`, which are working space. A vector that
  // is not finite counts as zeros, with the same noise. REQUIRES:
  // rounding.length() values; a rotation seed as the rounding's.
  Told Tell(absl::Span<float> values, absl::string_view rotation_seed,
            SecureRng& rng) const;

  // The mean of `num_devices` vectors from the sum of what they told.
  // INVALID_ARGUMENT unless there is a device. REQUIRES: rounding.length()
  // values.
  absl::StatusOr<std::vector<double>> Mean(
      absl::Span<const int64_t> told_sum, int64_t num_devices,
      absl::string_view rotation_seed) const;

 private:
  LocalGaussian(const BoundedRounding& rounding, DiscreteGaussianSampler noise,
                PrivacyEvent event)
      : rounding_(rounding),
        noise_(std::move(noise)),
        event_(std::move(event)) {}

  BoundedRounding rounding_;
  DiscreteGaussianSampler noise_;
  PrivacyEvent event_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_LOCAL_MECHANISM_H_
