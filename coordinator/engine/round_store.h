// RoundStore: the durable truth of a coordinator. Everything the engine keeps
// in memory can be rebuilt from here; every state change is one conditional
// transaction; terminal states never change again.
//
// Implementations (coordinator/store/): memory, SQLite. One conformance suite
// runs over all of them.
#ifndef SHOAL_COORDINATOR_ENGINE_ROUND_STORE_H_
#define SHOAL_COORDINATOR_ENGINE_ROUND_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

// Thread-safe; calls may block on I/O. Unless a method says otherwise a change
// is durable when it returns OK, and nothing has changed when it does not.
//
// Errors common to all: UNAVAILABLE (busy, or the connection is lost: try
// again), RESOURCE_EXHAUSTED (disk full), DATA_LOSS (what was read is corrupt).
// ABORTED from a method that takes a Lease: another replica leads the task now.
class RoundStore {
 public:
  virtual ~RoundStore() = default;

  // What people see in `status`: "sqlite:/var/lib/shoal/shoal.db".
  virtual std::string Describe() const = 0;

  // Whether the sums of segments must be there for whoever leads after this
  // process. A store that dies with its process may do without: it gets
  // segments with an empty sum then.
  virtual bool keeps_sums() const { return true; }

  // --- leadership --------------------------------------------------------
  // Takes or renews the lease of a task until `now + duration`. The epoch
  // grows with every change of holder and never falls. FAILED_PRECONDITION
  // while another holder's lease runs.
  virtual absl::StatusOr<Lease> AcquireLease(const std::string& task,
                                             const std::string& holder,
                                             absl::Time now,
                                             absl::Duration duration) = 0;

  // --- tasks and models --------------------------------------------------
  // Inserts the task and its initial model (version 0). ALREADY_EXISTS. The
  // first task of a population with a privacy budget sets it, for good.
  // FAILED_PRECONDITION when the population has another budget than the task's,
  // or has none and a task without privacy that has committed rounds or may
  // still do so.
  virtual absl::Status CreateTask(const TaskRow& task, const ModelRow& model,
                                  absl::string_view model_bytes) = 0;
  virtual absl::StatusOr<TaskRow> GetTask(const std::string& name) = 0;
  virtual absl::StatusOr<std::vector<TaskRow>> ListTasks() = 0;
  // Pauses, resumes or stops. Stopping fails an unfinished round that is not
  // sealed yet, with kStopped. FAILED_PRECONDITION when the task's state is
  // final or its round is sealed and `state` is kStopped (try again).
  virtual absl::Status SetTaskState(const std::string& name, TaskState state,
                                    const std::string& note,
                                    absl::Time now) = 0;

  virtual absl::StatusOr<ModelRow> GetModel(const Digest& digest) = 0;
  // Newest first.
  virtual absl::StatusOr<std::vector<ModelRow>> ListModels(
      const std::string& task, int limit) = 0;
  // Up to `size` bytes of a serialised model from `offset` on; OUT_OF_RANGE
  // beyond its end.
  virtual absl::StatusOr<std::string> ReadModel(const Digest& digest,
                                                int64_t offset,
                                                int64_t size) = 0;

  // --- the life of a round ----------------------------------------------
  // Opens the task's next round; fills in id (never used before). The task
  // must be active without an unfinished round: FAILED_PRECONDITION.
  // INVALID_ARGUMENT for a mechanism_state of a task without privacy.
  virtual absl::StatusOr<RoundRow> OpenRound(const Lease& lease,
                                             const NewRound& round) = 0;
  virtual absl::StatusOr<RoundRow> GetRound(int64_t id) = 0;
  // Newest first, with ids below `before_id` (0: all).
  virtual absl::StatusOr<std::vector<RoundRow>> ListRounds(
      const std::string& task, int limit, int64_t before_id) = 0;
  // The task's round that is in no final state, if there is one.
  virtual absl::StatusOr<std::optional<RoundRow>> GetUnfinishedRound(
      const std::string& task) = 0;

  // Records that a device got an assignment; the first one moves the round
  // from OPEN to COLLECTING and sets `deadline`. Survives a crash of the
  // process at once, a power cut from the next other change on: nothing that
  // was acknowledged rests on it. ALREADY_EXISTS when the device has one, but
  // for one of an asynchronous round that was made at least `deadline - now`
  // ago and has led to nothing: that begins anew. FAILED_PRECONDITION when the
  // round is sealed or over, or full, or when the device has been forgotten.
  virtual absl::Status RecordAssignment(int64_t round_id,
                                        const std::string& device_id,
                                        absl::Time now,
                                        absl::Time deadline) = 0;
  // Records how an assignment ended without a contribution: "abandoned:
  // energy", "refused: norm_bound". The first outcome stays. Durable as
  // RecordAssignment is. NOT_FOUND without an assignment.
  virtual absl::Status RecordOutcome(int64_t round_id,
                                     const std::string& device_id,
                                     const std::string& outcome) = 0;
  virtual absl::StatusOr<std::vector<AssignmentRow>> ListAssignments(
      int64_t round_id) = 0;
  // Those of the task's rounds with that number or a later one that have no
  // outcome and were made at `since` or later, by round and device.
  virtual absl::StatusOr<std::vector<OpenAssignmentRow>> ListOpenAssignments(
      const std::string& task, int64_t min_number, absl::Time since) = 0;
  // All at one moment, as several reads are not.
  virtual absl::StatusOr<RoundSnapshot> ReadRound(int64_t round_id) = 0;

  // Adds a batch of updates to a COLLECTING round: the segment, one
  // contribution per device, the round's counters; all or nothing. An
  // assignment is counted once over all rounds. On kDuplicates nothing is
  // written and `duplicates` names the devices that are counted already or have
  // been forgotten; on kClosed nothing is written: the round is sealed or over,
  // or the batch would exceed its max_accepted(). Other errors as
  // AppendGroupRows, where there is a group.
  virtual absl::StatusOr<SegmentResult> CommitSegment(
      const NewSegment& segment,
      absl::Span<const ContributionRow> contributions) = 0;
  // Of that round's assignment, in whichever round's sum it is.
  virtual absl::StatusOr<std::optional<ContributionRow>> GetContribution(
      int64_t round_id, const std::string& device_id) = 0;
  // In that round's sum. Ordered by device id, and by earlier round.
  virtual absl::StatusOr<std::vector<ContributionRow>> ListContributions(
      int64_t round_id) = 0;
  // Ordered by id, with their sums.
  virtual absl::StatusOr<std::vector<SegmentRow>> ReadSegments(
      int64_t round_id) = 0;

  // Adds rows to a group, or makes it, with its summary and the faults of its
  // members. ABORTED when the group has other rows
  // than `first` says: read them again. FAILED_PRECONDITION when the round is
  // over, INVALID_ARGUMENT when the session is none.
  virtual absl::Status AppendGroupRows(const NewGroupRows& rows) = 0;
  // Adds the last rows of a group that cannot finish, in a COLLECTING round,
  // and takes back what its members have contributed: segments, contributions,
  // the round's counters, outcomes (to none, or to kWithdrawn). Errors as
  // AppendGroupRows; FAILED_PRECONDITION also when the round is sealed.
  virtual absl::Status BurnGroup(const NewGroupRows& rows) = 0;
  // Of all groups of the round: those of a group in their order, groups in that
  // of their making. Deleted when the round ends, but for their summaries.
  virtual absl::StatusOr<std::vector<GroupRow>> ReadGroupRows(
      int64_t round_id) = 0;

  // COLLECTING -> SEALED: freezes the contributor set and stores its digest
  // (ContributorsDigest below). FAILED_PRECONDITION when the round is not
  // collecting or has fewer than `min_reports` contributions. With a charge:
  // adds it to the population's ledger, safe from restored backups, and stores
  // the state of new noise; ABORTED, with nothing changed, when the ledger has
  // other charges than `known` says: read them again.
  virtual absl::StatusOr<RoundRow> SealRound(
      const Lease& lease, int64_t id, int min_reports,
      const std::optional<NewCharge>& charge, absl::Time now) = 0;
  // SEALED -> REVEALED: from here on the sum of a round whose updates are
  // masked may be unmasked. At most once. A round of plain sums, which every
  // replica knows from its segments, goes without.
  virtual absl::Status RevealRound(const Lease& lease, int64_t id,
                                   absl::Time now) = 0;
  // SEALED or REVEALED -> COMMITTED: the model version, the optimiser's state,
  // the noise's state, the round, the task's counters and (for minimum
  // separation) the contributors' last participation, in one transaction;
  // completes the task after its last round. Segments of the round are deleted.
  // What the ledger of its population has by now is safe from restored backups
  // before the model can be read. DATA_LOSS when the round may have been
  // released as another model: before a crash, or in what a backup has undone.
  virtual absl::Status CommitRound(const Lease& lease,
                                   const RoundResult& result,
                                   absl::string_view model_bytes,
                                   absl::Time now) = 0;
  // Any unfinished state -> FAILED. Segments of the round are deleted, unless
  // it fails as corrupt_rows: then they are kept for whoever looks into it.
  // When the round may have been released all the same, the state of its task's
  // noise is deleted.
  virtual absl::Status FailRound(const Lease& lease, int64_t id,
                                 const std::string& failure,
                                 absl::Time now) = 0;
  // The server optimiser's state after the task's last committed round; ""
  // before the first.
  virtual absl::StatusOr<std::string> GetOptimizerState(
      const std::string& task) = 0;

  // --- privacy -----------------------------------------------------------
  // Outlive the tasks that made them. A store that finds out that it was
  // restored from a backup gets back what was charged since, and has no state
  // of any noise: rounds that it does not know may have released what that
  // would draw.
  //
  // "": the population has no budget.
  virtual absl::StatusOr<std::string> GetPrivacyBudget(
      const std::string& population) = 0;
  // Oldest first.
  virtual absl::StatusOr<std::vector<ChargeRow>> ListCharges(
      const std::string& population) = 0;
  // Of the task's noise after its last committed round, or after the seal that
  // has charged it; empty: there is none.
  virtual absl::StatusOr<Secret> GetMechanismState(const std::string& task) = 0;

  // --- devices -----------------------------------------------------------
  // Inserts, or replaces name and certificate expiry. FAILED_PRECONDITION when
  // the device has been forgotten.
  virtual absl::Status UpsertDevice(const DeviceRow& device) = 0;
  // Notes when and how a device was last seen; not durable at once. Inserts
  // the device if it is unknown (its certificate is good), does nothing if it
  // has been forgotten.
  virtual absl::Status TouchDevice(const DeviceSighting& sighting) = 0;
  virtual absl::StatusOr<DeviceRow> GetDevice(const std::string& id) = 0;
  // By id, or by unique prefix of an id, or by unique name. NOT_FOUND;
  // INVALID_ARGUMENT when several match.
  virtual absl::StatusOr<DeviceRow> FindDevice(const std::string& text) = 0;
  // Ordered by id, after `after_id`.
  virtual absl::StatusOr<std::vector<DeviceRow>> ListDevices(
      int limit, const std::string& after_id) = 0;
  virtual absl::StatusOr<int64_t> CountDevices(absl::Time seen_since) = 0;
  // The population's counter of committed rounds, and its value when the
  // device last contributed (nothing: never); the same of the task's versions.
  virtual absl::StatusOr<Participation> GetParticipation(
      const std::string& population, const std::string& task,
      const std::string& device_id) = 0;
  // Of a device the first fault in a round stays; its assignment there gets the
  // outcome kBarred, if it has none. Nothing happens when the device has been
  // forgotten.
  virtual absl::Status RecordFault(const FaultRow& fault) = 0;
  // Newest first: of that device ("": any), in that round (0: any).
  virtual absl::StatusOr<std::vector<FaultRow>> ListFaults(
      const std::string& device_id, int64_t round_id, int limit) = 0;
  // Deletes what names the device and keeps its fingerprint
  // (ForgottenFingerprint below), so that no row names it again. What it has
  // added to sums stays in them, and counters stay as they are. Its rows in a
  // round that is not over go in the transaction that ends that round, because
  // its contributor set is, or will be, frozen; until then an assignment
  // without an outcome gets kWithdrawn. A device that is unknown, or was
  // forgotten before, is forgotten as well.
  virtual absl::Status ForgetDevice(const std::string& device_id) = 0;
  virtual absl::StatusOr<bool> IsForgotten(const std::string& device_id) = 0;

  // --- invitations and keys ---------------------------------------------
  // `token_hash` is the SHA-256 of the invitation; the token is not stored.
  virtual absl::Status CreateInvitation(const InvitationRow& row) = 0;
  // Takes one use for a device; none when the device has used the invitation
  // already: its answer may have been lost. NOT_FOUND when unknown, used up by
  // others, or expired at `now`; FAILED_PRECONDITION when the device has been
  // forgotten.
  virtual absl::Status UseInvitation(const Digest& token_hash,
                                     const std::string& device_id,
                                     absl::Time now) = 0;
  // Keys that sign assignment tokens, oldest first.
  virtual absl::StatusOr<std::vector<TokenKeyRow>> ListTokenKeys() = 0;
  virtual absl::Status AddTokenKey(const TokenKeyRow& row) = 0;
  virtual absl::Status DeleteTokenKeysBefore(int64_t id) = 0;
};

// SHA-256 over (device id, update digest) of all contributions, ordered by
// device id and earlier round, and over those earlier rounds: names a
// contributor set.
Digest ContributorsDigest(absl::Span<const ContributionRow> contributions);

// All that is kept of a forgotten device: a SHA-256 of its id, which is itself
// that of a key which nobody can guess.
Digest ForgottenFingerprint(absl::string_view device_id);

// The outcome of an assignment whose device was forgotten before it reported.
inline constexpr absl::string_view kWithdrawn = "abandoned: withdrawal";
// That of one whose device broke the protocol of secure aggregation.
inline constexpr absl::string_view kBarred = "refused: group_fault";

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_ROUND_STORE_H_
