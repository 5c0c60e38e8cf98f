#include "client/meters/power_supply.h"

#include "client/meters/battery_meter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/meters/fixture_tree.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr double kExact = 1e-9;

class PowerSupplyTest : public ::testing::Test {
 protected:
  template <typename Value>
  void Set(const char* file, const Value& value) {
    tree_.Write(absl::StrCat("class/power_supply/", file), value);
  }
  void MakeBattery(const char* status) {
    Set("BAT0/type", "Battery");
    Set("BAT0/status", status);
  }
  void Open() {
    auto meter = OpenBatteryMeter(tree_.root(), clock_);
    SHOAL_ASSERT_OK(meter.status());
    meter_ = *std::move(meter);
    SHOAL_ASSERT_OK(meter_->Joules());
  }
  absl::StatusOr<double> After(absl::Duration elapsed) {
    clock_.Advance(elapsed);
    return meter_->Joules();
  }

  testing::FixtureTree tree_;
  VirtualClock clock_;
  std::unique_ptr<EnergyMeter> meter_;
};

TEST_F(PowerSupplyTest, LevelIsThatOfTheEmptiestBattery) {
  MakeBattery("Discharging");
  Set("BAT0/capacity", int64_t{80});
  Set("BAT1/type", "Battery");
  Set("BAT1/capacity", int64_t{35});
  EXPECT_THAT(BatteryLevel(tree_.root()), IsOkAndHolds(0.35));
}

TEST_F(PowerSupplyTest, AbsurdCapacityIsReplacedByTheGauge) {
  MakeBattery("Discharging");
  Set("BAT0/capacity", int64_t{-1});
  EXPECT_THAT(BatteryLevel(tree_.root()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("capacity holds -1, expected 0 to 100")));
  Set("BAT0/charge_now", int64_t{1'500'000});
  Set("BAT0/charge_full", int64_t{3'000'000});
  EXPECT_THAT(BatteryLevel(tree_.root()), IsOkAndHolds(0.5));
}

TEST_F(PowerSupplyTest, MouseHasNoSayInIt) {
  Set("mouse/type", "Battery");
  Set("mouse/scope", "Device");
  Set("mouse/status", "Discharging");
  Set("mouse/capacity", int64_t{3});
  EXPECT_THAT(BatteryLevel(tree_.root()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no battery")));
  EXPECT_THAT(OnExternalPower(tree_.root()), IsOkAndHolds(true));
}

TEST_F(PowerSupplyTest, ExternalPowerIsAChargerOnLineOrABatteryAtRest) {
  MakeBattery("Discharging");
  EXPECT_THAT(OnExternalPower(tree_.root()), IsOkAndHolds(false));
  Set("AC/type", "Mains");
  Set("AC/online", int64_t{1});
  EXPECT_THAT(OnExternalPower(tree_.root()), IsOkAndHolds(true));
  Set("AC/online", int64_t{0});
  EXPECT_THAT(OnExternalPower(tree_.root()), IsOkAndHolds(false));
  Set("BAT0/status", "Not charging");
  EXPECT_THAT(OnExternalPower(tree_.root()), IsOkAndHolds(true));
  Set("BAT0/status", "Unknown");
  EXPECT_THAT(OnExternalPower(tree_.root()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("status holds 'Unknown'")));
}

TEST_F(PowerSupplyTest, PowerIsAddedUpWhateverTheSignOfTheCurrent) {
  for (const int64_t sign : {+1, -1}) {
    MakeBattery("Discharging");
    Set("BAT0/current_now", sign * 500'000);
    Set("BAT0/voltage_now", int64_t{4'000'000});
    Open();
    EXPECT_THAT(After(absl::Seconds(10)), IsOkAndHolds(DoubleNear(20, kExact)));
  }
}

TEST_F(PowerSupplyTest, PowerNowIsPreferred) {
  MakeBattery("Discharging");
  Set("BAT0/power_now", int64_t{3'000'000});
  Set("BAT0/current_now", int64_t{9'999'999});
  Set("BAT0/voltage_now", int64_t{9'999'999});
  Open();
  EXPECT_EQ(meter_->name(), "battery (BAT0/power_now)");
  EXPECT_THAT(After(absl::Seconds(2)), IsOkAndHolds(DoubleNear(6, kExact)));
}

TEST_F(PowerSupplyTest, StoredEnergyIsMeasuredByItsFall) {
  MakeBattery("Discharging");
  Set("BAT0/energy_now", int64_t{20'000'000});
  Open();
  Set("BAT0/energy_now", int64_t{19'990'000});  // 10 mWh less
  EXPECT_THAT(After(absl::Seconds(30)), IsOkAndHolds(DoubleNear(36, kExact)));
}

TEST_F(PowerSupplyTest, StoredChargeIsMeasuredWithItsVoltage) {
  MakeBattery("Discharging");
  Set("BAT0/charge_now", int64_t{2'000'000});
  Set("BAT0/voltage_now", int64_t{4'000'000});
  Open();
  Set("BAT0/charge_now", int64_t{1'999'000});  // 1 mAh at 4 V
  EXPECT_THAT(After(absl::Seconds(30)), IsOkAndHolds(DoubleNear(14.4, 1e-6)));
}

TEST_F(PowerSupplyTest, GaugeThatRisesOrJumpsIsTold) {
  MakeBattery("Discharging");
  Set("BAT0/energy_now", int64_t{20'000'000});
  Open();
  Set("BAT0/energy_now", int64_t{21'000'000});
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("expected a little less")));
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(0));
}

TEST_F(PowerSupplyTest, ChargingBatterySaysNothingAboutTheDevice) {
  MakeBattery("Discharging");
  Set("BAT0/power_now", int64_t{3'000'000});
  Open();
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(3, kExact)));
  Set("BAT0/status", "Charging");
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("BAT0 does not discharge")));
  Set("BAT0/status", "Discharging");
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(3, kExact)));
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(6, kExact)));
}

TEST_F(PowerSupplyTest, BatteryThatVanishesIsSurvived) {
  MakeBattery("Discharging");
  Set("BAT0/power_now", int64_t{3'000'000});
  Open();
  tree_.Remove("class/power_supply/BAT0");
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable));
  MakeBattery("Discharging");
  Set("BAT0/power_now", int64_t{3'000'000});
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(0));
}

TEST_F(PowerSupplyTest, BatteryWithoutAGaugeIsNoMeter) {
  MakeBattery("Discharging");
  EXPECT_THAT(OpenBatteryMeter(tree_.root(), clock_),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace shoal::client
