#include "coordinator/engine/running_round.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

absl::Status RoundOver(const RoundRow& row) {
  return protocol::RefusalError(
      protocol::RefusalCode::kRoundOver,
      absl::StrCat("round ", row.id, " takes no more reports"));
}

// As the store keeps times.
absl::Time ToMicroseconds(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

}  // namespace

// --- rows -------------------------------------------------------------------

void RunningRound::Merge(const RoundRow& row,
                         absl::Span<const AssignmentRow> assignments,
                         absl::Span<const ContributionRow> contributions) {
  if (row.state >= row_.state) {
    const absl::Time deadline = row_.deadline;
    row_ = row;
    // A place is reserved, but not written yet.
    if (row_.deadline == absl::InfinitePast()) row_.deadline = deadline;
  }
  for (const AssignmentRow& assignment : assignments) {
    Assign(assignment.device_id, row_.deadline);
    // What it is sending in spite of an outcome still counts.
    const bool sending = At(assignment.device_id).upload != nullptr;
    if (!assignment.outcome.empty() && !sending) Lose(assignment.device_id);
  }
  for (const ContributionRow& contribution : contributions) {
    Count(contribution.device_id, contribution.update_digest,
          contribution.segment_id);
  }
}

// --- devices ----------------------------------------------------------------

const Participant* RunningRound::Find(const std::string& device_id) const {
  const auto found = participants_.find(device_id);
  return found != participants_.end() ? &found->second : nullptr;
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

bool RunningRound::HasRoom() const {
  return takes_reports() &&
         static_cast<int>(participants_.size()) < row_.max_assigned;
}

RoundStanding RunningRound::standing() const {
  RoundStanding standing;
  standing.id = row_.id;
  standing.number = row_.number;
  standing.takes_reports = takes_reports();
  if (standing.takes_reports) {
    standing.free_places =
        row_.max_assigned - static_cast<int>(participants_.size());
    standing.missing_reports = std::max(row_.cohort - contributed_, 0);
  }
  return standing;
}

double RunningRound::free_fraction() const {
  return 1 - static_cast<double>(participants_.size()) /
                 std::max(row_.max_assigned, 1);
}

absl::Time RunningRound::Reserve(const std::string& device_id, absl::Time now,
                                 absl::Duration deadline) {
  SHOAL_CHECK(HasRoom());
  if (participants_.empty()) row_.deadline = ToMicroseconds(now + deadline);
  participants_[device_id];
  ++unsettled_;
  return row_.deadline;
}

void RunningRound::CancelReservation(const std::string& device_id) {
  const auto found = participants_.find(device_id);
  if (found == participants_.end() ||
      found->second.standing != Participant::kReserved) {
    return;
  }
  --unsettled_;
  participants_.erase(found);
}

void RunningRound::Assign(const std::string& device_id, absl::Time deadline) {
  const auto [place, inserted] = participants_.try_emplace(device_id);
  if (inserted) ++unsettled_;
  if (place->second.standing == Participant::kReserved) {
    SetStanding(place->second, Participant::kAssigned);
  }
  if (row_.state != RoundState::kOpen) return;
  row_.state = RoundState::kCollecting;
  row_.deadline = deadline;
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

void RunningRound::LimitDeadline(absl::Time now, absl::Duration deadline) {
  if (row_.state != RoundState::kCollecting) return;
  row_.deadline = std::min(row_.deadline, ToMicroseconds(now + deadline));
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
  Participant& participant = At(upload.device_id);
  if (participant.upload.get() == &upload) participant.upload.reset();
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

void RunningRound::Count(const std::string& device_id, const Digest& digest,
                         int64_t segment_id) {
  const auto [place, inserted] = participants_.try_emplace(device_id);
  Participant& participant = place->second;
  if (inserted) ++unsettled_;
  if (participant.standing == Participant::kContributed) return;
  SetStanding(participant, Participant::kContributed);
  participant.digest = digest;
  participant.segment_id = segment_id;
  const std::shared_ptr<Upload> upload = std::move(participant.upload);
  participant.upload.reset();
  if (upload == nullptr || upload->digest != digest ||
      upload->phase != Upload::kQueued) {
    return;
  }
  --unanswered_;
  upload->phase = Upload::kCounted;
}

// --- what is due ------------------------------------------------------------

int RunningRound::PlacesLeft() const {
  return row_.max_assigned - contributed_;
}

absl::Time RunningRound::BatchDue(const BatchRule& rule, absl::Time now) const {
  if (queue_.empty() || PlacesLeft() <= 0) return absl::InfiniteFuture();
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
  return unsettled_ == 0 &&
         static_cast<int>(participants_.size()) >= row_.max_assigned;
}

RunningRound::Step RunningRound::NextStep(absl::Time now) {
  if (row_.state == RoundState::kSealed ||
      row_.state == RoundState::kRevealed) {
    return Step::kCommit;
  }
  if (row_.state != RoundState::kCollecting) return Step::kWait;
  // What is complete counts first.
  if (!queue_.empty() && PlacesLeft() > 0) return Step::kWait;
  if (!closing_ && contributed_ < row_.cohort && now < row_.deadline &&
      !NothingMoreCanCome()) {
    return Step::kWait;
  }
  closing_ = true;
  return contributed_ >= row_.min_reports ? Step::kSeal : Step::kFail;
}

std::vector<std::shared_ptr<Upload>> RunningRound::Close() {
  closing_ = true;
  std::vector<std::shared_ptr<Upload>> unanswered = std::move(queue_);
  queue_.clear();
  for (auto& [device_id, participant] : participants_) {
    const std::shared_ptr<Upload> upload = participant.upload;
    if (upload != nullptr && upload->phase == Upload::kArriving) {
      Drop(*upload, RoundOver(row_));
    }
  }
  return unanswered;
}

}  // namespace shoal::coordinator
