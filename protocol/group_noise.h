// How devices hide the sum of their group by noise of their own, which each of
// them adds a share of before it masks its update: distributed_noise.h of
// privacy/differential_privacy, for groups of every size that a round may have.
// Every group by itself has the noise of the plan, as the coordinator learns
// the sum of each.
#ifndef SHOAL_PROTOCOL_GROUP_NOISE_H_
#define SHOAL_PROTOCOL_GROUP_NOISE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "privacy/differential_privacy/bounded_rounding.h"
#include "privacy/differential_privacy/distributed_noise.h"
#include "privacy/secure_aggregation/quantiser.h"
#include "privacy/secure_aggregation/session_plan.h"
#include "protocol/messages.h"

namespace shoal::protocol {

// An immutable value.
class GroupNoise {
 public:
  // Of a session's plan, sizes, fractions and fewest survivors matter. Discrete
  // Gaussian noise is a little more than its multiplier says, so that the sum
  // has the event of a Gaussian of that multiplier; Skellam noise has a
  // variance of that of it times norm_bound(), squared. INVALID_ARGUMENT when
  // the noise is a device's own; when in a group of some size nobody may be
  // left whose share counts; when shares cannot be drawn, or sums need more
  // than 64 bits. Takes O(max_group).
  static absl::StatusOr<GroupNoise> Create(
      const secure_aggregation::SessionPlan& plan,
      const secure_aggregation::Quantiser& quantiser, int64_t num_values,
      const DeviceNoise& noise);

  // What a member of a group of so many adds. Makes tables, which takes long.
  // INVALID_ARGUMENT for another size than the plan's.
  absl::StatusOr<privacy::DistributedNoise> ForGroup(int num_members) const;

  // Of the sums of groups of any size: these hold all updates, and noise but
  // for a probability of 2^-40.
  int ring_bits() const { return ring_bits_; }
  // In steps of the grid: no update has a longer L2 norm once it is rounded.
  double norm_bound() const { return rounding_.bound(); }
  // The members of a group of so many whose shares are counted on: those that
  // may be left, less those that may collude. REQUIRES: a size of the plan's.
  int64_t HonestShares(int num_members) const;
  // How many times the noise asked for is on the sum of a whole group, as
  // standard deviations; all of its members are there and honest. REQUIRES: a
  // size of the plan's.
  double FullGroupFactor(int num_members) const;
  // The most memory that it takes to draw a share.
  int64_t working_bytes() const { return working_bytes_; }

 private:
  GroupNoise(const secure_aggregation::SessionPlan& plan,
             const privacy::BoundedRounding& rounding)
      : plan_(plan), rounding_(rounding) {}
  privacy::DistributedNoiseOptions OptionsOf(int num_members) const;
  absl::Status FitShares();

  secure_aggregation::SessionPlan plan_;
  privacy::BoundedRounding rounding_;
  privacy::NoiseKind kind_ = privacy::NoiseKind::kDiscreteGaussian;
  double multiplier_ = 0;  // of all honest shares together, over the norm bound
  int ring_bits_ = 0;
  int64_t working_bytes_ = 0;
};

// What devices round their updates to before they add noise. INVALID_ARGUMENT
// where updates differ in weight.
absl::StatusOr<privacy::BoundedRounding> RoundingUnderNoise(
    const secure_aggregation::Quantiser& quantiser, int64_t num_values);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_GROUP_NOISE_H_
