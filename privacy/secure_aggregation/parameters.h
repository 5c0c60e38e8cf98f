// How many neighbours a device of a group shares its secrets with, and how many
// of them bring these back.
// Bell et al., "Secure Single-Server Aggregation with (Poly)Logarithmic
// Overhead", CCS 2020, the section on the choice of parameters: hypergeometric
// bounds, here for security 2^-40 and correctness 2^-20.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_PARAMETERS_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_PARAMETERS_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace shoal::secure_aggregation {

// What the coordinator may do besides colluding with devices. Numbers on the
// wire: never reuse one.
enum class CoordinatorTrust {
  kHonest = 1,     // follows the protocol, and is curious
  kSemiMalicious,  // drew the graph honestly, may lie from then on
  kMalicious,      // may lie throughout, but for the certificates of devices
};

// Of one group.
inline constexpr int kMinGroupSize = 2;
inline constexpr int kMaxGroupSize = 1 << 20;

struct GroupAssumptions {
  int num_devices = 0;            // kMinGroupSize … kMaxGroupSize
  double adversary_fraction = 0;  // that collude, in [0, 1)
  double dropout_fraction = 0;    // that leave at any step, in [0, 1)
  CoordinatorTrust coordinator = CoordinatorTrust::kHonest;
};

// What follows from them. In the complete graph every device also holds a share
// of its own secrets, so that there are n holders; in a sparse one it does not,
// and there are k. With b colluding holders that answer anything, a coordinator
// that tells holders different things gets up to k + b shares out of k holders;
// as it needs t of each of the two secrets of a device, 2t > k + b keeps it
// from having both: the threshold of both settings that do not trust it. (n + b
// in the complete graph, where the device holds a share of its own.)
struct GraphParameters {
  int num_neighbors = 0;  // k, without the device itself
  int threshold = 0;      // t: so many shares bring a secret back
  bool complete_graph = false;
  // As few as may be left: n without those that may leave.
  int min_survivors = 0;

  friend bool operator==(const GraphParameters&,
                         const GraphParameters&) = default;
};

// The smallest even k for which, each with a fraction of the devices drawn at
// random, (1) what is left of the graph without colluding and leaving devices
// is connected, (2) no device has t colluding holders and (3) every device
// keeps t holders; the complete graph where there is none, and always for
// kMalicious. INVALID_ARGUMENT for numbers out of range, and when not even the
// complete graph keeps t devices. Takes O(n) and, for large fractions, O(k)
// times the width of a distribution: 0.2 s for 10^5 devices at worst.
absl::StatusOr<GraphParameters> FindGraphParameters(
    const GroupAssumptions& assumptions);

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_PARAMETERS_H_
