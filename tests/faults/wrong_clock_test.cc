// A device whose clock is years off does not take part, says why, and does not
// hold the others up.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
#include "tests/faults/agent_process.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kRounds = 2;
constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

// By how much the device's clock is ahead of the time of its certificate.
class WrongClockTest : public ::testing::TestWithParam<int> {};

// What the device holds and reads is the same whether its clock is wrong or its
// certificate of another time, so it gets one.
absl::Status ShiftCertificate(const std::string& state, absl::Duration ahead) {
  const absl::Time made = absl::Now() - ahead;
  const auto ca = protocol::MakeCa("ca", made, kYear);
  const auto device =
      protocol::Issue(*ca, "device", protocol::Role::kDevice, {}, made, kYear);
  if (!device.ok()) return device.status();
  const absl::Status key =
      WriteFileAtomically(state + "/key.pem", device->key_pem.Reveal(), 0600);
  if (!key.ok()) return key;
  const absl::Status trusted =
      WriteFileAtomically(state + "/ca.pem", ca->certificate_pem);
  if (!trusted.ok()) return trusted;
  return WriteFileAtomically(state + "/certificate.pem",
                             device->certificate_pem);
}

TEST_P(WrongClockTest, DeviceNamesItsClockAndTheRoundGoesOn) {
  TemporaryFolder folder;
  ShoaldProcess shoald;
  SHOAL_ASSERT_OK(shoald.Start());
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string invitation, Invite(shoald, 2));
  AgentProcess right(folder.path(), 0, 2);
  AgentProcess wrong(folder.path(), 1, 2);
  SHOAL_ASSERT_OK(right.Enroll(shoald, invitation, shoald.address()));
  SHOAL_ASSERT_OK(wrong.Enroll(shoald, invitation, shoald.address()));
  SHOAL_ASSERT_OK(
      ShiftCertificate(folder.path() + "/agent-1/state", GetParam() * kYear));

  SHOAL_ASSERT_OK(wrong.Start());
  SHOAL_ASSERT_OK(shoald.CreateTask(AgentTask(/*agents=*/1, kRounds)));
  SHOAL_ASSERT_OK(right.Start());
  SHOAL_ASSERT_OK(shoald.AwaitCompletion("agents", kPatience));
  EXPECT_THAT(right.Stop(), IsOkAndHolds(0));
  // The other one is there still, for its clock may be set.
  EXPECT_THAT(wrong.Stop(), IsOkAndHolds(0));
  EXPECT_THAT(wrong.Log(), HasSubstr("this device's clock says"));
  EXPECT_THAT(shoald.Stop(), IsOkAndHolds(0)) << shoald.Log();
  SHOAL_EXPECT_OK(CheckEveryAgentCountedOnce(shoald.database(), 1, kRounds));
}

INSTANTIATE_TEST_SUITE_P(Years, WrongClockTest, ::testing::Values(-10, 10),
                         [](const auto& info) {
                           return info.param < 0 ? "Behind" : "Ahead";
                         });

}  // namespace
}  // namespace shoal::testing
