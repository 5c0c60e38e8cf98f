#include "coordinator/engine/fleet_size.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace shoal::coordinator {
namespace {

constexpr absl::Duration kWindow = absl::Minutes(15);

class FleetSizeTest : public ::testing::Test {
 protected:
  void See(int from, int to) {
    for (int i = from; i < to; ++i) fleet_.Note(absl::StrCat("dev", i), now_);
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  FleetSize fleet_{kWindow};
};

TEST_F(FleetSizeTest, NobodyIsThereAtFirst) { EXPECT_EQ(fleet_.Estimate(), 0); }

TEST_F(FleetSizeTest, SmallFleetsAreExact) {
  See(0, 20);
  See(0, 20);
  EXPECT_EQ(fleet_.Estimate(), 20);
}

TEST_F(FleetSizeTest, MillionDevicesAreWithinAHundredth) {
  See(0, 1'000'000);
  EXPECT_NEAR(fleet_.Estimate(), 1e6, 1e4);
}

TEST_F(FleetSizeTest, DevicesOfTheLastWindowStillCount) {
  See(0, 100);
  now_ += kWindow;
  See(0, 3);
  EXPECT_EQ(fleet_.Estimate(), 100);
}

TEST_F(FleetSizeTest, DevicesThatWentAwayAreForgotten) {
  See(0, 100);
  now_ += kWindow;
  See(0, 3);
  now_ += kWindow;
  See(0, 3);
  EXPECT_EQ(fleet_.Estimate(), 3);
}

TEST_F(FleetSizeTest, ClockSetBackStartsAWindow) {
  See(0, 100);
  now_ -= absl::Hours(24);
  See(0, 3);
  EXPECT_EQ(fleet_.Estimate(), 100);
}

}  // namespace
}  // namespace shoal::coordinator
