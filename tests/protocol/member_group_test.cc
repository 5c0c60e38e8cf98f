// Groups whose devices sign with the certificates that they were enrolled with.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/secure_aggregation/group.h"
#include "protocol/certificates.h"
#include "protocol/member_certificates.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using secure_aggregation::CoordinatorTrust;
using secure_aggregation::Group;
using secure_aggregation::GroupPhase;
using secure_aggregation::Joining;
using secure_aggregation::Member;
using secure_aggregation::MemberOptions;
using secure_aggregation::MemberSigner;
using secure_aggregation::MemberVerifier;
using secure_aggregation::RealGroups;
using secure_aggregation::RealMembers;
using secure_aggregation::RingVector;
using secure_aggregation::SessionPlan;
using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);
constexpr int kMembers = 6;
constexpr int64_t kLength = 5;
constexpr int kRingBits = 20;

SessionPlan PlanFor(CoordinatorTrust coordinator) {
  SessionPlan plan;
  plan.round = "digits/5";
  plan.coordinator = coordinator;
  plan.adversary_fraction = 0.1;
  plan.dropout_fraction = 0.2;
  plan.min_group = kMembers;
  plan.max_group = kMembers;
  plan.vectors = {{"update", kLength, kRingBits}};
  return plan;
}

// A device, or who says that it is one.
struct Device {
  std::string id;
  std::unique_ptr<MemberSigner> signer;
  std::unique_ptr<MemberVerifier> verifier;
  std::unique_ptr<Member> member;
};

class MemberGroupTest : public ::testing::TestWithParam<CoordinatorTrust> {
 protected:
  KeyAndCertificate NewCa() {
    auto ca = MakeCa("CA", kNow, 10 * kYear);
    EXPECT_THAT(ca, IsOk());
    return *std::move(ca);
  }

  // Enrolled by `ca`; trusts `root`.
  Device Enrolled(const KeyAndCertificate& ca, const KeyAndCertificate& root) {
    Device device;
    auto leaf = Issue(ca, "pump", Role::kDevice, {}, kNow, kYear);
    EXPECT_THAT(leaf, IsOk());
    auto identity = ReadIdentity(leaf->certificate_pem);
    EXPECT_THAT(identity, IsOk());
    device.id = identity->id;
    auto signer = MakeCertificateSigner(leaf->key_pem, leaf->certificate_pem);
    EXPECT_THAT(signer, IsOk());
    device.signer = *std::move(signer);
    auto verifier = MakeCertificateVerifier(root.certificate_pem, clock_);
    EXPECT_THAT(verifier, IsOk());
    device.verifier = *std::move(verifier);
    auto member = RealMembers().Create(
        {plan_, device.id, device.signer.get(), device.verifier.get()}, rng_);
    EXPECT_THAT(member, IsOk());
    device.member = *std::move(member);
    return device;
  }

  Joining JoiningOf(const Device& device) const {
    return {device.id, device.member->advertise()};
  }

  // The group of all devices; `verifier`: the coordinator's.
  std::unique_ptr<Group> Formed(const std::vector<Device>& devices,
                                const MemberVerifier& verifier) {
    std::vector<Joining> joining;
    for (const Device& device : devices) {
      joining.push_back(JoiningOf(device));
      EXPECT_THAT(RealGroups().Check(plan_, joining.back(), &verifier), IsOk());
    }
    auto group = RealGroups().Create(plan_, joining, &verifier, rng_);
    EXPECT_THAT(group, IsOk());
    return *std::move(group);
  }

  VirtualClock clock_{kNow};
  InsecureSeededRng rng_{7};
  const SessionPlan plan_ = PlanFor(GetParam());
  const KeyAndCertificate ca_ = NewCa();
};

INSTANTIATE_TEST_SUITE_P(Settings, MemberGroupTest,
                         ::testing::Values(CoordinatorTrust::kSemiMalicious,
                                           CoordinatorTrust::kMalicious),
                         [](const auto& info) {
                           return info.param == CoordinatorTrust::kMalicious
                                      ? "Malicious"
                                      : "SemiMalicious";
                         });

TEST_P(MemberGroupTest, EnrolledDevicesAddUp) {
  std::vector<Device> devices;
  for (int i = 0; i < kMembers; ++i) devices.push_back(Enrolled(ca_, ca_));
  const std::unique_ptr<Group> group = Formed(devices, *devices[0].verifier);
  std::vector<RingVector> sums(1, RingVector(kLength, kRingBits));
  // Sharing, masking, consistency, unmasking. The last device leaves after it
  // has dealt its shares.
  for (int phase = 0; phase < 4; ++phase) {
    for (int i = 0; i < kMembers; ++i) {
      if (phase > 0 && i == kMembers - 1) continue;
      const std::optional<std::string> message = group->MessageFor(i);
      ASSERT_TRUE(message.has_value());
      SHOAL_ASSERT_OK_AND_ASSIGN(const std::string answer,
                                 devices[i].member->OnMessage(*message));
      SHOAL_ASSERT_OK(group->OnMessage(i, answer));
      if (!devices[i].member->is_ready_to_mask()) continue;
      std::vector<RingVector> vectors(1, RingVector(kLength, kRingBits));
      for (int64_t j = 0; j < kLength; ++j) vectors[0].Set(j, 10 * i + j);
      SHOAL_ASSERT_OK(
          devices[i].member->MaskInput(absl::MakeSpan(vectors), nullptr));
      for (int64_t j = 0; j < kLength; ++j) {
        sums[0].Set(j, sums[0].Get(j) + vectors[0].Get(j));
      }
    }
    SHOAL_ASSERT_OK(group->Proceed(nullptr));
  }
  ASSERT_EQ(group->phase(), GroupPhase::kRevealed) << group->burn_reason();
  group->Unmask(nullptr, absl::MakeSpan(sums));
  for (int64_t j = 0; j < kLength; ++j) {
    EXPECT_EQ(sums[0].Get(j), 10u * (0 + 1 + 2 + 3 + 4) + 5u * j);
  }
}

TEST_P(MemberGroupTest, TheCoordinatorRefusesADeviceOfAnotherCa) {
  const KeyAndCertificate other = NewCa();
  const Device stranger = Enrolled(other, ca_);
  const Device own = Enrolled(ca_, ca_);
  EXPECT_THAT(
      RealGroups().Check(plan_, JoiningOf(stranger), own.verifier.get()),
      StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(MemberGroupTest, TheCoordinatorRefusesKeysThatAnotherDeviceSigned) {
  const Device first = Enrolled(ca_, ca_);
  const Device second = Enrolled(ca_, ca_);
  EXPECT_THAT(RealGroups().Check(plan_, {first.id, second.member->advertise()},
                                 first.verifier.get()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// The coordinator fills the group with devices that it has made itself: those
// that trust another CA than its own want nothing to do with it.
TEST_P(MemberGroupTest, DevicesRefuseMembersThatTheCoordinatorMade) {
  const KeyAndCertificate coordinators = NewCa();
  std::vector<Device> devices;
  devices.push_back(Enrolled(ca_, ca_));
  for (int i = 1; i < kMembers; ++i) {
    devices.push_back(Enrolled(coordinators, ca_));
  }
  auto both = MakeCertificateVerifier(
      ca_.certificate_pem + coordinators.certificate_pem, clock_);
  SHOAL_ASSERT_OK(both);
  const std::unique_ptr<Group> group = Formed(devices, **both);
  EXPECT_THAT(devices[0].member->OnMessage(group->MessageFor(0).value()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no device of the fleet signed")));
}

}  // namespace
}  // namespace shoal::protocol
