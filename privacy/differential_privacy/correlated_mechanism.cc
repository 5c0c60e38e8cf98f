#include "privacy/differential_privacy/correlated_mechanism.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "privacy/matrix_mechanisms/toeplitz.h"
#include "privacy/matrix_mechanisms/tree.h"

namespace shoal::privacy {
namespace {

struct MatrixName {
  std::string operator()(const TreeMatrix&) const { return "tree"; }
  std::string operator()(const BandedMatrix&) const { return "banded"; }
  std::string operator()(const BufferedMatrix&) const { return "blt"; }
};

struct FirstColumn {
  absl::StatusOr<std::vector<double>> operator()(const TreeMatrix&) const {
    return std::vector<double>{1};
  }
  absl::StatusOr<std::vector<double>> operator()(
      const BandedMatrix& matrix) const {
    return matrix.column;
  }
  absl::StatusOr<std::vector<double>> operator()(
      const BufferedMatrix& matrix) const {
    return BufferedColumn(matrix.buffers, num_rounds);
  }
  int64_t num_rounds;
};

double Norm(const std::vector<double>& column) {
  double squares = 0;
  for (const double value : column) squares += value * value;
  return std::sqrt(squares);
}

// Noise on C x for a multiplier of columns of norm 1.
absl::StatusOr<CorrelatedNoiseOptions> NoiseOptions(
    const CorrelatedOptions& options, const BoundedRounding& rounding) {
  SHOAL_RETURN_IF_ERROR(CheckParticipation(options.participation));
  if (!(options.noise_multiplier > 0 &&
        std::isfinite(options.noise_multiplier))) {
    return absl::InvalidArgumentError(
        absl::StrCat("correlated noise: the noise multiplier is ",
                     options.noise_multiplier, ", expected a positive number"));
  }
  if (options.expected_devices < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("correlated noise: ", options.expected_devices,
                     " expected devices, expected 1 or more"));
  }
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<double> column,
      std::visit(FirstColumn{options.participation.num_rounds},
                 options.matrix));
  return CorrelatedNoiseOptions{
      .matrix = options.matrix,
      .num_rounds = options.participation.num_rounds,
      .length = rounding.length(),
      .sigma =
          SigmaFor(options.noise_multiplier * Norm(column), rounding.bound())};
}

// By how much one device changes C x, in steps of the grid.
absl::StatusOr<double> Sensitivity(const CorrelatedOptions& options,
                                   const BoundedRounding& rounding,
                                   const CorrelatedNoise& noise) {
  if (const auto* tree = std::get_if<TreeMatrix>(&options.matrix)) {
    SHOAL_ASSIGN_OR_RETURN(
        const int64_t squared,
        TreeSensitivitySquared(options.participation,
                               {.restart_every = tree->restart_every}));
    return rounding.bound() * std::sqrt(static_cast<double>(squared));
  }
  SHOAL_ASSIGN_OR_RETURN(
      const double squared,
      ToeplitzSensitivitySquared(noise.column(), options.participation));
  return rounding.bound() * std::sqrt(squared) + noise.rounding_sensitivity();
}

absl::StatusOr<PrivacyEvent> EventOf(const CorrelatedOptions& options,
                                     const BoundedRounding& rounding,
                                     const CorrelatedNoise& noise,
                                     double sigma) {
  SHOAL_ASSIGN_OR_RETURN(const double sensitivity,
                         Sensitivity(options, rounding, noise));
  SHOAL_ASSIGN_OR_RETURN(const double multiplier,
                         GaussianMultiplier(sigma, sensitivity));
  // Only their ratio counts.
  return PrivacyEvent::MatrixGaussian(
      {.mechanism = std::visit(MatrixName(), options.matrix),
       .noise_multiplier = options.noise_multiplier,
       .sensitivity = options.noise_multiplier / multiplier});
}

}  // namespace

template <Neighbours kNeighbours>
CorrelatedMechanism<kNeighbours>::CorrelatedMechanism(
    std::unique_ptr<CorrelatedNoise> noise, PrivacyEvent event, double unit)
    : noise_(std::move(noise)), event_(std::move(event)), unit_(unit) {}

template <Neighbours kNeighbours>
auto CorrelatedMechanism<kNeighbours>::Create(const CorrelatedOptions& options,
                                              const BoundedRounding& rounding,
                                              SecureRng& rng)
    -> absl::StatusOr<Uncharged> {
  SHOAL_ASSIGN_OR_RETURN(const CorrelatedNoiseOptions noise_options,
                         NoiseOptions(options, rounding));
  SHOAL_ASSIGN_OR_RETURN(auto noise,
                         CorrelatedNoise::Create(noise_options, rng));
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent event, EventOf(options, rounding, *noise,
                                                     noise_options.sigma));
  SHOAL_RETURN_IF_ERROR(CheckSupported(event, kNeighbours, options.accountant));
  const double unit = rounding.quantiser().step() /
                      static_cast<double>(options.expected_devices);
  return Uncharged(CorrelatedMechanism(std::move(noise), event, unit), event);
}

template <Neighbours kNeighbours>
auto CorrelatedMechanism<kNeighbours>::Restore(const CorrelatedOptions& options,
                                               const BoundedRounding& rounding,
                                               absl::string_view state)
    -> absl::StatusOr<CorrelatedMechanism> {
  SHOAL_ASSIGN_OR_RETURN(const CorrelatedNoiseOptions noise_options,
                         NoiseOptions(options, rounding));
  SHOAL_ASSIGN_OR_RETURN(auto noise,
                         CorrelatedNoise::Restore(noise_options, state));
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent event, EventOf(options, rounding, *noise,
                                                     noise_options.sigma));
  const double unit = rounding.quantiser().step() /
                      static_cast<double>(options.expected_devices);
  return CorrelatedMechanism(std::move(noise), std::move(event), unit);
}

template <Neighbours kNeighbours>
absl::StatusOr<std::vector<double>> CorrelatedMechanism<kNeighbours>::Release(
    absl::Span<const int64_t> sum) {
  std::vector<int64_t> noise(sum.size());
  SHOAL_RETURN_IF_ERROR(noise_->Next(absl::MakeSpan(noise)));
  std::vector<double> mean(sum.size());
  for (size_t i = 0; i < mean.size(); ++i) {
    mean[i] = static_cast<double>(sum[i] + noise[i]) * unit_;
  }
  return mean;
}

template class CorrelatedMechanism<kDeviceAddRemove>;
template class CorrelatedMechanism<kDeviceReplaceOne>;

}  // namespace shoal::privacy
