#include "privacy/secure_aggregation/device_session.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "privacy/secure_aggregation/commitments.h"
#include "privacy/secure_aggregation/mask.h"
#include "privacy/secure_aggregation/shamir.h"

namespace shoal::secure_aggregation {
namespace {

absl::Status Refuse(absl::string_view why) {
  return absl::InvalidArgumentError(why);
}

// A share with a new salt.
SaltedShare Salted(Secret share, SecureRng& rng) {
  return {std::move(share), Secret(rng.Bytes(kSaltBytes))};
}

Digest HashOf(ShareKind kind, const Digest& session, int dealer, int holder,
              const SaltedShare& share) {
  return HashShare(kind, session, dealer, holder, share.share.Reveal(),
                   share.salt.Reveal());
}

RevealedShare Reveal(int dealer, ShareKind kind, const SaltedShare& share) {
  return {dealer, kind, std::string(share.share.Reveal()),
          std::string(share.salt.Reveal())};
}

}  // namespace

DeviceSession::DeviceSession(MemberOptions options, SecureRng& rng)
    : options_(std::move(options)),
      rng_(rng),
      mask_keys_(KeyPair::Generate(rng)),
      transport_keys_(KeyPair::Generate(rng)),
      seed_(rng.Bytes(kSecretBytes)) {}

absl::StatusOr<std::unique_ptr<DeviceSession>> DeviceSession::Create(
    MemberOptions options, SecureRng& rng) {
  SHOAL_RETURN_IF_ERROR(CheckPlan(options.plan));
  const bool is_signed = options.plan.is_signed();
  if (is_signed && (options.signer == nullptr || options.verifier == nullptr ||
                    options.device_id.empty())) {
    return absl::InvalidArgumentError(
        "a coordinator that is not trusted, expected a device with an id, "
        "somebody who signs for it and somebody who verifies others");
  }
  auto session = absl::WrapUnique(new DeviceSession(std::move(options), rng));
  Advertise& advertise = session->advertise_;
  advertise.mask_key = session->mask_keys_->public_key();
  advertise.transport_key = session->transport_keys_->public_key();
  advertise.seed_commitment = CommitToSeed(session->seed_, advertise.mask_key);
  if (is_signed) {
    advertise.certificate = session->options_.signer->certificate();
    SHOAL_ASSIGN_OR_RETURN(advertise.signature,
                           session->options_.signer->Sign(AdvertiseText(
                               session->options_.plan.round,
                               session->options_.device_id, advertise)));
  }
  session->advertise_bytes_ = Encode(DeviceMessage(advertise));
  return session;
}

absl::StatusOr<std::string> DeviceSession::OnMessage(absl::string_view bytes) {
  SHOAL_RETURN_IF_ERROR(failure_);
  absl::StatusOr<std::string> answer = AnswerTo(bytes);
  if (!answer.ok()) {
    failure_ = answer.status();
    WipeAll();
  }
  return answer;
}

absl::StatusOr<std::string> DeviceSession::AnswerTo(absl::string_view bytes) {
  SHOAL_ASSIGN_OR_RETURN(const CoordinatorMessage message,
                         DecodeCoordinatorMessage(bytes));
  const Digest digest = Sha256(bytes);
  const auto answered = answered_.find(message.index());
  if (answered != answered_.end()) {
    if (answered->second.message == digest) return answered->second.answer;
    return absl::FailedPreconditionError(
        "the coordinator sent another message where this device has answered "
        "one");
  }
  SHOAL_ASSIGN_OR_RETURN(
      std::string answer,
      std::visit([this](const auto& m) { return On(m); }, message));
  answered_[message.index()] = {digest, answer};
  return answer;
}

absl::Status DeviceSession::RequirePhase(Phase phase,
                                         absl::string_view message) const {
  if (phase_ == phase) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the coordinator sent ", message, " out of turn"));
}

int DeviceSession::HoldersAmong(int num_neighbors) const {
  return num_neighbors + (parameters_.complete_graph ? 1 : 0);
}

// ---- The group, and dealing.

absl::StatusOr<std::string> DeviceSession::On(const GroupKeys& message) {
  SHOAL_RETURN_IF_ERROR(RequirePhase(Phase::kAdvertised, "a group's keys"));
  SHOAL_RETURN_IF_ERROR(CheckGroup(message));
  session_ = message.session;
  num_members_ = message.num_members;
  index_ = message.own_index;
  for (const GroupMember& member : message.members) {
    if (member.index != index_) neighbors_[member.index].member = member;
  }
  return Deal();
}

absl::Status DeviceSession::AgreeOnTransport(HolderShares& shares,
                                             Neighbor& neighbor,
                                             const DealtShares& dealt) const {
  const PublicKey& key = neighbor.member.advertise.transport_key;
  const absl::StatusOr<Secret> agreed = transport_keys_->Agree(key);
  if (!agreed.ok()) {
    return Refuse(absl::StrCat("member ", shares.holder, " has ",
                               agreed.status().message()));
  }
  const Party own = OwnParty(advertise_.transport_key);
  const Party other = {shares.holder, key};
  const Secret key_to = ShareKey(*agreed, session_, own, other);
  neighbor.key_from = ShareKey(*agreed, session_, other, own);
  neighbor.key_to_hash = HashTransportKey(key_to);
  const Digest key_from_hash = HashTransportKey(neighbor.key_from);
  shares.transport_commitment =
      index_ < shares.holder
          ? CommitToTransportKeys(neighbor.key_to_hash, key_from_hash)
          : CommitToTransportKeys(key_from_hash, neighbor.key_to_hash);
  shares.sealed = SealShares(
      key_to, {session_, options_.plan.round, index_, shares.holder}, dealt);
  return absl::OkStatus();
}

absl::StatusOr<std::string> DeviceSession::Deal() {
  std::vector<int> holders;
  for (const auto& [index, neighbor] : neighbors_) holders.push_back(index);
  if (parameters_.complete_graph) {
    holders.insert(std::lower_bound(holders.begin(), holders.end(), index_),
                   index_);
  }
  std::vector<Secret> key_shares = SplitSecret(
      mask_keys_->private_key(), parameters_.threshold, holders, rng_);
  std::vector<Secret> seed_shares =
      SplitSecret(seed_, parameters_.threshold, holders, rng_);
  Shares message;
  std::vector<Digest> leaves;
  for (size_t i = 0; i < holders.size(); ++i) {
    HolderShares& shares = message.holders.emplace_back();
    shares.holder = holders[i];
    DealtShares dealt = {Salted(std::move(key_shares[i]), rng_),
                         Salted(std::move(seed_shares[i]), rng_)};
    shares.key_share_hash =
        HashOf(ShareKind::kKey, session_, index_, shares.holder, dealt.key);
    shares.seed_share_hash =
        HashOf(ShareKind::kSeed, session_, index_, shares.holder, dealt.seed);
    Party holder = OwnParty(advertise_.transport_key);
    if (shares.holder == index_) {
      own_shares_ = std::move(dealt);
    } else {
      Neighbor& neighbor = neighbors_.at(shares.holder);
      SHOAL_RETURN_IF_ERROR(AgreeOnTransport(shares, neighbor, dealt));
      holder = {shares.holder, neighbor.member.advertise.transport_key};
    }
    leaves.push_back(
        HashLeaf({session_, options_.plan.round,
                  OwnParty(advertise_.transport_key), holder, shares.sealed,
                  shares.key_share_hash, shares.seed_share_hash}));
  }
  if (options_.plan.is_signed()) {
    SHOAL_ASSIGN_OR_RETURN(
        message.signature,
        options_.signer->Sign(SharesText(
            options_.plan.round, session_, OwnParty(advertise_.transport_key),
            MerkleTree(std::move(leaves)).root())));
  }
  transport_keys_.reset();
  phase_ = Phase::kDealt;
  return Encode(DeviceMessage(std::move(message)));
}

// ---- Holding.

std::optional<Complaint> DeviceSession::Open(const DealerShares& shares,
                                             Neighbor& dealer) {
  absl::StatusOr<DealtShares> dealt = OpenShares(
      dealer.key_from, {session_, options_.plan.round, shares.dealer, index_},
      shares.sealed);
  if (dealt.ok() &&
      HashOf(ShareKind::kKey, session_, shares.dealer, index_, dealt->key) ==
          shares.key_share_hash &&
      HashOf(ShareKind::kSeed, session_, shares.dealer, index_, dealt->seed) ==
          shares.seed_share_hash) {
    dealer.held = *std::move(dealt);
    return std::nullopt;
  }
  return Complaint{shares.dealer, std::string(dealer.key_from.Reveal()),
                   dealer.key_to_hash};
}

absl::Status DeviceSession::AgreeOnMask(Neighbor& dealer) {
  const Party other = {dealer.member.index, dealer.member.advertise.mask_key};
  const absl::StatusOr<Secret> agreed = mask_keys_->Agree(other.public_key);
  if (!agreed.ok()) {
    return Refuse(absl::StrCat("member ", other.member, " has ",
                               agreed.status().message()));
  }
  pair_masks_.push_back(
      {PairMaskSeed(*agreed, session_, OwnParty(advertise_.mask_key), other),
       other.member < index_});
  dealer.shares_mask = true;
  return absl::OkStatus();
}

absl::StatusOr<std::string> DeviceSession::On(const HeldShares& message) {
  SHOAL_RETURN_IF_ERROR(RequirePhase(Phase::kDealt, "shares of others"));
  for (const DealerShares& shares : message.dealers) {
    const auto dealer = neighbors_.find(shares.dealer);
    if (dealer == neighbors_.end()) {
      return Refuse(absl::StrCat("shares of member ", shares.dealer,
                                 ", which is no neighbour"));
    }
    if (options_.plan.is_signed()) {
      SHOAL_RETURN_IF_ERROR(CheckDealt(shares, dealer->second));
    }
  }
  MaskedInput answer;
  for (const DealerShares& shares : message.dealers) {
    Neighbor& dealer = neighbors_.at(shares.dealer);
    if (std::optional<Complaint> complaint = Open(shares, dealer)) {
      answer.complaints.push_back(*std::move(complaint));
    } else {
      SHOAL_RETURN_IF_ERROR(AgreeOnMask(dealer));
    }
  }
  const int num_holders = HoldersAmong(static_cast<int>(pair_masks_.size()));
  if (num_holders < parameters_.threshold) {
    return Refuse(absl::StrCat("good shares of ", num_holders,
                               " members, expected at least ",
                               parameters_.threshold));
  }
  self_mask_ = SelfMaskSeed(seed_, session_, index_);
  mask_keys_.reset();
  seed_ = Secret();
  for (auto& [index, neighbor] : neighbors_) neighbor.key_from = Secret();
  phase_ = Phase::kReady;
  return Encode(DeviceMessage(std::move(answer)));
}

// ---- Masking.

absl::Status DeviceSession::MaskInput(absl::Span<RingVector> vectors,
                                      ThreadPool* pool) {
  SHOAL_RETURN_IF_ERROR(failure_);
  if (phase_ != Phase::kReady) {
    return absl::FailedPreconditionError(phase_ < Phase::kReady
                                             ? "there are no masks yet"
                                             : "masks hide one input only");
  }
  const std::vector<VectorSpec>& specs = options_.plan.vectors;
  if (vectors.size() != specs.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        vectors.size(), " vectors to mask, expected ", specs.size()));
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    if (vectors[i].length() != specs[i].length ||
        vectors[i].ring_bits() != specs[i].ring_bits) {
      return absl::InvalidArgumentError(absl::StrCat(
          "vector '", specs[i].name, "' of ", vectors[i].length(),
          " elements of ", vectors[i].ring_bits(), " bits, expected ",
          specs[i].length, " of ", specs[i].ring_bits));
    }
  }
  std::vector<Mask> masks = {{self_mask_.Reveal(), false}};
  for (const PairMask& pair : pair_masks_) {
    masks.push_back({pair.seed.Reveal(), pair.subtract});
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    AddMasks(masks, /*stream=*/i, pool, vectors[i]);
  }
  WipeMasks();
  phase_ = Phase::kMasked;
  return absl::OkStatus();
}

// ---- Contributors and shares that are revealed.

absl::StatusOr<std::string> DeviceSession::On(const Contributors& message) {
  SHOAL_RETURN_IF_ERROR(RequirePhase(Phase::kMasked, "contributors"));
  if (!options_.plan.is_signed()) {
    return Refuse("contributors to sign, where nothing is signed");
  }
  SHOAL_ASSIGN_OR_RETURN(const std::vector<bool> contributors,
                         UnpackMembers(message.bitmap, num_members_));
  SHOAL_RETURN_IF_ERROR(CheckContributors(contributors));
  ContributorsSigned answer;
  SHOAL_ASSIGN_OR_RETURN(answer.signature,
                         options_.signer->Sign(ContributorsText(
                             options_.plan.round, session_,
                             OwnParty(advertise_.mask_key), message.bitmap)));
  signed_bitmap_ = message.bitmap;
  phase_ = Phase::kSigned;
  return Encode(DeviceMessage(std::move(answer)));
}

absl::StatusOr<std::string> DeviceSession::On(const UnmaskRequest& message) {
  const bool is_signed = options_.plan.is_signed();
  SHOAL_RETURN_IF_ERROR(RequirePhase(
      is_signed ? Phase::kSigned : Phase::kMasked, "a request to unmask"));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<bool> contributors,
                         UnpackMembers(message.bitmap, num_members_));
  SHOAL_RETURN_IF_ERROR(CheckContributors(contributors));
  if (is_signed) {
    SHOAL_RETURN_IF_ERROR(CheckSignatures(message, contributors));
  } else if (!message.signatures.empty()) {
    return Refuse("signatures, where nothing is signed");
  }
  // One share of each dealer, never both: of the seed when its input is in the
  // sum, of the key when it is not.
  std::map<int, RevealedShare> shares;
  for (const auto& [index, neighbor] : neighbors_) {
    if (!neighbor.shares_mask) continue;
    shares[index] = contributors[index]
                        ? Reveal(index, ShareKind::kSeed, neighbor.held.seed)
                        : Reveal(index, ShareKind::kKey, neighbor.held.key);
  }
  if (parameters_.complete_graph) {
    shares[index_] = Reveal(index_, ShareKind::kSeed, own_shares_.seed);
  }
  UnmaskAnswer answer;
  for (auto& [index, share] : shares) answer.shares.push_back(std::move(share));
  has_unmasked_ = true;
  WipeAll();
  phase_ = Phase::kDone;
  return Encode(DeviceMessage(std::move(answer)));
}

absl::StatusOr<std::string> DeviceSession::On(const Abort& message) {
  return absl::AbortedError(
      absl::StrCat("the coordinator ended the session of secure aggregation: ",
                   message.reason));
}

// ---- Forgetting.

void DeviceSession::WipeMasks() {
  self_mask_ = Secret();
  pair_masks_.clear();
}

void DeviceSession::WipeAll() {
  WipeMasks();
  mask_keys_.reset();
  transport_keys_.reset();
  seed_ = Secret();
  own_shares_ = DealtShares();
  neighbors_.clear();
}

}  // namespace shoal::secure_aggregation
