#include "privacy/differential_privacy/bounded_rounding.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "privacy/secure_aggregation/keystream.h"

namespace shoal::privacy {

using secure_aggregation::Quantiser;
using secure_aggregation::RingVector;

namespace {

void SetZero(RingVector& vector) {
  vector.Visit([](auto& lanes) { std::fill(lanes.begin(), lanes.end(), 0); });
}

void RoundTowardsZero(absl::Span<const float> values, double step,
                      RingVector& out) {
  for (size_t i = 0; i < values.size(); ++i) {
    out.Set(static_cast<int64_t>(i),
            static_cast<uint64_t>(static_cast<int64_t>(values[i] / step)));
  }
}

}  // namespace

double RoundedNormBound(double scaled_norm, int64_t length, double beta) {
  const double root = std::sqrt(static_cast<double>(length));
  const double always = scaled_norm + root;
  if (beta == 0) return always;
  const double likely =
      scaled_norm * scaled_norm + static_cast<double>(length) / 4 +
      std::sqrt(-2 * std::log(beta)) * (scaled_norm + root / 2);
  return std::min(always, std::sqrt(likely));
}

double IntegerL1Bound(double l2_bound, int64_t length) {
  const double root = std::sqrt(static_cast<double>(length));
  return l2_bound * std::max(1.0, std::min(root, l2_bound));
}

absl::uint128 SquaredNorm(const RingVector& vector) {
  absl::uint128 sum = 0;
  for (int64_t i = 0; i < vector.length(); ++i) {
    const int64_t value = vector.GetSigned(i);
    sum += static_cast<uint64_t>(value * value);
  }
  return sum;
}

BoundedRounding::BoundedRounding(const Quantiser& quantiser, int64_t length,
                                 double beta)
    : quantiser_(quantiser),
      length_(length),
      bound_(RoundedNormBound(quantiser.options().norm_bound / quantiser.step(),
                              length, beta)) {}

absl::StatusOr<BoundedRounding> BoundedRounding::Create(
    const Quantiser& quantiser, int64_t length, double beta) {
  if (length < 1 || length > secure_aggregation::kMaxVectorLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("bounded rounding: the length is ", length,
                     ", expected 1 to ", secure_aggregation::kMaxVectorLength));
  }
  if (!(beta >= 0 && beta < 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bounded rounding: beta is ", beta, ", expected 0 to below 1"));
  }
  if (quantiser.options().max_weight != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bounded rounding: weights of up to ", quantiser.options().max_weight,
        ", expected that every update counts the same"));
  }
  return BoundedRounding(quantiser, length, beta);
}

bool BoundedRounding::Within(const RingVector& vector) const {
  return std::sqrt(static_cast<double>(SquaredNorm(vector))) <= bound_;
}

absl::StatusOr<BoundedRounding::Rounded> BoundedRounding::Round(
    absl::Span<float> values, absl::string_view rotation_seed, SecureRng& rng,
    RingVector& out) const {
  SHOAL_CHECK(static_cast<int64_t>(values.size()) == length_);
  SHOAL_CHECK(out.length() == length_);
  const absl::StatusOr<double> norm = quantiser_.Prepare(values, rotation_seed);
  if (!norm.ok()) {
    SetZero(out);
    return norm.status();
  }
  Rounded rounded = {.norm = *norm};
  while (rounded.num_tries < kMaxTries) {
    ++rounded.num_tries;
    quantiser_.Round(values, 1, rng.Bytes(secure_aggregation::kSeedBytes), out);
    if (Within(out)) return rounded;
  }
  ++rounded.num_tries;
  RoundTowardsZero(values, quantiser_.step(), out);
  // The rotation rounds floats: its norm may be above the clip norm by as much.
  if (!Within(out)) SetZero(out);
  return rounded;
}

}  // namespace shoal::privacy
