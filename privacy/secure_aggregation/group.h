// A group of secure aggregation as the round engine sees it, and who makes its
// two parts: the real protocol, or, in simulations that skip the cryptography,
// its steps alone.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_GROUP_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_GROUP_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "privacy/secure_aggregation/ring_vector.h"
#include "privacy/secure_aggregation/session_plan.h"
#include "privacy/secure_aggregation/signing.h"

namespace shoal::secure_aggregation {

enum class GroupPhase {
  kSharing,      // GroupKeys go out, Shares come back
  kMasking,      // HeldShares; MaskedInput and the vectors
  kConsistency,  // Contributors; ContributorsSigned; where signed
  kUnmasking,    // UnmaskRequest; UnmaskAnswer
  kRevealed,     // the sum can be unmasked: absorbs
  kBurnt,        // failed for good, nothing is revealed any more: absorbs
};

enum class Fault {
  kNone,     // it left, or could not be kept
  kSuspect,  // it or another lied
  kGuilty,   // it broke the protocol
};

struct LostMember {
  int index = 0;
  std::string device_id;
  Fault fault = Fault::kNone;
  std::string reason;
  GroupPhase phase = GroupPhase::kSharing;  // in which it was lost
};

// The coordinator's part of one session. Driven by its caller, who has the
// clock: no I/O, no threads. Whatever happens is first a row: rows have to be
// durable, in their order, before anything that follows from them leaves the
// process, and from them another process goes on at the same step.
// Thread-compatible.
class Group {
 public:
  virtual ~Group() = default;

  // Those that were added since the last call.
  virtual std::vector<std::string> TakeRows() = 0;

  // A message of a member, known by its connection. The same again is fine.
  // INVALID_ARGUMENT: it breaks the protocol, and the member is lost, guilty.
  // FAILED_PRECONDITION: out of turn, too late, or after another message, and
  // nothing changes; any other error: it cannot be checked any more, such as
  // one whose certificate has expired, and the member is lost without blame. A
  // MaskedInput counts when the vectors are there as well.
  virtual absl::Status OnMessage(int index, absl::string_view bytes) = 0;
  // Whether it is what goes with a member's vectors, and without them nothing.
  virtual bool IsMaskedInput(absl::string_view bytes) const = 0;
  // For what the caller finds, such as malformed vectors.
  virtual void Exclude(int index, absl::string_view reason) = 0;
  // The member leaves, by itself.
  virtual void Leave(int index, absl::string_view reason) = 0;

  // What a member has to be told now; nothing when it has no part any more.
  virtual std::optional<std::string> MessageFor(int index) const = 0;

  virtual GroupPhase phase() const = 0;
  // Members that have yet to answer in this phase.
  virtual int num_pending() const = 0;
  virtual bool IsPending(int index) const = 0;
  // Whether enough members have answered: before that, Proceed() burns the
  // group.
  virtual bool CanProceed() const = 0;
  // Ends the phase without those that have not answered. ABORTED when that
  // burns the group, with the reason; FAILED_PRECONDITION after the end. The
  // end of kUnmasking takes the time of the key agreements: `pool` shares it.
  virtual absl::Status Proceed(ThreadPool* pool) = 0;

  // Whose vectors are in the sum; fixed from the end of kMasking on. Vectors of
  // others must not be in it, whenever they arrived.
  virtual const std::vector<bool>& contributors() const = 0;
  // Takes the masks off the sums of the contributors, given in the order of the
  // plan. REQUIRES: kRevealed.
  virtual void Unmask(ThreadPool* pool, absl::Span<RingVector> sums) const = 0;
  // Of kBurnt.
  virtual const std::string& burn_reason() const = 0;
  virtual const std::vector<LostMember>& lost() const = 0;

  virtual int num_members() const = 0;
  virtual const std::string& device_id(int index) const = 0;
  // The message with which the member joined.
  virtual std::string advertise(int index) const = 0;
  virtual const Digest& session() const = 0;
};

// Who wants to join: who it is by its connection, and its encoded Advertise.
struct Joining {
  std::string device_id;
  std::string advertise;
};

// Thread-safe.
class GroupMaker {
 public:
  virtual ~GroupMaker() = default;
  struct Keys {
    // The message, as Group::advertise() gives it: without what we do not know
    // of it.
    std::string advertise;
    // Its public keys, which nobody else may have.
    std::vector<std::string> keys;
  };
  // Of the message with which a device joins. INVALID_ARGUMENT when it is none.
  virtual absl::StatusOr<Keys> ReadKeys(absl::string_view advertise) const = 0;
  // INVALID_ARGUMENT for keys that no group may have: of low order, not signed
  // by that device where they have to be; any other error as
  // MemberVerifier::Verify. `verifier` is not needed where nothing is signed.
  virtual absl::Status Check(const SessionPlan& plan, const Joining& joining,
                             const MemberVerifier* verifier) const = 0;
  // Of those that Check() has passed. Errors as GroupSession::Create.
  virtual absl::StatusOr<std::unique_ptr<Group>> Create(
      const SessionPlan& plan, const std::vector<Joining>& members,
      const MemberVerifier* verifier, SecureRng& rng) const = 0;
  // Goes on from all rows of a session. DATA_LOSS for rows that are none.
  virtual absl::StatusOr<std::unique_ptr<Group>> Restore(
      const SessionPlan& plan, absl::Span<const std::string> rows,
      const MemberVerifier* verifier) const = 0;
};

// The real ones.
GroupMaker& RealGroups();

// A device's part of one session; DeviceSession says more. Thread-compatible.
class Member {
 public:
  virtual ~Member() = default;
  virtual const std::string& advertise() const = 0;
  virtual absl::StatusOr<std::string> OnMessage(absl::string_view bytes) = 0;
  // Whether OnMessage has just answered HeldShares: its answer goes with the
  // masked vectors.
  virtual bool is_ready_to_mask() const = 0;
  // Of its group, as it began. REQUIRES: is_ready_to_mask().
  virtual int num_members() const = 0;
  virtual absl::Status MaskInput(absl::Span<RingVector> vectors,
                                 ThreadPool* pool) = 0;
  virtual bool has_unmasked() const = 0;
};

struct MemberOptions {
  SessionPlan plan;
  std::string device_id;                     // of the signer's certificate
  const MemberSigner* signer = nullptr;      // both needed where signed;
  const MemberVerifier* verifier = nullptr;  // must outlive the session
};

// Thread-safe.
class MemberMaker {
 public:
  virtual ~MemberMaker() = default;
  virtual absl::StatusOr<std::unique_ptr<Member>> Create(
      MemberOptions options, SecureRng& rng) const = 0;
};

// The real ones.
MemberMaker& RealMembers();

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_GROUP_H_
