// One device session as a state machine without I/O: it says what to do next
// and is told how that went. shoal::Client drives it over a Transport; the
// simulator drives it in virtual time.
//
//   DeviceSession session(options, saved, seed);
//   while (!std::holds_alternative<SessionEnd>(session.Next())) {
//     … perform session.Next(), then call the matching On…()
//   }
//
// check in -> fetch the model (resuming) -> train -> upload -> done. Any step
// may fail; the session decides whether to repeat it, to abandon the
// assignment, or to end and when to come back. An upload that was interrupted,
// here or in an earlier session, goes on where the coordinator says it ended:
// query -> upload -> done.
//
// With secure aggregation a group of devices comes in between: train -> make
// keys -> aggregate <-> answer -> upload what is masked -> aggregate <-> answer
// -> done. A group that cannot finish is left for another one, with new keys,
// unless the device has helped to unmask it. The keys live as long as the
// session: a masked update that a later one finds is uploaded as any other, and
// the rest of the group unmasks it.
#ifndef SHOAL_CLIENT_SESSION_H_
#define SHOAL_CLIENT_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "client/failure_kind.h"
#include "protocol/messages.h"

namespace shoal::client {

struct SessionOptions {
  protocol::CheckIn check_in;  // what the device says of itself
  // Full-jitter back-off between attempts and sessions: uniform in
  // [0, min(max_backoff, base_backoff * 2^failures)].
  absl::Duration base_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Minutes(5);
  // Attempts of one step without any progress before the session ends and a
  // later one resumes.
  int max_attempts = 5;
  // Failed attempts of the sessions before this one, in a row: they lengthen
  // the back-off.
  int earlier_failures = 0;
};

// An encoded update. Shared: it is kept, sent and, within one process, counted
// without a copy.
using EncodedUpdate = std::shared_ptr<const std::string>;

// What must survive a restart between training and receipt, so that an
// interrupted upload is resumed, not repeated. The driver keeps it durably
// (with the update's bytes) from PendingUpload on until the session ends.
struct PendingUpload {
  std::string token;
  std::string task;
  int64_t round_id = 0;
  Digest digest;
  int64_t num_bytes = 0;
  absl::Time deadline;  // by this device's clock
};

struct DoCheckIn {
  protocol::CheckIn message;
};
struct DoFetch {
  protocol::ModelReference model;  // the driver resumes where it stopped
};
struct DoTrain {
  protocol::Assignment assignment;
};
struct DoQueryUpload {
  PendingUpload upload;
};
struct DoUpload {
  protocol::UploadHeader header;
};
// The update stays on the device until it is masked: the device makes the keys
// of a new group for it.
struct DoMakeKeys {};
// Talks to the group, or asks what is next.
struct DoAggregate {
  protocol::AggregateRequest request;
};
// Takes what the group said.
struct DoAnswerGroup {
  Digest session;
  std::string message;
};
struct DoAbandon {
  std::string token;
  protocol::AbandonReason reason;
  absl::Status why;
};
struct DoWait {  // then call OnWaited()
  absl::Duration delay;
  absl::Status why;  // OK: the coordinator asks for it, nothing has failed
};
// The session is over; a new one may start after `next_check_in`.
struct SessionEnd {
  enum Outcome {
    kContributed,  // receipt in hand
    kNotAssigned,  // told to come back later
    kAbandoned,    // gave its assignment up
    kRefused,      // the coordinator said no
    kUnreachable,  // gave up for now; a pending upload stays pending
    kStopped,      // by Stop() or by a cancelled call
    kHeldBack,     // by HoldBack()
  };
  Outcome outcome = kNotAssigned;
  absl::Duration next_check_in;
  absl::Status reason;  // OK with kContributed
  std::optional<protocol::UploadReceipt> receipt;
  bool keep_pending = false;  // the pending upload must be tried again
  int failures = 0;           // for the next session's `earlier_failures`
};
using SessionAction =
    std::variant<DoCheckIn, DoFetch, DoTrain, DoQueryUpload, DoUpload,
                 DoMakeKeys, DoAggregate, DoAnswerGroup, DoAbandon, DoWait,
                 SessionEnd>;

// What the device has to say to its group.
struct GroupReply {
  std::string message;
  // Present: the message is part of the masked update, which is kept, and is
  // uploaded now. As with plain updates, but again for every group.
  std::optional<PendingUpload> masked = {};
  bool has_unmasked = false;  // secure_aggregation::Member::has_unmasked()
};

// One session; thread-compatible. Each On…() may be called only after Next()
// returned the matching action (CHECK-fails otherwise: a driver's bug).
class DeviceSession {
 public:
  // `pending`: an upload that an earlier session left behind; it comes first.
  // `jitter_seed` spreads the back-off.
  DeviceSession(SessionOptions options, std::optional<PendingUpload> pending,
                uint64_t jitter_seed);

  // What to do now. Idempotent until the matching On…() is called.
  const SessionAction& Next() const { return action_; }

  void OnCheckIn(const absl::StatusOr<protocol::CheckInAnswer>& result);
  // An error that no repetition mends makes the session abandon its assignment
  // for `reason`.
  void OnFetched(const absl::Status& result, protocol::AbandonReason reason);
  // `reason` is given up with when training failed. Nothing: the update is for
  // a group, and nothing of it is kept yet.
  void OnTrained(const absl::StatusOr<std::optional<PendingUpload>>& result,
                 protocol::AbandonReason reason);
  void OnQueried(const absl::StatusOr<protocol::UploadProgress>& result);
  void OnUploaded(const absl::StatusOr<protocol::UploadReceipt>& result);
  // What to join a group with.
  void OnKeys(const absl::StatusOr<std::string>& advertise,
              protocol::AbandonReason reason);
  void OnAggregated(const absl::StatusOr<protocol::AggregateAnswer>& result);
  // An error means that the coordinator does not keep to the protocol, or gave
  // it up: an assignment without an update is abandoned for `reason`. CANCELLED
  // ends the session without a word to anybody.
  void OnAnswered(const absl::StatusOr<GroupReply>& result,
                  protocol::AbandonReason reason);
  void OnAbandoned(const absl::StatusOr<absl::Duration>& result);
  void OnWaited();

  // The device has to stop, whatever the session is doing: an assignment
  // without an update is abandoned, a pending upload stays pending. The action
  // that was under way counts as never started.
  void Stop();

  // The device's limits allow no more of this session: an assignment without an
  // update is abandoned for `reason`, a pending upload stays pending. The next
  // session may start after `retry_after`; zero and infinite: nobody knows.
  void HoldBack(protocol::AbandonReason reason, const absl::Status& why,
                absl::Duration retry_after);

  // The assignment, once there is one; the resumed upload has none.
  const std::optional<protocol::Assignment>& assignment() const {
    return assignment_;
  }

 private:
  // Uniform in [0, min(max_backoff, base_backoff * 2^failures)].
  absl::Duration Backoff();
  // Uniform in [max_backoff / 2, max_backoff]: for what time will not mend.
  absl::Duration LongBackoff();
  // Waits, then does `again`; ends the session after max_attempts.
  void RetryLater(SessionAction again, const absl::Status& why);
  void End(SessionEnd::Outcome outcome, absl::Duration next_check_in,
           const absl::Status& reason, bool keep_pending);
  // Ends on an error that is not repeated.
  void EndFailed(FailureKind kind, const absl::Status& why);
  void EndWithReceipt(const protocol::UploadReceipt& receipt);
  // The update is there: the end, or its group goes on.
  void OnReceipt(const protocol::UploadReceipt& receipt);
  void Accept(const protocol::Assignment& assignment);
  void Abandon(protocol::AbandonReason reason, const absl::Status& why);
  // Whether the session is over, as far as the device's work goes.
  bool IsEnding() const;
  // What a failed query or upload of the pending update leads to.
  void OnTransferFailed(const absl::Status& why);
  void StartUpload(int64_t offset);

  void TellGroup(const std::string& message);
  // What is next.
  void AskGroup();
  // That an answer is for the group that the device is in.
  absl::Status CheckSession(const std::optional<Digest>& session) const;
  void OnAggregateFailed(const absl::Status& why);
  // The group is over for this device.
  void JoinAnother(const absl::Status& why);
  void LeaveGroup(protocol::AbandonReason reason, const absl::Status& why);

  const SessionOptions options_;
  SeededRng jitter_;
  SessionAction action_;
  std::optional<SessionAction> after_wait_;
  std::optional<protocol::Assignment> assignment_;
  std::optional<PendingUpload> pending_;
  int64_t received_bytes_ = 0;  // of the pending upload, as last heard
  // Of the keys that this session has made last; absent: there are none.
  struct Group {
    std::string advertise;
    std::optional<Digest> session;  // absent: it has not joined yet
    bool has_unmasked = false;
  };
  std::optional<Group> group_;
  int num_groups_left_ = 0;
  int failures_ = 0;  // attempts in a row without progress
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_SESSION_H_
