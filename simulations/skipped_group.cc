#include "simulations/skipped_group.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/status_macros.h"

namespace shoal::simulations {

using secure_aggregation::Fault;
using secure_aggregation::GraphParameters;
using secure_aggregation::GroupPhase;
using secure_aggregation::Joining;
using secure_aggregation::LostMember;
using secure_aggregation::MerklePath;
using secure_aggregation::NeighborGraph;
using secure_aggregation::SessionPlan;

namespace {

Digest SessionOf(const SessionPlan& plan, const Digest& nonce,
                 const std::vector<Joining>& members) {
  std::string text = absl::StrCat(plan.round, nonce.AsBytes());
  for (const Joining& member : members) AppendSized(text, member.advertise);
  return Sha256(text);
}

// The paths of signed shares among so many holders.
std::vector<MerklePath> PathsOf(int num_holders) {
  const secure_aggregation::MerkleTree tree((std::vector<Digest>(num_holders)));
  std::vector<MerklePath> paths;
  for (int i = 0; i < num_holders; ++i) paths.push_back(tree.PathOf(i));
  return paths;
}

}  // namespace

absl::Status NoSkippedGroup(absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("the rows of a group whose cryptography is skipped: ", why));
}

SkippedGroup::SkippedGroup(const SessionPlan& plan,
                           std::vector<Joining> members, NeighborGraph graph,
                           const Digest& nonce,
                           const GraphParameters& parameters)
    : plan_(plan),
      all_(std::move(members)),
      graph_(std::move(graph)),
      parameters_(parameters),
      session_(SessionOf(plan, nonce, all_)),
      members_(all_.size()),
      dealt_(all_.size()),
      contributors_(all_.size()),
      asked_(all_.size()) {
  for (int i = 0; i < num_members(); ++i) {
    neighbors_.push_back(graph_.Neighbors(i));
  }
  if (plan.is_signed()) {
    paths_ =
        PathsOf(parameters.num_neighbors + (parameters.complete_graph ? 1 : 0));
  }
}

// ---- What comes in.

std::optional<GroupPhase> SkippedGroup::PhaseOf(SkippedKind kind) {
  switch (kind) {
    case SkippedKind::kShares:
      return GroupPhase::kSharing;
    case SkippedKind::kMaskedInput:
      return GroupPhase::kMasking;
    case SkippedKind::kContributorsSigned:
      return GroupPhase::kConsistency;
    case SkippedKind::kUnmaskAnswer:
      return GroupPhase::kUnmasking;
    default:
      return std::nullopt;
  }
}

absl::Status SkippedGroup::OnMessage(int index, absl::string_view bytes) {
  SHOAL_CHECK(index >= 0 && index < num_members());
  const absl::StatusOr<SkippedMessage> message = ParseSkipped(bytes);
  if (!message.ok()) {
    Exclude(index, message.status().message());
    return message.status();
  }
  if (message->kind == SkippedKind::kAbort) {
    Leave(index, message->reason);
    return absl::OkStatus();
  }
  if (HasSent(index, message->kind)) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(CheckTurn(index, message->kind));
  std::string row;
  AppendU32(row, kMessage);
  AppendU32(row, static_cast<uint32_t>(index));
  AppendU32(row, static_cast<uint32_t>(message->kind));
  AddRow(std::move(row));
  members_[index].sent.insert(message->kind);
  return absl::OkStatus();
}

absl::Status SkippedGroup::CheckTurn(int index, SkippedKind kind) const {
  if (phase_ == GroupPhase::kBurnt) {
    return absl::FailedPreconditionError(
        absl::StrCat("the group failed: ", burn_reason_));
  }
  if (members_[index].is_lost) {
    return absl::FailedPreconditionError(
        absl::StrCat("member ", index, " is no longer of the group"));
  }
  if (PhaseOf(kind) != phase_ || !IsExpected(index)) {
    return absl::FailedPreconditionError(
        absl::StrCat("member ", index, " sent a message out of turn"));
  }
  return absl::OkStatus();
}

absl::Status SkippedGroup::ApplyRow(absl::string_view row) {
  ByteReader reader(row);
  const uint32_t kind = reader.U32();
  if (kind == kProceeded && reader.ok() && reader.rest().empty()) {
    if (phase_ >= GroupPhase::kRevealed)
      return NoSkippedGroup("one after the end");
    EndPhase();
    return absl::OkStatus();
  }
  const uint32_t index = reader.U32();
  const uint32_t what = reader.U32();
  if (!reader.ok() || index >= members_.size()) {
    return NoSkippedGroup("one of no member");
  }
  const int member = static_cast<int>(index);
  if (kind == kMessage) {
    const auto sent = static_cast<SkippedKind>(what);
    if (PhaseOf(sent) != phase_) return NoSkippedGroup("a message out of turn");
    members_[member].sent.insert(sent);
    return absl::OkStatus();
  }
  if (kind != kLost || what > static_cast<uint32_t>(Fault::kGuilty)) {
    return NoSkippedGroup("one of no kind");
  }
  Lose(member, static_cast<Fault>(what), reader.rest());
  return absl::OkStatus();
}

void SkippedGroup::AddProceededRow() {
  std::string row;
  AppendU32(row, kProceeded);
  AddRow(std::move(row));
}

void SkippedGroup::AddLostRow(int index, Fault fault,
                              absl::string_view reason) {
  if (phase_ >= GroupPhase::kRevealed || members_[index].is_lost) return;
  std::string row;
  AppendU32(row, kLost);
  AppendU32(row, static_cast<uint32_t>(index));
  AppendU32(row, static_cast<uint32_t>(fault));
  AddRow(absl::StrCat(row, reason));
  Lose(index, fault, reason);
}

void SkippedGroup::Lose(int index, Fault fault, absl::string_view reason) {
  members_[index].is_lost = true;
  lost_.push_back(
      {index, device_id(index), fault, std::string(reason), phase_});
}

void SkippedGroup::Burn(absl::string_view reason) {
  phase_ = GroupPhase::kBurnt;
  burn_reason_ = std::string(reason);
}

void SkippedGroup::BurnWithoutHolders(int dealer) {
  Burn(absl::StrCat("too few holders of the shares of member ", dealer,
                    " are left"));
}

bool SkippedGroup::IsMaskedInput(absl::string_view bytes) const {
  const absl::StatusOr<SkippedMessage> message = ParseSkipped(bytes);
  return message.ok() && message->kind == SkippedKind::kMaskedInput;
}

// ---- What goes out.

std::optional<std::string> SkippedGroup::MessageFor(int index) const {
  SHOAL_CHECK(index >= 0 && index < num_members());
  if (phase_ == GroupPhase::kBurnt) return SkippedAbort(burn_reason_);
  for (const LostMember& lost : lost_) {
    if (lost.index == index) return SkippedAbort(lost.reason);
  }
  if (!IsExpected(index)) return std::nullopt;
  switch (phase_) {
    case GroupPhase::kSharing:
      return KeysFor(index);
    case GroupPhase::kMasking:
      return SharesFor(index);
    case GroupPhase::kConsistency:
      return SkippedQuestion(SkippedKind::kContributors,
                             real_bytes::Contributors(num_members()),
                             real_bytes::ContributorsSigned());
    case GroupPhase::kUnmasking:
      return RequestFor(index);
    case GroupPhase::kRevealed:
    case GroupPhase::kBurnt:
      break;
  }
  return std::nullopt;
}

std::string SkippedGroup::KeysFor(int index) const {
  int64_t members = 0;
  int64_t holders = 0;
  const auto add_member = [&](int i) {
    members += real_bytes::GroupMember(
        i, plan_.is_signed() ? absl::string_view(device_id(i)) : "",
        std::ssize(all_[i].advertise));
  };
  add_member(index);
  if (parameters_.complete_graph) {
    holders += real_bytes::HolderShares(index, /*is_itself=*/true);
  }
  for (const int i : neighbors_[index]) {
    add_member(i);
    holders += real_bytes::HolderShares(i, /*is_itself=*/false);
  }
  return SkippedGroupKeys(
      num_members(),
      real_bytes::GroupKeys(num_members(), index, parameters_.num_neighbors,
                            parameters_.threshold, members),
      real_bytes::Shares(holders, plan_.is_signed()));
}

std::string SkippedGroup::SharesFor(int index) const {
  int64_t dealers = 0;
  for (const int dealer : neighbors_[index]) {
    if (!dealt_[dealer]) continue;
    const MerklePath* path = nullptr;
    if (plan_.is_signed()) {
      const std::vector<int>& holders = neighbors_[dealer];
      int64_t place = std::lower_bound(holders.begin(), holders.end(), index) -
                      holders.begin();
      // The dealer is among its holders, in the order of their numbers.
      if (parameters_.complete_graph && dealer < index) ++place;
      path = &paths_[place];
    }
    dealers += real_bytes::DealerShares(dealer, path);
  }
  return SkippedQuestion(SkippedKind::kHeldShares,
                         real_bytes::HeldShares(dealers),
                         real_bytes::MaskedInput());
}

std::string SkippedGroup::RequestFor(int index) const {
  int64_t signatures = 0;
  int64_t shares = 0;
  if (Holds(index, index)) shares += real_bytes::RevealedShare(index);
  for (const int i : neighbors_[index]) {
    if (contributors_[i] && HasSent(i, SkippedKind::kContributorsSigned)) {
      signatures += real_bytes::MemberSignature(i);
    }
    if (Holds(index, i)) shares += real_bytes::RevealedShare(i);
  }
  return SkippedQuestion(SkippedKind::kUnmaskRequest,
                         real_bytes::UnmaskRequest(num_members(), signatures),
                         real_bytes::UnmaskAnswer(shares));
}

}  // namespace shoal::simulations
