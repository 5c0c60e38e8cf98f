#include "coordinator/engine/round_groups.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/failpoints.h"
#include "coordinator/engine/group_sizes.h"

namespace shoal::coordinator {
namespace {

using secure_aggregation::Fault;
using secure_aggregation::GroupPhase;
using secure_aggregation::LostMember;

// A group that waits for a member that is sending looks again after this part
// of the window.
constexpr int kLooksPerWindow = 4;

}  // namespace

RoundRow RoundGroups::Row() const {
  MutexLock lock(core_.mutex);
  return round_->row();
}

absl::Status RoundGroups::Work(const std::optional<Lease>& lease,
                               absl::Time now) {
  const bool leads = lease.has_value();
  if (leads) lease_ = *lease;
  next_wake_ = absl::InfiniteFuture();
  if (!leads) stale_ = true;
  SHOAL_RETURN_IF_ERROR(FollowRound(leads, now));
  if (!leads) {
    SendOn(now);
    return absl::OkStatus();
  }
  ReadLetters(now);
  if (round_ != nullptr) {
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

absl::Status RoundGroups::FollowRound(bool leads, absl::Time now) {
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
    for (auto& [id, group] : groups_) {
      // Nobody has been asked to go on before the seal.
      if (state_ == RoundState::kSealed) group.BeginPhase(now);
      TouchAll(group);
    }
  }
  return leads && stale_ ? ReadGroups(now) : absl::OkStatus();
}

absl::Status RoundGroups::ReadGroups(absl::Time now) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<GroupRow> rows,
                         core_.deps.store.ReadGroupRows(round_id_));
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<FaultRow> faults,
      core_.deps.store.ListFaults(/*device_id=*/"", round_id_,
                                  std::numeric_limits<int>::max()));
  groups_.clear();
  group_of_.clear();
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    std::vector<std::string> of_group;
    while (end < rows.size() && rows[end].session == rows[begin].session) {
      of_group.push_back(rows[end++].row);
    }
    if (of_group.back() == kUnrevealedRow) is_hopeless_ = true;
    if (of_group.back().size() <= kUnrevealedRow.size()) continue;
    SHOAL_ASSIGN_OR_RETURN(
        auto session, core_.group_maker().Restore(update_->session(), of_group,
                                                  core_.deps.verifier));
    // Members agree on the session's name only if they agree on its plan.
    if (session->session() != rows[begin].session) {
      return absl::DataLossError(
          absl::StrCat("group ", rows[begin].session.ToShortHex(), " of round ",
                       round_id_, " was formed for another plan"));
    }
    LiveGroup group(std::move(session), std::ssize(of_group), now);
    for (int i = 0; i < group.session().num_members(); ++i) {
      const std::string& device_id = group.session().device_id(i);
      group_of_[device_id] = group.id();
      SHOAL_ASSIGN_OR_RETURN(
          const secure_aggregation::GroupMaker::Keys read,
          core_.group_maker().ReadKeys(group.session().advertise(i)));
      for (const std::string& key : read.keys) key_owners_[key] = device_id;
    }
    const Digest id = group.id();
    TouchAll(groups_.emplace(id, std::move(group)).first->second);
  }
  std::erase_if(sums_,
                [&](const auto& sum) { return !groups_.contains(sum.first); });
  for (const FaultRow& fault : faults) {
    // (A group that has heard of it may have no row of that.)
    Bar(fault.device_id, fault.what);
  }
  // A group that was never written is gone, and its members wait for it.
  for (const auto& [device_id, held] : held_) touched_.insert(device_id);
  stale_ = false;
  return absl::OkStatus();
}

void RoundGroups::LeaveRound(absl::Time now) {
  for (auto& [device_id, held] : held_) {
    Tell(std::move(held.done), AnswerAfterRound(round_id_, device_id, now));
  }
  held_.clear();
  held_until_.clear();
  ForgetGroups();
  guilty_.clear();
  round_ = nullptr;
}

void RoundGroups::ForgetGroups() {
  touched_.clear();
  groups_.clear();
  group_of_.clear();
  waiting_.clear();
  key_owners_.clear();
  joins_.clear();
  silent_.clear();
  sums_.clear();
  is_hopeless_ = false;
}

void RoundGroups::TouchAll(const LiveGroup& group) {
  for (int i = 0; i < group.session().num_members(); ++i) {
    touched_.insert(group.session().device_id(i));
  }
}

// --- forming groups ---------------------------------------------------------

void RoundGroups::FormGroups(absl::Time now) {
  if (state_ != RoundState::kCollecting) return;
  DropAbsent(now);
  while (const int size = SizeToForm(now)) FormGroup(size, now);
}

void RoundGroups::DropAbsent(absl::Time now) {
  const absl::Duration window = policy().idle_window;
  MutexLock lock(core_.mutex);
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    const auto place = next++;
    auto& [device_id, waiting] = *place;
    waiting.heard = std::min(waiting.heard, now);  // should a clock be set back
    const Participant* self = round_->Find(device_id);
    const bool is_silent =
        now >= waiting.heard + window && !held_.contains(device_id);
    const bool is_at_work =
        self != nullptr && self->standing == Participant::kAssigned;
    if (is_at_work && !is_silent) continue;
    if (is_silent) silent_.insert(device_id);
    touched_.insert(device_id);
    waiting_.erase(place);
  }
}

int RoundGroups::SizeToForm(absl::Time now) {
  GroupDemand demand;
  demand.min_group = settings().min_group;
  demand.max_group = SecureSettingsOf(task_.setup->task).max_group;
  demand.waiting = static_cast<int>(waiting_.size());
  const RoundRow row = Row();
  if (demand.waiting < demand.min_group || now >= row.deadline) return 0;
  demand.missing = row.cohort;
  for (const auto& [id, group] : groups_) {
    if (group.is_burnt()) continue;
    demand.missing -= group.session().num_members() -
                      static_cast<int>(group.session().lost().size());
  }
  if (demand.missing <= 0) return 0;
  // Time for a group's phases, but no more than half of the round.
  const absl::Duration reserve =
      std::min(2 * policy().idle_window, policy().deadline / 2);
  if (now < row.deadline - reserve) {
    next_wake_ = std::min(next_wake_, row.deadline - reserve);
    demand.may_come = MayCome();
  }
  return NextGroupSize(demand);
}

int RoundGroups::MayCome() {
  int accounted = 0;
  for (const auto& [id, group] : groups_) {
    if (group.is_settled()) continue;
    // Who has shared is at work until its masked update is counted.
    const secure_aggregation::Group& session = group.session();
    accounted +=
        session.phase() == GroupPhase::kSharing
            ? session.num_members() - static_cast<int>(session.lost().size())
            : session.num_pending();
  }
  MutexLock lock(core_.mutex);
  const auto known = [&](const std::string& device_id) {
    const Participant* self = round_->Find(device_id);
    return self != nullptr && self->standing == Participant::kAssigned;
  };
  for (const auto& [device_id, waiting] : waiting_) {
    accounted += known(device_id);
  }
  for (const std::string& device_id : silent_) {
    accounted += known(device_id) && !waiting_.contains(device_id);
  }
  return round_->standing().free_places +
         std::max(round_->at_work() - accounted, 0);
}

// So that nobody sits with the same devices in round after round.
std::vector<std::string> RoundGroups::ChooseWaiting(int size) {
  std::vector<std::string> devices;
  for (const auto& [device_id, waiting] : waiting_) {
    devices.push_back(device_id);
  }
  const auto num_waiting = static_cast<int>(devices.size());
  if (num_waiting == size) return devices;
  for (int i = 0; i < size; ++i) {
    const double place = core_.group_rng().Uniform() * (num_waiting - i);
    std::swap(devices[i], devices[i + static_cast<int>(place)]);
  }
  devices.resize(size);
  std::sort(devices.begin(), devices.end());
  return devices;
}

void RoundGroups::FormGroup(int size, absl::Time now) {
  std::vector<secure_aggregation::Joining> members;
  for (const std::string& device_id : ChooseWaiting(size)) {
    members.push_back({device_id, std::move(waiting_.at(device_id).keys)});
    touched_.insert(device_id);
    waiting_.erase(device_id);
  }
  auto session = core_.group_maker().Create(
      update_->session(), members, core_.deps.verifier, core_.group_rng());
  if (!session.ok()) {
    // Two of them have the same keys, since before we were here: nobody can
    // tell whose they are. They are told to begin anew.
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
    SHOAL_RETURN_IF_ERROR(WriteRows(group, now));
    while (IsPhaseOver(group, now)) {
      group.Proceed(core_.deps.fold_pool, now);
      CheckContributors(group);
      SHOAL_RETURN_IF_ERROR(WriteRows(group, now));
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
  if (is_over && now < row.deadline && now < group.SendingEnd(window) &&
      IsSending(group)) {
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

absl::Status RoundGroups::WriteRows(LiveGroup& group, absl::Time now) {
  const bool is_sealed = state_ >= RoundState::kSealed;
  NewGroupRows rows = group.NewRows(round_id_, is_sealed, now);
  rows.lease = lease_;
  if (rows.rows.empty()) {
    NoteLost(group);
    return absl::OkStatus();
  }
  Failpoint("before_group_rows");
  const bool is_taken_back = group.is_burnt() && !is_sealed;
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
    is_hopeless_ = is_hopeless_ || is_sealed;
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
    if (group_of_[member.device_id] == group.id()) {
      silent_.insert(member.device_id);
    }
    core_.deps.log.Info("group goes on without a member",
                        {{"task", task_.setup->task.name},
                         {"round", round_id_},
                         {"group", group.id().ToShortHex()},
                         {"device", member.device_id},
                         {"reason", member.reason}});
    if (member.fault == Fault::kGuilty) {
      Bar(member.device_id, group.FaultOf(member));
    }
  }
}

void RoundGroups::SetStanding() {
  GroupsStanding standing;
  standing.failed = is_hopeless_;
  int num_groups = 0;
  int num_revealed = 0;
  int joined = 0;
  for (const auto& [id, group] : groups_) {
    standing.settled = standing.settled && group.is_settled();
    if (group.is_burnt()) continue;
    ++num_groups;
    joined += group.session().num_members();
    num_revealed += group.is_revealed();
  }
  standing.revealed =
      num_groups > 0 && num_revealed == num_groups && !standing.failed;
  const bool is_full =
      standing.settled && (joined >= Row().cohort || MayCome() == 0);
  MutexLock lock(core_.mutex);
  standing.complete = num_groups > 0 && is_full &&
                      round_->accepted() >= round_->row().min_reports;
  round_->SetGroups(standing);
}

}  // namespace shoal::coordinator
