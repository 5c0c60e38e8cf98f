// The coordinator's side of secure aggregation in a few lines, behind a
// FakeFleet: real groups, in memory, which go on when nobody is missing.
#ifndef SHOAL_TESTS_CLIENT_GROUP_COORDINATOR_H_
#define SHOAL_TESTS_CLIENT_GROUP_COORDINATOR_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "privacy/secure_aggregation/group.h"
#include "protocol/refusal.h"
#include "protocol/secure_update.h"
#include "tests/support/fake_fleet.h"
#include "tests/support/insecure_rng.h"

namespace shoal::testing {

// Devices are named by their tokens. One thread; one at a fleet.
class GroupCoordinator {
 public:
  using RingVectors = std::vector<secure_aggregation::RingVector>;

  // All must outlive the coordinator, which the fleet must not call afterwards.
  GroupCoordinator(FakeFleet& fleet, const protocol::SecureUpdate& update,
                   int group_size,
                   const secure_aggregation::MemberVerifier* verifier = nullptr)
      : fleet_(fleet),
        update_(update),
        group_size_(group_size),
        verifier_(verifier) {
    fleet.set_aggregate(
        [this](const protocol::AggregateRequest& r) { return Answer(r); });
    fleet.set_upload_check(
        [this](const std::string& token, const std::string& bytes) {
          return TakeMasked(token, bytes);
        });
  }

  // The newest group, or null.
  secure_aggregation::Group* group() {
    return groups_.empty() ? nullptr : groups_.back().group.get();
  }
  int num_groups() const { return static_cast<int>(groups_.size()); }
  secure_aggregation::GroupPhase phase() {
    SHOAL_CHECK(group() != nullptr);
    return group()->phase();
  }
  // Gives the newest group up: its devices join another one.
  void GiveUp(const std::string& why) {
    Entry& entry = groups_.back();
    entry.over = why;
    for (const std::string& token : entry.tokens) drop_.push_back(token);
  }
  // Ends the phase of the newest group without those that are missing.
  void GoOn() {
    SHOAL_CHECK(group()->Proceed(nullptr).ok());
    Advance(groups_.back());
  }
  // Changes what a member is told; nothing: it has to wait.
  using Said = std::optional<std::string>;
  void set_lie(std::function<Said(int index, Said)> lie) {
    lie_ = std::move(lie);
  }

  // The sum of the newest group. REQUIRES: it is revealed.
  RingVectors Sum() {
    Entry& entry = groups_.back();
    RingVectors sums = update_.NoSum();
    for (int i = 0; i < entry.group->num_members(); ++i) {
      if (!entry.group->contributors()[i]) continue;
      const auto upload =
          protocol::DecodeMaskedUpload(entry.uploads.at(i), update_.session());
      SHOAL_CHECK(upload.ok());
      SHOAL_CHECK(
          protocol::AddPacked(upload->vectors, absl::MakeSpan(sums)).ok());
    }
    entry.group->Unmask(nullptr, absl::MakeSpan(sums));
    return sums;
  }

  // Bytes of messages, to and from devices.
  int64_t bytes_down() const { return bytes_down_; }
  int64_t bytes_up() const { return bytes_up_; }

 private:
  struct Entry {
    std::unique_ptr<secure_aggregation::Group> group;
    std::vector<std::string> tokens;
    std::map<int, std::string> uploads;
    std::string over;  // not empty: why
  };

  static int IndexOf(const Entry& entry, const std::string& token) {
    const auto found =
        std::find(entry.tokens.begin(), entry.tokens.end(), token);
    SHOAL_CHECK(found != entry.tokens.end());
    return static_cast<int>(found - entry.tokens.begin());
  }
  Entry* EntryOf(const Digest& session) {
    for (Entry& entry : groups_) {
      if (entry.group->session() == session) return &entry;
    }
    return nullptr;
  }

  absl::StatusOr<protocol::AggregateAnswer> Answer(
      const protocol::AggregateRequest& request) {
    for (; !drop_.empty(); drop_.pop_back()) fleet_.DropUpload(drop_.back());
    bytes_up_ += std::ssize(request.message);
    if (!request.session.has_value()) return Join(request);
    Entry* const entry = EntryOf(*request.session);
    SHOAL_CHECK(entry != nullptr);
    const int index = IndexOf(*entry, request.token);
    if (!request.message.empty() && entry->over.empty()) {
      const absl::Status taken =
          entry->group->OnMessage(index, request.message);
      if (!taken.ok()) {
        return protocol::RefusalError(protocol::RefusalCode::kGroupFault,
                                      taken.message());
      }
      Advance(*entry);
    }
    return NextFor(*entry, index);
  }

  protocol::AggregateAnswer Join(const protocol::AggregateRequest& request) {
    for (Entry& entry : groups_) {
      for (int i = 0; i < entry.group->num_members(); ++i) {
        if (entry.group->advertise(i) == request.message) {
          return NextFor(entry, i);
        }
      }
    }
    const auto waits = [&](const secure_aggregation::Joining& other) {
      return other.advertise == request.message;
    };
    if (std::none_of(joining_.begin(), joining_.end(), waits)) {
      joining_.push_back({request.token, request.message});
    }
    if (std::ssize(joining_) < group_size_) {
      return {std::nullopt, protocol::GroupWait{absl::Milliseconds(10)}};
    }
    Entry& entry = groups_.emplace_back();
    auto group = secure_aggregation::RealGroups().Create(
        update_.session(), joining_, verifier_, rng_);
    SHOAL_CHECK(group.ok());
    entry.group = *std::move(group);
    for (const auto& member : joining_) {
      entry.tokens.push_back(member.device_id);
    }
    joining_.clear();
    return NextFor(entry, IndexOf(entry, request.token));
  }

  void Advance(Entry& entry) {
    using secure_aggregation::GroupPhase;
    while (entry.group->phase() != GroupPhase::kRevealed &&
           entry.group->phase() != GroupPhase::kBurnt &&
           entry.group->num_pending() == 0) {
      entry.group->Proceed(nullptr).IgnoreError();  // NextFor tells of it
    }
  }

  protocol::AggregateAnswer NextFor(const Entry& entry, int index) {
    using secure_aggregation::GroupPhase;
    const secure_aggregation::Group& group = *entry.group;
    const Digest& session = group.session();
    if (!entry.over.empty()) {
      return {session, protocol::GroupAfresh{entry.over}};
    }
    if (group.phase() == GroupPhase::kBurnt) {
      return {session, protocol::GroupAfresh{group.burn_reason()}};
    }
    if (group.phase() == GroupPhase::kRevealed) {
      return {session,
              protocol::UploadReceipt{3, Sha256(entry.uploads.at(index)), 1,
                                      FakeFleet::kNextCheckIn}};
    }
    const auto message = group.MessageFor(index);
    if (!message.has_value()) {
      return {session, protocol::GroupAfresh{"it goes on without the device"}};
    }
    Said said;
    if (group.IsPending(index)) said = message;
    if (lie_) said = lie_(index, said);
    if (!said.has_value()) {
      return {session, protocol::GroupWait{absl::Milliseconds(10)}};
    }
    bytes_down_ += std::ssize(*said);
    return {session, protocol::GroupMessage{*said}};
  }

  absl::Status TakeMasked(const std::string& token, const std::string& bytes) {
    const auto upload = protocol::DecodeMaskedUpload(bytes, update_.session());
    if (!upload.ok()) {
      return protocol::RefusalError(protocol::RefusalCode::kUpdateMalformed,
                                    upload.status().message());
    }
    Entry* const entry = EntryOf(upload->session);
    SHOAL_CHECK(entry != nullptr);
    if (!entry->over.empty()) {
      return protocol::RefusalError(protocol::RefusalCode::kGroupOver,
                                    entry->over);
    }
    bytes_up_ += std::ssize(upload->message);
    const int index = IndexOf(*entry, token);
    const absl::Status taken = entry->group->OnMessage(index, upload->message);
    if (!taken.ok()) {
      return protocol::RefusalError(protocol::RefusalCode::kGroupOver,
                                    taken.message());
    }
    entry->uploads[index] = bytes;
    Advance(*entry);
    return absl::OkStatus();
  }

  FakeFleet& fleet_;
  const protocol::SecureUpdate& update_;
  const int group_size_;
  const secure_aggregation::MemberVerifier* const verifier_;
  InsecureSeededRng rng_{99};
  std::vector<secure_aggregation::Joining> joining_;
  std::deque<Entry> groups_;
  std::vector<std::string> drop_;
  std::function<Said(int index, Said)> lie_;
  int64_t bytes_down_ = 0;
  int64_t bytes_up_ = 0;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_CLIENT_GROUP_COORDINATOR_H_
