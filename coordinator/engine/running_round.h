// What the engine keeps in memory of one unfinished round: a cache of the
// store's rows, and the uploads on their way.
#ifndef SHOAL_COORDINATOR_ENGINE_RUNNING_ROUND_H_
#define SHOAL_COORDINATOR_ENGINE_RUNNING_ROUND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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

// Guarded by the engine's mutex. Knows no store: it says what is due, the task
// runner does it.
class RunningRound {
 public:
  explicit RunningRound(const RoundRow& row) : row_(row) {}

  // Takes over what the store knows. Nothing that is known here is taken back:
  // the rows may be older than what has happened since they were read.
  void Merge(const RoundRow& row, absl::Span<const AssignmentRow> assignments,
             absl::Span<const ContributionRow> contributions);

  const RoundRow& row() const { return row_; }
  int accepted() const { return contributed_; }
  bool takes_reports() const {
    return row_.state <= RoundState::kCollecting && !closing_;
  }

  // --- devices -------------------------------------------------------------
  const Participant* Find(const std::string& device_id) const;
  // Whether one more device may be admitted. Every admission takes one of
  // max_assigned places for good, also when the device gives up later: that is
  // what over-selection is for, and what the store guards.
  bool HasRoom() const;
  RoundStanding standing() const;
  double free_fraction() const;  // of the places
  // Keeps a place while its admission is written. The first one fixes the
  // round's deadline, `deadline` from now; returns it. REQUIRES: HasRoom().
  absl::Time Reserve(const std::string& device_id, absl::Time now,
                     absl::Duration deadline);
  void CancelReservation(const std::string& device_id);
  // The device holds an assignment with that deadline.
  void Assign(const std::string& device_id, absl::Time deadline);
  // It gave up or was refused; nothing happens when it is counted already.
  void Lose(const std::string& device_id);
  // It is to be forgotten: what it has sent and is not counted is dropped with
  // `end`, and its place is lost. Returns the upload whose waiters the caller
  // must answer; null: there is none. A place whose admission is being written
  // stays, for whoever writes it finds out.
  std::shared_ptr<Upload> Withdraw(const std::string& device_id,
                                   const absl::Status& end);
  // A clock that was set back must not prolong the round: it ends at most
  // `deadline` from now.
  void LimitDeadline(absl::Time now, absl::Duration deadline);

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
  // Notes that the device's update is counted, whoever counted it.
  void Count(const std::string& device_id, const Digest& digest,
             int64_t segment_id);
  // Uploads with a live stream, and updates that are checked and not counted.
  int64_t uploads_in_progress() const { return writing_ + unanswered_; }

  // --- what is due ---------------------------------------------------------
  // When the next batch must be committed: InfinitePast for at once,
  // InfiniteFuture when nothing is queued.
  absl::Time BatchDue(const BatchRule& rule, absl::Time now) const;
  // The oldest queued updates, within the rule and the round's places.
  std::vector<std::shared_ptr<Upload>> TakeBatch(const BatchRule& rule);
  // After a failed commit: in front of the queue again.
  void PutBack(std::vector<std::shared_ptr<Upload>> batch);
  const std::vector<std::shared_ptr<Upload>>& queue() const { return queue_; }

  enum class Step { kWait, kSeal, kFail, kCommit };
  // kSeal and kFail close the round for further reports, for good.
  Step NextStep(absl::Time now);
  void SetRow(const RoundRow& row) { row_ = row; }

  // Ends all uploads; returns those that are checked and not counted, which
  // the caller must answer.
  std::vector<std::shared_ptr<Upload>> Close();

 private:
  bool NothingMoreCanCome() const;
  Participant& At(const std::string& device_id);
  void SetStanding(Participant& participant, Participant::Standing standing);
  int PlacesLeft() const;  // for contributions

  RoundRow row_;
  absl::flat_hash_map<std::string, Participant> participants_;
  int contributed_ = 0;
  int unsettled_ = 0;       // reserved or assigned
  int64_t writing_ = 0;     // uploads with a live stream
  int64_t unanswered_ = 0;  // enqueued and not yet counted or dropped
  std::vector<std::shared_ptr<Upload>> queue_;  // oldest first
  bool closing_ = false;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_RUNNING_ROUND_H_
