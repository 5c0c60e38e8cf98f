// What devices say to their groups, and what they are told.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/round_groups.h"
#include "coordinator/engine/upload_stream.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

// Of one device in a round: all, and those without a reason that we know. A
// device of ours gives up long before.
constexpr int kMaxJoins = 20;
constexpr int kMaxUnaskedJoins = 10;

constexpr absl::string_view kOnJoining = "on joining a group";

bool IsLost(const secure_aggregation::Group& session, int index) {
  return std::any_of(session.lost().begin(), session.lost().end(),
                     [&](const auto& lost) { return lost.index == index; });
}

}  // namespace

using protocol::AggregateAnswer;
using protocol::RefusalCode;
using protocol::RefusalError;
using secure_aggregation::GroupPhase;

std::vector<GroupLetter> RoundGroups::TakeLetters() {
  MutexLock lock(core_.mutex);
  return std::exchange(task_.letters, {});
}

bool RoundGroups::IsLate(GroupLetter& letter, absl::Time now) {
  if (round_ != nullptr && letter.round_id == round_id_) return false;
  if (letter.done) {
    Tell(std::move(letter.done),
         AnswerAfterRound(letter.round_id, letter.device_id, now));
  }
  return true;
}

void RoundGroups::SendOn(absl::Time now) {
  for (GroupLetter& letter : TakeLetters()) {
    if (IsLate(letter, now) || !letter.done) continue;
    Tell(std::move(letter.done), LedElsewhere());
  }
  SendAway(LedElsewhere());
  ForgetGroups();
  if (round_ == nullptr) return;
  MutexLock lock(core_.mutex);
  for (const auto& upload : round_->TakeQueue()) {
    round_->Drop(*upload, LedElsewhere());
    core_.Tell(*upload, LedElsewhere());
  }
}

void RoundGroups::ReadLetters(absl::Time now) {
  for (GroupLetter& letter : TakeLetters()) {
    if (IsLate(letter, now)) continue;
    if (!letter.fault.empty()) {
      NoteFault(letter.device_id, letter.fault);
      continue;
    }
    if (!letter.done) {
      NoteLeft(letter.device_id, "it left the round");
      continue;
    }
    const absl::Status taken =
        letter.request.session.has_value() ? Pass(letter) : Join(letter, now);
    if (taken.ok()) {
      Hold(std::move(letter), now);
    } else {
      Tell(std::move(letter.done), taken);
    }
  }
}

absl::Status RoundGroups::Join(GroupLetter& letter, absl::Time now) {
  const std::string& device_id = letter.device_id;
  if (const auto guilty = guilty_.find(device_id); guilty != guilty_.end()) {
    RefuseAsGuilty(device_id);
    return RefusalError(RefusalCode::kGroupFault, guilty->second);
  }
  LiveGroup* group = GroupOf(device_id, std::nullopt);
  bool is_counted = false;
  bool takes_reports = false;
  {
    MutexLock lock(core_.mutex);
    const Participant* self = round_->Find(device_id);
    is_counted = self != nullptr && self->standing == Participant::kContributed;
    takes_reports = round_->takes_reports() && self != nullptr &&
                    self->standing == Participant::kAssigned &&
                    now < round_->row().deadline;
  }
  if (is_counted) return absl::OkStatus();
  absl::StatusOr<secure_aggregation::GroupMaker::Keys> read =
      core_.group_maker().ReadKeys(letter.request.message);
  if (!read.ok()) {
    return Blame(device_id, kOnJoining, read.status().message(), now);
  }
  for (const std::string& key : read->keys) {
    const auto owner = key_owners_.find(key);
    if (owner != key_owners_.end() && owner->second != device_id) {
      return Blame(device_id, kOnJoining, "it has a key of another device",
                   now);
    }
  }
  const std::string& keys = letter.request.message = read->advertise;
  bool is_unasked = false;
  if (group != nullptr && !group->is_burnt()) {
    const int index = *group->IndexOf(device_id);
    if (group->session().advertise(index) == keys) return absl::OkStatus();
    // Whom the group has lost is told to begin anew; another one has lost its
    // secrets.
    is_unasked = !IsLost(group->session(), index);
    group->session().Leave(index, "it joined with other keys");
  }
  if (!takes_reports) return RoundOver(round_id_);
  const auto known = waiting_.find(device_id);
  if (known != waiting_.end()) {
    if (known->second.keys == keys) return absl::OkStatus();  // it asks again
    is_unasked = true;
  }
  return LetWait(device_id, *read, is_unasked, now);
}

absl::Status RoundGroups::LetWait(
    const std::string& device_id,
    const secure_aggregation::GroupMaker::Keys& read, bool is_unasked,
    absl::Time now) {
  const auto refuse = [&](RefusalCode code, absl::string_view sentence) {
    const absl::Status why = RefusalError(code, sentence);
    RefuseUpdate(core_, *round_, round_id_, device_id, nullptr, why);
    return why;
  };
  Joins& joins = joins_[device_id];
  joins.unasked += is_unasked;
  if (joins.unasked > kMaxUnaskedJoins) {
    return Blame(device_id, kOnJoining,
                 "it joins again and again, with other keys", now);
  }
  if (++joins.all > kMaxJoins) {
    return refuse(RefusalCode::kRoundOver,
                  absl::StrCat("round ", round_id_, " lets a device join ",
                               kMaxJoins, " times, and no more"));
  }
  const absl::Status checked = core_.group_maker().Check(
      update_->session(), {device_id, read.advertise}, core_.deps.verifier);
  if (absl::IsInvalidArgument(checked)) {
    return Blame(device_id, kOnJoining, checked.message(), now);
  }
  if (!checked.ok()) {
    // No lie: its certificate may have expired since it connected.
    return refuse(RefusalCode::kUnauthenticated, checked.message());
  }
  for (const std::string& key : read.keys) key_owners_[key] = device_id;
  waiting_[device_id] = {read.advertise, now};
  silent_.erase(device_id);
  return absl::OkStatus();
}

absl::Status RoundGroups::Blame(const std::string& device_id,
                                absl::string_view when, absl::string_view why,
                                absl::Time now) {
  const FaultRow fault = {device_id, round_id_, now,
                          absl::StrCat(when, ": ", why)};
  const absl::Status recorded =
      core_.Noted(core_.deps.store.RecordFault(fault));
  // It is found out again when it comes back.
  if (!recorded.ok()) return StoreUnavailable(recorded);
  NoteFault(device_id, fault.what);
  return RefusalError(RefusalCode::kGroupFault, fault.what);
}

void RoundGroups::NoteFault(const std::string& device_id,
                            const std::string& what) {
  LiveGroup* group = GroupOf(device_id, std::nullopt);
  if (group != nullptr && !group->is_settled()) {
    group->session().Exclude(*group->IndexOf(device_id), what);
  }
  Bar(device_id, what);
}

void RoundGroups::Bar(const std::string& device_id, const std::string& what) {
  guilty_.try_emplace(device_id, what);
  // Its newest group may be another than the one that has found it out.
  NoteLeft(device_id, what);
  RefuseAsGuilty(device_id);
}

void RoundGroups::RefuseAsGuilty(const std::string& device_id) {
  {
    MutexLock lock(core_.mutex);
    const Participant* self = round_->Find(device_id);
    if (self == nullptr || self->standing != Participant::kAssigned) return;
  }
  RefuseUpdate(core_, *round_, round_id_, device_id, nullptr,
               RefusalError(RefusalCode::kGroupFault, guilty_.at(device_id)));
}

absl::Status RoundGroups::Pass(const GroupLetter& letter) {
  const std::string& bytes = letter.request.message;
  LiveGroup* group = GroupOf(letter.device_id, letter.request.session);
  if (bytes.empty() || group == nullptr || group->is_burnt()) {
    return absl::OkStatus();
  }
  // What is said before it was asked for means nothing.
  if (group->is_settled() && state_ < RoundState::kSealed) {
    return absl::OkStatus();
  }
  if (group->session().IsMaskedInput(bytes)) {
    return RefusalError(RefusalCode::kBadRequest,
                        "message: masked input goes with its vectors, in an "
                        "upload");
  }
  // What comes of it, also a refusal, is said when it is durable.
  const int index = *group->IndexOf(letter.device_id);
  group->session().OnMessage(index, bytes).IgnoreError();
  return absl::OkStatus();
}

void RoundGroups::NoteLeft(const std::string& device_id,
                           absl::string_view why) {
  waiting_.erase(device_id);
  touched_.insert(device_id);
  LiveGroup* group = GroupOf(device_id, std::nullopt);
  if (group == nullptr || group->is_settled()) return;
  group->session().Leave(*group->IndexOf(device_id), why);
}

void RoundGroups::Hold(GroupLetter letter, absl::Time now) {
  const auto earlier = held_.find(letter.device_id);
  if (earlier != held_.end()) {
    held_until_.erase({earlier->second.until, letter.device_id});
    Tell(std::move(earlier->second.done),
         AggregateAnswer{earlier->second.session, protocol::GroupWait{}});
    held_.erase(earlier);
  }
  const absl::Time until = now + hold();
  held_until_.insert({until, letter.device_id});
  touched_.insert(letter.device_id);
  held_.emplace(letter.device_id,
                Held{std::move(letter.done), letter.request.session,
                     std::move(letter.request.message), until});
}

LiveGroup* RoundGroups::GroupOf(const std::string& device_id,
                                const std::optional<Digest>& session) {
  Digest id;
  if (session.has_value()) {
    id = *session;
  } else {
    const auto newest = group_of_.find(device_id);
    if (newest == group_of_.end()) return nullptr;
    id = newest->second;
  }
  const auto group = groups_.find(id);
  if (group == groups_.end() || !group->second.IndexOf(device_id).has_value()) {
    return nullptr;
  }
  return &group->second;
}

// --- answers ----------------------------------------------------------------

void RoundGroups::AnswerHeld(absl::Time now) {
  bool admitting = false;
  {
    MutexLock lock(core_.mutex);
    admitting = core_.admitting;
  }
  if (!admitting) return SendAway(ShuttingDown());
  for (const auto& [until, device_id] : held_until_) {
    if (until > now) break;
    touched_.insert(device_id);
  }
  for (const std::string& device_id : std::exchange(touched_, {})) {
    const auto found = held_.find(device_id);
    if (found == held_.end()) continue;
    Held& held = found->second;
    std::optional<Answer> answer = AnswerFor(device_id, held, now);
    if (!answer.has_value() && now >= held.until) {
      answer = AggregateAnswer{held.session, protocol::GroupWait{}};
      // It could not call again before; we may be late.
      const auto waiting = waiting_.find(device_id);
      if (waiting != waiting_.end()) waiting->second.heard = now - hold();
    }
    if (!answer.has_value()) continue;
    held_until_.erase({held.until, device_id});
    Tell(std::move(held.done), *std::move(answer));
    held_.erase(found);
  }
}

void RoundGroups::SendAway(const absl::Status& why) {
  for (auto& [device_id, held] : held_) Tell(std::move(held.done), why);
  held_.clear();
  held_until_.clear();
}

std::optional<RoundGroups::Answer> RoundGroups::AnswerFor(
    const std::string& device_id, const Held& held, absl::Time now) {
  const auto guilty = guilty_.find(device_id);
  if (guilty != guilty_.end()) {
    return RefusalError(RefusalCode::kGroupFault, guilty->second);
  }
  if (!held.session.has_value() && waiting_.contains(device_id)) {
    return std::nullopt;
  }
  // One that is counted and says nothing of a session has lost its secrets.
  if (!held.session.has_value()) {
    if (auto receipt = ReceiptFor(device_id, Digest(), now)) return receipt;
  }
  LiveGroup* group = GroupOf(device_id, held.session);
  if (group != nullptr) {
    const int index = *group->IndexOf(device_id);
    // One that joins anew, and whose new group could not be written, knows
    // nothing of the old one any more.
    const bool is_its_own = held.session.has_value() ||
                            group->session().advertise(index) == held.keys;
    if (is_its_own) return AnswerMember(*group, index, now);
  }
  if (held.session.has_value()) {
    if (auto receipt = ReceiptFor(device_id, *held.session, now)) {
      return receipt;
    }
  }
  MutexLock lock(core_.mutex);
  if (!round_->takes_reports()) return RoundOver(round_id_);
  return AggregateAnswer{
      held.session, protocol::GroupAfresh{"the group is not there any more"}};
}

std::optional<RoundGroups::Answer> RoundGroups::AnswerMember(LiveGroup& group,
                                                             int index,
                                                             absl::Time now) {
  const secure_aggregation::Group& session = group.session();
  const std::string& device_id = session.device_id(index);
  const bool is_sealed = state_ >= RoundState::kSealed;
  const auto afresh = [&](absl::string_view why) -> Answer {
    return AggregateAnswer{group.id(), protocol::GroupAfresh{std::string(why)}};
  };
  if (group.is_burnt()) {
    // After the seal the round fails: it says so.
    if (is_sealed) return std::nullopt;
    return afresh(group.burn_reason());
  }
  if (group.is_settled() && !is_sealed) {
    if (session.contributors()[index]) return std::nullopt;
    return afresh("the group goes on without the device");
  }
  if (session.IsPending(index)) {
    const std::optional<std::string> message = session.MessageFor(index);
    if (!message.has_value()) return std::nullopt;
    group.NoteTold(index, now);
    return AggregateAnswer{group.id(), protocol::GroupMessage{*message}};
  }
  if (!group.is_settled()) {
    for (const secure_aggregation::LostMember& lost : session.lost()) {
      if (lost.index == index) return afresh(lost.reason);
    }
    return std::nullopt;
  }
  if (session.phase() == GroupPhase::kConsistency) return std::nullopt;
  if (auto receipt = ReceiptFor(device_id, group.id(), now)) return receipt;
  return RoundOver(round_id_);
}

std::optional<RoundGroups::Answer> RoundGroups::ReceiptFor(
    const std::string& device_id, const Digest& session, absl::Time now) {
  MutexLock lock(core_.mutex);
  const Participant* self = round_->Find(device_id);
  if (self == nullptr || self->standing != Participant::kContributed) {
    return std::nullopt;
  }
  return AggregateAnswer{
      session,
      core_.ReceiptFor(task_, round_id_, self->digest, self->segment_id, now)};
}

RoundGroups::Answer RoundGroups::AnswerAfterRound(int64_t round_id,
                                                  const std::string& device_id,
                                                  absl::Time now) {
  const absl::StatusOr<std::optional<ContributionRow>> row =
      core_.deps.store.GetContribution(round_id, device_id);
  if (absl::IsNotFound(row.status())) return RoundOver(round_id);
  if (!row.ok()) return StoreUnavailable(row.status());
  if (!row->has_value()) return RoundOver(round_id);
  const absl::StatusOr<RoundRow> round = core_.deps.store.GetRound(round_id);
  if (!round.ok()) return StoreUnavailable(round.status());
  if (round->state == RoundState::kFailed) return RoundOver(round_id);
  MutexLock lock(core_.mutex);
  return AggregateAnswer{
      std::nullopt, core_.ReceiptFor(task_, round_id, (*row)->update_digest,
                                     (*row)->segment_id, now)};
}

void RoundGroups::Tell(AggregateDone done, Answer answer) {
  MutexLock lock(core_.mutex);
  core_.group_answers.push_back({std::move(done), std::move(answer)});
}

}  // namespace shoal::coordinator
