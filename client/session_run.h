// Performs one device session over a Transport: what DeviceSession decides is
// done here, in small pieces. The same code runs on devices and in simulations;
// transport, state, clock and data differ.
#ifndef SHOAL_CLIENT_SESSION_RUN_H_
#define SHOAL_CLIENT_SESSION_RUN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "client/assigned_work.h"
#include "client/client_state.h"
#include "client/failpoints.h"
#include "client/group_part.h"
#include "client/group_policy.h"
#include "client/include/shoal/client.h"
#include "client/model_fetch.h"
#include "client/session.h"
#include "client/session_limits.h"
#include "client/training_source.h"
#include "client/transport.h"
#include "privacy/secure_aggregation/group.h"

namespace shoal::client {

// What the device lets a session do at the moment.
enum class Permission {
  kGoOn,
  // Rest: nothing is computed, no call is begun, a download is broken off and
  // the connection closed. Afterwards the session goes on where it was.
  kPause,
  kFinishTraining,  // train no further; what has been trained so far is sent
  kStop,            // end the session now; once said, it stays said
  // The device's owner does not want it any more: end the session now, tell
  // nobody, and drop what was not acknowledged.
  kWithdraw,
};

struct SessionRunOptions {
  std::string population;
  uint64_t seed = 0;         // orders the local examples
  int64_t memory_bytes = 0;  // what training may use; 0: not limited
  absl::Duration base_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Minutes(5);
  int max_attempts = 5;
  int earlier_failures = 0;  // see SessionOptions
  // The device's budgets and conditions; null: there are none. Must outlive the
  // session.
  Limits* limits = nullptr;
  uint64_t jitter_seed = 0;
  // How often a resting session asks whether it may go on.
  absl::Duration pause_interval = absl::Seconds(1);
  Failpoints failpoints;

  // Required; must outlive the session.
  const Clock* clock = nullptr;
  // Who trains, where it is not this device at once; must outlive the session.
  TrainingBackend* backend = nullptr;
  // Who knows what the device may train; null: it finds out for itself. Must
  // outlive the session.
  MenuSource* menus = nullptr;

  // For secure aggregation. What keys and roundings are drawn from; null: the
  // system's. These, too, must outlive the session.
  SecureRng* secure_rng = nullptr;
  // Null: that of the protocol.
  const secure_aggregation::MemberMaker* member_maker = nullptr;
  // As the certificate names it; for groups whose messages are signed. Both
  // null: plans that ask for that are abandoned.
  std::string device_id;
  const secure_aggregation::MemberSigner* signer = nullptr;
  const secure_aggregation::MemberVerifier* verifier = nullptr;
  // What it asks of plans before an update leaves the device.
  GroupPolicy group_policy;

  // Asked before every piece of work: every mini-batch, every chunk of a
  // transfer. Required.
  std::function<Permission()> permission;
  // May be empty.
  std::function<void(const ClientEvent&)> on_event;
};

// A session's end, with what the next one needs.
struct SessionResult {
  SessionReport report;
  int failures = 0;  // for the next session's `earlier_failures`
  // Why an assignment was given up, or no session was begun.
  std::optional<protocol::AbandonReason> reason = {};
};

// One session. Thread-compatible.
class SessionRun {
 public:
  // A session, or the resumption of the upload that an earlier one left in
  // `state`. Trains with `source` and the seed DeriveSeed(options.seed,
  // "train", {round_number}), with secure aggregation {round_number, round_id}.
  // All references must outlive it. An error means
  // that the state could not be read.
  static absl::StatusOr<std::unique_ptr<SessionRun>> Create(
      SessionRunOptions options, Transport& transport, ClientState& state,
      TrainingSource source);
  // Ends a call that is under way.
  ~SessionRun();
  SessionRun(const SessionRun&) = delete;
  SessionRun& operator=(const SessionRun&) = delete;

  // Does one bounded piece of work: a mini-batch, a chunk of a transfer, or a
  // step between them; waits for the network up to `max_wait`. Returns when it
  // wants to be called again: zero, at once. REQUIRES: !over().
  absl::Duration Tick(absl::Duration max_wait);

  bool over() const { return over_; }
  // Of the assignment or of the resumed upload; 0: there is none yet.
  int64_t round_id() const { return result_.report.round_id; }
  // Refusals and lost connections are outcomes; an error means that the state
  // could not be written. REQUIRES: over().
  absl::StatusOr<SessionResult> result() const;

 private:
  SessionRun(SessionRunOptions options, Transport& transport,
             ClientState& state, TrainingSource source,
             std::optional<SavedUpload> saved);

  // Each returns when it wants to be called again.
  absl::Duration Work(absl::Duration max_wait);
  absl::Duration Perform(const DoCheckIn& action, absl::Duration max_wait);
  absl::Duration Perform(const DoFetch& action, absl::Duration max_wait);
  absl::Duration Perform(const DoTrain& action, absl::Duration max_wait);
  absl::Duration Perform(const DoQueryUpload& action, absl::Duration max_wait);
  absl::Duration Perform(const DoUpload& action, absl::Duration max_wait);
  absl::Duration Perform(const DoMakeKeys& action, absl::Duration max_wait);
  absl::Duration Perform(const DoAggregate& action, absl::Duration max_wait);
  absl::Duration Perform(const DoAnswerGroup& action, absl::Duration max_wait);
  absl::Duration Perform(const DoAbandon& action, absl::Duration max_wait);
  absl::Duration Perform(const DoWait& action, absl::Duration max_wait);
  absl::Duration Perform(const SessionEnd& end, absl::Duration max_wait);

  // Moves a call on, after starting it if it is not under way.
  template <typename MakeCall>
  std::optional<absl::StatusOr<Answer>> Move(MakeCall make_call,
                                             absl::Duration max_wait);
  void Stop();
  absl::Duration Withdraw();
  // Asks the device's limits about the piece of work that comes next; they may
  // end the session, or make a rest or the end of training of it.
  void AskLimits();
  Verdict AskAbout(const SessionAction& action);
  void HoldBack(const Verdict& verdict);
  void DropCall();
  void DropWork();
  // Whether a call is under way that the coordinator may hold for long.
  bool WaitsForGroup() const;
  // Whether the next piece is a mini-batch.
  bool WillTrain() const;
  // Whether the session is in the middle of what cannot wait.
  bool MustFinish() const;
  absl::Duration Pause();
  void Resume();

  void OnAssigned();
  GroupSite OwnGroupSite();
  bool IsTraining() const { return work_.has_value() && work_->is_training(); }
  void EndTraining();
  // Why training ends now though it is not done.
  learning::WorkLimit WhyEarly() const;
  absl::Status Clear(const SessionEnd& end);
  void CloseReport(SessionReport::Outcome outcome,
                   absl::Duration next_check_in);
  // Concatenates the detail's parts, if anybody listens.
  template <typename... Parts>
  void Tell(ClientEvent::Kind kind, const Parts&... parts) const {
    if (options_.on_event) options_.on_event({kind, absl::StrCat(parts...)});
  }

  const SessionRunOptions options_;
  Transport& transport_;
  ClientState& state_;
  const TrainingSource source_;
  DeviceSession session_;
  const int64_t sent_before_;
  const int64_t received_before_;
  SystemRng system_rng_;

  bool calling_ = false;                       // a call other than a fetch
  std::optional<ModelFetch> fetch_;            // while a model is fetched
  std::optional<absl::Duration> wake_;         // while waiting, on the clock
  Permission permission_ = Permission::kGoOn;  // as last said
  bool stopped_ = false;
  bool resting_ = false;

  SessionLimits limits_;
  std::optional<PendingUpload> pending_;  // of an earlier session
  Verdict limit_;  // why there is a rest, or an end of training
  std::optional<AssignedWork> work_;
  EncodedUpdate update_;
  bool has_saved_ = false;  // state_ holds update_

  bool over_ = false;
  absl::Status error_;
  SessionResult result_;
};

// Runs a session to its end; `wait` lets time pass, and returns early when the
// session may have to stop.
absl::StatusOr<SessionResult> RunSession(
    SessionRunOptions options, Transport& transport, ClientState& state,
    TrainingSource source, const std::function<void(absl::Duration)>& wait);

// The seed of device `index` of a federation with that seed: what agents and
// simulated devices put into SessionRunOptions.
uint64_t DeviceSeed(uint64_t federation_seed, int index);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_SESSION_RUN_H_
