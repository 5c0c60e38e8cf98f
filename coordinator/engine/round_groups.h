// The groups of a task's round: from the devices that wait to the unmasked sum.
// Bonawitz et al. 2017 with the graph of Bell et al. 2020; the sessions
// themselves are privacy/secure_aggregation's, here is what is around them: who
// joins which, whom to wait for and how long, what has to be durable before
// anything is said.
#ifndef SHOAL_COORDINATOR_ENGINE_ROUND_GROUPS_H_
#define SHOAL_COORDINATOR_ENGINE_ROUND_GROUPS_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "coordinator/engine/engine_core.h"
#include "coordinator/engine/live_group.h"
#include "coordinator/engine/round_privacy.h"
#include "protocol/secure_update.h"

namespace shoal::coordinator {

// The masked sums of a group, as far as this process has committed them.
struct MaskedSums {
  std::vector<secure_aggregation::RingVector> sums;
  int num_updates = 0;
};

// Used by Advance() alone: one thread at a time, no lock held by the caller.
// After an error memory may be ahead of the rows: it reads them again.
class RoundGroups {
 public:
  // Both must outlive it. REQUIRES: the task asks for secure aggregation.
  RoundGroups(EngineCore& core, RunningTask& task) : core_(core), task_(task) {}

  // Reads what devices have said, forms groups, ends their phases, writes what
  // happened, and answers the devices. Only who has the task's `lease` does;
  // whoever has none keeps nothing of devices, and sends them on.
  absl::Status Work(const std::optional<Lease>& lease, absl::Time now);
  // Commits a batch of masked updates.
  absl::Status CommitBatch(absl::Time now);
  // From the unmasked sums of a revealed round to the next version. Errors as
  // AggregateRound.
  // `privacy`: as AggregateRound().
  absl::StatusOr<RoundOutput> Aggregate(RoundPrivacy* privacy, absl::Time now);
  // When Work() has something to do, if nobody says anything.
  absl::Time next_wake() const { return next_wake_; }
  void MakeStale() { stale_ = true; }

 private:
  // A device's call that waits for its answer.
  struct Held {
    AggregateDone done;
    std::optional<Digest> session;
    std::string keys;  // that it joins with, where there is no session
    absl::Time until;
  };

  // A device that waits for a group.
  struct Waiting {
    std::string keys;
    absl::Time heard;  // when it made the last call that is answered
  };

  // The round.
  absl::Status FollowRound(bool leads, absl::Time now);
  absl::Status ReadGroups(absl::Time now);
  void LeaveRound(absl::Time now);
  void ForgetGroups();

  // What devices say.
  // Another replica leads: sends all devices to it, and forgets the groups, of
  // which only the rows say how they stand.
  void SendOn(absl::Time now);
  void ReadLetters(absl::Time now);
  std::vector<GroupLetter> TakeLetters();
  // Answers a letter of another round; false when it is of this one.
  bool IsLate(GroupLetter& letter, absl::Time now);
  absl::Status Join(GroupLetter& letter, absl::Time now);
  // The rest of Join(): with these keys it waits for a group. `is_unasked`: it
  // has others that are good.
  absl::Status LetWait(const std::string& device_id,
                       const secure_aggregation::GroupMaker::Keys& read,
                       bool is_unasked, absl::Time now);
  // Notes, durably, what a device has done; what to tell it.
  absl::Status Blame(const std::string& device_id, absl::string_view when,
                     absl::string_view why, absl::Time now);
  // What the device did is a row: the group that it is in goes on without it.
  void NoteFault(const std::string& device_id, const std::string& what);
  // A device that broke the protocol is let into no group any more. What it did
  // is in the store.
  void Bar(const std::string& device_id, const std::string& what);
  // Ends its assignment, unless that has ended.
  void RefuseAsGuilty(const std::string& device_id);
  absl::Status Pass(const GroupLetter& letter);
  void NoteLeft(const std::string& device_id, absl::string_view why);
  void Hold(GroupLetter letter, absl::Time now);
  // The group of the session, or the newest, that the device is in.
  LiveGroup* GroupOf(const std::string& device_id,
                     const std::optional<Digest>& session);

  // What is due.
  void FormGroups(absl::Time now);
  // Who waits calls again at once when it is told to, and is told after half an
  // idle window at most. Whoever has made no call for a whole one is gone, and
  // waits no more until it comes back; nor does who has no assignment any more.
  void DropAbsent(absl::Time now);
  int SizeToForm(absl::Time now);
  // How many devices may still join, at most, that are neither waiting, nor
  // silent, nor at work in a group.
  int MayCome();
  // Some of those that wait, at random, in the order of their ids. REQUIRES: as
  // many wait.
  std::vector<std::string> ChooseWaiting(int size);
  void FormGroup(int size, absl::Time now);
  absl::Status EndPhases(absl::Time now);
  bool IsPhaseOver(LiveGroup& group, absl::Time now);
  bool IsSending(const LiveGroup& group);
  void CheckContributors(LiveGroup& group);
  absl::Status WriteRows(LiveGroup& group, absl::Time now);
  void NoteLost(LiveGroup& group);
  void SetStanding();

  absl::Status CommitOf(const Digest& session,
                        std::vector<std::shared_ptr<Upload>> uploads,
                        absl::Time now);
  // An upload that its group does not take. Why is told when it is durable.
  struct RefusedUpload {
    std::shared_ptr<Upload> upload;
    absl::Status why;
  };
  std::vector<std::shared_ptr<Upload>> TakeMembers(
      LiveGroup* group, std::vector<std::shared_ptr<Upload>>& uploads,
      std::vector<RefusedUpload>& refused, absl::Time now);
  void TellRefused(const std::vector<RefusedUpload>& refused);
  // Nothing of it is durable: all are looked at again, those that were to be
  // refused as well.
  void PutBack(std::vector<std::shared_ptr<Upload>> uploads,
               std::vector<RefusedUpload>& refused);
  absl::StatusOr<std::vector<secure_aggregation::RingVector>> SumsOf(
      const LiveGroup& group, const std::vector<SegmentRow>& segments);

  // What devices are told.
  using Answer = absl::StatusOr<protocol::AggregateAnswer>;
  void AnswerHeld(absl::Time now);
  void SendAway(const absl::Status& why);  // everybody who waits
  std::optional<Answer> AnswerFor(const std::string& device_id,
                                  const Held& held, absl::Time now);
  std::optional<Answer> AnswerMember(LiveGroup& group, int index,
                                     absl::Time now);
  std::optional<Answer> ReceiptFor(const std::string& device_id,
                                   const Digest& session, absl::Time now);
  Answer AnswerAfterRound(int64_t round_id, const std::string& device_id,
                          absl::Time now);
  void Tell(AggregateDone done, Answer answer);
  void TouchAll(const LiveGroup& group);

  RoundRow Row() const;
  const configuration::RoundPolicy& policy() const {
    return task_.setup->task.round;
  }
  // How long a call waits for its answer.
  absl::Duration hold() const {
    return std::min(core_.options.max_hold, policy().idle_window / 2);
  }
  const protocol::SecureAggregation& settings() const {
    return *task_.setup->task.secure_aggregation;
  }

  EngineCore& core_;
  RunningTask& task_;
  Lease lease_;  // the newest, under which rows are written
  bool stale_ = true;
  absl::Time next_wake_ = absl::InfinitePast();

  // Of the round that is followed; null: none.
  std::shared_ptr<RunningRound> round_;
  int64_t round_id_ = 0;
  RoundState state_ = RoundState::kOpen;
  std::optional<protocol::SecureUpdate> update_;
  std::map<Digest, LiveGroup> groups_;
  std::map<std::string, Digest> group_of_;  // the newest, by device
  // By device. In memory alone: after a restart, or on another replica, nobody
  // waits until it says so again.
  std::map<std::string, Waiting> waiting_;
  // Who was the first with a public key: devices make fresh ones for every
  // group, and nobody else learns them before it is formed.
  std::map<std::string, std::string> key_owners_;
  // Of what in this round, by device, as the store has it.
  std::map<std::string, std::string> guilty_;
  struct Joins {
    int all = 0;
    int unasked = 0;  // with other keys, while the first were good
  };
  std::map<std::string, Joins> joins_;  // by device
  // Devices that their groups have lost, or that waited and are gone, and that
  // have not joined again: they have assignments, but it is not waited for
  // them.
  std::set<std::string> silent_;
  std::map<Digest, MaskedSums> sums_;
  bool is_hopeless_ = false;  // sealed, and never to be unmasked

  std::map<std::string, Held> held_;  // by device
  std::set<std::pair<absl::Time, std::string>> held_until_;
  std::set<std::string> touched_;  // may have an answer now
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_ROUND_GROUPS_H_
