// What a task's differential privacy will cost, and how much noise it will
// have, before anything has run: all that `shoalctl privacy plan` shows.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_PRIVACY_FORECAST_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_PRIVACY_FORECAST_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregation/task_privacy.h"
#include "configuration/task.h"
#include "privacy/accounting/pld_accountant.h"

namespace shoal::shoalctl {

// Standard deviations and L2 norms over the clip norm, of what devices'
// updates are averaged to. One round moves the model by at most 1 of these, all
// rounds by as many as there are: before the server optimiser.
struct NoiseAmount {
  double value = 0;   // standard deviation of one value in the first round
  double update = 0;  // norm of the whole of it
  double model = 0;   // norm of what all rounds have added up to
  // rounds / model: how often the longest way that the model can be moved is as
  // long as the noise.
  double signal = 0;
};

struct PrivacyForecast {
  struct ByRounds {
    int64_t rounds = 0;
    double epsilon = 0;
  };
  struct ByNoise {
    double noise_multiplier = 0;
    double epsilon = 0;
  };
  struct ByCohort {
    int cohort = 0;
    NoiseAmount noise;
  };

  // How a cohort is split where devices add shares of the noise, and nobody
  // leaves.
  struct Groups {
    int number = 0;
    int devices = 0;  // of each
    // Of them, whose shares are counted on.
    int64_t honest_survivors = 0;
    // How many times the noise of one sum is on that of all of them, as
    // standard deviations.
    double noise_factor = 1;
  };

  aggregation::TaskPrivacy plan;
  privacy::CertifiedBounds needed;  // by all of the task's rounds
  int64_t num_charges = 0;          // of all of them
  // Rounds that the budget has room for, when nothing has been spent before: at
  // most the task's; and what they spend.
  int64_t affordable_rounds = 0;
  privacy::CertifiedBounds spent;
  int64_t num_values = 0;        // of an update
  std::optional<Groups> groups;  // of distributed noise

  // What more or fewer rounds with this very noise would spend (matrices are
  // not made for them anew); the same rounds with more or less noise. The
  // task's own rows are among them. Where an adaptive clip norm's count would
  // tell too much, there is no row.
  std::vector<ByRounds> by_rounds;
  std::vector<ByNoise> by_noise;
  // Epsilon does not depend on the cohort.
  std::vector<ByCohort> by_cohort;
};

// INVALID_ARGUMENT as PlanTaskPrivacy; errors of accountants and models.
// REQUIRES: the task asks for privacy, and passes CheckDifferentialPrivacy.
absl::StatusOr<PrivacyForecast> ForecastPrivacy(
    const configuration::Task& task);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_PRIVACY_FORECAST_H_
