// Learns what work costs on this device, from sessions that a meter has seen.
//
// Least squares over relative errors with exponential forgetting, kept as the
// normal equations (Ljung, "System Identification", 2nd edition, section 11.2,
// in its information form), pulled towards the starting coefficients where the
// sessions say nothing, and solved under the constraint that no coefficient is
// negative. The information form is what makes the constraint exact.
#ifndef SHOAL_CLIENT_LIMITS_ENERGY_ESTIMATOR_H_
#define SHOAL_CLIENT_LIMITS_ENERGY_ESTIMATOR_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/limits/energy_model.h"

namespace shoal::client {

// One thread.
class EnergyEstimator {
 public:
  // `start`: what is believed before the first observation; all >= 0.
  explicit EnergyEstimator(const EnergyCoefficients& start);

  // Some work took `joules` by a meter. What is not positive and finite is
  // passed over.
  void Observe(const Work& work, double joules);

  const EnergyCoefficients& coefficients() const { return coefficients_; }
  double Predict(const Work& work) const { return Joules(coefficients_, work); }
  // What the work will cost at most, nine times in ten: the prediction times
  // the 90th percentile of what was measured over what had been predicted
  // before, at least 1. (Half as much again while there are too few.)
  double PredictP90(const Work& work) const { return margin_ * Predict(work); }

  int64_t num_observations() const { return num_observations_; }
  // The 90th percentile of |measured - predicted| / predicted over the last
  // observations, predicted before each; nothing while there are too few.
  std::optional<double> relative_error_p90() const;

  // Versioned bytes with everything, the start included.
  std::string Serialize() const;
  // DATA_LOSS when the bytes are not those of Serialize() of an estimator with
  // the same start; this one is unchanged then.
  absl::Status Restore(absl::string_view bytes);

 private:
  using Matrix = std::array<EnergyVector, kNumCoefficients>;

  void Solve();
  void SetMargin();

  EnergyCoefficients start_;
  EnergyCoefficients coefficients_;
  // The sums over observations, x and y divided by y: x x^T and x y.
  Matrix squares_ = {};
  EnergyVector products_ = {};
  int64_t num_observations_ = 0;
  std::vector<double> ratios_;  // the last ones, a ring: measured / predicted
  double margin_ = 1.5;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_ENERGY_ESTIMATOR_H_
