// C^-1 z in integers. Round t's noise is v_t = z_t - round(Σ c_k v_(t-k)), with
// all numbers in units that are finer than the grid.
//
// Why rounding is no leak. Let y_t = x_t + v_t, of which the released sums are
// a rounding (x lies on the grid). Given the y before, another x moves the z_t
// that leads to y_t by (C Δ)_t, as without rounding, and by less than one unit
// of rounding more for every time that a number is rounded. What hides that is
// z_t, fresh in every round. So the noise is a sequence of discrete Gaussians
// whose means are moved, adaptively, by a vector of norm |C Δ| + (units) ×
// sqrt(rounds × length) at most, and that is as private as one Gaussian with
// this sensitivity (Smith and Thakurta, "Fully Adaptive Composition for
// Gaussian Differential Privacy", 2022). rounding_sensitivity() is the second
// part.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/noise_matrices.h"

namespace shoal::privacy {
namespace {

constexpr int kCoefficientBits = 40;
constexpr double kCoefficientOne = 0x1p40;
constexpr int kMaxBuffers = 4096;
// A unit is 2^-kMaxUnitBits of the grid unless sums would be too large.
constexpr int kMaxUnitBits = 24;
constexpr double kLargestNumber = 0x1p60;
// Of noise, in standard deviations: 2^-200.
constexpr double kLargestDraw = 17;

int64_t Fixed(double coefficient) {
  return std::llround(coefficient * kCoefficientOne);
}

int64_t Rounded(absl::int128 product) {
  return static_cast<int64_t>(
      (product + (absl::int128(1) << (kCoefficientBits - 1))) >>
      kCoefficientBits);
}

// The linear part of both kinds: what past noise takes off the next.
struct Filter {
  std::vector<int64_t> output;  // of every buffer, in v
  std::vector<int64_t> decay;   // of every buffer; empty: buffers are v's past
};

// Σ |v| that one unit of noise leads to.
double Gain(const Filter& filter, int64_t num_rounds) {
  std::vector<double> buffers(filter.output.size());
  double gain = 0;
  for (int64_t t = 0; t < num_rounds; ++t) {
    double value = t == 0 ? 1 : 0;
    for (size_t i = 0; i < buffers.size(); ++i) {
      value -=
          static_cast<double>(filter.output[i]) / kCoefficientOne * buffers[i];
    }
    if (filter.decay.empty()) {
      if (!buffers.empty()) {
        std::rotate(buffers.begin(), buffers.end() - 1, buffers.end());
        buffers[0] = value;
      }
    } else {
      for (size_t i = 0; i < buffers.size(); ++i) {
        buffers[i] = static_cast<double>(filter.decay[i]) / kCoefficientOne *
                         buffers[i] +
                     value;
      }
    }
    gain += std::fabs(value);
  }
  return gain;
}

class ToeplitzNoise final : public CorrelatedNoise {
 public:
  ToeplitzNoise(const CorrelatedNoiseOptions& options,
                DiscreteGaussianSampler sampler, Filter filter, int unit_bits)
      : CorrelatedNoise(options, std::move(sampler)),
        filter_(std::move(filter)),
        unit_bits_(unit_bits),
        buffers_(filter_.output.size(), std::vector<int64_t>(options.length)),
        drawn_(options.length) {}

  double rounding_sensitivity() const override;
  std::vector<double> column() const override;

 private:
  void NextRound(int64_t round, absl::Span<int64_t> noise) override;
  void Remember();

  Filter filter_;
  int unit_bits_;  // the grid's step is 2^unit_bits units
  std::vector<std::vector<int64_t>> buffers_;
  size_t newest_ = 0;           // of past v
  std::vector<int64_t> drawn_;  // z_t, then v_t
};

// Every buffer that decays is rounded each round, and carries that on.
double ToeplitzNoise::rounding_sensitivity() const {
  double units = 1;
  for (size_t i = 0; i < filter_.decay.size(); ++i) {
    const double decay =
        static_cast<double>(filter_.decay[i]) / kCoefficientOne;
    const double carried =
        std::min(1 / (1 - decay), static_cast<double>(options().num_rounds));
    units += static_cast<double>(filter_.output[i]) / kCoefficientOne * carried;
  }
  const double values = static_cast<double>(options().num_rounds) *
                        static_cast<double>(options().length);
  return std::ldexp(units * std::sqrt(values), -unit_bits_);
}

std::vector<double> ToeplitzNoise::column() const {
  std::vector<double> column = {1};
  if (filter_.decay.empty()) {
    for (const int64_t output : filter_.output) {
      column.push_back(static_cast<double>(output) / kCoefficientOne);
    }
    column.resize(std::min<size_t>(column.size(), options().num_rounds));
    return column;
  }
  BufferedToeplitz matrix;
  for (size_t i = 0; i < filter_.decay.size(); ++i) {
    matrix.buffer_decay.push_back(static_cast<double>(filter_.decay[i]) /
                                  kCoefficientOne);
    matrix.output_scale.push_back(static_cast<double>(filter_.output[i]) /
                                  kCoefficientOne);
  }
  return *BufferedColumn(matrix, options().num_rounds);
}

void ToeplitzNoise::Remember() {
  if (buffers_.empty()) return;
  if (filter_.decay.empty()) {
    newest_ = (newest_ + buffers_.size() - 1) % buffers_.size();
    buffers_[newest_] = drawn_;
    return;
  }
  for (size_t b = 0; b < buffers_.size(); ++b) {
    for (size_t i = 0; i < drawn_.size(); ++i) {
      buffers_[b][i] =
          Rounded(absl::int128(filter_.decay[b]) * buffers_[b][i]) + drawn_[i];
    }
  }
}

void ToeplitzNoise::NextRound(int64_t round, absl::Span<int64_t> noise) {
  Draw(round, 0, absl::MakeSpan(drawn_));
  std::vector<const int64_t*> past;
  for (size_t b = 0; b < buffers_.size(); ++b) {
    past.push_back(buffers_[(newest_ + b) % buffers_.size()].data());
  }
  const int64_t half = unit_bits_ > 0 ? int64_t{1} << (unit_bits_ - 1) : 0;
  for (size_t i = 0; i < noise.size(); ++i) {
    absl::int128 sum = 0;
    for (size_t b = 0; b < past.size(); ++b) {
      sum += absl::int128(filter_.output[b]) * past[b][i];
    }
    drawn_[i] -= Rounded(sum);
    noise[i] = (drawn_[i] + half) >> unit_bits_;
  }
  Remember();
}

// Numbers are at most `gain` times the largest draw, buffers that decay at most
// num_rounds times that.
absl::StatusOr<std::unique_ptr<CorrelatedNoise>> MakeFiltered(
    const CorrelatedNoiseOptions& options, Filter filter) {
  double largest =
      kLargestDraw * options.sigma * Gain(filter, options.num_rounds);
  if (!filter.decay.empty()) largest *= static_cast<double>(options.num_rounds);
  const int unit_bits = std::min(
      {kMaxUnitBits,
       static_cast<int>(std::floor(std::log2(kLargestNumber / largest))),
       static_cast<int>(std::floor(
           std::log2(DiscreteGaussianSampler::kMaxSigma / options.sigma)))});
  if (!(unit_bits >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "correlated noise: numbers of up to ", largest,
        " steps of the grid, expected less than ", kLargestNumber));
  }
  SHOAL_ASSIGN_OR_RETURN(
      DiscreteGaussianSampler sampler,
      DiscreteGaussianSampler::Create(std::ldexp(options.sigma, unit_bits)));
  return std::make_unique<ToeplitzNoise>(options, std::move(sampler),
                                         std::move(filter), unit_bits);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CorrelatedNoise>> MakeBandedNoise(
    const CorrelatedNoiseOptions& options, const BandedMatrix& matrix) {
  if (matrix.column.empty() || matrix.column.size() > kMaxBuffers + 1 ||
      matrix.column[0] != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("correlated noise: a column of ", matrix.column.size(),
                     " coefficients, expected 1 to ", kMaxBuffers + 1,
                     " of which the first is 1"));
  }
  Filter filter;
  for (size_t k = 1; k < matrix.column.size(); ++k) {
    if (!(matrix.column[k] >= 0 && matrix.column[k] <= matrix.column[k - 1])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "correlated noise: coefficient ", k, " is ", matrix.column[k],
          ", expected at least 0 and at most the one before"));
    }
    filter.output.push_back(Fixed(matrix.column[k]));
  }
  return MakeFiltered(options, std::move(filter));
}

absl::StatusOr<std::unique_ptr<CorrelatedNoise>> MakeBufferedNoise(
    const CorrelatedNoiseOptions& options, const BufferedMatrix& matrix) {
  SHOAL_RETURN_IF_ERROR(BufferedColumn(matrix.buffers, 1).status());
  Filter filter;
  for (size_t i = 0; i < matrix.buffers.buffer_decay.size(); ++i) {
    const double decay = matrix.buffers.buffer_decay[i];
    const double scale = matrix.buffers.output_scale[i];
    // Of a decay nearer to 1 its rounding would lose too much.
    if (!(decay <= kLargestDecay && scale <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "correlated noise: decay ", decay, " and scale ", scale,
          ", expected a decay of at most 1 - 2^-30 and a scale of at most 1"));
    }
    filter.decay.push_back(Fixed(decay));
    filter.output.push_back(Fixed(scale));
  }
  if (filter.decay.empty()) {
    return absl::InvalidArgumentError(
        "correlated noise: no buffers, expected at least one");
  }
  return MakeFiltered(options, std::move(filter));
}

}  // namespace shoal::privacy
