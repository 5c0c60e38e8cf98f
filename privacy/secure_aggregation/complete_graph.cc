#include "privacy/secure_aggregation/complete_graph.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::secure_aggregation {
namespace {

// 0.29 * 100 is a little less than 29 in floating point.
constexpr double kRoundingError = 1e-9;

// Of the complete graph.
struct Demand {
  int adversaries = 0;
  int dropouts = 0;
  int threshold = 0;
  bool is_met = false;
};

Demand DemandOf(const GroupAssumptions& assumptions) {
  const int n = assumptions.num_devices;
  Demand demand;
  demand.adversaries = FloorOfFraction(assumptions.adversary_fraction, n);
  demand.dropouts = FloorOfFraction(assumptions.dropout_fraction, n);
  demand.threshold = assumptions.coordinator == CoordinatorTrust::kHonest
                         ? demand.adversaries + 1
                         : (n + demand.adversaries) / 2 + 1;
  demand.is_met = demand.threshold <= n - demand.dropouts;
  return demand;
}

}  // namespace

int FloorOfFraction(double fraction, int num_devices) {
  return static_cast<int>(std::floor(fraction * num_devices + kRoundingError));
}

absl::StatusOr<GraphParameters> CompleteGraph(
    const GroupAssumptions& assumptions) {
  const int n = assumptions.num_devices;
  const Demand demand = DemandOf(assumptions);
  if (!demand.is_met) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no group of ", n, " devices is safe and survives: with ",
        demand.adversaries, " that collude it takes ", demand.threshold,
        " to bring a secret back, and with ", demand.dropouts,
        " that leave only ", n - demand.dropouts,
        " stay; expected smaller fractions or a coordinator that is trusted "
        "more"));
  }
  GraphParameters parameters;
  parameters.complete_graph = true;
  parameters.num_neighbors = n - 1;
  parameters.threshold = demand.threshold;
  parameters.min_survivors = n - demand.dropouts;
  return parameters;
}

absl::Status CheckGroupSizes(GroupAssumptions assumptions, int min_devices,
                             int max_devices) {
  // The smallest says what is wrong with the fractions, if anything is.
  assumptions.num_devices = min_devices;
  SHOAL_RETURN_IF_ERROR(FindGraphParameters(assumptions).status());
  for (int n = min_devices + 1; n <= max_devices; ++n) {
    assumptions.num_devices = n;
    if (DemandOf(assumptions).is_met) continue;
    SHOAL_RETURN_IF_ERROR(FindGraphParameters(assumptions).status());
  }
  return absl::OkStatus();
}

}  // namespace shoal::secure_aggregation
