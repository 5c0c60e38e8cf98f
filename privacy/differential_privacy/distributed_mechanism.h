// The coordinator's side of noise that devices add (distributed_noise.h): opens
// sums of a group, with their event.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DISTRIBUTED_MECHANISM_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DISTRIBUTED_MECHANISM_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "privacy/differential_privacy/distributed_grid.h"
#include "privacy/differential_privacy/distributed_noise.h"
#include "privacy/differential_privacy/mechanism.h"

namespace shoal::privacy {

struct DistributedOptions {
  // What a sum is divided by, whoever came.
  int64_t expected_devices = 0;
  std::optional<double> poisson_rate = std::nullopt;  // as CentralOptions'
  Accountant accountant = Accountant::kPld;
};

// What the rounds of a task may cost together.
struct DistributedBudget {
  double epsilon = 0;
  EpsilonQuery query;  // neighbours, delta, accountant
  int64_t rounds = 1;
  std::optional<double> poisson_rate = std::nullopt;  // as DistributedOptions'
};

// The noise of FitToRing() that keeps within the budget: a DistributedMechanism
// of it has an event whose rounds do. Its errors, and the calibration's and the
// accountant's: Skellam noise needs kRdp.
absl::StatusOr<DistributedNoise> FitBudgetToRing(
    const RingFitOptions& options, const DistributedBudget& budget);

// A value type; thread-safe.
template <Neighbours kNeighbours>
class DistributedMechanism {
 public:
  using Mean = Noised<kNeighbours, std::vector<double>>;

  // INVALID_ARGUMENT for options that are out of range, the accountant's error
  // for an event it cannot account for: Skellam noise needs kRdp.
  static absl::StatusOr<DistributedMechanism> Create(
      const DistributedNoise& noise, const DistributedOptions& options);

  const PrivacyEvent& event() const { return event_; }

  // The mean of a group's noisy sum. FAILED_PRECONDITION with fewer survivors
  // than the noise was sized for: then the sum must not be opened, as its noise
  // is too small for the event. INVALID_ARGUMENT for more than members.
  absl::StatusOr<Mean> Open(const secure_aggregation::RingVector& sum,
                            int64_t num_survivors,
                            absl::string_view rotation_seed) const;

 private:
  DistributedMechanism(const DistributedNoise& noise,
                       const DistributedOptions& options, PrivacyEvent event);

  DistributedNoise noise_;
  DistributedOptions options_;
  PrivacyEvent event_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DISTRIBUTED_MECHANISM_H_
