// The round engine: admits devices, collects their updates, seals, aggregates
// and commits, over a RoundStore. It owns no thread, socket or clock: the
// service and the simulator call it with events and the time, and it says when
// it wants to be called next.
//
// Life of a round: docs/explanation/rounds.md.
#ifndef SHOAL_COORDINATOR_ENGINE_ROUND_ENGINE_H_
#define SHOAL_COORDINATOR_ENGINE_ROUND_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/logging.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "configuration/task.h"
#include "coordinator/engine/notices.h"
#include "coordinator/engine/privacy_report.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/engine/upload_spool.h"
#include "privacy/secure_aggregation/group.h"
#include "privacy/secure_aggregation/signing.h"
#include "protocol/messages.h"

namespace shoal::coordinator {

struct EngineOptions {
  std::string replica = "replica-1";  // names this process in the store
  protocol::ProtocolVersion protocol = protocol::kProtocolVersion;
  absl::Duration lease_duration = absl::Seconds(15);
  // When a batch of complete updates becomes one transaction: at once when no
  // upload is in progress, otherwise after so many updates, bytes, or so long.
  int commit_max_updates = 64;
  int64_t commit_max_bytes = int64_t{256} << 20;
  absl::Duration commit_max_delay = absl::Milliseconds(500);
  // Pause before the next round after `n` failed ones in a row:
  // min(failure_backoff * 2^(n-1), max_failure_backoff).
  absl::Duration failure_backoff = absl::Seconds(1);
  absl::Duration max_failure_backoff = absl::Minutes(5);
  // Bounds of what a device is told to wait.
  absl::Duration min_retry = absl::Milliseconds(5);
  absl::Duration max_retry = absl::Minutes(15);
  // How long a call of Aggregate() waits for something to say; never longer
  // than half of the task's idle_window.
  absl::Duration max_hold = absl::Seconds(15);
  absl::Duration token_key_lifetime = absl::Hours(24 * 7);
};

// Makes the output of a sealed round, by `compute` or from what it knows: a
// simulation that is done again has kept it.
using OutputOf = std::function<absl::StatusOr<RoundOutput>(
    const RoundRow& round,
    const std::function<absl::StatusOr<RoundOutput>()>& compute)>;

// References must outlive the engine; pointers may be null.
struct EngineDependencies {
  RoundStore& store;
  UploadSpool& spool;
  SecureRng& rng;
  Logger& log;
  ThreadPool* fold_pool = nullptr;  // used only inside Advance()
  // Draws the graphs of groups; null: `rng`.
  SecureRng* group_rng = nullptr;
  // Who checks what devices sign; null: nobody can, and tasks that need it are
  // refused.
  const secure_aggregation::MemberVerifier* verifier = nullptr;
  // Makes the coordinator's part of groups; null: the real one.
  secure_aggregation::GroupMaker* group_maker = nullptr;
  OutputOf output_of = {};  // empty: computes it
  // Draws the keys of noise; null: `rng`.
  SecureRng* noise_rng = nullptr;
};

// A device as TLS has authenticated it.
struct DeviceIdentity {
  std::string id;
  std::string name;
};

// Called once, from Advance(), with the receipt or answer, or the refusal; no
// lock is held.
using UploadDone = std::function<void(absl::StatusOr<protocol::UploadReceipt>)>;
using AggregateDone =
    std::function<void(absl::StatusOr<protocol::AggregateAnswer>)>;

// One stream of chunks of one upload. Thread-compatible; different uploads
// run on different threads. Dropping it keeps what was received: a later
// stream with the same token and digest resumes it. Must die before its engine.
class UploadStream {
 public:
  virtual ~UploadStream() = default;
  // Where the next chunk must start.
  virtual int64_t offset() const = 0;
  // Refusals: kUploadOffset, kChunkCorrupt, kUploadTooLarge, kRoundOver,
  // kOverloaded. ABORTED when a newer stream took this upload over. Nothing was
  // added then.
  virtual absl::Status Append(int64_t offset, absl::string_view data,
                              uint32_t crc32) = 0;
  // Instead of chunks: all of the update, from a caller in this process. It is
  // neither copied nor compared with its digest: there is no way on which it
  // could be damaged. Refusals: as Append. kUploadOffset unless offset() is 0.
  virtual absl::Status Share(std::shared_ptr<const std::string> update) = 0;
  // All bytes are here: checks digest and content on this thread and queues
  // the update. `done` is called later by Advance() once the update is durably
  // counted or cannot be; when this returns an error it is never called.
  // Refusals: kUploadOffset (incomplete), kDigestMismatch, kTokenExpired,
  // kRoundOver, those of ValidateUpdate, or kGroupFault. ABORTED as above.
  virtual absl::Status Finish(absl::Time now, UploadDone done) = 0;
};

// What BeginUpload leads to: a stream to feed, or the receipt of before.
struct UploadStart {
  std::unique_ptr<UploadStream> stream;
  std::optional<protocol::UploadReceipt> receipt;
};

// How a task's unfinished round stands, as this process knows it.
struct RoundStanding {
  int64_t id = 0;  // 0: there is none
  int64_t number = 0;
  int free_places = 0;      // devices that it would still admit
  int missing_reports = 0;  // until its cohort is complete
  bool takes_reports = false;
  bool asynchronous = false;  // it takes those of earlier rounds, too
};

// Thread-safe. No lock is held while the store, a callback or the spool is
// called with anything but bookkeeping; Advance() serialises itself.
class RoundEngine {
 public:
  // Loads tasks, unfinished rounds and token keys; makes the first key.
  static absl::StatusOr<std::unique_ptr<RoundEngine>> Create(
      EngineOptions options, const EngineDependencies& dependencies,
      absl::Time now);
  virtual ~RoundEngine() = default;

  // --- operators ---------------------------------------------------------
  // `initial_model`: serialised; "" initialises from the task's seed.
  // ALREADY_EXISTS; INVALID_ARGUMENT when the model does not fit the task.
  virtual absl::Status CreateTask(const configuration::Task& task,
                                  absl::string_view initial_model,
                                  absl::Time now) = 0;
  virtual absl::Status SetTaskState(const std::string& name, TaskState state,
                                    absl::Time now) = 0;
  // NOT_FOUND; FAILED_PRECONDITION when the task trains without privacy; errors
  // of ReportPrivacy; CANCELLED after StopAdmitting().
  virtual absl::StatusOr<PrivacyReport> PrivacyOf(const std::string& task) = 0;

  // --- devices -----------------------------------------------------------
  // A device that has been forgotten gets kForgotten from every call that names
  // it, but for ForgetDevice.

  // Always answered at once. Errors: kProtocolIncompatible, kBadRequest,
  // kStoreUnavailable, kShuttingDown.
  virtual absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      const DeviceIdentity& device, const protocol::CheckIn& message,
      absl::Time now) = 0;
  // Up to kMaxChunkBytes of a model some task of ours serves; "" at its end.
  // kUnknownModel.
  virtual absl::StatusOr<std::string> ReadModel(const Digest& digest,
                                                int64_t offset) = 0;
  virtual absl::StatusOr<protocol::UploadProgress> QueryUpload(
      const DeviceIdentity& device, absl::string_view token,
      const Digest& digest, absl::Time now) = 0;
  // Refusals: kTokenInvalid, kTokenExpired, kRoundOver, kUploadTooLarge or
  // kUpdateShape (another size than every update of the task has),
  // kDigestConflict, kUploadOffset, kOverloaded, kStoreUnavailable,
  // kShuttingDown. Of a masked update another size is kGroupFault.
  virtual absl::StatusOr<UploadStart> BeginUpload(
      const DeviceIdentity& device, const protocol::UploadHeader& header,
      absl::Time now) = 0;
  // What a device says to its group of secure aggregation. `done` is called
  // later by Advance(), after max_hold at the latest; when this returns an
  // error it is never called. A newer call of the same device ends an older
  // one, which is told to wait. kTokenInvalid, kTokenExpired, kBadRequest,
  // kRoundOver, kGroupFault, kOverloaded, kStoreUnavailable, kShuttingDown.
  virtual absl::Status Aggregate(const DeviceIdentity& device,
                                 const protocol::AggregateRequest& request,
                                 absl::Time now, AggregateDone done) = 0;
  // Returns when the device should check in next. What is counted, or about to
  // be, stays. kTokenInvalid, kRoundOver, kStoreUnavailable.
  virtual absl::StatusOr<absl::Duration> Abandon(const DeviceIdentity& device,
                                                 absl::string_view token,
                                                 protocol::AbandonReason reason,
                                                 absl::Time now) = 0;

  // Durably forgets a device, however often it is asked and whether it is known
  // or not: deletes what names it (RoundStore::ForgetDevice), drops what it has
  // sent and is not counted, gives its place in running rounds up, and lets it
  // in no more. kStoreUnavailable: nothing has changed.
  virtual absl::Status ForgetDevice(const std::string& device_id) = 0;
  // kForgotten; kStoreUnavailable when nobody can tell.
  virtual absl::Status CheckNotForgotten(const std::string& device_id) = 0;

  // --- time --------------------------------------------------------------
  // Commits due batches, seals, aggregates, commits, fails and opens rounds,
  // renews leases and keys. Returns when it wants to be called next, at the
  // latest; call it also after every event above. Store errors are logged and
  // retried with back-off: they show in LastError().
  virtual absl::Time Advance(absl::Time now) = 0;

  // Refuses new check-ins and uploads with kShuttingDown; Advance() goes on
  // and commits what is complete.
  virtual void StopAdmitting() = 0;

  // The newest error of the store, OK once it works again: for /readyz.
  virtual absl::Status LastError() const = 0;
  virtual int64_t uploads_in_progress() const = 0;
  // Nothing for an unknown task.
  virtual RoundStanding StandingOf(const std::string& task) const = 0;
  // What was noticed of the task and of that round of it; nothing for an
  // unknown task.
  virtual TaskNotices NoticesOf(const std::string& task,
                                int64_t round_id) const = 0;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_ROUND_ENGINE_H_
