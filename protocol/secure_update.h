// What an update becomes under secure aggregation: vectors of a ring, and the
// bytes that carry them. Both sides derive how from the device's assignment, so
// that neither need take the other's word for it.
#ifndef SHOAL_PROTOCOL_SECURE_UPDATE_H_
#define SHOAL_PROTOCOL_SECURE_UPDATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "learning/update_codec.h"
#include "privacy/secure_aggregation/message_sizes.h"
#include "privacy/secure_aggregation/quantiser.h"
#include "privacy/secure_aggregation/ring_vector.h"
#include "privacy/secure_aggregation/session_plan.h"
#include "protocol/group_noise.h"
#include "protocol/messages.h"

namespace shoal::protocol {

// Of one round.
struct SecureRound {
  std::string task;
  int64_t round_id = 0;
  Digest base_model;
  // DigestOfWork: devices that were told to do different work are in no group
  // together. One whose update is alone in a sum of zeros would be bare.
  Digest work;
  // max_group: no group of the round is larger.
  SecureAggregation settings;
  int64_t num_values = 0;  // of every update
  double norm_bound = 0;   // that devices scale longer updates down to
  int64_t max_weight = 1;  // 1: every update counts the same
  // Noise is added to the sums. Of the totals only the weight is told, the
  // others are zero but for votes; the rotation is that of all of the task's
  // rounds, so that the noise of one can take back that of others.
  bool noisy_sums = false;
  // Devices say whether their updates were longer than the norm bound. Only
  // with noisy_sums, and where the coordinator adds the noise.
  bool clip_votes = false;
  // Shares of the sums' noise that devices add before they mask. Only with
  // noisy_sums, and where every update counts the same.
  std::optional<DeviceNoise> device_noise = {};
};

// As a device finds it in its assignment; `num_values` of its update.
SecureRound SecureRoundOf(const Assignment& assignment, int64_t num_values);

// The totals of several updates, beside the sum of their values: what plain
// sums keep in SumTotals, and no more.
struct SecureTotals {
  absl::int128 weight = 0;
  absl::int128 num_examples = 0;
  absl::int128 base_num_correct = 0;
  absl::int128 base_loss = 0;  // in kTotalsLossUnit
  absl::int128 divisors = 0;   // weight * divisor, in kTotalsDivisorUnit
  absl::int128 norms = 0;      // in kTotalsNormUnit times the norm bound
  absl::int128 votes = 0;      // of AdaptiveClip::Vote(), with clip_votes
  friend bool operator==(const SecureTotals&, const SecureTotals&) = default;
};
inline constexpr double kTotalsLossUnit = 0x1p-40;
inline constexpr double kTotalsDivisorUnit = 0x1p-20;
inline constexpr double kTotalsNormUnit = 0x1p-30;

// What a device draws from when it masks its update.
struct MaskingDraw {
  // Secret, of secure_aggregation::kSeedBytes, fresh for every update.
  absl::string_view seed;
  // Of the group. What follows matters where devices add noise:
  int num_members = 0;
  // That the update was masked for before: each gets noise of its own, while
  // roundings without noise are the same.
  uint64_t earlier_groups = 0;
};

// An immutable value.
class SecureUpdate {
 public:
  // INVALID_ARGUMENT says what cannot be.
  static absl::StatusOr<SecureUpdate> Create(const SecureRound& round);

  const secure_aggregation::SessionPlan& session() const { return session_; }
  const secure_aggregation::Quantiser& quantiser() const { return quantiser_; }

  // The vectors of one update, in the order of the session's plan. `values` is
  // used as working space. INVALID_ARGUMENT when the report claims more than
  // the round allows; without noise when a value is not finite, with it when no
  // group has so many members. REQUIRES: round.num_values values.
  absl::StatusOr<std::vector<secure_aggregation::RingVector>> Encode(
      absl::Span<float> values, const learning::UpdateReport& report,
      const MaskingDraw& draw) const;

  // Zeros: what the sums of a group begin with.
  std::vector<secure_aggregation::RingVector> NoSum() const;
  // Zeros: what the sums over several groups begin with. Their rings are wider.
  std::vector<secure_aggregation::RingVector> NoTotal() const;
  // Adds the unmasked sums of a group.
  void AddGroup(absl::Span<const secure_aggregation::RingVector> sums,
                absl::Span<secure_aggregation::RingVector> total) const;

  // Of the sums over all groups.
  SecureTotals TotalsOf(
      absl::Span<const secure_aggregation::RingVector> total) const;
  // The weighted mean of the values that were encoded. INVALID_ARGUMENT unless
  // the total weight is 1 or more. REQUIRES: round.num_values values in `mean`.
  absl::Status Mean(absl::Span<const secure_aggregation::RingVector> total,
                    absl::Span<double> mean) const;
  // The same over a total weight that is fixed in advance, for totals that
  // noise was added to.
  absl::Status MeanOver(const secure_aggregation::RingVector& values,
                        int64_t weight, absl::Span<double> mean) const;
  // In steps of the quantiser: no vector that Encode() makes with a weight of 1
  // has a longer L2 norm.
  double EncodedNormBound() const;
  // Null where devices add none.
  const GroupNoise* noise() const {
    return noise_.has_value() ? &*noise_ : nullptr;
  }
  // The memory that a device takes to mask an update and encode the upload,
  // beside its session's keys: the values, which it may need for another group,
  // the vectors, and first a copy that is quantised with what noise takes, then
  // the upload.
  int64_t MaskingBytes() const;
  // The mean of the norms of the updates, each at most the round's bound.
  double MeanNorm(const SecureTotals& totals, int64_t num_updates) const;

 private:
  SecureUpdate(const SecureRound& round,
               const secure_aggregation::Quantiser& quantiser);
  // Of the sums, in bits: the ring that holds them.
  absl::StatusOr<int> AddNoise(const SecureRound& round);

  int64_t max_weight_;
  bool noisy_sums_;
  bool clip_votes_;
  double norm_bound_;
  std::string rotation_seed_;
  secure_aggregation::Quantiser quantiser_;
  std::optional<GroupNoise> noise_;
  secure_aggregation::SessionPlan session_;
};

// What a device uploads: the vectors, packed, and the message to its group that
// goes with them. docs/reference/secure-aggregation-formats.md has the bytes.
struct MaskedUpload {
  Digest session;
  absl::string_view message;  // points into the upload, as do these:
  std::vector<absl::string_view> vectors;
};

// The most bytes of the message, as of any to the group. Complaints about every
// neighbour are shorter than shares for all of them: dealers that lie together
// cannot make it too long.
inline constexpr int64_t kMaxMaskedMessageBytes =
    secure_aggregation::kMaxDeviceMessageBytes;

// Bytes of an upload with a message of that size.
int64_t MaskedUploadBytes(const secure_aggregation::SessionPlan& plan,
                          int64_t message_bytes);
std::string EncodeMaskedUpload(
    const Digest& session, absl::string_view message,
    absl::Span<const secure_aggregation::RingVector> vectors);
// Whether the bytes are those of a masked upload, of whatever plan.
bool IsMaskedUpload(absl::string_view bytes);
// INVALID_ARGUMENT for bytes that are none of that plan.
absl::StatusOr<MaskedUpload> DecodeMaskedUpload(
    absl::string_view bytes, const secure_aggregation::SessionPlan& plan);

// Adds the vectors of an upload, or of another sum, to sums of the same plan.
// INVALID_ARGUMENT, with the sums unchanged, for vectors of another plan.
absl::Status AddPacked(absl::Span<const absl::string_view> vectors,
                       absl::Span<secure_aggregation::RingVector> sums);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_SECURE_UPDATE_H_
