// Warmth, memory and network, as the kernel shows them.
#include "client/meters/memory_pressure.h"
#include "client/meters/network_route.h"
#include "client/meters/thermal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/meters/fixture_tree.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

TEST(ThermalTest, WarmestBelievableZoneCounts) {
  const testing::FixtureTree tree;
  tree.Write("class/thermal/thermal_zone0/temp", 41'500);
  tree.Write("class/thermal/thermal_zone1/temp", 38'000);
  tree.Write("class/thermal/thermal_zone2/temp", -274'000);
  tree.Write("class/thermal/thermal_zone3/temp", "");
  EXPECT_THAT(WarmestCelsius(tree.root()), IsOkAndHolds(41.5));
}

TEST(ThermalTest, ZonesAreChosenByType) {
  const testing::FixtureTree tree;
  tree.Write("class/thermal/thermal_zone0/type", "charger");
  tree.Write("class/thermal/thermal_zone0/temp", 60'000);
  tree.Write("class/thermal/thermal_zone1/type", "cpu-thermal");
  tree.Write("class/thermal/thermal_zone1/temp", 45'000);
  EXPECT_THAT(WarmestCelsius(tree.root(), {"cpu-thermal"}), IsOkAndHolds(45.0));
  EXPECT_THAT(WarmestCelsius(tree.root(), {"skin"}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(ThermalTest, ZonesThatAllLieAreTold) {
  const testing::FixtureTree tree;
  tree.Write("class/thermal/thermal_zone0/temp", 999'000);
  EXPECT_THAT(
      WarmestCelsius(tree.root()),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("temp holds 999000")));
}

TEST(MemoryPressureTest, PressureIsTheShareOfTheLastTenSeconds) {
  const testing::FixtureTree tree;
  tree.WriteRaw("pressure/memory",
                "some avg10=12.50 avg60=3.00 avg300=0.00 total=123\n"
                "full avg10=1.00 avg60=0.00 avg300=0.00 total=12\n");
  EXPECT_THAT(MemoryPressure(tree.root()), IsOkAndHolds(0.125));
}

TEST(MemoryPressureTest, KernelWithoutItAndNonsenseAreTold) {
  const testing::FixtureTree tree;
  EXPECT_THAT(MemoryPressure(tree.root()),
              StatusIs(absl::StatusCode::kNotFound));
  tree.WriteRaw("pressure/memory", "some avg10=nan\n");
  EXPECT_THAT(MemoryPressure(tree.root()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("has no 'some avg10=PERCENT'")));
}

TEST(MemoryPressureTest, AvailableMemoryIsReadFromMeminfo) {
  const testing::FixtureTree tree;
  tree.WriteRaw("meminfo",
                "MemTotal:        1000000 kB\n"
                "MemFree:           10000 kB\n"
                "MemAvailable:      20000 kB\n");
  EXPECT_THAT(AvailableMemoryBytes(tree.root()), IsOkAndHolds(20'480'000));
  tree.WriteRaw("meminfo", "MemTotal: 5 kB\n");
  EXPECT_THAT(AvailableMemoryBytes(tree.root()),
              StatusIs(absl::StatusCode::kUnavailable));
}

constexpr char kRouteHeading[] =
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\t"
    "Window\tIRTT\n";

TEST(NetworkRouteTest, DefaultRouteWithTheSmallestMetricWins) {
  const testing::FixtureTree tree;
  tree.WriteRaw("net/route",
                absl::StrCat(kRouteHeading,
                             "wwan0\t00000000\t010200C0\t0003\t0\t0\t700\t"
                             "00000000\t0\t0\t0\n",
                             "wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t"
                             "00000000\t0\t0\t0\n",
                             "lan\t000200C0\t00000000\t0001\t0\t0\t0\t"
                             "00FFFFFF\t0\t0\t0\n"));
  EXPECT_THAT(DefaultInterface(tree.root()), IsOkAndHolds("wlan0"));
}

TEST(NetworkRouteTest, RoutesThatRejectOrAreDownLeadNowhere) {
  const testing::FixtureTree tree;
  tree.WriteRaw("net/route",
                absl::StrCat(kRouteHeading,
                             "eth0\t00000000\t0\t0002\t0\t0\t0\t00000000\t0\t"
                             "0\t0\n"));
  tree.WriteRaw("net/ipv6_route",
                "00000000000000000000000000000000 00 "
                "00000000000000000000000000000000 00 "
                "00000000000000000000000000000000 ffffffff 00000001 00000000 "
                "00200200       lo\n");
  EXPECT_THAT(DefaultInterface(tree.root()), IsOkAndHolds(""));
}

TEST(NetworkRouteTest, Ipv6ServesWhereThereIsNoIpv4) {
  const testing::FixtureTree tree;
  tree.WriteRaw("net/ipv6_route",
                "00000000000000000000000000000000 00 "
                "00000000000000000000000000000000 00 "
                "fd000000000000000000000000000001 00000400 00000003 00000000 "
                "00000003     eth0\n");
  EXPECT_THAT(DefaultInterface(tree.root()), IsOkAndHolds("eth0"));
}

TEST(NetworkRouteTest, MissingFilesAreTold) {
  const testing::FixtureTree tree;
  EXPECT_THAT(DefaultInterface(tree.root()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("net/route")));
}

}  // namespace
}  // namespace shoal::client
