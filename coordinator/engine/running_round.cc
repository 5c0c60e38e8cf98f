#include "coordinator/engine/running_round.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "coordinator/engine/round_refusals.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

// As the store keeps times.
absl::Time ToMicroseconds(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

}  // namespace

// --- rows -------------------------------------------------------------------

void RunningRound::Merge(const RoundRow& row, const RoundRecords& records) {
  if (row.state >= row_.state) {
    const absl::Time deadline = row_.deadline;
    row_ = row;
    // A place is reserved, but not written yet.
    if (row_.deadline == absl::InfinitePast()) row_.deadline = deadline;
  }
  for (const AssignmentRow& assignment : records.assignments) {
    const absl::Time deadline = row_.asynchronous
                                    ? assignment.assigned + time_to_report_
                                    : row_.deadline;
    Assign(assignment.device_id,
           {row_.id, row_.number, row_.base_model, deadline});
    // What it is sending in spite of an outcome still counts.
    const bool sending = At(assignment.device_id).upload != nullptr;
    if (!assignment.outcome.empty() && !sending) Lose(assignment.device_id);
  }
  MergeOpenAssignments(records.open_assignments);
  if (groups_.has_value() && !IsFinal(row_.state)) {
    UncountAllBut(records.contributions);
  }
  for (const ContributionRow& contribution : records.contributions) {
    Count(contribution);
  }
}

// What a burnt group had contributed is taken back, and whoever did that may
// not have learnt that it was done.
void RunningRound::UncountAllBut(
    const std::vector<ContributionRow>& contributions) {
  absl::flat_hash_set<std::string> counted;
  for (const ContributionRow& row : contributions) {
    counted.insert(row.device_id);
  }
  for (auto& [device_id, participant] : participants_) {
    if (participant.standing == Participant::kContributed &&
        !counted.contains(device_id)) {
      SetStanding(participant, Participant::kAssigned);
    }
  }
}

void RunningRound::MergeOpenAssignments(
    const std::vector<OpenAssignmentRow>& rows) {
  for (const OpenAssignmentRow& row : rows) {
    Assign(row.assignment.device_id,
           {row.round_id, row.number, row.base_model,
            row.assignment.assigned + time_to_report_});
  }
}

std::vector<EndedAssignment> RunningRound::Continue(const RoundRow& row,
                                                    int max_staleness) {
  row_ = row;
  contributed_ = 0;
  counted_earlier_.clear();
  std::vector<EndedAssignment> ended;
  absl::erase_if(participants_, [&](auto& entry) {
    auto& [device_id, participant] = entry;
    if (participant.standing == Participant::kReserved) return false;
    if (participant.standing != Participant::kAssigned) return true;
    const int64_t behind = row_.number - participant.assigned.number;
    absl::Status end;
    if (behind > max_staleness) {
      end = TooStale(participant.assigned.round_id, behind, max_staleness);
    } else if (participant.upload != nullptr &&
               participant.upload->phase == Upload::kQueued &&
               participant.upload->update.norm > row_.norm_bound) {
      end = protocol::RefusalError(
          protocol::RefusalCode::kNormBound,
          absl::StrCat("the norm of the update is ",
                       participant.upload->update.norm, ", round ", row_.id,
                       " allows ", row_.norm_bound));
    }
    if (end.ok()) return false;
    EndAssignment(device_id, participant, end, ended);
    return true;
  });
  // Told in an order that depends on no hash.
  std::sort(ended.begin(), ended.end(), [](const auto& a, const auto& b) {
    return a.device_id < b.device_id;
  });
  return ended;
}

std::vector<EndedAssignment> RunningRound::Expire(absl::Time now) {
  std::vector<EndedAssignment> ended;
  if (!row_.asynchronous || now < next_expiry_) return ended;
  next_expiry_ = absl::InfiniteFuture();
  for (auto& [device_id, participant] : participants_) {
    if (participant.standing != Participant::kAssigned) continue;
    const bool complete = participant.upload != nullptr &&
                          participant.upload->phase == Upload::kQueued;
    const absl::Time deadline = participant.assigned.deadline;
    if (complete || now < deadline) {
      // (What is complete is counted or ends by then, but for a store that
      // does not work.)
      next_expiry_ = std::min(
          next_expiry_, now < deadline ? deadline : now + time_to_report_);
      continue;
    }
    const absl::Status end = protocol::RefusalError(
        protocol::RefusalCode::kTokenExpired,
        absl::StrCat("the deadline of the assignment to round ",
                     participant.assigned.round_id,
                     " has passed before the update was complete"));
    EndAssignment(device_id, participant, end, ended);
  }
  std::sort(ended.begin(), ended.end(), [](const auto& a, const auto& b) {
    return a.device_id < b.device_id;
  });
  return ended;
}

void RunningRound::EndAssignment(const std::string& device_id,
                                 Participant& participant,
                                 const absl::Status& end,
                                 std::vector<EndedAssignment>& ended) {
  const std::shared_ptr<Upload> upload = participant.upload;
  if (upload != nullptr) {
    std::erase(queue_, upload);
    Drop(*upload, end);
  }
  SetStanding(participant, Participant::kLost);
  ended.push_back({device_id, participant.assigned.round_id, upload, end});
}

// --- devices ----------------------------------------------------------------

const Participant* RunningRound::Find(const std::string& device_id) const {
  const auto found = participants_.find(device_id);
  return found != participants_.end() ? &found->second : nullptr;
}

const Participant* RunningRound::Find(const std::string& device_id,
                                      int64_t round_id) const {
  const Participant* self = Find(device_id);
  return self != nullptr && self->assigned.round_id == round_id ? self
                                                                : nullptr;
}

bool RunningRound::TakesPart(const std::string& device_id,
                             absl::Time now) const {
  const Participant* self = Find(device_id);
  if (self == nullptr) return false;
  if (!row_.asynchronous || self->standing != Participant::kLost) return true;
  return self->assigned.round_id == row_.id && now < self->assigned.deadline;
}

Participant& RunningRound::At(const std::string& device_id) {
  const auto found = participants_.find(device_id);
  SHOAL_CHECK(found != participants_.end());
  return found->second;
}

void RunningRound::SetStanding(Participant& participant,
                               Participant::Standing standing) {
  const auto add = [this](Participant::Standing which, int change) {
    if (which == Participant::kContributed) {
      contributed_ += change;
    } else if (which != Participant::kLost) {
      unsettled_ += change;
    }
  };
  add(participant.standing, -1);
  add(standing, +1);
  participant.standing = standing;
}

int RunningRound::PlacesFree() const {
  if (row_.state > RoundState::kCollecting || closing_) return 0;
  const int taken =
      row_.asynchronous ? unsettled_ : static_cast<int>(participants_.size());
  return std::max(row_.max_assigned - taken, 0);
}

bool RunningRound::HasRoom() const { return PlacesFree() > 0; }

RoundStanding RunningRound::standing() const {
  RoundStanding standing;
  standing.id = row_.id;
  standing.number = row_.number;
  standing.takes_reports = takes_reports();
  standing.asynchronous = row_.asynchronous;
  if (standing.takes_reports) {
    standing.free_places = PlacesFree();
    standing.missing_reports = std::max(row_.cohort - contributed_, 0);
  }
  return standing;
}

double RunningRound::free_fraction() const {
  const auto taken = static_cast<double>(
      row_.asynchronous ? unsettled_ : participants_.size());
  return 1 - taken / std::max(row_.max_assigned, 1);
}

void RunningRound::Reserve(const std::string& device_id, absl::Time now) {
  SHOAL_CHECK(HasRoom());
  const absl::Time end = ToMicroseconds(now + time_to_report_);
  if (participants_.empty() && row_.state == RoundState::kOpen) {
    row_.deadline = end;
  }
  Participant& participant = participants_[device_id];
  // What it had before, in an asynchronous round, is lost.
  participant = Participant();
  participant.assigned = {row_.id, row_.number, row_.base_model,
                          row_.asynchronous ? end : row_.deadline};
  ++unsettled_;
}

void RunningRound::CancelReservation(const std::string& device_id) {
  const auto found = participants_.find(device_id);
  if (found == participants_.end() ||
      found->second.standing != Participant::kReserved) {
    return;
  }
  Erase(device_id);
}

void RunningRound::Erase(const std::string& device_id) {
  const auto found = participants_.find(device_id);
  if (found == participants_.end()) return;
  SetStanding(found->second, Participant::kLost);
  participants_.erase(found);
}

void RunningRound::Assign(const std::string& device_id,
                          const Assigned& assigned) {
  const Participant* known = Find(device_id);
  if (known != nullptr && known->assigned.round_id < assigned.round_id) {
    // Only when rows were lost with the power.
    if (known->upload != nullptr)
      Drop(*known->upload, RoundOver(known->assigned.round_id));
    Erase(device_id);
  }
  const auto [place, inserted] = participants_.try_emplace(device_id);
  Participant& participant = place->second;
  if (inserted) {
    ++unsettled_;
    participant.assigned = assigned;
  }
  if (participant.assigned.round_id != assigned.round_id) return;
  if (participant.standing == Participant::kReserved) {
    SetStanding(participant, Participant::kAssigned);
  }
  next_expiry_ = std::min(next_expiry_, assigned.deadline);
  last_expiry_ = std::max(last_expiry_, assigned.deadline);
  if (row_.state != RoundState::kOpen || assigned.round_id != row_.id) return;
  row_.state = RoundState::kCollecting;
  row_.deadline = assigned.deadline;
}

void RunningRound::Lose(const std::string& device_id) {
  const auto found = participants_.find(device_id);
  if (found == participants_.end() ||
      found->second.standing == Participant::kContributed) {
    return;
  }
  SetStanding(found->second, Participant::kLost);
}

std::shared_ptr<Upload> RunningRound::Withdraw(const std::string& device_id,
                                               const absl::Status& end) {
  const auto found = participants_.find(device_id);
  if (found == participants_.end() ||
      found->second.standing == Participant::kReserved) {
    return nullptr;
  }
  const std::shared_ptr<Upload> upload = found->second.upload;
  if (upload != nullptr) {
    std::erase(queue_, upload);  // not there while it is being committed
    Drop(*upload, end);
  }
  Lose(device_id);
  return upload;
}

void RunningRound::LimitDeadline(absl::Time now) {
  const absl::Time latest = ToMicroseconds(now + time_to_report_);
  if (row_.state == RoundState::kCollecting) {
    row_.deadline = std::min(row_.deadline, latest);
  }
  if (last_expiry_ <= latest) return;
  last_expiry_ = latest;
  next_expiry_ = std::min(next_expiry_, latest);
  for (auto& [device_id, participant] : participants_) {
    participant.assigned.deadline =
        std::min(participant.assigned.deadline, latest);
  }
}

// --- uploads ----------------------------------------------------------------

void RunningRound::StartUpload(const std::shared_ptr<Upload>& upload) {
  Participant& participant = At(upload->device_id);
  SHOAL_CHECK(participant.upload == nullptr);
  participant.upload = upload;
}

void RunningRound::SetWriter(Upload& upload, int64_t ticket) {
  if (upload.phase != Upload::kArriving) return;
  // Of two streams that take over at once the later ticket is the writer.
  if (ticket != 0 && ticket < upload.writer) return;
  writing_ += (ticket != 0) - (upload.writer != 0);
  upload.writer = ticket;
}

void RunningRound::Enqueue(const std::shared_ptr<Upload>& upload,
                           absl::Time now) {
  SHOAL_CHECK(At(upload->device_id).upload == upload);
  SetWriter(*upload, 0);
  upload->phase = Upload::kQueued;
  upload->queued = now;
  ++unanswered_;
  queue_.push_back(upload);
}

void RunningRound::Drop(Upload& upload, const absl::Status& end) {
  if (upload.phase > Upload::kQueued) return;
  SetWriter(upload, 0);
  if (upload.phase == Upload::kQueued) --unanswered_;
  upload.phase = Upload::kDropped;
  upload.end = end;
  upload.bytes.Close();
  const auto found = participants_.find(upload.device_id);
  if (found != participants_.end() && found->second.upload.get() == &upload) {
    found->second.upload.reset();
  }
}

std::shared_ptr<Upload> RunningRound::AbandonedUpload() const {
  for (const auto& [device_id, participant] : participants_) {
    const std::shared_ptr<Upload>& upload = participant.upload;
    if (upload != nullptr && upload->phase == Upload::kArriving &&
        upload->writer == 0) {
      return upload;
    }
  }
  return nullptr;
}

void RunningRound::Count(const ContributionRow& contribution) {
  const std::string& device_id = contribution.device_id;
  const bool earlier = contribution.earlier_round != 0;
  std::shared_ptr<Upload> upload;
  if (earlier) {
    const bool fresh =
        counted_earlier_.emplace(device_id, contribution.earlier_round).second;
    if (!fresh) return;
    ++contributed_;
    const Participant* self = Find(device_id, contribution.earlier_round);
    if (self == nullptr) return;
    upload = self->upload;
    Erase(device_id);  // it may be admitted to this round
  } else {
    const auto [place, inserted] = participants_.try_emplace(device_id);
    Participant& participant = place->second;
    if (inserted) {
      ++unsettled_;
      participant.assigned = {row_.id, row_.number, row_.base_model,
                              row_.deadline};
    }
    if (participant.standing == Participant::kContributed) return;
    SetStanding(participant, Participant::kContributed);
    participant.digest = contribution.update_digest;
    participant.segment_id = contribution.segment_id;
    upload = std::move(participant.upload);
    participant.upload.reset();
  }
  if (upload == nullptr || upload->digest != contribution.update_digest ||
      upload->phase != Upload::kQueued) {
    return;
  }
  --unanswered_;
  upload->phase = Upload::kCounted;
  upload->segment_id = contribution.segment_id;
}

void RunningRound::Uncount(const std::string& device_id) {
  const auto found = participants_.find(device_id);
  if (found == participants_.end() ||
      found->second.standing != Participant::kContributed) {
    return;
  }
  SetStanding(found->second, Participant::kAssigned);
}

// --- what is due ------------------------------------------------------------

int RunningRound::PlacesLeft() const {
  return row_.max_accepted() - contributed_;
}

absl::Time RunningRound::BatchDue(const BatchRule& rule, absl::Time now) const {
  if (queue_.empty() || PlacesLeft() <= 0 ||
      row_.state > RoundState::kCollecting) {
    return absl::InfiniteFuture();
  }
  const int64_t size = queue_.size();
  const int64_t bytes = size * queue_.front()->bytes.num_bytes();
  const absl::Time oldest = queue_.front()->queued;
  const bool at_once = writing_ == 0 || size >= rule.max_updates ||
                       bytes >= rule.max_bytes ||
                       contributed_ + size >= row_.cohort ||
                       now >= row_.deadline || now < oldest;
  if (at_once) return absl::InfinitePast();
  return std::min(oldest + rule.max_delay, row_.deadline);
}

std::vector<std::shared_ptr<Upload>> RunningRound::TakeBatch(
    const BatchRule& rule) {
  int64_t size = std::min<int64_t>(queue_.size(), PlacesLeft());
  size = std::min<int64_t>(size, std::max(rule.max_updates, 1));
  if (size > 0) {
    const int64_t by_bytes = rule.max_bytes / queue_.front()->bytes.num_bytes();
    size = std::min(size, std::max<int64_t>(by_bytes, 1));
  }
  const auto end = queue_.begin() + std::max<int64_t>(size, 0);
  std::vector<std::shared_ptr<Upload>> batch(
      std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return batch;
}

void RunningRound::PutBack(std::vector<std::shared_ptr<Upload>> batch) {
  queue_.insert(queue_.begin(), std::make_move_iterator(batch.begin()),
                std::make_move_iterator(batch.end()));
}

bool RunningRound::NothingMoreCanCome() const {
  return !row_.asynchronous && unsettled_ == 0 &&
         static_cast<int>(participants_.size()) >= row_.max_assigned;
}

bool RunningRound::IsDue(absl::Time now) const {
  // Who comes early must not leave out who comes late.
  if (is_drawn_ != nullptr) return now >= row_.deadline;
  if (contributed_ >= row_.cohort) return true;
  if (groups_.has_value() && groups_->complete) return true;
  if (row_.asynchronous) {
    return now >= row_.deadline && contributed_ >= row_.min_reports;
  }
  return now >= row_.deadline || NothingMoreCanCome();
}

RunningRound::Step RunningRound::NextStep(absl::Time now) {
  if (row_.state == RoundState::kSealed ||
      row_.state == RoundState::kRevealed) {
    if (!groups_.has_value() || groups_->revealed) return Step::kCommit;
    return groups_->failed ? Step::kFailUnmasking : Step::kWait;
  }
  if (row_.state != RoundState::kCollecting) return Step::kWait;
  // What is complete counts first.
  if (!queue_.empty() && PlacesLeft() > 0) return Step::kWait;
  if (groups_.has_value() && !groups_->settled) return Step::kWait;
  if (!closing_ && !IsDue(now)) return Step::kWait;
  // What comes from now on joins the next one.
  if (row_.asynchronous) return Step::kSeal;
  closing_ = true;
  const bool is_full =
      static_cast<int>(participants_.size()) >= row_.max_assigned;
  if (is_drawn_ != nullptr && is_full) return Step::kFailOverdrawn;
  return contributed_ >= row_.min_reports ? Step::kSeal : Step::kFail;
}

std::vector<std::shared_ptr<Upload>> RunningRound::Close() {
  closing_ = true;
  std::vector<std::shared_ptr<Upload>> unanswered = std::move(queue_);
  queue_.clear();
  for (auto& [device_id, participant] : participants_) {
    const std::shared_ptr<Upload> upload = participant.upload;
    if (upload != nullptr && upload->phase == Upload::kArriving) {
      Drop(*upload, RoundOver(upload->assigned.round_id));
    }
  }
  return unanswered;
}

}  // namespace shoal::coordinator
