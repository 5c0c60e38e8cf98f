#include "client/meters/find_meter.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/meters/fixture_tree.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

TEST(FindMeterTest, TakesTheBestThatThereIs) {
  const testing::FixtureTree tree;
  const VirtualClock clock;
  MeterOptions options;
  options.sysfs_root = tree.root();
  SHOAL_ASSERT_OK_AND_ASSIGN(auto meter, FindMeter(options, clock));
  EXPECT_EQ(meter, nullptr);

  tree.Write("class/power_supply/BAT0/type", "Battery");
  tree.Write("class/power_supply/BAT0/power_now", 1'000'000);
  SHOAL_ASSERT_OK_AND_ASSIGN(meter, FindMeter(options, clock));
  EXPECT_EQ(meter->name(), "battery (BAT0/power_now)");

  tree.Write("class/powercap/intel-rapl:0/name", "package-0");
  tree.Write("class/powercap/intel-rapl:0/energy_uj", 5);
  SHOAL_ASSERT_OK_AND_ASSIGN(meter, FindMeter(options, clock));
  EXPECT_EQ(meter->name(), "powercap (package-0)");

  tree.Write("class/hwmon/hwmon0/name", "ina226");
  tree.Write("class/hwmon/hwmon0/power1_input", 5);
  SHOAL_ASSERT_OK_AND_ASSIGN(meter, FindMeter(options, clock));
  EXPECT_EQ(meter->name(), "hwmon (ina226 power1)");
}

TEST(FindMeterTest, MeterThatIsAskedForMustBeThere) {
  const testing::FixtureTree tree;
  const VirtualClock clock;
  MeterOptions options;
  options.sysfs_root = tree.root();
  options.kind = MeterKind::kPowercap;
  EXPECT_THAT(FindMeter(options, clock), StatusIs(absl::StatusCode::kNotFound));
}

TEST(CallbackMeterTest, CountsFromTheFirstReading) {
  double joules = 100;
  CallbackMeter meter([&] { return joules; });
  EXPECT_THAT(meter.Joules(), IsOkAndHolds(0));
  joules = 107;
  EXPECT_THAT(meter.Joules(), IsOkAndHolds(7));
}

TEST(CallbackMeterTest, FallsErrorsAndNonsenseAreToldAndSurvived) {
  absl::StatusOr<double> joules = 100.0;
  CallbackMeter meter([&] { return joules; });
  SHOAL_ASSERT_OK(meter.Joules());
  joules = 90.0;
  EXPECT_THAT(meter.Joules(), StatusIs(absl::StatusCode::kUnavailable,
                                       HasSubstr("returned 90 J after 100 J")));
  joules = 95.0;
  EXPECT_THAT(meter.Joules(), IsOkAndHolds(5));
  joules = absl::InternalError("the chip is asleep");
  EXPECT_THAT(meter.Joules(), StatusIs(absl::StatusCode::kUnavailable,
                                       HasSubstr("the chip is asleep")));
  joules = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(meter.Joules(), StatusIs(absl::StatusCode::kUnavailable));
  joules = 300.0;
  EXPECT_THAT(meter.Joules(), IsOkAndHolds(5));
}

}  // namespace
}  // namespace shoal::client
