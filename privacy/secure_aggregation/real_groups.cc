#include <utility>

#include "base/status_macros.h"
#include "privacy/secure_aggregation/group_session.h"

namespace shoal::secure_aggregation {
namespace {

absl::StatusOr<Candidate> CandidateFrom(const Joining& joining) {
  SHOAL_ASSIGN_OR_RETURN(DeviceMessage message,
                         DecodeDeviceMessage(joining.advertise));
  auto* advertise = std::get_if<Advertise>(&message);
  if (advertise == nullptr) {
    return absl::InvalidArgumentError(
        "expected the keys with which a device joins a group");
  }
  return Candidate{joining.device_id, std::move(*advertise)};
}

class Maker final : public GroupMaker {
 public:
  absl::StatusOr<Keys> ReadKeys(absl::string_view advertise) const override {
    SHOAL_ASSIGN_OR_RETURN(
        Candidate candidate,
        CandidateFrom({/*device_id=*/"", std::string(advertise)}));
    Keys read;
    for (const PublicKey& key :
         {candidate.advertise.mask_key, candidate.advertise.transport_key}) {
      read.keys.emplace_back(key.AsBytes());
    }
    read.advertise = Encode(DeviceMessage(std::move(candidate.advertise)));
    return read;
  }

  absl::Status Check(const SessionPlan& plan, const Joining& joining,
                     const MemberVerifier* verifier) const override {
    SHOAL_ASSIGN_OR_RETURN(const Candidate candidate, CandidateFrom(joining));
    return CheckCandidate(plan, candidate, verifier);
  }

  absl::StatusOr<std::unique_ptr<Group>> Create(
      const SessionPlan& plan, const std::vector<Joining>& members,
      const MemberVerifier* verifier, SecureRng& rng) const override {
    std::vector<Candidate> candidates;
    for (const Joining& joining : members) {
      SHOAL_ASSIGN_OR_RETURN(Candidate candidate, CandidateFrom(joining));
      candidates.push_back(std::move(candidate));
    }
    return GroupSession::Create(plan, std::move(candidates), verifier, rng);
  }

  absl::StatusOr<std::unique_ptr<Group>> Restore(
      const SessionPlan& plan, absl::Span<const std::string> rows,
      const MemberVerifier* verifier) const override {
    return GroupSession::Restore(plan, rows, verifier);
  }
};

}  // namespace

GroupMaker& RealGroups() {
  static Maker maker;
  return maker;
}

}  // namespace shoal::secure_aggregation
