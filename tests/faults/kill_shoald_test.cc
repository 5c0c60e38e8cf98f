// Kills shoald at every transition of a round and at random moments, starts it
// again, and checks that the task ends as if nothing had happened.
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "coordinator/engine/failpoints.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/faults/fault_fleet.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::AnyOf;

constexpr int kDevices = 4;
constexpr int kRounds = 3;
constexpr absl::Duration kPatience = absl::Seconds(60);

struct KillPoint {
  std::string failpoint;
  int count;
};
void PrintTo(const KillPoint& point, std::ostream* out) {
  *out << point.failpoint << ":" << point.count;
}

class KillShoaldTest : public ::testing::TestWithParam<KillPoint> {
 protected:
  void ExpectSurvival(const v1::Task& task);
};

void KillShoaldTest::ExpectSurvival(const v1::Task& task) {
  const std::string failpoint =
      absl::StrCat(GetParam().failpoint, ":", GetParam().count);
  ShoaldProcess shoald;
  SHOAL_ASSERT_OK(shoald.Start(failpoint));
  // The first round opens with the task, so that its answer may be lost.
  EXPECT_THAT(shoald.CreateTask(task),
              AnyOf(IsOk(), StatusIs(absl::StatusCode::kUnavailable)));
  FaultFleet fleet(shoald, task, kDevices);

  ASSERT_TRUE(shoald.AwaitDeath(kPatience))
      << "shoald never came by " << failpoint << "\n"
      << shoald.Log();
  SHOAL_ASSERT_OK(shoald.Start());
  SHOAL_ASSERT_OK(shoald.AwaitCompletion(task.name(), kPatience));
  fleet.Stop();
  EXPECT_THAT(shoald.Stop(), IsOkAndHolds(0)) << shoald.Log();

  EXPECT_GE(fleet.acknowledged().size(), 1u);
  SHOAL_EXPECT_OK(CheckInvariants(shoald.database(), task, fleet));
}

TEST_P(KillShoaldTest, RestartFinishesTheTaskWithNothingLostOrDoubled) {
  ExpectSurvival(FaultTask("survive", kDevices, kRounds));
}

TEST_P(KillShoaldTest, RestartFinishesAsynchronousRoundsAsWell) {
  ExpectSurvival(AsynchronousFaultTask("overlap", kDevices, 3 * kRounds));
}

std::vector<KillPoint> AllKillPoints() {
  std::vector<KillPoint> points;
  for (absl::string_view name : coordinator::kRoundFailpoints) {
    points.push_back({std::string(name), 1});
    points.push_back({std::string(name), 2});
  }
  return points;
}

INSTANTIATE_TEST_SUITE_P(EveryTransition, KillShoaldTest,
                         ::testing::ValuesIn(AllKillPoints()),
                         [](const ::testing::TestParamInfo<KillPoint>& info) {
                           return absl::StrCat(info.param.failpoint, "_",
                                               info.param.count);
                         });

void ExpectTenKillsAreSurvived(const v1::Task& task) {
  ShoaldProcess shoald;
  SHOAL_ASSERT_OK(shoald.Start());
  SHOAL_ASSERT_OK(shoald.CreateTask(task));
  FaultFleet fleet(shoald, task, kDevices);
  SeededRng rng(20261121);
  for (int kill = 0; kill < 10; ++kill) {
    absl::SleepFor(absl::Milliseconds(20 + rng.Below(150)));
    shoald.Kill();
    SHOAL_ASSERT_OK(shoald.Start());
  }
  SHOAL_ASSERT_OK(shoald.AwaitCompletion(task.name(), kPatience));
  fleet.Stop();
  EXPECT_THAT(shoald.Stop(), IsOkAndHolds(0)) << shoald.Log();
  SHOAL_EXPECT_OK(CheckInvariants(shoald.database(), task, fleet));
}

TEST(KillShoaldAtRandomTest, TenKillsLoseNothingAndDoubleNothing) {
  ExpectTenKillsAreSurvived(FaultTask("random", kDevices, 12));
}

TEST(KillShoaldAtRandomTest, NorDoTheyInAsynchronousRounds) {
  ExpectTenKillsAreSurvived(AsynchronousFaultTask("random", kDevices, 40));
}

}  // namespace
}  // namespace shoal::testing
