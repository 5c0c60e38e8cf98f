#include "coordinator/engine/round_groups.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/aggregate.h"
#include "coordinator/engine/batch.h"
#include "coordinator/engine/failpoints.h"
#include "coordinator/engine/upload_stream.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;
using secure_aggregation::Fault;
using secure_aggregation::GroupPhase;
using secure_aggregation::LostMember;
using secure_aggregation::RingVector;
using Uploads = std::vector<std::shared_ptr<Upload>>;

// A group that waits for a member that is sending looks again after this part
// of the window.
constexpr int kLooksPerWindow = 4;

int RoundUp(int dividend, int divisor) {
  return (dividend + divisor - 1) / divisor;
}

void Add(const RingVector& vector, RingVector& sum) {
  for (int64_t i = 0; i < vector.length(); ++i) {
    sum.Set(i, sum.Get(i) + vector.Get(i));
  }
}

// Of a number that devices claim, what counts.
int64_t Bounded(absl::int128 number) {
  return static_cast<int64_t>(
      std::clamp<absl::int128>(number, 0, std::numeric_limits<int64_t>::max()));
}

}  // namespace

RoundRow RoundGroups::Row() const {
  MutexLock lock(core_.mutex);
  return round_->row();
}

absl::Status RoundGroups::Work(bool leads, absl::Time now) {
  SHOAL_RETURN_IF_ERROR(FollowRound(now));
  ReadLetters(leads, now);
  next_wake_ = absl::InfiniteFuture();
  if (round_ != nullptr && leads) {
    FormGroups(now);
    SHOAL_RETURN_IF_ERROR(EndPhases(now));
    SetStanding();
  }
  AnswerHeld(now);
  if (!held_until_.empty()) {
    next_wake_ = std::min(next_wake_, held_until_.begin()->first);
  }
  return absl::OkStatus();
}

// --- the round --------------------------------------------------------------

absl::Status RoundGroups::FollowRound(absl::Time now) {
  std::shared_ptr<RunningRound> round;
  RoundRow row;
  {
    MutexLock lock(core_.mutex);
    round = task_.round;
    if (round != nullptr) row = round->row();
  }
  if (round_ != nullptr && (round == nullptr || row.id != round_id_)) {
    LeaveRound(now);
  }
  if (round == nullptr) return absl::OkStatus();
  if (round_ == nullptr) {
    stale_ = true;
    round_id_ = row.id;
    update_.emplace(SecureUpdateOf(*task_.setup, row));
  }
  round_ = std::move(round);
  if (std::exchange(state_, row.state) != row.state) {
    for (const auto& [id, group] : groups_) TouchAll(group);
  }
  return stale_ ? ReadGroups(now) : absl::OkStatus();
}

absl::Status RoundGroups::ReadGroups(absl::Time now) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<GroupRow> rows,
                         core_.deps.store.ReadGroupRows(round_id_));
  groups_.clear();
  group_of_.clear();
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    std::vector<std::string> of_group;
    while (end < rows.size() && rows[end].session == rows[begin].session) {
      of_group.push_back(rows[end++].row);
    }
    if (of_group.back() == kBurntRow) continue;
    SHOAL_ASSIGN_OR_RETURN(
        auto session, core_.group_maker().Restore(update_->session(), of_group,
                                                  core_.deps.verifier));
    LiveGroup group(std::move(session), std::ssize(of_group), now);
    for (int i = 0; i < group.session().num_members(); ++i) {
      group_of_[group.session().device_id(i)] = group.id();
    }
    const Digest id = group.id();
    TouchAll(groups_.emplace(id, std::move(group)).first->second);
  }
  std::erase_if(sums_,
                [&](const auto& sum) { return !groups_.contains(sum.first); });
  stale_ = false;
  return absl::OkStatus();
}

void RoundGroups::LeaveRound(absl::Time now) {
  for (auto& [device_id, held] : held_) {
    Tell(std::move(held.done), AnswerAfterRound(round_id_, device_id, now));
  }
  held_.clear();
  held_until_.clear();
  touched_.clear();
  groups_.clear();
  group_of_.clear();
  waiting_.clear();
  guilty_.clear();
  sums_.clear();
  round_ = nullptr;
}

void RoundGroups::TouchAll(const LiveGroup& group) {
  for (int i = 0; i < group.session().num_members(); ++i) {
    touched_.insert(group.session().device_id(i));
  }
}

// --- forming groups ---------------------------------------------------------

void RoundGroups::FormGroups(absl::Time now) {
  if (state_ != RoundState::kCollecting) return;
  while (const int size = SizeToForm(now)) FormGroup(size, now);
}

int RoundGroups::SizeToForm(absl::Time now) {
  const int waiting = static_cast<int>(waiting_.size());
  if (waiting < settings().min_group) return 0;
  const RoundRow row = Row();
  if (now >= row.deadline) return 0;
  const int max_group = SecureSettingsOf(task_.setup->task).max_group;
  int in_groups = 0;
  int at_work_in_groups = 0;
  for (const auto& [id, group] : groups_) {
    if (group.is_burnt()) continue;
    in_groups += group.session().num_members() -
                 static_cast<int>(group.session().lost().size());
    if (!group.is_settled()) {
      at_work_in_groups += group.session().num_pending();
    }
  }
  if (in_groups >= row.cohort) return 0;
  const int even = RoundUp(row.cohort, RoundUp(row.cohort, max_group));
  const int wanted =
      std::max(std::min(even, row.cohort - in_groups), settings().min_group);
  const int size = std::min(waiting, max_group);
  if (waiting >= wanted) return size;
  // Time for a group's phases, but no more than half of the round.
  const absl::Duration reserve =
      std::min(2 * policy().idle_window, policy().deadline / 2);
  if (now >= row.deadline - reserve) return size;
  next_wake_ = std::min(next_wake_, row.deadline - reserve);
  MutexLock lock(core_.mutex);
  const bool others =
      round_->HasRoom() || round_->at_work() > waiting + at_work_in_groups;
  return others ? 0 : size;
}

void RoundGroups::FormGroup(int size, absl::Time now) {
  std::vector<secure_aggregation::Joining> members;
  for (auto device = waiting_.begin(); std::ssize(members) < size;) {
    members.push_back({device->first, std::move(device->second)});
    touched_.insert(device->first);
    device = waiting_.erase(device);
  }
  auto session = core_.group_maker().Create(
      update_->session(), members, core_.deps.verifier, core_.group_rng());
  if (!session.ok()) {
    // Two of them have the same keys: nobody can tell whose they are. They are
    // told to begin anew.
    core_.deps.log.Warning("no group can be formed",
                           {{"task", task_.setup->task.name},
                            {"round", round_id_},
                            {"error", session.status().message()}});
    return;
  }
  LiveGroup group(*std::move(session), 0, now);
  const Digest id = group.id();
  core_.deps.log.Info("group formed", {{"task", task_.setup->task.name},
                                       {"round", round_id_},
                                       {"group", id.ToShortHex()},
                                       {"members", size}});
  for (const auto& member : members) group_of_[member.device_id] = id;
  groups_.emplace(id, std::move(group));
}

// --- phases -----------------------------------------------------------------

absl::Status RoundGroups::EndPhases(absl::Time now) {
  for (auto& [id, group] : groups_) {
    // What its members have said first: it may decide who is waited for.
    SHOAL_RETURN_IF_ERROR(WriteRows(group));
    while (IsPhaseOver(group, now)) {
      group.Proceed(core_.deps.fold_pool, now);
      CheckContributors(group);
      SHOAL_RETURN_IF_ERROR(WriteRows(group));
      TouchAll(group);
    }
  }
  return absl::OkStatus();
}

bool RoundGroups::IsPhaseOver(LiveGroup& group, absl::Time now) {
  if (group.is_burnt() || group.is_revealed()) return false;
  const absl::Duration window = policy().idle_window;
  if (group.is_settled()) {
    if (state_ < RoundState::kSealed) return false;
    if (group.IsPhaseOver(window, now)) return true;
    next_wake_ = std::min(next_wake_, group.next_look());
    return false;
  }
  const RoundRow row = Row();
  next_wake_ = std::min(next_wake_, row.deadline);
  const bool is_over = now >= row.deadline || group.IsPhaseOver(window, now);
  if (is_over && group.session().phase() == GroupPhase::kMasking) {
    MutexLock lock(core_.mutex);
    for (const auto& upload : round_->queue()) {
      // What is complete is counted first.
      if (upload->masked->session == group.id()) return false;
    }
  }
  if (is_over && now < row.deadline && IsSending(group)) {
    group.Extend(now + window / kLooksPerWindow);
    next_wake_ = std::min(next_wake_, group.next_look());
    return false;
  }
  if (!is_over) next_wake_ = std::min(next_wake_, group.next_look());
  return is_over;
}

// Whether a member that the group waits for is uploading.
bool RoundGroups::IsSending(const LiveGroup& group) {
  if (group.session().phase() != GroupPhase::kMasking) return false;
  MutexLock lock(core_.mutex);
  for (int i = 0; i < group.session().num_members(); ++i) {
    if (!group.session().IsPending(i)) continue;
    const Participant* self = round_->Find(group.session().device_id(i));
    if (self != nullptr && self->upload != nullptr &&
        self->upload->writer != 0) {
      return true;
    }
  }
  return false;
}

// A member whose lie came out after its vectors were added cannot be taken out
// of the sum: the group begins anew without it.
void RoundGroups::CheckContributors(LiveGroup& group) {
  if (!group.is_settled() || group.is_burnt()) return;
  const std::vector<bool>& contributors = group.session().contributors();
  MutexLock lock(core_.mutex);
  for (int i = 0; i < group.session().num_members(); ++i) {
    const std::string& device_id = group.session().device_id(i);
    const Participant* self = round_->Find(device_id);
    const bool is_counted = self != nullptr &&
                            self->standing == Participant::kContributed &&
                            group_of_[device_id] == group.id();
    if (is_counted == contributors[i]) continue;
    return group.Burn(absl::StrCat(
        "what member ", i, " had sent must not be in the sum: it lied"));
  }
}

absl::Status RoundGroups::WriteRows(LiveGroup& group) {
  const NewGroupRows rows = group.NewRows(round_id_);
  if (rows.rows.empty()) {
    NoteLost(group);
    return absl::OkStatus();
  }
  Failpoint("before_group_rows");
  const bool is_taken_back =
      group.is_burnt() && state_ == RoundState::kCollecting;
  const absl::Status written =
      core_.Noted(is_taken_back ? core_.deps.store.BurnGroup(rows)
                                : core_.deps.store.AppendGroupRows(rows));
  if (!written.ok()) {
    stale_ = true;
    return written;
  }
  Failpoint("after_group_rows");
  group.RowsWritten(rows);
  if (group.is_burnt()) {
    core_.deps.log.Warning("group burnt", {{"task", task_.setup->task.name},
                                           {"round", round_id_},
                                           {"group", group.id().ToShortHex()},
                                           {"reason", group.burn_reason()}});
    sums_.erase(group.id());
    MutexLock lock(core_.mutex);
    for (int i = 0; is_taken_back && i < group.session().num_members(); ++i) {
      round_->Uncount(group.session().device_id(i));
    }
  }
  NoteLost(group);
  return absl::OkStatus();
}

void RoundGroups::NoteLost(LiveGroup& group) {
  for (const LostMember& member : group.TakeLost()) {
    touched_.insert(member.device_id);
    core_.deps.log.Info("group goes on without a member",
                        {{"task", task_.setup->task.name},
                         {"round", round_id_},
                         {"group", group.id().ToShortHex()},
                         {"device", member.device_id},
                         {"reason", member.reason}});
    if (member.fault != Fault::kGuilty) continue;
    guilty_[member.device_id] = member.reason;
    waiting_.erase(member.device_id);
    RefuseUpdate(core_, *round_, round_id_, member.device_id, nullptr,
                 RefusalError(RefusalCode::kGroupFault, member.reason));
  }
}

void RoundGroups::SetStanding() {
  GroupsStanding standing;
  int num_groups = 0;
  int num_revealed = 0;
  for (const auto& [id, group] : groups_) {
    standing.settled = standing.settled && group.is_settled();
    if (group.is_burnt()) {
      standing.failed = standing.failed || state_ >= RoundState::kSealed;
      continue;
    }
    ++num_groups;
    num_revealed += group.is_revealed();
  }
  standing.revealed =
      num_groups > 0 && num_revealed == num_groups && !standing.failed;
  MutexLock lock(core_.mutex);
  const RoundRow& row = round_->row();
  standing.complete = standing.settled && num_groups > 0 &&
                      round_->accepted() >= row.min_reports;
  round_->SetGroups(standing);
}

// --- sums -------------------------------------------------------------------

absl::Status RoundGroups::CommitBatch(absl::Time now) {
  std::map<Digest, Uploads> by_group;
  {
    MutexLock lock(core_.mutex);
    for (auto& upload : round_->TakeBatch(core_.batch_rule())) {
      by_group[upload->masked->session].push_back(std::move(upload));
    }
  }
  while (!by_group.empty()) {
    auto one = by_group.extract(by_group.begin());
    const absl::Status committed =
        CommitOf(one.key(), std::move(one.mapped()), now);
    if (committed.ok()) continue;
    MutexLock lock(core_.mutex);
    for (auto& [session, uploads] : by_group) {
      round_->PutBack(std::move(uploads));
    }
    return committed;
  }
  return absl::OkStatus();
}

absl::Status RoundGroups::CommitOf(const Digest& session, Uploads uploads,
                                   absl::Time now) {
  const auto found = groups_.find(session);
  LiveGroup* group = found != groups_.end() ? &found->second : nullptr;
  Uploads members = TakeMembers(group, uploads);
  if (members.empty()) {
    return group != nullptr ? WriteRows(*group) : absl::OkStatus();
  }
  std::vector<RingVector> sums = update_->NoSum();
  std::vector<ContributionRow> rows;
  NewSegment segment;
  segment.round_id = round_id_;
  segment.replica = core_.options.replica;
  for (const auto& upload : members) {
    SHOAL_RETURN_IF_ERROR(
        protocol::AddPacked(upload->masked->vectors, absl::MakeSpan(sums)));
    segment.bytes_up += upload->bytes.num_bytes();
    ContributionRow& row = rows.emplace_back();
    row.device_id = upload->device_id;
    row.update_digest = upload->digest;
  }
  std::string bytes;
  if (core_.deps.store.keeps_sums()) {
    bytes = protocol::EncodeMaskedUpload(session, "", sums);
  }
  segment.sum = bytes;
  segment.group = group->NewRows(round_id_);
  Failpoint("before_commit_segment");
  const absl::StatusOr<SegmentResult> result =
      core_.deps.store.CommitSegment(segment, rows);
  core_.Noted(result.status()).IgnoreError();  // returned as well
  if (!result.ok() || result->kind != SegmentResult::kCommitted) {
    stale_ = true;  // the group is ahead of its rows
  }
  if (!result.ok()) {
    MutexLock lock(core_.mutex);
    round_->PutBack(std::move(members));
    return result.status();
  }
  if (result->kind == SegmentResult::kCommitted) {
    Failpoint("after_commit_segment");
    group->RowsWritten(*segment.group);
    MaskedSums& kept = sums_[session];
    if (kept.sums.empty()) kept.sums = update_->NoSum();
    for (size_t i = 0; i < sums.size(); ++i) Add(sums[i], kept.sums[i]);
    kept.num_updates += static_cast<int>(members.size());
    Acknowledge(core_, task_, *round_, members, std::move(rows),
                result->segment_id, now);
    NoteLost(*group);
    return absl::OkStatus();
  }
  Uploads ended = std::move(members);
  members.clear();
  if (result->kind == SegmentResult::kDuplicates) {
    members = std::move(ended);
    ended = TakeDuplicates(members, result->duplicates);
    if (ended.empty()) {
      return absl::InternalError(
          "the store names duplicates that are not in the batch");
    }
  }
  {
    MutexLock lock(core_.mutex);
    if (result->kind == SegmentResult::kClosed) task_.stale = true;
    round_->PutBack(std::move(members));
  }
  ResolveUploads(core_, task_, *round_, ended, now);
  return absl::OkStatus();
}

Uploads RoundGroups::TakeMembers(LiveGroup* group, Uploads& uploads) {
  Uploads members;
  for (auto& upload : uploads) {
    const std::optional<int> index =
        group != nullptr ? group->IndexOf(upload->device_id) : std::nullopt;
    if (!index.has_value() || group->is_settled()) {
      Refuse(*upload, RefusalError(RefusalCode::kGroupOver,
                                   "the group does not wait for masked "
                                   "updates any more"));
      continue;
    }
    secure_aggregation::Group& session = group->session();
    absl::Status taken;
    if (session.IsMaskedInput(upload->masked->message)) {
      taken = session.OnMessage(*index, upload->masked->message);
    } else {
      const absl::string_view why = "its vectors come without their message";
      session.Exclude(*index, why);
      taken = absl::InvalidArgumentError(why);
    }
    if (taken.ok()) {
      members.push_back(std::move(upload));
    } else if (absl::IsInvalidArgument(taken)) {
      Refuse(*upload, RefusalError(RefusalCode::kGroupFault, taken.message()));
    } else {
      Refuse(*upload, RefusalError(RefusalCode::kGroupOver, taken.message()));
    }
  }
  return members;
}

void RoundGroups::Refuse(Upload& upload, const absl::Status& why) {
  MutexLock lock(core_.mutex);
  round_->Drop(upload, why);
  core_.Tell(upload, why);
}

absl::StatusOr<std::vector<RingVector>> RoundGroups::SumsOf(
    const LiveGroup& group, const std::vector<SegmentRow>& segments) {
  const std::vector<bool>& contributors = group.session().contributors();
  const auto kept = sums_.find(group.id());
  if (kept != sums_.end() &&
      kept->second.num_updates ==
          std::count(contributors.begin(), contributors.end(), true)) {
    return kept->second.sums;
  }
  std::vector<RingVector> sums = update_->NoSum();
  for (const SegmentRow& segment : segments) {
    if (segment.session != group.id()) continue;
    const auto part =
        protocol::DecodeMaskedUpload(segment.sum, update_->session());
    if (!part.ok()) {
      return absl::DataLossError(absl::StrCat("segment ", segment.id,
                                              " of round ", round_id_, ": ",
                                              part.status().message()));
    }
    SHOAL_RETURN_IF_ERROR(
        protocol::AddPacked(part->vectors, absl::MakeSpan(sums)));
  }
  return sums;
}

absl::StatusOr<RoundOutput> RoundGroups::Aggregate(absl::Time now) {
  RoundStore& store = core_.deps.store;
  const RoundRow row = Row();
  SHOAL_ASSIGN_OR_RETURN(const std::vector<ContributionRow> contributions,
                         ReadContributions(store, row));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<SegmentRow> segments,
                         store.ReadSegments(row.id));
  absl::flat_hash_set<std::string> counted;
  for (const ContributionRow& one : contributions) {
    counted.insert(one.device_id);
  }
  std::vector<RingVector> total = update_->NoTotal();
  for (const auto& [id, group] : groups_) {
    if (group.is_burnt()) continue;
    for (int i = 0; i < group.session().num_members(); ++i) {
      if (!group.session().contributors()[i]) continue;
      if (counted.erase(group.session().device_id(i)) == 1) continue;
      return absl::DataLossError(
          absl::StrCat("member ", i, " of group ", id.ToShortHex(),
                       " is not among the contributions of round ", row.id));
    }
    SHOAL_ASSIGN_OR_RETURN(std::vector<RingVector> sums,
                           SumsOf(group, segments));
    group.session().Unmask(core_.deps.fold_pool, absl::MakeSpan(sums));
    update_->AddGroup(sums, absl::MakeSpan(total));
  }
  if (!counted.empty()) {
    return absl::DataLossError(absl::StrCat(counted.size(),
                                            " contributions of round ", row.id,
                                            " are in no group"));
  }
  RoundMean mean;
  const protocol::SecureTotals totals = update_->TotalsOf(total);
  mean.totals.num_updates = std::ssize(contributions);
  mean.totals.weight = Bounded(totals.weight);
  mean.totals.num_examples = Bounded(totals.num_examples);
  mean.totals.base_num_correct = Bounded(totals.base_num_correct);
  mean.totals.base_loss = totals.base_loss;
  mean.median_norm =
      std::max(update_->MeanNorm(totals, mean.totals.num_updates), 0.0);
  mean.values.resize(task_.setup->num_update_values());
  if (const absl::Status decoded =
          update_->Mean(total, absl::MakeSpan(mean.values));
      !decoded.ok()) {
    return absl::OutOfRangeError(decoded.message());
  }
  // Of updates that were divided by something, the mean of what they were
  // divided by: exactly 1 where none was.
  const double divisor = static_cast<double>(totals.divisors) *
                         protocol::kTotalsDivisorUnit /
                         static_cast<double>(totals.weight);
  for (double& value : mean.values) value *= divisor;
  return MakeOutput(store, *task_.setup, row, std::move(mean), now);
}

}  // namespace shoal::coordinator
