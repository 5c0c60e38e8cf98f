// How the phases of a group end whose cryptography is skipped.
#include <algorithm>

#include "simulations/skipped_group.h"

namespace shoal::simulations {

using secure_aggregation::Fault;
using secure_aggregation::GroupPhase;

namespace {

int Count(const std::vector<bool>& members) {
  return static_cast<int>(std::count(members.begin(), members.end(), true));
}

}  // namespace

bool SkippedGroup::IsExpected(int index) const {
  if (members_[index].is_lost) return false;
  switch (phase_) {
    case GroupPhase::kSharing:
      return true;
    case GroupPhase::kMasking:
      return dealt_[index];
    case GroupPhase::kConsistency:
      return contributors_[index];
    case GroupPhase::kUnmasking:
      return asked_[index];
    case GroupPhase::kRevealed:
    case GroupPhase::kBurnt:
      return false;
  }
  return false;
}

bool SkippedGroup::HasAnswered(int index) const {
  const std::set<SkippedKind>& sent = members_[index].sent;
  return std::any_of(sent.begin(), sent.end(), [this](SkippedKind kind) {
    return PhaseOf(kind) == phase_;
  });
}

std::vector<bool> SkippedGroup::Answered() const {
  std::vector<bool> members(members_.size());
  for (int i = 0; i < num_members(); ++i) {
    members[i] = IsExpected(i) && HasAnswered(i);
  }
  return members;
}

int SkippedGroup::num_pending() const {
  int pending = 0;
  for (int i = 0; i < num_members(); ++i) pending += IsPending(i);
  return pending;
}

bool SkippedGroup::CanProceed() const {
  switch (phase_) {
    case GroupPhase::kSharing:
    case GroupPhase::kMasking:
      return Count(Answered()) >= parameters_.min_survivors;
    case GroupPhase::kConsistency:
    case GroupPhase::kUnmasking:
      return !Unrecoverable(Answered()).has_value();
    case GroupPhase::kRevealed:
    case GroupPhase::kBurnt:
      return false;
  }
  return false;
}

absl::Status SkippedGroup::Proceed(ThreadPool*) {
  if (phase_ >= GroupPhase::kRevealed) {
    return absl::FailedPreconditionError(
        phase_ == GroupPhase::kRevealed
            ? "the group's sum is revealed"
            : absl::StrCat("the group failed: ", burn_reason_));
  }
  AddProceededRow();
  EndPhase();
  if (phase_ == GroupPhase::kBurnt) return absl::AbortedError(burn_reason_);
  return absl::OkStatus();
}

// ---- Ends of phases.

void SkippedGroup::EndPhase() {
  switch (phase_) {
    case GroupPhase::kSharing:
      return EndSharing();
    case GroupPhase::kMasking:
      return EndMasking();
    case GroupPhase::kConsistency:
      return EndConsistency();
    case GroupPhase::kUnmasking:
      if (const std::optional<int> dealer = Unrecoverable(Answered())) {
        return Burn(
            absl::StrCat("too few shares of member ", *dealer, " came back"));
      }
      phase_ = GroupPhase::kRevealed;
      return;
    case GroupPhase::kRevealed:
    case GroupPhase::kBurnt:
      SHOAL_CHECK(false);
  }
}

void SkippedGroup::DropSilent(absl::string_view what) {
  for (int i = 0; i < num_members(); ++i) {
    if (IsPending(i)) {
      Lose(i, Fault::kNone, absl::StrCat("it did not send ", what, " in time"));
    }
  }
}

void SkippedGroup::EndSharing() {
  DropSilent("its shares");
  DropWithoutHolders();
  dealt_ = Answered();
  if (Count(dealt_) < parameters_.min_survivors) {
    return Burn(absl::StrCat("only ", Count(dealt_),
                             " members dealt shares, expected at least ",
                             parameters_.min_survivors));
  }
  phase_ = GroupPhase::kMasking;
}

void SkippedGroup::DropWithoutHolders() {
  bool dropped = true;
  while (dropped) {
    dropped = false;
    const std::vector<bool> present = Answered();
    for (int i = 0; i < num_members(); ++i) {
      if (!present[i] || HoldersAmong(i, present) >= parameters_.threshold) {
        continue;
      }
      Lose(i, Fault::kNone, "too few of its neighbours are left");
      dropped = true;
    }
  }
}

void SkippedGroup::EndMasking() {
  DropSilent("its masked input");
  contributors_ = Answered();
  if (Count(contributors_) < parameters_.min_survivors) {
    return Burn(absl::StrCat("only ", Count(contributors_),
                             " members sent masked input, expected at least ",
                             parameters_.min_survivors));
  }
  if (const std::optional<int> dealer = Unrecoverable(contributors_)) {
    return BurnWithoutHolders(*dealer);
  }
  if (plan_.is_signed()) {
    phase_ = GroupPhase::kConsistency;
  } else {
    RevealTo(contributors_);
  }
}

void SkippedGroup::EndConsistency() {
  DropSilent("its signature of the contributors");
  const std::vector<bool> agreed = Answered();
  std::vector<bool> convinced = agreed;
  for (int i = 0; i < num_members(); ++i) {
    convinced[i] =
        agreed[i] && HoldersAmong(i, agreed) >= parameters_.threshold;
  }
  RevealTo(std::move(convinced));
}

void SkippedGroup::RevealTo(std::vector<bool> members) {
  if (const std::optional<int> dealer = Unrecoverable(members)) {
    return BurnWithoutHolders(*dealer);
  }
  asked_ = std::move(members);
  phase_ = GroupPhase::kUnmasking;
}

int SkippedGroup::HoldersAmong(int dealer,
                               const std::vector<bool>& members) const {
  int count = parameters_.complete_graph && members[dealer] ? 1 : 0;
  for (const int holder : neighbors_[dealer]) count += members[holder];
  return count;
}

bool SkippedGroup::Holds(int holder, int dealer) const {
  if (!dealt_[dealer]) return false;
  if (holder == dealer) return parameters_.complete_graph;
  return dealt_[holder] && graph_.AreNeighbors(holder, dealer) &&
         HasSent(holder, SkippedKind::kMaskedInput);
}

bool SkippedGroup::IsNeeded(int dealer) const {
  if (!dealt_[dealer]) return false;
  if (contributors_[dealer]) return true;
  const std::vector<int>& all = neighbors_[dealer];
  return std::any_of(all.begin(), all.end(), [&](int i) {
    return contributors_[i] && Holds(i, dealer);
  });
}

std::optional<int> SkippedGroup::Unrecoverable(
    const std::vector<bool>& members) const {
  for (int dealer = 0; dealer < num_members(); ++dealer) {
    if (!IsNeeded(dealer)) continue;
    int left = members[dealer] && Holds(dealer, dealer) ? 1 : 0;
    for (const int holder : neighbors_[dealer]) {
      left += members[holder] && Holds(holder, dealer);
    }
    if (left < parameters_.threshold) return dealer;
  }
  return std::nullopt;
}

}  // namespace shoal::simulations
