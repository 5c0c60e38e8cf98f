#include "client/meters/powercap_meter.h"

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

constexpr int64_t kRange = 262'143'328'850;
constexpr double kExact = 1e-9;

class PowercapMeterTest : public ::testing::Test {
 protected:
  void Zone(const std::string& zone, const std::string& name,
            int64_t microjoules) {
    tree_.Write(Path(zone, "name"), name);
    tree_.Write(Path(zone, "max_energy_range_uj"), kRange);
    Set(zone, microjoules);
  }
  void Set(const std::string& zone, int64_t microjoules) {
    tree_.Write(Path(zone, "energy_uj"), microjoules);
  }
  void Open() {
    auto meter = OpenPowercapMeter(tree_.root(), clock_);
    SHOAL_ASSERT_OK(meter.status());
    meter_ = *std::move(meter);
  }
  absl::StatusOr<double> After(absl::Duration elapsed) {
    clock_.Advance(elapsed);
    return meter_->Joules();
  }
  static std::string Path(const std::string& zone, const char* file) {
    return absl::StrCat("class/powercap/", zone, "/", file);
  }

  testing::FixtureTree tree_;
  VirtualClock clock_;
  std::unique_ptr<EnergyMeter> meter_;
};

TEST_F(PowercapMeterTest, CountsFromWhereItWasOpened) {
  Zone("intel-rapl:0", "package-0", 5'000'000);
  Open();
  EXPECT_THAT(meter_->Joules(), IsOkAndHolds(0));
  Set("intel-rapl:0", 7'500'000);
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(2.5, kExact)));
}

TEST_F(PowercapMeterTest, CounterMayWrapAround) {
  Zone("intel-rapl:0", "package-0", kRange - 1'000'000);
  Open();
  Set("intel-rapl:0", 2'000'000);
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(3, kExact)));
}

TEST_F(PowercapMeterTest, AddsPackagesAndTheirMemoryButNotTheirCores) {
  Zone("intel-rapl:0", "package-0", 0);
  Zone("intel-rapl:0:0", "core", 0);
  Zone("intel-rapl:0:1", "dram", 0);
  Zone("intel-rapl:1", "package-1", 0);
  Open();
  EXPECT_EQ(meter_->name(), "powercap (package-0, package-0 dram, package-1)");
  Set("intel-rapl:0", 1'000'000);
  Set("intel-rapl:0:0", 900'000);
  Set("intel-rapl:0:1", 200'000);
  Set("intel-rapl:1", 3'000'000);
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(4.2, kExact)));
}

TEST_F(PowercapMeterTest, PackageShownTwiceCountsOnce) {
  Zone("intel-rapl:0", "package-0", 0);
  Zone("intel-rapl-mmio:0", "package-0", 0);
  Open();
  Set("intel-rapl:0", 1'000'000);
  Set("intel-rapl-mmio:0", 1'000'000);
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(1, kExact)));
}

TEST_F(PowercapMeterTest, PlatformIncludesPackages) {
  Zone("intel-rapl:0", "package-0", 0);
  Zone("intel-rapl:1", "psys", 0);
  Open();
  EXPECT_EQ(meter_->name(), "powercap (psys)");
  Set("intel-rapl:0", 1'000'000);
  Set("intel-rapl:1", 4'000'000);
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(4, kExact)));
}

TEST_F(PowercapMeterTest, NothingToReadIsNotFound) {
  EXPECT_THAT(OpenPowercapMeter(tree_.root(), clock_),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("class/powercap has no energy counter")));
}

TEST_F(PowercapMeterTest, AbsurdValuesAreToldAndSurvived) {
  Zone("intel-rapl:0", "package-0", 1'000'000);
  Open();
  tree_.WriteRaw(Path("intel-rapl:0", "energy_uj"), "");
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("energy_uj holds '', expected a number")));
  Set("intel-rapl:0", -1);
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("holds -1, expected at least 0")));
  tree_.Remove(Path("intel-rapl:0", "energy_uj"));
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("No such")));
  Set("intel-rapl:0", 5'000'000);
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(4, kExact)));
}

TEST_F(PowercapMeterTest, JumpIsToldAndNotCounted) {
  Zone("intel-rapl:0", "package-0", 1'000'000);
  Open();
  Set("intel-rapl:0", 100'000'000'000);  // 100 kJ in a second
  EXPECT_THAT(After(absl::Seconds(1)),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("holds 100000000000"),
                             HasSubstr("it has jumped by"))));
  Set("intel-rapl:0", 100'001'000'000);
  EXPECT_THAT(After(absl::Seconds(1)), IsOkAndHolds(DoubleNear(1, kExact)));
}

}  // namespace
}  // namespace shoal::client
