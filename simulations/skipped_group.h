// One group whose cryptography is skipped: a part of skipped_groups.h.
#ifndef SHOAL_SIMULATIONS_SKIPPED_GROUP_H_
#define SHOAL_SIMULATIONS_SKIPPED_GROUP_H_

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/digest.h"
#include "privacy/secure_aggregation/commitments.h"
#include "privacy/secure_aggregation/group.h"
#include "privacy/secure_aggregation/neighbor_graph.h"
#include "privacy/secure_aggregation/session_plan.h"
#include "simulations/skipped_messages.h"

namespace shoal::simulations {

// The phases and their ends are those of secure_aggregation::GroupSession, for
// members that keep to the protocol.
class SkippedGroup final : public secure_aggregation::Group {
 public:
  // What a row of a group begins with.
  enum RowKind : uint32_t { kCreated, kMessage, kLost, kProceeded };

  SkippedGroup(const secure_aggregation::SessionPlan& plan,
               std::vector<secure_aggregation::Joining> members,
               secure_aggregation::NeighborGraph graph, const Digest& nonce,
               const secure_aggregation::GraphParameters& parameters);

  void AddRow(std::string row) { new_rows_.push_back(std::move(row)); }
  // A row that TakeRows() has given, in its turn. DATA_LOSS.
  absl::Status ApplyRow(absl::string_view row);

  std::vector<std::string> TakeRows() override {
    return std::exchange(new_rows_, {});
  }
  absl::Status OnMessage(int index, absl::string_view bytes) override;
  void Exclude(int index, absl::string_view reason) override {
    AddLostRow(index, secure_aggregation::Fault::kGuilty, reason);
  }
  void Leave(int index, absl::string_view reason) override {
    if (phase_ == secure_aggregation::GroupPhase::kMasking &&
        HasSent(index, SkippedKind::kMaskedInput)) {
      return;
    }
    AddLostRow(index, secure_aggregation::Fault::kNone,
               absl::StrCat("it left: ", reason));
  }
  bool IsMaskedInput(absl::string_view bytes) const override;
  std::optional<std::string> MessageFor(int index) const override;
  secure_aggregation::GroupPhase phase() const override { return phase_; }
  int num_pending() const override;
  bool IsPending(int index) const override {
    return IsExpected(index) && !HasAnswered(index);
  }
  bool CanProceed() const override;
  absl::Status Proceed(ThreadPool* pool) override;
  const std::vector<bool>& contributors() const override {
    return contributors_;
  }
  void Unmask(ThreadPool*,
              absl::Span<secure_aggregation::RingVector>) const override {
    SHOAL_CHECK(phase_ == secure_aggregation::GroupPhase::kRevealed);
  }
  const std::string& burn_reason() const override { return burn_reason_; }
  const std::vector<secure_aggregation::LostMember>& lost() const override {
    return lost_;
  }
  int num_members() const override { return static_cast<int>(all_.size()); }
  const std::string& device_id(int index) const override {
    return all_[index].device_id;
  }
  std::string advertise(int index) const override {
    return all_[index].advertise;
  }
  const Digest& session() const override { return session_; }

 private:
  struct Member {
    bool is_lost = false;
    std::set<SkippedKind> sent;
  };

  // The phase in which members send it; nothing for what they do not.
  static std::optional<secure_aggregation::GroupPhase> PhaseOf(
      SkippedKind kind);
  absl::Status CheckTurn(int index, SkippedKind kind) const;
  void AddProceededRow();
  void AddLostRow(int index, secure_aggregation::Fault fault,
                  absl::string_view reason);
  void Lose(int index, secure_aggregation::Fault fault,
            absl::string_view reason);
  void Burn(absl::string_view reason);
  void BurnWithoutHolders(int dealer);

  std::string KeysFor(int index) const;
  std::string SharesFor(int index) const;
  std::string RequestFor(int index) const;

  void EndPhase();
  void EndSharing();
  void EndMasking();
  void EndConsistency();
  void RevealTo(std::vector<bool> members);
  void DropSilent(absl::string_view what);
  void DropWithoutHolders();

  bool IsExpected(int index) const;
  bool HasSent(int index, SkippedKind kind) const {
    return members_[index].sent.contains(kind);
  }
  bool HasAnswered(int index) const;
  std::vector<bool> Answered() const;
  // Of the holders of a dealer's shares, itself one where it is.
  int HoldersAmong(int dealer, const std::vector<bool>& members) const;
  bool Holds(int holder, int dealer) const;
  bool IsNeeded(int dealer) const;
  std::optional<int> Unrecoverable(const std::vector<bool>& members) const;

  const secure_aggregation::SessionPlan plan_;
  const std::vector<secure_aggregation::Joining> all_;
  const secure_aggregation::NeighborGraph graph_;
  const secure_aggregation::GraphParameters parameters_;
  const Digest session_;
  std::vector<std::vector<int>> neighbors_;
  std::vector<secure_aggregation::MerklePath> paths_;  // where signed
  std::vector<Member> members_;
  secure_aggregation::GroupPhase phase_ =
      secure_aggregation::GroupPhase::kSharing;
  std::vector<std::string> new_rows_;
  std::vector<bool> dealt_;
  std::vector<bool> contributors_;
  std::vector<bool> asked_;
  std::string burn_reason_;
  std::vector<secure_aggregation::LostMember> lost_;
};

// DATA_LOSS.
absl::Status NoSkippedGroup(absl::string_view why);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_SKIPPED_GROUP_H_
