#include "privacy/differential_privacy/correlated_mechanism.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/gaussian_multiplier.h"
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

absl::Status CheckOptions(const CorrelatedOptions& options) {
  SHOAL_RETURN_IF_ERROR(CheckParticipation(options.participation));
  if (options.noise_multiplier > 0 && std::isfinite(options.noise_multiplier)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("correlated noise: the noise multiplier is ",
                   options.noise_multiplier, ", expected a positive number"));
}

absl::StatusOr<std::vector<double>> ColumnOf(const CorrelatedOptions& options) {
  return std::visit(FirstColumn{options.participation.num_rounds},
                    options.matrix);
}

// By how much one device of norm 1 changes C x.
absl::StatusOr<double> Sensitivity(const CorrelatedOptions& options,
                                   absl::Span<const double> column) {
  if (const auto* tree = std::get_if<TreeMatrix>(&options.matrix)) {
    SHOAL_ASSIGN_OR_RETURN(
        const int64_t squared,
        TreeSensitivitySquared(options.participation,
                               {.restart_every = tree->restart_every}));
    return std::sqrt(static_cast<double>(squared));
  }
  SHOAL_ASSIGN_OR_RETURN(
      const double squared,
      ToeplitzSensitivitySquared(column, options.participation));
  return std::sqrt(squared);
}

// Of the noise on C x, in steps of the grid, for a sensitivity of so many
// steps.
absl::StatusOr<double> SigmaOf(const CorrelatedOptions& options,
                               double sensitivity) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<double> column, ColumnOf(options));
  SHOAL_ASSIGN_OR_RETURN(const double exact, Sensitivity(options, column));
  // multiplier / sensitivity of the event.
  return SigmaFor(options.noise_multiplier * Norm(column) / exact, sensitivity);
}

// Noise whose event is EventOf(options): coefficients and buffers are rounded,
// which makes a device change C x by a little more, and the noise with it.
absl::StatusOr<CorrelatedNoiseOptions> NoiseOptions(
    const CorrelatedOptions& options, const IntegerGrid& grid) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  CorrelatedNoiseOptions noise{.matrix = options.matrix,
                               .num_rounds = options.participation.num_rounds,
                               .length = grid.length};
  SHOAL_ASSIGN_OR_RETURN(const std::vector<double> column, ColumnOf(options));
  SHOAL_ASSIGN_OR_RETURN(const double exact, Sensitivity(options, column));
  SHOAL_ASSIGN_OR_RETURN(noise.sigma, SigmaOf(options, exact * grid.bound));
  // What is rounded depends on sigma, and grows with it.
  constexpr double kRoom = 1.01;
  CorrelatedNoiseOptions roomy = noise;
  roomy.sigma *= kRoom;
  SHOAL_ASSIGN_OR_RETURN(const CorrelatedNoise::RoundedMatrix rounded,
                         CorrelatedNoise::RoundedBy(roomy));
  SHOAL_ASSIGN_OR_RETURN(const double steps,
                         Sensitivity(options, rounded.column));
  const double sensitivity = steps * grid.bound + rounded.sensitivity;
  SHOAL_ASSIGN_OR_RETURN(noise.sigma, SigmaOf(options, sensitivity));
  SHOAL_RETURN_IF_ERROR(GaussianMultiplier(noise.sigma, sensitivity).status());
  if (noise.sigma <= roomy.sigma) return noise;
  return absl::InvalidArgumentError(absl::StrCat(
      "correlated noise: rounding adds more than ", kRoom - 1,
      " to the sensitivity of ", exact * grid.bound,
      " steps of the grid: expected fewer rounds or values, or a finer grid"));
}

}  // namespace

absl::StatusOr<PrivacyEvent> EventOf(const CorrelatedOptions& options) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<double> column, ColumnOf(options));
  SHOAL_ASSIGN_OR_RETURN(const double sensitivity,
                         Sensitivity(options, column));
  return PrivacyEvent::MatrixGaussian(
      {.mechanism = std::visit(MatrixName(), options.matrix),
       .noise_multiplier = options.noise_multiplier,
       .sensitivity = sensitivity / Norm(column)});
}

absl::Status CheckNoise(const CorrelatedOptions& options,
                        const IntegerGrid& grid) {
  return NoiseOptions(options, grid).status();
}

template <Neighbours kNeighbours>
CorrelatedMechanism<kNeighbours>::CorrelatedMechanism(
    std::unique_ptr<CorrelatedNoise> noise, PrivacyEvent event)
    : noise_(std::move(noise)), event_(std::move(event)) {}

template <Neighbours kNeighbours>
auto CorrelatedMechanism<kNeighbours>::Create(const CorrelatedOptions& options,
                                              const IntegerGrid& grid,
                                              SecureRng& rng)
    -> absl::StatusOr<Uncharged> {
  SHOAL_ASSIGN_OR_RETURN(const CorrelatedNoiseOptions noise_options,
                         NoiseOptions(options, grid));
  SHOAL_ASSIGN_OR_RETURN(auto noise,
                         CorrelatedNoise::Create(noise_options, rng));
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent event, EventOf(options));
  SHOAL_RETURN_IF_ERROR(CheckSupported(event, kNeighbours, options.accountant));
  return Uncharged(CorrelatedMechanism(std::move(noise), event), event);
}

template <Neighbours kNeighbours>
auto CorrelatedMechanism<kNeighbours>::Restore(const CorrelatedOptions& options,
                                               const IntegerGrid& grid,
                                               absl::string_view state)
    -> absl::StatusOr<CorrelatedMechanism> {
  SHOAL_ASSIGN_OR_RETURN(const CorrelatedNoiseOptions noise_options,
                         NoiseOptions(options, grid));
  SHOAL_ASSIGN_OR_RETURN(auto noise,
                         CorrelatedNoise::Restore(noise_options, state));
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent event, EventOf(options));
  return CorrelatedMechanism(std::move(noise), std::move(event));
}

template <Neighbours kNeighbours>
absl::Status CorrelatedMechanism<kNeighbours>::Release(
    absl::Span<int64_t> sum) {
  std::vector<int64_t> noise(sum.size());
  SHOAL_RETURN_IF_ERROR(noise_->Next(absl::MakeSpan(noise)));
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += noise[i];
  return absl::OkStatus();
}

template class CorrelatedMechanism<kDeviceAddRemove>;
template class CorrelatedMechanism<kDeviceReplaceOne>;

}  // namespace shoal::privacy
