// What the engine keeps in memory of one unfinished round: a cache of the
// store's rows, and the uploads on their way. Of asynchronous rounds one object
// lives on from round to round, with the devices at work and their uploads.
#ifndef SHOAL_COORDINATOR_ENGINE_RUNNING_ROUND_H_
#define SHOAL_COORDINATOR_ENGINE_RUNNING_ROUND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/engine/rows.h"
#include "coordinator/engine/upload.h"

namespace shoal::coordinator {

// How one admitted device stands.
struct Participant {
  enum Standing {
    kReserved,     // its admission is being written
    kAssigned,     // it works
    kContributed,  // its update is counted
    kLost,         // it gave up, or its update was refused
  };
  Standing standing = kReserved;
  Assigned assigned;
  Digest digest;           // with kContributed
  int64_t segment_id = 0;  // with kContributed
  // What it has sent so far and is not counted yet; null: nothing.
  std::shared_ptr<Upload> upload;
};

// When a batch of queued updates becomes a transaction; see EngineOptions.
struct BatchRule {
  int max_updates = 1;
  int64_t max_bytes = 0;
  absl::Duration max_delay;
};

// An assignment that has ended without a contribution, and what is said of it.
struct EndedAssignment {
  std::string device_id;
  int64_t round_id = 0;
  std::shared_ptr<Upload> upload;  // null: nothing had been sent
  absl::Status end;
};

// How the groups of a round with secure aggregation stand.
struct GroupsStanding {
  bool settled = true;    // none is still being formed into a masked sum
  bool complete = false;  // no better than this can come: seal it
  bool revealed = false;  // every sum can be unmasked
  bool failed = false;    // one of them never can, though the round is sealed
  friend bool operator==(const GroupsStanding&,
                         const GroupsStanding&) = default;
};

// Whether a round has drawn the device at random.
using IsDrawn = std::function<bool(const std::string& device_id)>;

// What the store knows of a round, as it was read.
struct RoundRecords {
  std::vector<AssignmentRow> assignments;
  std::vector<ContributionRow> contributions;  // in its sum
  // Of an asynchronous one: those of earlier rounds, and of itself, that may
  // still be reported. With the round's own deadline for devices.
  std::vector<OpenAssignmentRow> open_assignments = {};
};

// Guarded by the engine's mutex. Knows no store: it says what is due, the task
// runner does it.
class RunningRound {
 public:
  // `time_to_report`: of a device, from its assignment on (round.deadline).
  // `is_drawn`: who takes part, and nobody else; null: whoever comes.
  RunningRound(const RoundRow& row, absl::Duration time_to_report,
               IsDrawn is_drawn = nullptr)
      : row_(row),
        time_to_report_(time_to_report),
        is_drawn_(std::move(is_drawn)) {}

  // Takes over what the store knows. Nothing that is known here is taken back:
  // the rows may be older than what has happened since they were read.
  void Merge(const RoundRow& row, const RoundRecords& records);

  // Asynchronous: the next round begins, with `row`. Devices at work stay, but
  // for those whose updates would be too many versions behind, or, complete
  // already, longer than the new round allows: they end here, and the caller
  // tells.
  std::vector<EndedAssignment> Continue(const RoundRow& row, int max_staleness);
  // Asynchronous: ends the assignments whose deadline has passed, likewise.
  // Complete updates are not late.
  std::vector<EndedAssignment> Expire(absl::Time now);
  // When the next one does, at the earliest.
  absl::Time next_expiry() const { return next_expiry_; }

  const RoundRow& row() const { return row_; }
  // Whether the device has been drawn, where devices are.
  bool IsOpenTo(const std::string& device_id) const {
    return is_drawn_ == nullptr || is_drawn_(device_id);
  }
  int accepted() const { return contributed_; }
  // Devices that are reserved or assigned, and not settled yet.
  int at_work() const { return unsettled_; }
  // An asynchronous round keeps for the next one what it has no place for.
  bool takes_reports() const {
    return (row_.asynchronous || row_.state <= RoundState::kCollecting) &&
           !closing_;
  }

  // --- devices -------------------------------------------------------------
  const Participant* Find(const std::string& device_id) const;
  // The same if that is what it was assigned; null otherwise.
  const Participant* Find(const std::string& device_id, int64_t round_id) const;
  // Whether the device cannot be admitted: it is at work, or was admitted to
  // this round before. (To an asynchronous one, which waits for as long as it
  // takes, it may be again when it has let its time pass without an update.)
  bool TakesPart(const std::string& device_id, absl::Time now) const;
  // Whether this round's sum has an update of the device from an earlier one.
  bool HasEarlierUpdateOf(const std::string& device_id) const {
    const auto found = counted_earlier_.lower_bound({device_id, 0});
    return found != counted_earlier_.end() && found->first == device_id;
  }
  // Until when the participant may report.
  absl::Time DeadlineOf(const Participant& participant) const {
    return row_.asynchronous ? participant.assigned.deadline : row_.deadline;
  }
  // Whether one more device may be admitted. Every admission takes one of
  // max_assigned places for good, also when the device gives up later: that is
  // what over-selection is for, and what the store guards. Asynchronous:
  // whoever reports or gives up leaves its place to another.
  bool HasRoom() const;
  RoundStanding standing() const;
  double free_fraction() const;  // of the places
  // Keeps a place while its admission is written. The first one fixes the
  // round's deadline. REQUIRES: HasRoom(); the device does not take part.
  void Reserve(const std::string& device_id, absl::Time now);
  void CancelReservation(const std::string& device_id);
  // The device holds that assignment.
  void Assign(const std::string& device_id, const Assigned& assigned);
  // It gave up or was refused; nothing happens when it is counted already.
  void Lose(const std::string& device_id);
  // It is to be forgotten: what it has sent and is not counted is dropped with
  // `end`, and its place is lost. Returns the upload whose waiters the caller
  // must answer; null: there is none. A place whose admission is being written
  // stays, for whoever writes it finds out.
  std::shared_ptr<Upload> Withdraw(const std::string& device_id,
                                   const absl::Status& end);
  // A clock that was set back must not prolong the round, nor an assignment:
  // they end at most the time to report from now.
  void LimitDeadline(absl::Time now);

  // --- uploads -------------------------------------------------------------
  // REQUIRES: the device is a participant without an upload.
  void StartUpload(const std::shared_ptr<Upload>& upload);
  // The stream with this ticket feeds the upload from now on; 0: none does.
  void SetWriter(Upload& upload, int64_t ticket);
  // The upload is complete and checked. REQUIRES: it is the participant's.
  void Enqueue(const std::shared_ptr<Upload>& upload, absl::Time now);
  // Ends an upload that is not to be counted; its device may send another one
  // unless it is lost. Its waiters stay for the caller to answer.
  void Drop(Upload& upload, const absl::Status& end);
  // An upload without a stream whose space can be given to others; null: none.
  std::shared_ptr<Upload> AbandonedUpload() const;
  // Notes that the update is in this round's sum, whoever counted it.
  void Count(const ContributionRow& contribution);
  // The update of a device is in the sum no more: its group is burnt.
  void Uncount(const std::string& device_id);
  // Uploads with a live stream, and updates that are checked and not counted.
  int64_t uploads_in_progress() const { return writing_ + unanswered_; }

  // --- what is due ---------------------------------------------------------
  // When the next batch must be committed: InfinitePast for at once,
  // InfiniteFuture when nothing is queued, or nothing more may be counted.
  absl::Time BatchDue(const BatchRule& rule, absl::Time now) const;
  // All queued updates, or the oldest, within the rule and the round's places.
  std::vector<std::shared_ptr<Upload>> TakeQueue() {
    return std::exchange(queue_, {});
  }
  std::vector<std::shared_ptr<Upload>> TakeBatch(const BatchRule& rule);
  // After a failed commit: in front of the queue again.
  void PutBack(std::vector<std::shared_ptr<Upload>> batch);
  const std::vector<std::shared_ptr<Upload>>& queue() const { return queue_; }

  // Of a round with secure aggregation, which is sealed when its groups are
  // settled, and committed when they are revealed.
  void SetGroups(const GroupsStanding& groups) { groups_ = groups; }

  enum class Step {
    kWait,
    kSeal,
    kFail,
    kFailOverdrawn,
    kCommit,
    kFailUnmasking
  };
  // kSeal and kFail close the round for further reports, for good. One that has
  // drawn its devices is sealed at its deadline, not before, unless it has no
  // place left: then a device that was drawn may have found none. An
  // asynchronous one is sealed when it is full, or has min_reports at its
  // deadline or later; it never fails for want of them, so that none is lost.
  Step NextStep(absl::Time now);
  void SetRow(const RoundRow& row) { row_ = row; }
  // Another replica leads now, and decides whether the round takes reports.
  void LeaveToOthers() { closing_ = false; }

  // Ends all uploads; returns those that are checked and not counted, which
  // the caller must answer.
  std::vector<std::shared_ptr<Upload>> Close();

 private:
  bool NothingMoreCanCome() const;
  bool IsDue(absl::Time now) const;
  // Takes the device out; what it was is forgotten.
  void Erase(const std::string& device_id);
  void EndAssignment(const std::string& device_id, Participant& participant,
                     const absl::Status& end,
                     std::vector<EndedAssignment>& ended);
  void UncountAllBut(const std::vector<ContributionRow>& contributions);
  void MergeOpenAssignments(const std::vector<OpenAssignmentRow>& rows);
  Participant& At(const std::string& device_id);
  void SetStanding(Participant& participant, Participant::Standing standing);
  int PlacesFree() const;  // for devices
  int PlacesLeft() const;  // for contributions

  RoundRow row_;
  const absl::Duration time_to_report_;
  const IsDrawn is_drawn_;
  absl::flat_hash_map<std::string, Participant> participants_;
  int contributed_ = 0;
  int unsettled_ = 0;       // reserved or assigned
  int64_t writing_ = 0;     // uploads with a live stream
  int64_t unanswered_ = 0;  // enqueued and not yet counted or dropped
  std::vector<std::shared_ptr<Upload>> queue_;  // oldest first
  bool closing_ = false;
  std::optional<GroupsStanding> groups_;  // absent: sums are plain

  // Asynchronous rounds only.
  // Of the updates in the sum those of earlier assignments: device and round.
  std::set<std::pair<std::string, int64_t>> counted_earlier_;
  // No assignment's deadline is before or after these.
  absl::Time next_expiry_ = absl::InfiniteFuture();
  absl::Time last_expiry_ = absl::InfinitePast();
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_RUNNING_ROUND_H_
