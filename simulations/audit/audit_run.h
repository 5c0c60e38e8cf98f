// `shoal-sim audit`: a private task is simulated with canaries in its fleet,
// and what can be told of them from its models is held against what it claims.
//
// The adversary is the one that differential privacy is claimed against: it
// sees every model, knows the canaries' directions, and everything about the
// task but the key of its noise. What it guesses from are functions of the
// models; who took part in which round does not depend on what updates say.
#ifndef SHOAL_SIMULATIONS_AUDIT_AUDIT_RUN_H_
#define SHOAL_SIMULATIONS_AUDIT_AUDIT_RUN_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "configuration/differential_privacy.h"
#include "simulations/audit/canary_watch.h"
#include "simulations/results/progress.h"
#include "simulations/run/run_scenario.h"

namespace shoal::simulations {

inline constexpr int64_t kFewestCanaries = 20;
inline constexpr int64_t kMostCanaries = 1'000'000;

// The command line.
struct AuditOptions {
  RunOptions run;  // without `out` and `resume`
  int64_t canaries = 500;
  double confidence = 0.95;  // of the lower bound, in (0, 1)
};

struct AuditEnvironment {
  ProgressDisplay& display;
  std::function<bool()> interrupted;
};

struct AuditSummary {
  std::string task;
  configuration::DifferentialPrivacy privacy;
  int64_t rounds = 0;  // committed
  int64_t devices = 0;
  std::string ended_early;  // why; "": all rounds were committed
  double wall_seconds = 0;
  uint64_t seed = 0;
  double claimed = 0;                  // what the ledger says was spent
  int64_t allowed_participations = 0;  // of a device, that the claim is for
  double confidence = 0;
  CanaryFindings found;
  std::string version;
  bool falsified() const { return found.lower_bound > claimed; }
};

// Errors: as ScenarioFor; of the data; INVALID_ARGUMENT for a task without
// differential privacy and for scenarios in which canaries could not take part;
// CANCELLED when interrupted; FAILED_PRECONDITION when too few canaries took
// part to tell anything; as RunFederation.
absl::StatusOr<AuditSummary> RunAudit(const AuditOptions& options,
                                      const AuditEnvironment& environment);

std::string AuditSummaryJson(const AuditSummary& summary);
std::string AuditSummaryText(const AuditSummary& summary);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_AUDIT_AUDIT_RUN_H_
