#include "client/meters/hwmon_meter.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/meters/fixture_tree.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr double kExact = 1e-9;

class HwmonMeterTest : public ::testing::Test {
 protected:
  template <typename Value>
  void Set(const char* file, const Value& value) {
    tree_.Write(absl::StrCat("class/hwmon/", file), value);
  }
  void Open(const HwmonOptions& options = {}) {
    auto meter = OpenHwmonMeter(tree_.root(), options, clock_);
    SHOAL_ASSERT_OK(meter.status());
    meter_ = *std::move(meter);
  }
  absl::StatusOr<double> After(absl::Duration elapsed) {
    clock_.Advance(elapsed);
    return meter_->Joules();
  }
  // A Jetson's monitor: the input of the board, and two rails behind it.
  void MakeIna3221() {
    Set("hwmon1/name", "ina3221");
    const char* const labels[] = {"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"};
    const int64_t milliamperes[] = {1000, 600, 200};
    for (int i = 1; i <= 3; ++i) {
      Set(absl::StrCat("hwmon1/in", i, "_label").c_str(), labels[i - 1]);
      Set(absl::StrCat("hwmon1/in", i, "_input").c_str(), int64_t{5000});
      Set(absl::StrCat("hwmon1/curr", i, "_input").c_str(),
          milliamperes[i - 1]);
    }
  }

  testing::FixtureTree tree_;
  VirtualClock clock_;
  std::unique_ptr<EnergyMeter> meter_;
};

TEST_F(HwmonMeterTest, PowerOfAnIna2xxIsAddedUpOverTime) {
  Set("hwmon0/name", "ina219");
  Set("hwmon0/power1_input", int64_t{2'000'000});
  Set("hwmon0/curr1_input", int64_t{999});
  Set("hwmon0/in1_input", int64_t{999});
  Open();
  EXPECT_EQ(meter_->name(), "hwmon (ina219 power1)");
  EXPECT_THAT(meter_->Joules(), IsOkAndHolds(0));
  EXPECT_THAT(After(absl::Seconds(3)), IsOkAndHolds(DoubleNear(6, kExact)));
  Set("hwmon0/power1_input", int64_t{4'000'000});
  // A trapezoid from 2 W to 4 W.
  EXPECT_THAT(After(absl::Seconds(2)), IsOkAndHolds(DoubleNear(12, kExact)));
}

TEST_F(HwmonMeterTest, Ina3221CountsTheRailThatFeedsTheOthers) {
  MakeIna3221();
  Open();
  EXPECT_EQ(meter_->name(), "hwmon (ina3221 VDD_IN)");
  EXPECT_THAT(After(absl::Seconds(2)), IsOkAndHolds(DoubleNear(10, kExact)));
}

TEST_F(HwmonMeterTest, ChannelsAreChosenByLabel) {
  MakeIna3221();
  Open({.driver = "ina3221", .labels = {"VDD_CPU_GPU_CV", "VDD_SOC"}});
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(4, kExact)));
}

TEST_F(HwmonMeterTest, WithoutAKnownLabelAllChannelsAreAddedUp) {
  MakeIna3221();
  Set("hwmon1/in1_label", "CPU");
  Open();
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(9, kExact)));
}

TEST_F(HwmonMeterTest, EnergyCountersAreReadWhereTheyExist) {
  Set("hwmon0/name", "ina4230");
  Set("hwmon0/energy1_input", int64_t{1'000'000});
  Set("hwmon0/power1_input", int64_t{77});
  Open();
  Set("hwmon0/energy1_input", int64_t{3'500'000});
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(2.5, kExact)));
}

TEST_F(HwmonMeterTest, CounterThatStartsAnewIsToldAndCountedFromThere) {
  Set("hwmon0/name", "ina4230");
  Set("hwmon0/energy1_input", int64_t{9'000'000});
  Open();
  Set("hwmon0/energy1_input", int64_t{1'000'000});
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("it has started anew")));
  Set("hwmon0/energy1_input", int64_t{2'000'000});
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(1, kExact)));
}

TEST_F(HwmonMeterTest, CurrentThatFlowsBackSpendsNothing) {
  Set("hwmon0/name", "ina219");
  Set("hwmon0/curr1_input", int64_t{-300});
  Set("hwmon0/in1_input", int64_t{5000});
  Open();
  EXPECT_THAT(After(absl::Seconds(5)), IsOkAndHolds(0));
}

TEST_F(HwmonMeterTest, PowerThatIsNotKnownIsToldAndLeftOut) {
  Set("hwmon0/name", "ina219");
  Set("hwmon0/power1_input", int64_t{1'000'000});
  Open();
  Set("hwmon0/power1_input", int64_t{-1});
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("power1_input holds -1, expected a reading")));
  Set("hwmon0/power1_input", int64_t{1'000'000});
  EXPECT_THAT(After(absl::Seconds(100)), IsOkAndHolds(0));
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(1, kExact)));
}

TEST_F(HwmonMeterTest, MoreThanADeviceCanTakeIsTold) {
  Set("hwmon0/name", "ina219");
  Set("hwmon0/power1_input", int64_t{1'000'000});
  Open();
  Set("hwmon0/power1_input", int64_t{4'294'967'295'000});
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("expected at most 2000")));
}

TEST_F(HwmonMeterTest, MonitorsOfOtherPartsCountOnlyWhenNamed) {
  Set("hwmon0/name", "amdgpu");
  Set("hwmon0/power1_input", int64_t{1'000'000});
  EXPECT_THAT(OpenHwmonMeter(tree_.root(), {}, clock_),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("no monitor of the INA family"),
                             HasSubstr("there are amdgpu power1"))));
  Open({.driver = "amdgpu", .labels = {}});
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(1, kExact)));
}

TEST_F(HwmonMeterTest, UnknownLabelNamesTheKnown) {
  MakeIna3221();
  EXPECT_THAT(OpenHwmonMeter(tree_.root(),
                             {.driver = "ina3221", .labels = {"CPU"}}, clock_),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("'ina3221' with a channel 'CPU'"),
                             HasSubstr("ina3221 VDD_SOC"))));
}

}  // namespace
}  // namespace shoal::client
