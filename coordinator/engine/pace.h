// Pace steering: when a device that is told to wait shall come back. Pure
// functions; docs/explanation/rounds.md explains the formula.
//
// After Bonawitz et al., "Towards Federated Learning at Scale: System Design",
// MLSys 2019, section 2.3: small fleets return together, when the next round
// opens; large ones are spread, so that about as many come as are needed.
// Their server keeps no state for it; ours knows the rounds' duration and the
// fleet's size.
#ifndef SHOAL_COORDINATOR_ENGINE_PACE_H_
#define SHOAL_COORDINATOR_ENGINE_PACE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace shoal::coordinator {

struct PaceBounds {
  absl::Duration min_retry;
  absl::Duration max_retry;  // >= min_retry
};

// What a task's rounds look like at the moment.
struct PaceInput {
  // Until the next round opens, as estimated; >= 0.
  absl::Duration until_open;
  // From a round's first admission to its commit; zero: not known yet.
  absl::Duration round_duration;
  int64_t fleet_size = 0;  // devices of the population seen lately
  int64_t admitted_per_round = 1;
  // Rounds that must be committed, after the one that opens next, before the
  // device may take part (minimum separation).
  int64_t rounds_to_sit_out = 0;
};

// Check-ins aimed at per admitted device. More than one, so that a round is
// filled within a part of its duration; with exactly one, rounds would last as
// long as their predecessors plus the training, growing without end.
inline constexpr int64_t kCheckInsPerAdmission = 4;

// Time within which the devices that wait should come back after a round
// opens: fleet / (admitted * kCheckInsPerAdmission) rounds; for fleets that
// all fit into that many check-ins of one round, no more than a millisecond per
// device.
absl::Duration ArrivalWindow(const PaceInput& input);

// until_open + rounds to sit out + `uniform` * ArrivalWindow, within the
// bounds; what lies beyond max_retry is spread anew below it. `uniform` is in
// [0, 1).
absl::Duration RetryDelay(const PaceInput& input, const PaceBounds& bounds,
                          double uniform);

// While nothing is planned for a device: on average a second for small fleets,
// and longer for large ones, so that they check in a hundred times a second
// altogether. Within half and one and a half of that.
absl::Duration IdleDelay(int64_t fleet_size, const PaceBounds& bounds,
                         double uniform);

// For a device that cannot take part before something about it changes: the
// upper half of what is allowed.
absl::Duration LongDelay(const PaceBounds& bounds, double uniform);

// How long a round that began `elapsed` ago will go on: what is left of the
// expected duration; beyond it, or when it is not known (zero), a part of what
// has passed already. Never longer than `until_deadline`.
absl::Duration TimeLeft(absl::Duration elapsed, absl::Duration expected,
                        absl::Duration until_deadline);

// Moving average of round durations; zero: none yet.
absl::Duration BlendDuration(absl::Duration average, absl::Duration newest);

// Pause after `failures` failed rounds in a row:
// min(first * 2^(failures-1), longest); zero for none.
absl::Duration FailureBackoff(int64_t failures, absl::Duration first,
                              absl::Duration longest);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_PACE_H_
