#include "client/limits/energy_estimator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "client/limits/quadratic_form.h"

namespace shoal::client {
namespace {

constexpr absl::string_view kMagic = "SHEE";
constexpr uint16_t kFormatVersion = 1;

// Per observation: about the last hundred count.
constexpr double kForgetting = 0.99;
// How many observations the starting coefficients weigh as much as; they are
// forgotten like observations, down to what tells apart coefficients that the
// sessions do not.
constexpr double kStartWeight = 0.001;
constexpr double kLeastPull = 1e-6;
// The scale of a coefficient that starts at zero.
constexpr double kLeastScale = 1e-3;
constexpr size_t kRemembered = 64;
// Below it percentiles say little.
constexpr size_t kEnoughObservations = 8;
constexpr double kPercentile = 0.9;

// The smallest value that at least nine tenths do not exceed. REQUIRES: not
// empty.
double Percentile(std::vector<double> values) {
  const size_t rank = static_cast<size_t>(
      std::ceil(kPercentile * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + (rank - 1), values.end());
  return values[rank - 1];
}

}  // namespace

EnergyEstimator::EnergyEstimator(const EnergyCoefficients& start)
    : start_(start), coefficients_(start) {}

void EnergyEstimator::Observe(const Work& work, double joules) {
  if (!std::isfinite(joules) || joules <= 0) return;
  const double predicted = Predict(work);
  if (predicted > 0) {
    const double ratio = joules / predicted;
    if (ratios_.size() < kRemembered) {
      ratios_.push_back(ratio);
    } else {
      ratios_[num_observations_ % kRemembered] = ratio;
    }
  }
  ++num_observations_;
  EnergyVector x = FeaturesOf(work);
  for (double& value : x) value /= joules;
  for (size_t i = 0; i < kNumCoefficients; ++i) {
    for (size_t j = 0; j < kNumCoefficients; ++j) {
      squares_[i][j] = kForgetting * squares_[i][j] + x[i] * x[j];
    }
    products_[i] = kForgetting * products_[i] + x[i];
  }
  Solve();
  SetMargin();
}

void EnergyEstimator::SetMargin() {
  if (ratios_.size() < kEnoughObservations) return;
  margin_ = std::max(1.0, Percentile(ratios_));
}

// Minimises over w >= 0:  w'(S + P)w / 2 - (p + P start)'w  with the diagonal
// P of the pull towards the start, in units of that start.
void EnergyEstimator::Solve() {
  const EnergyVector start = AsVector(start_);
  const double pull = std::max(
      kStartWeight * std::pow(kForgetting, num_observations_), kLeastPull);
  EnergyVector scales;
  for (size_t i = 0; i < kNumCoefficients; ++i) {
    scales[i] = std::max(start[i], kLeastScale);
  }
  QuadraticForm form;
  for (size_t i = 0; i < kNumCoefficients; ++i) {
    for (size_t j = 0; j < kNumCoefficients; ++j) {
      form.squares[i][j] = scales[i] * scales[j] * squares_[i][j];
    }
    form.squares[i][i] += pull;
    form.products[i] = scales[i] * products_[i] + pull * start[i] / scales[i];
  }
  EnergyVector weights = LeastNotNegative(form);
  for (size_t i = 0; i < kNumCoefficients; ++i) weights[i] *= scales[i];
  coefficients_ = FromVector(weights);
}

std::optional<double> EnergyEstimator::relative_error_p90() const {
  if (ratios_.size() < kEnoughObservations) return std::nullopt;
  std::vector<double> errors;
  errors.reserve(ratios_.size());
  for (const double ratio : ratios_) errors.push_back(std::abs(ratio - 1));
  return Percentile(std::move(errors));
}

std::string EnergyEstimator::Serialize() const {
  std::string out(kMagic);
  AppendU16(out, kFormatVersion);
  const auto append = [&out](const EnergyVector& values) {
    for (const double value : values) AppendF64(out, value);
  };
  append(AsVector(start_));
  append(AsVector(coefficients_));
  for (const EnergyVector& row : squares_) append(row);
  append(products_);
  AppendU64(out, static_cast<uint64_t>(num_observations_));
  AppendU32(out, static_cast<uint32_t>(ratios_.size()));
  for (const double ratio : ratios_) AppendF64(out, ratio);
  return out;
}

absl::Status EnergyEstimator::Restore(absl::string_view bytes) {
  ByteReader reader(bytes);
  bool finite = true;
  const auto number = [&] {
    const double value = reader.F64();
    finite &= std::isfinite(value) && value >= 0;
    return value;
  };
  const auto vector = [&] {
    EnergyVector values;
    for (double& value : values) value = number();
    return values;
  };
  const absl::string_view magic = reader.Bytes(kMagic.size());
  const uint16_t version = reader.U16();
  EnergyEstimator other(FromVector(vector()));
  other.coefficients_ = FromVector(vector());
  for (EnergyVector& row : other.squares_) row = vector();
  other.products_ = vector();
  other.num_observations_ = static_cast<int64_t>(reader.U64());
  const uint32_t num_ratios = std::min<uint32_t>(reader.U32(), kRemembered + 1);
  for (uint32_t i = 0; i < num_ratios; ++i) other.ratios_.push_back(number());
  if (magic != kMagic || version != kFormatVersion || !reader.ok() ||
      !reader.rest().empty() || !finite || num_ratios > kRemembered ||
      other.num_observations_ < 0 || other.start_ != start_) {
    return absl::DataLossError(
        "the energy estimate is damaged, or began with other coefficients");
  }
  other.SetMargin();
  *this = std::move(other);
  return absl::OkStatus();
}

}  // namespace shoal::client
