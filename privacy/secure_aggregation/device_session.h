// A device's part in one session of secure aggregation.
// Bonawitz et al., CCS 2017, figure 4, with the graph of Bell et al., CCS 2020.
// Deviations: a dealer commits to its seed and, by salted hashes, to its
// shares, so that whoever lies is found; one pair of keys agrees on transport
// in both directions; a device signs the contributors only when every neighbour
// among them is one that it shares a mask with.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_DEVICE_SESSION_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_DEVICE_SESSION_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "privacy/secure_aggregation/group.h"
#include "privacy/secure_aggregation/keys.h"
#include "privacy/secure_aggregation/messages.h"
#include "privacy/secure_aggregation/session_plan.h"
#include "privacy/secure_aggregation/share_seal.h"
#include "privacy/secure_aggregation/signing.h"

namespace shoal::secure_aggregation {

// One session; no I/O, no clock. Its secrets live in memory alone: each is
// wiped as soon as it is not needed, all of them when the session ends. A
// device that loses a session cannot go on with it. Thread-compatible.
class DeviceSession final : public Member {
 public:
  // Makes the keys. INVALID_ARGUMENT for a plan that is none, and where the
  // coordinator is not trusted but there is nobody to sign or to verify.
  static absl::StatusOr<std::unique_ptr<DeviceSession>> Create(
      MemberOptions options, SecureRng& rng);

  // What to send first.
  const std::string& advertise() const override { return advertise_bytes_; }

  // Takes a message of the coordinator and returns the answer. The same message
  // again gets the same answer. Anything that a coordinator which keeps to the
  // protocol does not send ends the session: INVALID_ARGUMENT for what is wrong
  // in itself, FAILED_PRECONDITION for what is asked out of turn, ABORTED when
  // the coordinator gave up.
  absl::StatusOr<std::string> OnMessage(absl::string_view bytes) override;
  bool is_ready_to_mask() const override { return phase_ == Phase::kReady; }
  int num_members() const override { return num_members_; }

  // Adds the masks, which goes with the answer to HeldShares. Once: the masks
  // hide one input only. FAILED_PRECONDITION before HeldShares, and again;
  // INVALID_ARGUMENT, with nothing changed, when the vectors are not those of
  // the plan.
  absl::Status MaskInput(absl::Span<RingVector> vectors,
                         ThreadPool* pool) override;

  // True from the moment that this device has answered a request to unmask:
  // what it masked may be known as part of a sum, and must never be sent again.
  bool has_unmasked() const override { return has_unmasked_; }
  // Why the session ended early; OK while it goes on, and after its end.
  const absl::Status& failure() const { return failure_; }

 private:
  enum class Phase {
    kAdvertised,
    kDealt,  // shares; waits for those of others
    kReady,  // to mask
    kMasked,
    kSigned,  // the contributors
    kDone,
  };
  struct Neighbor {
    GroupMember member;
    Secret key_from;     // of the shares that it deals
    Digest key_to_hash;  // of the key of ours for it
    DealtShares held;    // what it dealt
    bool shares_mask = false;
  };
  struct PairMask {
    Secret seed;
    bool subtract = false;
  };

  DeviceSession(MemberOptions options, SecureRng& rng);

  absl::StatusOr<std::string> AnswerTo(absl::string_view bytes);
  absl::StatusOr<std::string> On(const GroupKeys& message);
  absl::StatusOr<std::string> On(const HeldShares& message);
  absl::StatusOr<std::string> On(const Contributors& message);
  absl::StatusOr<std::string> On(const UnmaskRequest& message);
  absl::StatusOr<std::string> On(const Abort& message);

  absl::Status CheckGroup(const GroupKeys& message);
  absl::Status CheckMembers(const GroupKeys& message) const;
  absl::Status AgreeOnTransport(HolderShares& shares, Neighbor& neighbor,
                                const DealtShares& dealt) const;
  absl::StatusOr<std::string> Deal();
  absl::Status CheckDealt(const DealerShares& shares,
                          const Neighbor& dealer) const;
  std::optional<Complaint> Open(const DealerShares& shares, Neighbor& dealer);
  absl::Status AgreeOnMask(Neighbor& dealer);
  absl::Status CheckContributors(const std::vector<bool>& contributors) const;
  absl::Status CheckSignatures(const UnmaskRequest& request,
                               const std::vector<bool>& contributors) const;
  absl::Status RequirePhase(Phase phase, absl::string_view message) const;
  Party OwnParty(const PublicKey& key) const { return {index_, key}; }
  // Of `num_neighbors`, itself counted where it holds a share of its own.
  int HoldersAmong(int num_neighbors) const;
  void WipeMasks();
  void WipeAll();

  const MemberOptions options_;
  SecureRng& rng_;
  Advertise advertise_;
  std::string advertise_bytes_;
  Phase phase_ = Phase::kAdvertised;
  absl::Status failure_;
  bool has_unmasked_ = false;

  // By the kind of the message.
  struct Answered {
    Digest message;
    std::string answer;
  };
  std::map<size_t, Answered> answered_;

  std::optional<KeyPair> mask_keys_;
  std::optional<KeyPair> transport_keys_;
  Secret seed_;

  // Of the group.
  GraphParameters parameters_;
  Digest session_;
  int num_members_ = 0;
  int index_ = 0;
  std::map<int, Neighbor> neighbors_;
  DealtShares own_shares_;  // in the complete graph
  Secret self_mask_;
  std::vector<PairMask> pair_masks_;
  std::string signed_bitmap_;
};

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_DEVICE_SESSION_H_
